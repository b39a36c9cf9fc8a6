"""The console of all commands, which shows what strangers wrote and does not obey it."""

from collections.abc import Iterator
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from m3net.base.escaping import printable_lines


class Terminal(Console):
    """Prints texts as they are: brackets and colons in a name are neither markup nor emoji.

    What is to have a colour is a `Text` with a style.
    """

    def __init__(
        self,
        *,
        stderr: bool = False,
        soft_wrap: bool = False,
        width: int | None = None,
        file: IO[str] | None = None,
    ) -> None:
        """Take where to print, and how wide.

        Args:
            stderr: Whether to print to standard error.
            soft_wrap: Whether the terminal itself wraps long lines.
            width: In columns; by default the terminal's own.
            file: Takes what is printed in place of both.
        """
        super().__init__(
            stderr=stderr,
            soft_wrap=soft_wrap,
            width=width,
            file=file,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - rich's own
        """Turn a text, a cell or a title into what is measured and shown.

        Args:
            text: Lines.
            **options: As of rich.
        """
        return super().render_str(printable_lines(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Turn anything into pieces of text, those of a `Text` that was made elsewhere among them.

        Args:
            renderable: A text, a table, a bar ...
            options: As of rich.
        """
        for piece in super().render(renderable, options):
            text, style, control = piece
            # Rich's own control codes move the cursor, and are no one's name.
            yield piece if control else Segment(printable_lines(text), style)
