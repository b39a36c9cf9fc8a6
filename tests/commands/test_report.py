"""`m3net report` in a process of its own: the page, read back and held against files and labels."""

import csv
import os
import re
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest
import yaml

from tests.support.commands import NO_GALLERY, Command, Refusal
from tests.support.html_page import Element, Page, check_whole, decode

HOSTILE = "<b>&\"' [x]"


@pytest.fixture(scope="module")
def run(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the run in an experiment whose name is no name for a tag."""
    folder = tmp_path_factory.mktemp("report") / HOSTILE / "0"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("test", "last.ckpt"))
    return folder


@pytest.fixture(scope="module")
def reported(
    process: Command, run: Path, trained: Path, empty_folder: Path
) -> CompletedProcess[str]:
    """What the command said of the copy, beside the run itself."""
    return process("report", run, trained, "--details=true", cwd=empty_folder)


@pytest.fixture(scope="module")
def page(reported: CompletedProcess[str], run: Path) -> Page:
    assert reported.returncode == 0, reported.stderr
    return check_whole((run / "test" / "report.html").read_text(encoding="utf-8"))


def classes(catalogue: Path) -> dict[str, dict[str, set[str]]]:
    """Give for each photo's path the set of its classes of each attribute."""
    names = ("sleeve_length", "details")
    return {row["image"]: {name: carried(row[name]) for name in names} for row in read(catalogue)}


def read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8") as opened:
        return [*csv.DictReader(opened)]


def number(pattern: str, text: str) -> float:
    """Give the one number that a pattern holds."""
    [found] = re.findall(pattern, text)
    return float(found)


def carried(cell: str) -> set[str]:
    return {name for name in cell.split("|") if name and name != "none"}


def lists(page: Page, place: int) -> list[tuple[Element, list[tuple[str, float, bool]]]]:
    """Give each query of a gallery: its figure, and path, score and mark of what came back."""
    found = []
    for answer in page.root.by_id(f"gallery-{place}").find("div", "answer"):
        [query] = answer.find("figure", "query")
        results = []
        for item in answer.find("ol")[0].find("li"):
            [picture] = item.find("img")
            score = float(item.find("span", "score")[0].text())
            right = item.attributes["class"] == "right"
            assert ("✓" in item.text(), "✗" in item.text()) == (right, not right)
            assert (", right" if right else ", wrong") in picture.attributes["alt"]
            results.append((picture.attributes["title"], score, right))
        found.append((query, results))
    return found


def test_the_farewell_names_the_page(reported: CompletedProcess[str], run: Path) -> None:
    assert reported.stderr == ""
    [line] = [line for line in reported.stdout.splitlines() if "report.html" in line]
    assert line.endswith(str(run / "test" / "report.html"))


def test_the_head_says_what_was_trained_and_how_to_repeat_it(page: Page, run: Path) -> None:
    head = page.root.by_id("run")
    facts = {one.find("dt")[0].text(): one.find("dd")[0].text() for one in head.find("div")[:-2]}
    assert facts["experiment"] == f"{HOSTILE}/0"
    assert facts["network"] == "M3-Net on resnet10t"
    assert facts["protocol"] == "single"
    assert facts["data"].startswith("Catalogue (")
    assert re.fullmatch(r"4 steps, 64 images, \d+\.\d minutes", facts["training"])
    assert {"commit", "machine", "images", "split"} <= facts.keys()
    again, this = (one.text() for one in head.find("code")[:2])
    assert again.startswith("m3net train --config ")
    assert this.startswith("m3net report ")
    settings = head.find("code")[2]
    assert yaml.safe_load("".join(map(str, settings.children))) == yaml.safe_load(
        (run / "config.yaml").read_text(encoding="utf-8")
    )


def test_names_are_texts_and_never_tags(page: Page) -> None:
    assert page.root.find("h1")[0].text().startswith(HOSTILE)
    assert page.root.find("b") == []


def test_the_numbers_are_those_of_the_tables(page: Page, run: Path) -> None:
    with (run / "test" / "scores.csv").open(encoding="utf-8") as file:
        rows = [*csv.reader(file)]
    whole = page.root.by_id("scores").find("table")[0].rows()
    assert len(whole) == len(rows) == 5
    for shown, row in zip(whole[1:], rows[1:], strict=True):
        name, protocol, *values = row
        scores, counts = values[:-3], values[-3:]
        assert protocol == "single"
        assert shown == [name, *(f"{100 * float(value):.2f}" for value in scores), *counts]


def test_curves_say_where_the_numbers_begin_and_end(page: Page, run: Path) -> None:
    table = pd.read_csv(run / "metrics.csv")
    charts = page.root.by_id("curves").find("figure")
    said = {
        chart.find("figcaption")[0].text(): chart.find("svg")[0].attributes["aria-label"]
        for chart in charts
    }
    losses = table["train/loss"].dropna()
    ends = f"from {losses.iloc[0]:.3g} to {losses.iloc[-1]:.3g}"
    assert said["loss, all terms"].endswith(ends)
    assert {name for name in said if name.startswith("validation")} == {
        "validation MAP@all, percent",
        "validation MAP@100, percent",
        "validation Recall@100, percent",
    }


def test_galleries_show_the_queries_and_marks_that_labels_give(
    page: Page, run: Path, catalogue: Path
) -> None:
    labels = classes(catalogue)
    queries = read(run / "test" / "queries.csv")
    for place, attribute in enumerate(("sleeve_length", "details")):
        own = {
            row["image"]: 100 * float(row["map_all"])
            for row in queries
            if row["attribute"] == attribute and int(row["num_relevant"])
        }
        falling = sorted(own.values(), reverse=True)
        shown = lists(page, place)
        assert len(shown) == min(6, len(own)) > 2
        for query, results in shown:
            name = query.find("img")[0].attributes["alt"].removeprefix("Query ").split(": ")[0]
            text = query.text()
            rank = int(number(r"(\d+) of", text))
            precision = number(r"AP ([\d.]+) %", text)
            assert precision == pytest.approx(falling[rank - 1], abs=0.051)
            assert precision == pytest.approx(own[name], abs=0.051)
            wanted = labels[name][attribute]
            assert len(results) == 10
            scores = [score for _, score, _ in results]
            assert scores == sorted(scores, reverse=True)
            for path, _, right in results:
                assert right == bool(wanted & labels[path][attribute])
        ranks = [int(number(r"(\d+) of", one.text())) for one, _ in shown]
        assert ranks[:2] == [1, 2]
        assert ranks[-1] == len(own)


def test_maps_show_each_image_that_takes_part_once(page: Page, catalogue: Path) -> None:
    labels = classes(catalogue)
    [style] = page.root.find("style")
    [address] = re.findall(r"url\(\"(data:[^\"]*)\"\)", style.text())
    names = yaml.safe_load(page.root.by_id("sprite").text())["names"]
    columns = yaml.safe_load(page.root.by_id("sprite").text())["columns"]
    width, height = decode(address).size
    assert width == 64 * columns
    assert height == 64 * -(-len(names) // columns)
    for place, attribute in enumerate(("sleeve_length", "details")):
        own = page.root.by_id(f"map-{place}")
        seen = []
        groups = own.find("g")
        for group in groups:
            for mark in group.find("use"):
                seen.append(names[int(mark.attributes["data-tile"])])
                expected = labels[seen[-1]][attribute] or {"no class"}
                named = {frozenset(one.attributes["data-name"].split(" + ")) for one in groups}
                if "rest" in group.attributes["class"].split():
                    assert expected not in named
                else:
                    assert set(group.attributes["data-name"].split(" + ")) == expected
                assert all(0 <= float(mark.attributes[axis]) <= 100 for axis in ("x", "y"))
        assert len(seen) == len(set(seen)) > 10
        assert own.find("p")[0].text() == f"All {len(seen)} images that take part."


def test_runs_stand_side_by_side(page: Page, trained: Path) -> None:
    section = page.root.by_id("comparison")
    head, *rows = section.find("table")[0].rows()
    assert head == ["attribute", f"{HOSTILE}/0", "shop/0", "difference"]
    assert [row[0] for row in rows] == [
        *("sleeve_length", "details", "overall (by queries)", "overall (by queries), MAP@100"),
        *("overall (by queries), Recall@100", "overall (by attributes)"),
    ]
    assert all(row[1] == row[2] and row[3] == "+0.00" for row in rows)
    with (trained / "test" / "scores.csv").open(encoding="utf-8") as file:
        table = {row["attribute"]: row for row in csv.DictReader(file)}
    assert rows[1][1] == f"{100 * float(table['details']['map_all']):.2f}"
    assert rows[4][1] == f"{100 * float(table['overall (by queries)']['recall_100']):.2f}"
    assert len(section.find("figure")[0].find("path", "line")) == 2


def test_a_training_makes_the_page_by_itself(trained: Path) -> None:
    page = check_whole((trained / "test" / "report.html").read_text(encoding="utf-8"))
    assert page.root.by_id("run").find("code")[1].text().startswith("m3net train --config ")
    assert not [one for one in page.root.all() if one.attributes.get("id") == "comparison"]


def test_what_a_run_folder_lacks_is_said(m3net: Command, own_run: Path) -> None:
    done = m3net("report", own_run, "--model.metrics.top_k=0", "--model.ranking=posterior")
    assert done.returncode == 0, done.stderr
    page = check_whole((own_run / "test" / "report.html").read_text(encoding="utf-8"))
    assert "no metrics.csv" in page.root.by_id("curves").text()
    assert "no metrics.json" in page.root.by_id("run").text()
    for section in ("galleries", "confusion"):
        assert "No lists were kept" in page.root.by_id(section).text()


def test_a_page_that_is_not_wanted_is_not_left_from_an_earlier_test(
    m3net: Command, own_run: Path
) -> None:
    (own_run / "test").mkdir()
    (own_run / "test" / "report.html").write_text("of other scores", encoding="utf-8")
    done = m3net("test", "--ckpt_path", own_run, "--report=false")
    assert done.returncode == 0, done.stderr
    assert not (own_run / "test" / "report.html").exists()
    assert "report.html" not in done.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("config.yaml", "split_seed: 0", "split_seed: 1", "data.split_seed is 1 there and 0 here"),
        ("config.yaml", "CatalogueDataModule", "OtherDataModule", "data of OtherDataModule"),
        ("test/scores.csv", "single", "multi", "its protocol is multi, that of this run is single"),
        ("test/scores.csv", "details", "colour", "its attributes are not those of this run"),
        ("config.yaml", "without_relevant: zero", "without_relevant: skip", "by 'skip' there"),
    ],
)
def test_runs_that_do_not_compare_are_refused(
    m3net: Command,
    own_run: Path,
    trained: Path,
    tmp_path: Path,
    file: str,
    old: str,
    new: str,
    said: str,
) -> None:
    other = tmp_path / "other"
    (other / "test").mkdir(parents=True)
    for name in ("config.yaml", "test/scores.csv"):
        shutil.copy(trained / name, other / name)
    text = (other / file).read_text(encoding="utf-8")
    assert old in text
    (other / file).write_text(text.replace(old, new), encoding="utf-8")
    done = m3net("report", own_run, other, NO_GALLERY)
    assert done.returncode == 2
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("m3net: ")]
    assert f"{other} cannot stand beside this run" in sentence
    assert said in sentence
    assert not (own_run / "test" / "report.html").exists()


