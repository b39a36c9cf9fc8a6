"""Problems and notes about annotation files."""

from collections.abc import Iterator
from contextlib import contextmanager

from m3net.errors import M3NetError


class Findings:
    """Collects problems and notes, or raises the first problem.

    Training stops at the first problem. A check of a whole data set collects all problems: readers
    leave wrong rows out and go on.

    Attributes:
        problems: What must be mended.
        notes: What is right but worth knowing, such as images without labels.

    Example:
        >>> findings = Findings(keep_going=True)
        >>> with findings.part():
        ...     findings.problem(M3NetError("row 3: no such class."))
        ...     raise M3NetError("query_test.txt not found.")
        >>> [str(problem) for problem in findings.problems]
        ['row 3: no such class.', 'query_test.txt not found.']
    """

    def __init__(self, *, keep_going: bool = False) -> None:
        """Start without problems.

        Args:
            keep_going: Whether to collect all problems instead of raising the first.
        """
        self.keep_going = keep_going
        self.problems: list[M3NetError] = []
        self.notes: list[str] = []

    def problem(self, error: M3NetError) -> None:
        """Collect a problem; the caller leaves out the rows that have it.

        Raises:
            M3NetError: The problem itself, unless all problems are collected.
        """
        if not self.keep_going:
            raise error
        self.problems.append(error)

    def note(self, sentence: str) -> None:
        """Collect a note."""
        self.notes.append(sentence)

    @contextmanager
    def part(self) -> Iterator[None]:
        """Collect the error of a part that fails as a whole, such as a missing file.

        Raises:
            M3NetError: The error itself, unless all problems are collected.
        """
        try:
            yield
        except M3NetError as error:
            self.problem(error)
