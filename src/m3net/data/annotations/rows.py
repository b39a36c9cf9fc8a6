"""Rows of text with the same cells in each, as annotation files hold them; wrong rows are named."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from m3net.data.annotations.findings import Findings
from m3net.data.annotations.table import rows_error
from m3net.data.annotations.text import OUTSIDE


class Rows:
    """A table of text whose index is the row in the file, without the rows found wrong so far.

    Attributes:
        file: Where the rows stand.
        table: One column for each kind of cell; the index counts lines from 1.

    Example:
        >>> findings = Findings(keep_going=True)
        >>> rows = Rows(Path("box.txt"), [["a.jpg", "7"], ["b.jpg"], ["c.jpg", "x"]],
        ...             ("path", "x1"), findings, first_row=3)
        >>> rows.refuse(~rows["x1"].str.isdecimal(), "x1", "no number", "Write one")
        >>> rows["path"].to_dict()
        {3: 'a.jpg'}
        >>> for problem in findings.problems: print(problem)
        box.txt, row 4: 1 cell instead of path, x1. Write 2 cells.
        box.txt, row 5: x1 'x': no number. Write one.
    """

    def __init__(
        self,
        file: Path,
        cells: Sequence[Sequence[str]],
        columns: Sequence[str],
        findings: Findings,
        first_row: int = 1,
    ) -> None:
        """Take the cells of all rows.

        Args:
            file: Where they stand.
            cells: For each row its cells.
            columns: What the cells of a row are called.
            findings: Takes the rows that have other numbers of cells.
            first_row: Line of the first row.
        """
        self.file, self._findings = file, findings
        whole = {row: own for row, own in enumerate(cells, first_row) if len(own) == len(columns)}
        if len(whole) < len(cells):
            ragged = [row for row in range(first_row, first_row + len(cells)) if row not in whole]
            number = len(cells[ragged[0] - first_row])
            problem = f"{number} cell{'s' * (number != 1)} instead of {', '.join(columns)}"
            remedy = f"Write {len(columns)} cells"
            findings.problem(rows_error(file, ragged, problem, remedy))
        texts = zip(*whole.values(), strict=True) if whole else [()] * len(columns)
        self.table = pd.DataFrame(
            {
                name: [cell.strip() for cell in own]
                for name, own in zip(columns, texts, strict=True)
            },
            index=pd.Index([*whole], dtype="int64"),
            dtype=object,
        )

    def __getitem__(self, column: str) -> pd.Series:
        """Give one column."""
        return self.table[column]

    def refuse(self, bad: pd.Series, column: str, problem: str, remedy: str) -> None:
        """Name the bad rows, if there are any, and go on without them.

        Args:
            bad: Which rows.
            column: The column whose first bad cell is shown.
            problem: What is wrong, without a full stop.
            remedy: What to do about it, without a full stop.
        """
        if bad.any():
            rows = self.table.index[bad.to_numpy(dtype=bool)].tolist()
            shown = f"{column} {self.table[column][rows[0]]!r}: {problem}"
            self._findings.problem(rows_error(self.file, rows, shown, remedy))
            self.table = self.table.drop(index=rows)

    def refuse_paths(self) -> None:
        """Name the rows whose "path" is empty or leaves the image root; go on without them."""
        path = self["path"]
        bad = path.str.contains(OUTSIDE) | (path == "")
        remedy = "Write paths relative to the image root"
        self.refuse(bad, "path", "empty, or leaves the image root", remedy)

    def refuse_other_rows(self) -> None:
        """Name the rows whose "path" has had a row with other cells; go on without them.

        A row that says the same again does no harm.
        """
        again = self["path"].duplicated() & ~self.table.duplicated()
        problem = "listed before with other cells"
        self.refuse(again, "path", problem, "Leave one row for each image, and count anew")
