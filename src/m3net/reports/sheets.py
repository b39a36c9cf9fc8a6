"""A table of words that is made once and shown twice: on the terminal and as Markdown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.markup import escape
from rich.table import Table

_GAP = 2
"""Columns of the terminal between two columns of a table."""


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
        lines = (self.columns, *self.rows)
        cells = [[line[place] for line in lines] for place in range(len(self.columns))]
        widths = folded_widths(cells, width - _GAP * (len(self.columns) - 1))
        for place, (name, wide) in enumerate(zip(self.columns, widths, strict=True)):
            title = name if len(name) <= wide else foldable(name)
            table.add_column(escape(title), justify=self.sides[place], width=wide)
        for row in self.rows:
            # Brackets in a name, as in "length [cm]", are not rich's markup.
            table.add_row(*map(escape, row))
        if self.notes:
            table.caption, table.caption_justify = "\n".join(map(escape, self.notes)), "left"
        return table

    def markdown(self) -> str:
        """Give the table as Markdown, its notes as a list."""
        rule = tuple("---:" if side == "right" else "---" for side in self.sides)
        lines = [self.columns, rule, *self.rows]
        table = [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
        ]
        notes = [f"* {note}" for note in self.notes]
        end = [*notes, ""] if notes else []
        return "\n".join([f"## {self.title}", "", *table, "", *end])

    @property
    def sides(self) -> list[Literal["left", "right"]]:
        """Numbers stand at the right of their column, names and words at the left."""
        digits = [
            place > 0 and any(map(str.isdigit, "".join(row[place] for row in self.rows)))
            for place in range(len(self.columns))
        ]
        return ["right" if own else "left" for own in digits]


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
