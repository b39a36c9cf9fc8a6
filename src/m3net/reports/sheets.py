"""A table of words that is made once and shown twice: on the terminal and as Markdown."""

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
"""What ends a cell of Markdown, or begins HTML, a link or an escape."""


@dataclass(frozen=True)
class Sheet:
    """A table; all columns but the first are numbers or short words.

    Attributes:
        title: Stands above it.
        columns: Names of the columns.
        rows: Cells, as many as columns; a row whose first cell is empty belongs to the one above.
        notes: Sentences below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def render(self, width: int) -> Table:
        """Give the table for the terminal; long names and pairs of numbers fold at blanks.

        Args:
            width: Columns of the terminal.
        """
        table = Table(title=self.title, title_justify="left", box=box.SIMPLE_HEAD)
        table.padding, table.show_edge, table.pad_edge = (0, 1, 0, 0), False, False
        columns, *rows = ([*map(printable, line)] for line in (self.columns, *self.rows))
        cells = [[line[place] for line in (columns, *rows)] for place in range(len(columns))]
        widths = folded_widths(cells, width - _GAP * (len(columns) - 1))
        for place, (name, wide) in enumerate(zip(columns, widths, strict=True)):
            title = name if len(name) <= wide else foldable(name)
            table.add_column(title, justify=self.sides[place], width=wide)
        for row in rows:
            table.add_row(*row)
        if self.notes:
            table.caption, table.caption_justify = "\n".join(map(printable, self.notes)), "left"
        return table

    def markdown(self) -> str:
        """Give the table as Markdown, its notes as a list; names are text and nothing else."""
        rule = tuple("---:" if side == "right" else "---" for side in self.sides)
        named = ([*map(_as_markdown, row)] for row in (self.columns, *self.rows))
        columns, *rows = named
        table = [f"| {' | '.join(row)} |" for row in (columns, rule, *rows)]
        notes = [f"* {_as_markdown(note)}" for note in self.notes]
        end = [*notes, ""] if notes else []
        return "\n".join([f"## {_as_markdown(self.title)}", "", *table, "", *end])

    @property
    def sides(self) -> list[Literal["left", "right"]]:
        """Numbers stand at the right of their column, names and words at the left."""
        digits = [
            place > 0 and any(map(str.isdigit, "".join(row[place] for row in self.rows)))
            for place in range(len(self.columns))
        ]
        return ["right" if own else "left" for own in digits]


def _as_markdown(text: str) -> str:
    r"""Give a text that Markdown shows as it is.

    Example:
        >>> print(_as_markdown("a|b [cm] <i>"))
        a\|b \[cm] \<i>
    """
    return _MARKDOWN.sub(r"\\\g<0>", printable(text))


def folded_widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Give widths that fit, where folding at blanks allows.

    What gains most is folded first, and columns with spreads together, so that they look alike.

    Args:
        columns: Their cells, names first.
        room: For all columns together.

    Example:
        >>> folded_widths([["a", "b"], ["x", "12.00 ±0.10"], ["masterCategory", "12"]], 15)
        [1, 5, 8]
    """
    widths = [max(map(len, cells)) for cells in columns]
    words = [" ".join((foldable(name), *cells)).split() for name, *cells in columns]
    least = [max(map(len, own)) for own in words]
    spread = [any("±" in cell for cell in cells) for cells in columns]
    while sum(widths) > room and widths != least:
        gains = [wide - own for wide, own in zip(widths, least, strict=True)]
        first = gains.index(max(gains))
        for place in range(len(columns)):
            if place == first or (spread[first] and spread[place]):
                widths[place] = least[place]
    return widths


def foldable(name: str) -> str:
    """Give a name that a narrow column can fold at blanks.

    Example:
        >>> foldable("sleeve_length"), foldable("masterCategory"), foldable("MAP@all")
        ('sleeve length', 'master Category', 'MAP@all')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name.replace("_", " "))
