"""Names that strangers chose do nothing where they are shown."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from m3net.base.escaping import csv_cell, csv_text, printable_lines
from m3net.errors import printable

# Unicode's property Bidi_Control, which Python does not know.
MARKS = {"ARABIC LETTER MARK", "LEFT-TO-RIGHT MARK", "RIGHT-TO-LEFT MARK"}
EMBEDDINGS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
FAMILY = "\U0001f469\u200d\U0001f467"

texts = st.text(st.characters(codec=None))


def is_dangerous(letter: str) -> bool:
    """Say by Unicode's own tables whether a letter moves, hides or turns what stands around it."""
    turns = unicodedata.bidirectional(letter) in EMBEDDINGS or unicodedata.name(letter, "") in MARKS
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or turns


def test_each_letter_of_unicode_is_shown_or_escaped() -> None:
    for letter in map(chr, range(0x110000)):
        shown = printable(letter)
        if is_dangerous(letter):
            assert shown == repr(letter)[1:-1] != letter
        else:
            assert shown == letter


@given(texts)
@example("\x1b]0;title\x07")
@example("\x9b31m\r\b\u202e\udcff")
def test_nothing_dangerous_is_left(text: str) -> None:
    shown = printable(text)
    assert not any(map(is_dangerous, shown))
    assert printable(shown) == shown
    assert shown.encode().decode() == shown


@given(texts)
def test_lines_stay_lines(text: str) -> None:
    shown = printable_lines(text)
    assert shown.split("\n") == [printable(line) for line in text.split("\n")]


@pytest.mark.parametrize("text", ["", "a b", "length [cm]", "ærme", "袖", FAMILY, "a\\b", "'"])
def test_other_names_stay(text: str) -> None:
    assert printable(text) == printable_lines(text) == text


@given(texts | st.text("=+-@'\t\r\n\0a"))
@example("")
@example("'=1")
@example("''")
def test_no_cell_is_a_formula_and_each_gives_its_text_back(text: str) -> None:
    cell = csv_cell(text)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert csv_text(cell) == text


@pytest.mark.parametrize("number", [-0.5, -3, 0, None, True, float("-inf")])
def test_numbers_stay_numbers(number: float | None) -> None:
    assert csv_cell(number) is number


@pytest.mark.parametrize("cell", ["collar", "'t Hooft", "'", ""])
def test_cells_of_older_tables_are_read_as_they_are(cell: str) -> None:
    assert csv_text(cell) == cell
