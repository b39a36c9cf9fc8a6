"""Rows of cells as annotation files hold them; every wrong row is named and left out."""

from collections.abc import Sequence

import pandas as pd

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.image_paths import OUTSIDE, RELATIVE


class TextRows:
    """A table of text without the rows found wrong so far.

    Attributes:
        file: The file of the rows.
        table: One column per kind of cell; the index is the line in the file, counted from 1.

    Example:
        >>> from pathlib import Path
        >>> from m3net.data.annotations.findings import Findings
        >>> file = AnnotationFile(Path("box.txt"), Findings(keep_going=True))
        >>> rows = TextRows(file, [["a.jpg", "7"], ["b.jpg"], ["c.jpg", "x"]], ("path", "x1"), 3)
        >>> rows.refuse(~rows["x1"].str.isdecimal(), "x1", "no number", "Write one")
        >>> rows["path"].to_dict()
        {3: 'a.jpg'}
        >>> for problem in file.findings.problems: print(problem)
        box.txt, row 4: 1 cell instead of path, x1. Write 2 cells.
        box.txt, row 5: x1 'x': no number. Write one.
    """

    def __init__(
        self,
        file: AnnotationFile,
        cells: Sequence[Sequence[str]],
        columns: Sequence[str],
        first_row: int = 1,
    ) -> None:
        """Strip the cells, and report rows with another number of cells.

        Args:
            file: The file of the rows.
            cells: The cells of each row.
            columns: Names of the cells of a row.
            first_row: Line of the first row.
        """
        self.file = file
        numbered = dict(enumerate(cells, first_row))
        if ragged := [row for row, texts in numbered.items() if len(texts) != len(columns)]:
            number = len(numbered[ragged[0]])
            problem = f"{number} cell{'s' * (number != 1)} instead of {', '.join(columns)}"
            file.refuse(ragged, problem, f"Write {len(columns)} cells")
            for row in ragged:
                del numbered[row]
        stripped = [[text.strip() for text in texts] for texts in numbered.values()]
        index = pd.Index([*numbered], dtype="int64")
        self.table = pd.DataFrame(stripped, index, [*columns], dtype=object)

    def __getitem__(self, column: str) -> pd.Series:
        """Return one column."""
        return self.table[column]

    def refuse(self, bad: pd.Series, column: str, problem: str, remedy: str) -> None:
        """Report the bad rows, if there are any, and drop them.

        Args:
            bad: Whether each row is bad.
            column: The column whose first bad cell is shown.
            problem: What is wrong, without a full stop.
            remedy: What to do about it, without a full stop.
        """
        if bad.any():
            rows = self.table.index[bad.to_numpy(dtype=bool)].tolist()
            cell = self.table[column][rows[0]]
            self.file.refuse(rows, f"{column} {cell!r}: {problem}", remedy)
            self.table = self.table.drop(index=rows)

    def refuse_paths(self) -> None:
        """Report and drop the rows whose "path" is empty or leaves the image root."""
        bad = self["path"].str.contains(OUTSIDE) | (self["path"] == "")
        self.refuse(bad, "path", "empty, or leaves the image root", RELATIVE)

    def refuse_contradictions(self) -> None:
        """Report and drop the rows whose "path" has an earlier row with other cells."""
        again = self["path"].duplicated() & ~self.table.duplicated()
        remedy = "Leave one row for each image, and correct the count"
        self.refuse(again, "path", "listed before with other cells", remedy)
