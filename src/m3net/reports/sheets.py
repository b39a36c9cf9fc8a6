"""A table of texts for terminal, Markdown and page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.table import Table

from m3net.errors import printable

_GAP = 2
"""Columns of the terminal between two columns of a table."""
_MARKDOWN = re.compile(r"[\\|<\[]")
"""Characters that end a cell of Markdown, or begin HTML, a link or an escape."""


@dataclass(frozen=True)
class Sheet:
    """A table of texts; the first column holds names."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Cells, as many as columns."""
    notes: tuple[str, ...] = ()
    """Sentences below the table."""

    def render(self, width: int) -> Table:
        """Return the table for a terminal of `width` columns; long cells fold at blanks."""
        table = Table(title=self.title, title_justify="left", box=box.SIMPLE_HEAD)
        table.padding, table.show_edge, table.pad_edge = (0, 1, 0, 0), False, False
        names, *rows = ([*map(printable, row)] for row in (self.columns, *self.rows))
        columns = list(zip(names, *rows, strict=True))
        widths = folded_widths(columns, width - _GAP * (len(columns) - 1))
        for name, size, side in zip(names, widths, self.sides, strict=True):
            table.add_column(
                name if len(name) <= size else foldable(name), justify=side, width=size
            )
        for row in rows:
            table.add_row(*row)
        if self.notes:
            table.caption, table.caption_justify = "\n".join(map(printable, self.notes)), "left"
        return table

    def markdown(self) -> str:
        """Return the table as Markdown, its notes as a list; names are text and nothing else."""
        rule = ["---:" if side == "right" else "---" for side in self.sides]
        columns, *rows = ([*map(_as_markdown, row)] for row in (self.columns, *self.rows))
        table = [f"| {' | '.join(row)} |" for row in (columns, rule, *rows)]
        notes = [*(f"* {_as_markdown(note)}" for note in self.notes), ""] if self.notes else []
        return "\n".join([f"## {_as_markdown(self.title)}", "", *table, "", *notes])

    @property
    def sides(self) -> list[Literal["left", "right"]]:
        """Sides that columns align to: numbers to the right, words to the left."""
        sides: list[Literal["left", "right"]] = ["left"]
        for index in range(1, len(self.columns)):
            text = "".join(row[index] for row in self.rows)
            sides.append("right" if any(map(str.isdigit, text)) else "left")
        return sides


def _as_markdown(text: str) -> str:
    r"""Escape a text for a cell of Markdown.

    Example:
        >>> print(_as_markdown("a|b [cm] <i>"))
        a\|b \[cm] \<i>
    """
    return _MARKDOWN.sub(r"\\\g<0>", printable(text))


def folded_widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return widths of columns that fit into `room`, as far as folding at blanks allows.

    The column that gains most is folded first, and all columns with ± together, to look alike.

    Args:
        columns: Their cells, names first.
        room: Sum of the widths.

    Example:
        >>> folded_widths([["a", "b"], ["x", "12.00 ±0.10"], ["masterCategory", "12"]], 15)
        [1, 5, 8]
    """
    widths = [max(map(len, cells)) for cells in columns]
    words = [" ".join((foldable(name), *cells)).split() for name, *cells in columns]
    least = [max(map(len, column)) for column in words]
    spread = [any("±" in cell for cell in cells) for cells in columns]
    while sum(widths) > room and widths != least:
        gains = [width - narrow for width, narrow in zip(widths, least, strict=True)]
        first = gains.index(max(gains))
        for index in range(len(columns)):
            if index == first or (spread[first] and spread[index]):
                widths[index] = least[index]
    return widths


def foldable(name: str) -> str:
    """Return a name that a narrow column can fold at blanks.

    Example:
        >>> foldable("sleeve_length"), foldable("masterCategory"), foldable("MAP@all")
        ('sleeve length', 'master Category', 'MAP@all')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name.replace("_", " "))
