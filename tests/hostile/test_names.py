"""Names that strangers chose: no terminal obeys them, and no spreadsheet computes them."""

import csv
import json
import math
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from PIL import Image

from m3net.base.escaping import csv_text
from m3net.errors import printable
from tests.conftest import SETTINGS
from tests.support.commands import Command

TITLE, BLINK, OLD, TURN = "\x1b]0;title\x07", "\x1b[5m", "\x9b5m", "\u202e"
# Columns of the shop, and what a stranger calls them.
ATTRIBUTES = {
    "sleeve_length": f"=cmd(){BLINK}{TURN}$\\x$",
    "details": f"[red]{TITLE}\rx\b[/]",
    "neckline": f"-1{OLD}",
    "collar": "@x\u2028[link=https://example.org]y",
}
STARTS = (
    *(f"=cmd()|{BLINK}", "+1", "-1", "@x", TITLE, OLD, TURN, "a\rb", "[/]", "[red]", "$\\x$"),
    *("<b>", ":heart:", "\x7f\b"),
)
OBEYED = re.compile(
    "[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]"
)
"""What no output to a pipe holds, nor any text that is written to be read."""
OWN = (BLINK, TITLE, OLD, TURN, "a\rb", "\rx", "\b", "\x7f", "\u2028")
"""What comes to a terminal from these names alone: rich has its own escapes, but none of these."""


def disguised(words: str) -> str:
    """Give the classes of a cell their hostile names; each keeps its own start."""
    return "|".join(STARTS[sum(map(ord, word)) % len(STARTS)] + word for word in words.split("|"))


