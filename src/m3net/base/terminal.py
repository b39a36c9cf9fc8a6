"""The console of all commands, which shows names of strangers and does not obey them."""

from collections.abc import Iterator
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text
from typing_extensions import override

from m3net.base.escaping import printable_lines


class Terminal(Console):
    """Prints texts as they are: brackets and colons in a name are neither markup nor emoji.

    Pass a `Text` with a style for colours.
    """

    def __init__(
        self,
        *,
        stderr: bool = False,
        soft_wrap: bool = False,
        width: int | None = None,
        file: IO[str] | None = None,
    ) -> None:
        """Choose the stream and the width.

        Args:
            stderr: Whether to print to standard error.
            soft_wrap: Whether the terminal itself wraps long lines.
            width: In columns; by default the terminal's.
            file: Printed to instead of a standard stream.
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

    @override
    def render_str(self, text: str, **options: Any) -> Text:
        """Escape a text, a cell or a title before it is measured."""
        return super().render_str(printable_lines(text), **options)

    @override
    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Escape the segments of anything, also of a `Text` that was made elsewhere."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            # Rich's own control codes move the cursor; no name is among them.
            yield segment if control else Segment(printable_lines(text), style)
