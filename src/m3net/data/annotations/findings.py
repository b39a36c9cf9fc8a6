"""What reading annotation files brings to light: problems, of which the first one stops, or all."""

from collections.abc import Iterator
from contextlib import contextmanager

from m3net.errors import M3NetError


class Findings:
    """Takes in problems and notes while files are read.

    Training stops at the first problem. A check of a whole data set keeps going: the reader then
    leaves out what is wrong and goes on with the rest.

    Attributes:
        problems: What must be mended.
        notes: What is right but should be known, as images without labels.

    Example:
        >>> findings = Findings(keep_going=True)
        >>> with findings.part():
        ...     findings.problem(M3NetError("row 3: no such class."))
        ...     raise M3NetError("query_test.txt not found.")
        >>> [str(problem) for problem in findings.problems]
        ['row 3: no such class.', 'query_test.txt not found.']
    """

    def __init__(self, *, keep_going: bool = False) -> None:
        """Start with nothing found.

        Args:
            keep_going: Whether to collect all problems instead of raising the first.
        """
        self.keep_going = keep_going
        self.problems: list[M3NetError] = []
        self.notes: list[str] = []

    def problem(self, error: M3NetError) -> None:
        """Take in a problem of some rows; the caller goes on without them.

        Raises:
            M3NetError: The problem itself, unless all are wanted.
        """
        if not self.keep_going:
            raise error
        self.problems.append(error)

    def note(self, sentence: str) -> None:
        """Take in something that should be known."""
        self.notes.append(sentence)

    @contextmanager
    def part(self) -> Iterator[None]:
        """Read a part that may fail as a whole, as a file that is not there.

        Raises:
            M3NetError: It failed, unless all problems are wanted.
        """
        try:
            yield
        except M3NetError as error:
            self.problem(error)
