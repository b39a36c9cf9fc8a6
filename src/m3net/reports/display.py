"""A bar on the terminal with the numbers that matter, renewed in place."""

import math
import time
from contextlib import suppress

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from m3net.base.terminal import Terminal
from m3net.reports.progress import Course, render_validation


class Display:
    """Shows one thing at a time that takes long; where there is no terminal, nothing.

    Attributes:
        console: For what is to stay.
        course: Validations of a training, whose last one stands above the bar; None for none.
        facts: Numbers below the bar, by names that are not shown.
    """

    def __init__(self) -> None:
        """Show nothing yet."""
        self.console = _Console(soft_wrap=True)
        self.course: Course | None = None
        self.facts: dict[str, str] = {}
        self._live: Live | None = None
        columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=None))
        more = (TaskProgressColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, *more, console=self.console, expand=True)
        self._task = self._bar.add_task("")

    @property
    def is_open(self) -> bool:
        """Whether a bar stands on the terminal."""
        return self._live is not None

    def open(self, what: str, total: float, done: int = 0, course: Course | None = None) -> None:
        """Put a bar on the terminal, where there is one.

        Args:
            what: Words before the bar.
            total: Number of steps, infinite if not known.
            done: Steps that are done already.
            course: Validations to show above it.
        """
        self.close()
        self.course, self.facts = course, {}
        if self.console.is_terminal:
            known = total if math.isfinite(total) else None
            self._bar.reset(self._task, total=known, completed=done, description=what)
            self._live = Live(console=self.console, transient=True, get_renderable=self._picture)
            self._live.start()

    def move(self, done: int | None = None, what: str | None = None) -> None:
        """Move the bar.

        Args:
            done: Steps that are done; None for one more, unless the words alone change.
            what: Words before the bar, which are shown at once; None leaves them.
        """
        if what is not None:
            self._bar.update(self._task, description=what)
            if self._live is not None:
                self._live.refresh()
        elif done is not None:
            self._bar.update(self._task, completed=done)
        else:
            self._bar.advance(self._task)

    def close(self) -> None:
        """Take the bar away and leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, *facts: str) -> None:
        """Print a line that stays.

        Args:
            *facts: Joined by commas.
        """
        self.console.print(", ".join(facts))

    def _picture(self) -> Group:
        """Give the last validation, the bar, and the numbers."""
        course, facts = self.course, ", ".join(self.facts.values())
        table = [render_validation(course)] if course is not None and course.scores else []
        line = [Text(facts, style="dim", no_wrap=True)] if facts else []
        return Group(*table, self._bar, *line)


class _Console(Terminal):
    """Falls silent where its reader is gone, as `tee` by the Ctrl-C that a training saves at."""

    def on_broken_pipe(self) -> None:
        """Let the command go on, which rich would end."""
        with suppress(SystemExit):
            super().on_broken_pipe()


class Stopwatch:
    """Measures a time with pauses.

    Example:
        >>> watch = Stopwatch()
        >>> watch.pause()
        >>> before = watch.seconds
        >>> time.sleep(0.01)
        >>> watch.seconds == before
        True
    """

    def __init__(self) -> None:
        """Start."""
        self._passed, self._since = 0.0, time.monotonic()
        self._runs = True

    @property
    def seconds(self) -> float:
        """Seconds since the start, without pauses."""
        return self._passed + (time.monotonic() - self._since if self._runs else 0.0)

    def pause(self) -> None:
        """Stop until `go_on`."""
        self._passed, self._runs = self.seconds, False

    def go_on(self) -> None:
        """End a pause."""
        self._since, self._runs = time.monotonic(), True
