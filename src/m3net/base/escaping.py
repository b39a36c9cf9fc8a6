"""Names that strangers chose, made harmless where they are shown.

Names of attributes, classes, files and systems come out of catalogues, checkpoints and run folders.
A terminal would obey what some of them hold, and a spreadsheet would compute it.
"""

from m3net.errors import printable

_MARK = "'"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", _MARK)


def printable_lines(text: str) -> str:
    r"""Return a text as `printable` does, but leave its lines apart.

    Args:
        text: Lines, whose names should be printable already, or they may add lines of their own.

    Example:
        >>> print(printable_lines("one\x07\ntwo"))
        one\x07
        two
    """
    return "\n".join(map(printable, text.split("\n")))


def csv_cell(value: object) -> object:
    """Return a value for a CSV file that no spreadsheet takes for a formula.

    Args:
        value: A text, before which a `'` is put where it could be one; anything else stays.

    Example:
        >>> csv_cell("=cmd()"), csv_cell("collar"), csv_cell(-0.5)
        ("'=cmd()", 'collar', -0.5)
    """
    return _MARK + value if isinstance(value, str) and value.startswith(_FORMULA) else value


def csv_text(cell: str) -> str:
    """Return the text that `csv_cell` has made a cell of.

    Args:
        cell: As it is read.

    Example:
        >>> csv_text("'=cmd()"), csv_text("collar"), csv_text("'t")
        ('=cmd()', 'collar', "'t")
    """
    marked = cell.startswith(_MARK) and cell[1:].startswith(_FORMULA)
    return cell[1:] if marked else cell
