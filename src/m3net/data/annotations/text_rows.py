"""A table of text cells by line of its file; every wrong row is named and left out."""

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.image_paths import OUTSIDE, RELATIVE, shortened


class TextRows:
    """The rows that are right so far.

    Attributes:
        file: The file of the rows.
        table: One column of text per kind of cell; the index is the line in the file.

    Example:
        >>> from pathlib import Path
        >>> from m3net.data.annotations.findings import Findings
        >>> file = AnnotationFile(Path("box.txt"), Findings(keep_going=True))
        >>> cells = {3: ["a.jpg", "7"], 4: ["b.jpg"], 5: ["c.jpg", "x"]}
        >>> rows = TextRows.of_cells(file, cells, ("path", "x1"))
        >>> rows.refuse(~rows["x1"].str.isdecimal(), "x1", "no number", "Write one")
        >>> rows["path"].to_dict()
        {3: 'a.jpg'}
        >>> for problem in file.findings.problems: print(problem)
        box.txt, row 4: 1 cell instead of 2. Write path, x1.
        box.txt, row 5: column 'x1' holds 'x': no number. Write one.
    """

    def __init__(self, file: AnnotationFile, table: pd.DataFrame) -> None:
        """Take a table whose cells have no outer blanks."""
        self.file, self.table = file, table

    @classmethod
    def of_cells(
        cls,
        file: AnnotationFile,
        cells: Mapping[int, Sequence[str]],
        columns: Sequence[str],
        remedy: str | None = None,
    ) -> "TextRows":
        """Report the lines with too few or too many cells, and take the others.

        Args:
            file: The file of the rows.
            cells: For each line its cells, without outer blanks.
            columns: Names of the cells of a row.
            remedy: What to do about another number of cells; by default to write the columns.
        """
        ragged = [row for row, texts in cells.items() if len(texts) != len(columns)]
        if ragged:
            number = len(cells[ragged[0]])
            problem = f"{number} cell{'s' * (number != 1)} instead of {len(columns)}"
            file.refuse(ragged, problem, remedy or f"Write {', '.join(columns)}")
            cells = {row: texts for row, texts in cells.items() if len(texts) == len(columns)}
        index = pd.Index([*cells], dtype="int64")
        return cls(file, pd.DataFrame([*cells.values()], index, [*columns], dtype=object))

    def __getitem__(self, column: str) -> pd.Series:
        """Return one column."""
        return self.table[column]

    def distinct(self, column: str) -> list[str]:
        """Return each text of a column once; pandas would hash all letters of every cell."""
        return list(dict.fromkeys(self.table[column]))

    def refuse(
        self, bad: pd.Series | Collection[str], column: str, problem: str, remedy: str
    ) -> None:
        """Report the bad rows, if there are any, and drop them.

        Args:
            bad: Whether each row is bad; or the bad texts of the column.
            column: The column whose first bad cell is shown.
            problem: What is wrong, without a full stop.
            remedy: What to do about it, without a full stop.
        """
        if not isinstance(bad, pd.Series):
            if not bad:
                return
            bad = self.table[column].isin(bad)
        if bad.any():
            rows = self.table.index[bad.to_numpy(dtype=bool)].tolist()
            cell = shortened(self.table[column][rows[0]])
            self.file.refuse(rows, f"column {column!r} holds {cell!r}: {problem}", remedy)
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
