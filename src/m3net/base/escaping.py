"""Names that strangers chose, made harmless where they are shown.

Names of attributes, classes, files and systems come from catalogues, checkpoints and run folders.
Some would be commands to a terminal, or formulas to a spreadsheet.
"""

from m3net.errors import printable

_MARK = "'"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", _MARK)


def printable_lines(text: str) -> str:
    r"""Escape a text as `printable` does, but keep its lines apart.

    Make the names in it printable before: a line break in one would add a line.

    Example:
        >>> print(printable_lines("one\x07\ntwo"))
        one\x07
        two
    """
    return "\n".join(map(printable, text.split("\n")))


def csv_cell(value: object) -> object:
    """Put a `'` before a text that a spreadsheet could take for a formula.

    Example:
        >>> csv_cell("=cmd()"), csv_cell("collar"), csv_cell(-0.5)
        ("'=cmd()", 'collar', -0.5)
    """
    return _MARK + value if isinstance(value, str) and value.startswith(_FORMULA) else value


def csv_text(cell: str) -> str:
    """Return the text that `csv_cell` made a cell of.

    Example:
        >>> csv_text("'=cmd()"), csv_text("collar"), csv_text("'t")
        ('=cmd()', 'collar', "'t")
    """
    marked = cell.startswith(_MARK) and cell[1:].startswith(_FORMULA)
    return cell[1:] if marked else cell
