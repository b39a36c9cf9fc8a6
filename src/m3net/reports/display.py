"""A progress bar on the terminal with the numbers that matter, updated in place."""

import math
import time
from contextlib import suppress

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text
from typing_extensions import override

from m3net.base.terminal import Terminal
from m3net.reports.validation_table import Validations, render_validation


class Display:
    """Shows the progress of one long task at a time; without a terminal, nothing.

    Attributes:
        console: Prints lines that stay.
        validations: Validations of a training; the last one is shown above the bar.
        facts: Numbers below the bar; their keys are not shown.
    """

    def __init__(self) -> None:
        """Show nothing yet."""
        self.console = _Console(soft_wrap=True)
        self.validations: Validations | None = None
        self.facts: dict[str, str] = {}
        self._live: Live | None = None
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=self.console,
            expand=True,
        )
        self._task = self._bar.add_task("")

    @property
    def is_open(self) -> bool:
        """Whether the terminal shows a bar."""
        return self._live is not None

    def open(
        self, what: str, total: float, done: int = 0, validations: Validations | None = None
    ) -> None:
        """Show a bar, if there is a terminal.

        Args:
            what: Text before the bar.
            total: Number of steps, infinite if not known.
            done: Steps that are done already.
            validations: Validations to show above the bar.
        """
        self.close()
        self.validations, self.facts = validations, {}
        if self.console.is_terminal:
            known = total if math.isfinite(total) else None
            self._bar.reset(self._task, total=known, completed=done, description=what)
            self._live = Live(console=self.console, transient=True, get_renderable=self._picture)
            self._live.start()

    def move(self, done: int | None = None, what: str | None = None) -> None:
        """Move the bar, or change the text before it.

        Args:
            done: Steps that are done; None for one more.
            what: Text before the bar, which is shown at once; the bar stays where it is.
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
        """Remove the bar, and leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, *facts: str) -> None:
        """Print facts, joined by commas, as a line that stays."""
        self.console.print(", ".join(facts))

    def _picture(self) -> Group:
        """Return the last validation, the bar, and the numbers."""
        parts: list[RenderableType] = [self._bar]
        if self.validations is not None and self.validations.scores:
            parts.insert(0, render_validation(self.validations))
        if self.facts:
            parts.append(Text(", ".join(self.facts.values()), style="dim", no_wrap=True))
        return Group(*parts)


class _Console(Terminal):
    """Goes on after its reader has ended, such as `tee` after Ctrl-C, while a training saves."""

    @override
    def on_broken_pipe(self) -> None:
        """Continue; rich would exit."""
        with suppress(SystemExit):
            super().on_broken_pipe()


class Stopwatch:
    """Measures seconds, without pauses.

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
        """Stop until `resume`."""
        self._passed, self._runs = self.seconds, False

    def resume(self) -> None:
        """End a pause."""
        self._since, self._runs = time.monotonic(), True
