"""A page of values made by hand: every name is text, and every part says what it is."""

from typing import Any

import numpy as np
import pytest

from m3net.data.dataset import RetrievalDataset
from m3net.data.records import Record, Records
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.data.transforms import Transform
from m3net.reports.album import Album
from m3net.reports.answers import Answer, Hit
from m3net.reports.attention_pictures import (
    AttributeAttention,
    ClassAttention,
    PhotoAttention,
    Pixels,
)
from m3net.reports.page.comparison_section import Comparison
from m3net.reports.page.confusion_section import Confusion
from m3net.reports.page.curve_section import Curves, draw_chart
from m3net.reports.page.gallery_section import Gallery
from m3net.reports.page.heading_section import Heading
from m3net.reports.page.map_section import SEED, Plane, Point, make_sprite
from m3net.reports.page.rendering import render_page
from m3net.reports.sheets import Sheet
from tests.support.html_page import check_whole

NASTY = "</script><script>alert(1)</script>\"' & {{ 7 * 7 }} [x] a/b"
GREY = np.full((9, 12, 3), 90, np.uint8)


@pytest.fixture
def album() -> Album:
    roles = np.ones((1, 1), np.uint8)
    records = Records.build([NASTY], range(1), [(0,)], roles > 0, roles, 2)

    def paint(record: Record) -> Pixels:
        del record
        return GREY

    dataset = RetrievalDataset(records, paint, Transform(8, "stretch"))
    return Album(dataset, Taxonomy((Attribute(NASTY, (NASTY, "b")),)))


@pytest.fixture
def page(album: Album) -> dict[str, Any]:
    answer = Answer(NASTY, 0, NASTY, 0.5, 3, [Hit(0, 0.25, True), Hit(0, 0.125, False)])
    looks = np.ones((2, 2), np.float32)
    classes = [ClassAttention(NASTY, 0.999, True, looks), ClassAttention("b", 0.001, False)]
    series = np.array([[0.0, 2.0], [5.0, 1.0]])
    cut = tuple(f"{NASTY} {place}" for place in range(20))
    return {
        "heading": Heading(NASTY, [(NASTY, NASTY)], [(NASTY, NASTY)], [NASTY], f"a: {NASTY}\n"),
        "scores": [Sheet(NASTY, (NASTY, "MAP"), ((NASTY, "1.00"), ("overall (x)", "-")), (NASTY,))],
        "curves": Curves([draw_chart(NASTY, {0: series}, [NASTY])], [NASTY], [NASTY]),
        "galleries": [Gallery(NASTY, 1, [("best", [(1, answer)])]), Gallery("nobody", 0, [])],
        "top_k": 2,
        "attention": [PhotoAttention(0, GREY, [AttributeAttention(NASTY, classes, looks)])],
        "confusions": [
            Confusion(NASTY, True, (NASTY, "b"), (4, 0), ((0.756, 0.002), (None, None))),
            Confusion("large", False, cut, (1,) * 20, (), ((cut[0], cut[1], 0.3),)),
        ],
        "planes": [Plane(NASTY, 9, [NASTY], False, [Point(0, 1, 0, 0)]), Plane("b", 0, note=NASTY)],
        "sprite": make_sprite([0], album),
        "seed": SEED,
        "album": album,
        "comparison": Comparison(
            Sheet(NASTY, (NASTY, "MAP"), ((NASTY, "1.00"),)),
            Curves([draw_chart(NASTY, {0: series, 1: series}, [NASTY] * 2)], [NASTY] * 2),
            [NASTY],
        ),
    }


def test_names_are_texts_wherever_they_stand(page: dict[str, Any]) -> None:
    text = render_page(**page)
    whole = check_whole(text)
    assert len(whole.root.find("script")) == 2
    assert "alert(1)</script>" not in text
    assert whole.root.find("h1")[0].text() == NASTY
    assert "49" not in whole.root.find("h1")[0].text()
    for section in (
        "scores",
        "curves",
        "galleries",
        "attention",
        "confusion",
        "maps",
        "comparison",
    ):
        assert NASTY in whole.root.by_id(section).text(), section
    figure = whole.root.by_id("galleries").find("img")
    assert figure[0].attributes["alt"] == f"Query {NASTY}: {NASTY}"
    assert figure[1].attributes["alt"] == f"Rank 1, right: {NASTY}"


def test_sections_stand_in_order_and_are_all_linked(page: dict[str, Any]) -> None:
    whole = check_whole(render_page(**page))
    order = ["run", "scores", "curves", "galleries", "attention", "confusion", "maps", "comparison"]
    [contents] = whole.root.find("nav")
    assert [link.attributes["href"] for link in contents.find("a")] == [f"#{one}" for one in order]
    named = [
        one.attributes.get("id") for one in whole.root.all() if one.tag in ("header", "section")
    ]
    assert named == order


def test_a_matrix_that_is_cut_says_so(page: dict[str, Any]) -> None:
    first, second = check_whole(render_page(**page)).root.by_id("confusion").find("article")
    assert first.find("table")[0].rows()[1] == [NASTY, "4", "76", "<1"]
    assert first.find("table")[0].rows()[2] == ["b", "0", "-", "-"]
    assert "more than 100" in first.text()
    assert "The matrix is cut: of 20 classes, these are the 1 pairs" in second.text()
    assert second.find("table")[0].rows()[1] == [f"{NASTY} 0", f"{NASTY} 1", "30"]


def test_an_attribute_without_queries_has_its_place(page: dict[str, Any]) -> None:
    whole = check_whole(render_page(**page))
    assert "No query of this attribute" in whole.root.by_id("gallery-1").text()


def test_a_page_of_nothing_is_whole(page: dict[str, Any]) -> None:
    nothing: dict[str, Any] = dict.fromkeys(["galleries", "attention", "confusions", "planes"], ())
    nothing |= {"curves": Curves(), "sprite": None, "top_k": 0, "comparison": None}
    whole = check_whole(render_page(**page | nothing))
    assert "There is no query to look at" in whole.root.by_id("attention").text()
    assert not [one for one in whole.root.all() if one.attributes.get("id") == "comparison"]