@pytest.fixture(scope="module")
def shop(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same shop under names of a stranger."""
    folder = tmp_path_factory.mktemp("hostile") / f"shop{BLINK}"
    folder.mkdir()
    with catalogue.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    named = []
    for place, row in enumerate(rows):
        image = f"{STARTS[place % len(STARTS)]}{place}{TURN}.png".replace("/", "")
        shutil.copy(catalogue.parent / row["image"], folder / image)
        cells = {new: disguised(row[old]) if row[old] else "" for old, new in ATTRIBUTES.items()}
        named.append({"image": image} | cells)
    table = folder / f"shop{TITLE}.csv"
    with table.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(named[0]))
        writer.writeheader()
        writer.writerows(named)
    return table


@pytest.fixture(scope="module")
def hostile_settings(shop: Path) -> Path:
    """A config file that trains on it."""
    plain = yaml.safe_load(SETTINGS.format(catalogue=""))
    init = plain["data"]["init_args"]
    init["file"], init["columns"]["attributes"] = str(shop), [*ATTRIBUTES.values()]
    plain["model"]["network"]["init_args"]["backbone"] = "test_resnet"
    plain["trainer"]["enable_progress_bar"] = True
    file = shop.parents[1] / "settings.yaml"
    file.write_text(json.dumps(plain), encoding="utf-8")
    return file


def piped(*words: object, code: int = 0) -> str:
    """Give what a process says to a pipe."""
    done = subprocess.run(
        [sys.executable, "-m", "m3net", *map(str, words)],
        env=os.environ | {"COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return heard(CompletedProcess((), done.returncode, done.stdout.decode(), ""), code)


def heard(done: CompletedProcess[str], code: int = 0) -> str:
    """Give what a command has said, which must hold nothing that a terminal obeys."""
    text = done.stdout + done.stderr
    assert done.returncode == code, text
    assert not OBEYED.findall(text)
    assert "Traceback" not in text
    return text


def on_a_terminal(*words: object, code: int = 0) -> str:
    """Give what a process says to a terminal, which must hold nothing of these names' own."""
    own, others = pty.openpty()
    given = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    command, pieces = [sys.executable, "-m", "m3net", *map(str, words)], []
    with subprocess.Popen(
        command, env=given | {"TERM": "xterm"}, stdin=others, stdout=others, stderr=others
    ) as running:
        os.close(others)
        try:
            while piece := os.read(own, 65536):
                pieces.append(piece)
        except OSError:  # so Linux ends a terminal that nobody holds any more
            pass
        os.close(own)
    text = b"".join(pieces).decode()
    assert running.returncode == code, text
    assert not [one for one in OWN if one in text]
    assert "Traceback" not in text
    return text


@pytest.fixture(scope="module")
def said(shop: Path, hostile_settings: Path) -> str:
    """What a training says to a terminal."""
    words = ("--runs", shop.parents[1] / "runs", "--details=true", "--trainer.max_epochs=2")
    return on_a_terminal("train", "--config", hostile_settings, *words)


@pytest.fixture(scope="module")
def run(said: str, shop: Path) -> Path:
    assert said
    return shop.parents[1] / "runs" / "shop" / "0"


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    """What a report says to a pipe."""
    other = run.with_name("other")
    shutil.copytree(run, other)
    return piped("report", run, other)


def cells(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Read all tables below a folder."""
    found = {}
    for file in folder.rglob("*.csv"):
        with file.open(encoding="utf-8", newline="") as opened:
            found[file.name] = list(csv.DictReader(opened))
    return found


def computed(text: str) -> bool:
    """Say whether a spreadsheet takes a cell for a formula; a number is none."""
    try:
        return math.isinf(float(text)) and not text.endswith("inf")
    except ValueError:
        return text.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.promise("names-terminal")
def test_a_training_shows_the_names_and_does_not_obey_them(said: str) -> None:
    for name in ATTRIBUTES.values():
        assert printable(name)[:12] in said
    assert "validation, epoch 1" in said
    assert "never seen in training" in said, "a report, which names classes"


@pytest.mark.promise("names-cells")
def test_no_cell_of_a_run_is_a_formula(run: Path) -> None:
    tables = cells(run)
    assert {"scores.csv", "classes.csv", "queries.csv", "metrics.csv"} <= {*tables}
    for rows in tables.values():
        assert not [cell for row in rows for cell in (*row, *row.values()) if computed(cell)]


@pytest.mark.promise("names-cells")
def test_cells_give_the_names_back(run: Path, shop: Path) -> None:
    tables, attributes = cells(run), {*ATTRIBUTES.values()}
    assert {csv_text(row["attribute"]) for row in tables["queries.csv"]} == attributes
    images = {csv_text(row["image"]) for row in tables["queries.csv"]}
    assert images <= {file.name for file in shop.parent.iterdir()}
    with shop.open(encoding="utf-8", newline="") as file:
        worn = [row[name].split("|") for row in csv.DictReader(file) for name in attributes]
    known = {name for classes in worn for name in classes if name}
    assert {csv_text(row["class"]) for row in tables["classes.csv"]} == known
    assert any(name.startswith("=cmd()") for name in known)


def test_names_of_metrics_can_be_shown(run: Path) -> None:
    best = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["best"]
    assert {f"val/map_all/{printable(name)}" for name in ATTRIBUTES.values()} <= {*best}
    assert not OBEYED.findall("".join(best))


@pytest.mark.promise("names-terminal")
def test_a_page_holds_names_and_nothing_that_they_do(page: str, run: Path) -> None:
    assert printable(str(run)) in page
    text = (run / "test" / "report.html").read_text(encoding="utf-8")
    assert not OBEYED.findall(text)
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert "Scores side by side" in text, "the other run has the same attributes"


def test_data_is_counted_and_verified(m3net: Command, shop: Path) -> None:
    out = shop.parents[1] / "data"
    place = ("catalogue", "--file", shop, "--out", out, "--fractions=[0.5,0.2,0.3]")
    said = piped("data", "stats", *place)
    assert all(printable(name)[:12] in said for name in ATTRIBUTES.values())
    assert not [c for row in cells(out)["stats.csv"] for c in row.values() if computed(c)]
    verify = ("data", "verify", *place, "--workers=0")
    assert "no problem found" in on_a_terminal(*verify)
    done = m3net(*verify, "--json")
    assert heard(done)
    assert json.loads(done.stdout)["is_good"]


@pytest.mark.promise("names-terminal")
def test_errors_name_the_file_and_do_not_obey_it(
    m3net: Command, shop: Path, run: Path, tmp_path: Path
) -> None:
    lost = tmp_path / f"shop{BLINK}"
    shutil.copytree(shop.parent, lost)
    photos = sorted(lost.glob("*.png"))
    photos[0].write_bytes(b"no photo")
    photos[1].unlink()
    words = ("catalogue", "--file", lost / shop.name, "--out", tmp_path, "--workers=0")
    said = heard(m3net("data", "verify", *words), code=1)
    assert said.count("problem cannot read image") == 2
    said = piped("predict", "--ckpt_path", run, "--data.images", photos[0], code=2)
    assert printable(f"m3net: cannot read image {photos[0]}: ") in said
    said = heard(m3net("test", "--ckpt_path", run, "--data.file", lost / shop.name), code=2)
    assert f"no image {photos[1].name!r} in {printable(str(lost))}" in said


def test_photos_that_are_prepared(tmp_path: Path) -> None:
    source = tmp_path / f"photos{BLINK}"
    source.mkdir()
    # So a system gives names that are no UTF-8.
    for name in (f"{TITLE}.png", os.fsdecode(b"\xe9.png")):
        Image.new("RGB", (60, 60)).save(source / name)
    (source / f"{TURN}[red].png").write_bytes(b"no photo")
    (source / os.fsdecode(b"\xe8.png")).write_bytes(b"no photo")
    target = tmp_path / f"copies{BLINK}"
    said = piped("data", "prepare", source, target, "--workers=0", code=1)
    assert said.count("m3net: cannot read image") == 2
    assert "[red]" in said
    assert "\\udce8" in said


def test_a_setting_of_a_stranger_that_is_unknown(m3net: Command, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    file = tmp_path / "run" / "config.yaml"
    plain = yaml.safe_load(file.read_text(encoding="utf-8"))
    plain["data"]["init_args"][f"x{BLINK}{TITLE}"] = f"{OLD}{TURN}"
    file.write_text(json.dumps(plain), encoding="utf-8")
    assert "x\\x1b[5m" in heard(m3net("test", "--ckpt_path", tmp_path / "run"), code=2)


@pytest.mark.promise("names-terminal", "names-cells")
def test_systems_that_are_compared(m3net: Command, hostile_settings: Path, tmp_path: Path) -> None:
    plain = {
        "name": f"shop{BLINK}",
        "configs": [str(hostile_settings)],
        "flags": ["--model.metrics.top_k=0"],
        "budget": {"images": 16},
        "systems": {
            f"=cmd()[red]{BLINK}": {},
            f"-1|{TURN}[x](http://y)<b>": {"unavailable": f"[/]{OLD}"},
        },
    }
    file = tmp_path / "compare.yaml"
    file.write_text(json.dumps(plain), encoding="utf-8")
    said = heard(m3net("compare", "--config", file, "--runs", tmp_path))
    assert "=cmd()[red]\\x1b[5m" in said
    [folder] = (tmp_path / "compare").iterdir()
    rows = cells(folder)["comparison.csv"]
    assert {csv_text(row["system"]) for row in rows} == {f"=cmd()[red]{BLINK}"}
    assert {csv_text(row["attribute"]) for row in rows} >= {*ATTRIBUTES.values()}
    assert not [cell for row in rows for cell in row.values() if computed(cell)]
    text = (folder / "comparison.md").read_text(encoding="utf-8")
    assert not OBEYED.findall(text)
    assert "* -1\\|\\\\u202e\\[x](http://y)\\<b>: " in text