def test_another_number_of_images_is_refused(
    m3net: Command, own_run: Path, trained: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    (other / "test").mkdir(parents=True)
    os.link(trained / "config.yaml", other / "config.yaml")
    first, row, *others = (trained / "test" / "scores.csv").read_text("utf-8").splitlines()
    place = first.split(",").index("num_gallery")
    cells = row.split(",")
    cells[place] = str(int(cells[place]) + 1)
    text = "\n".join([first, ",".join(cells), *others, ""])
    (other / "test" / "scores.csv").write_text(text, encoding="utf-8")
    done = m3net("report", own_run, other, NO_GALLERY)
    assert done.returncode == 2
    assert "attribute 'sleeve_length' has" in done.stderr


def test_data_at_another_place_is_said(m3net: Command, own_run: Path, trained: Path) -> None:
    other = own_run.parent / "other"
    (other / "test").mkdir(parents=True)
    shutil.copy(trained / "test" / "scores.csv", other / "test" / "scores.csv")
    text = (trained / "config.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    config["data"]["init_args"]["root"] = "/elsewhere"
    (other / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = m3net("report", own_run, other, NO_GALLERY)
    assert done.returncode == 0, done.stderr
    page = check_whole((own_run / "test" / "report.html").read_text(encoding="utf-8"))
    text = page.root.by_id("comparison").text()
    assert "data.root is '/elsewhere' there" in text
    assert "no metrics.csv" in text


def test_what_is_no_tested_run_is_refused(
    m3net: Command, refusal: Refusal, own_run: Path, tmp_path: Path
) -> None:
    assert "needs a run folder, before all flags" in refusal(m3net("report"))
    assert "holds no config.yaml" in refusal(m3net("report", own_run, tmp_path))
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(own_run / "config.yaml", bare)
    assert f"{bare} holds no test/scores.csv" in refusal(m3net("report", own_run, bare))
    assert "twice" in refusal(m3net("report", own_run, own_run))


def test_the_help_says_what_the_command_takes(m3net: Command) -> None:
    done = m3net("report", "--help")
    assert done.returncode == 0
    assert "m3net report RUN [OTHER ...] [FLAG ...]" in done.stdout
    assert "report RUN [OTHER ...]" in m3net("--help").stdout
