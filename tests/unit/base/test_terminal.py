"""The one console: names of strangers are shown as they are, and obeyed by nobody."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from m3net.base.escaping import printable_lines
from m3net.base.terminal import Terminal
from m3net.errors import printable

NAME = "[red]a[/] [/] [link=https://x]b :heart: \x1b]0;title\x07 \x9b5m \u202e c\rd\b"


def shown(what: str | Text | Table) -> str:
    out = io.StringIO()
    Terminal(file=out, width=200).print(what)
    return out.getvalue()


def test_a_name_is_shown_letter_by_letter() -> None:
    assert shown(NAME) == f"{printable(NAME)}\n"


def test_cells_titles_and_captions_are_as_wide_as_they_are_shown() -> None:
    table = Table(title=f"1 {NAME}", caption=f"2 {NAME}")
    table.add_column(f"3 {NAME}")
    table.add_row(f"4 {NAME}")
    text = shown(table)
    assert all(f"{number} {printable(NAME)}" in text for number in range(1, 5))
    assert len({len(line) for line in text.splitlines()[1:-1]}) == 1


@given(st.text(st.characters(codec=None)))
def test_nothing_else_comes_through_either(name: str) -> None:
    for what in (name, Text(name), Text.assemble((name, "red"))):
        text = shown(what)
        assert printable_lines(text) == text


def test_colours_and_the_cursor_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    out = io.StringIO()
    terminal = Terminal(file=out, width=80)
    terminal.print(Text("problem", style="red"), "\x1b[31m")
    terminal.show_cursor(show=False)
    assert out.getvalue().endswith("\x1b[?25l")
    assert out.getvalue().count("\x1b[31m") == 1
