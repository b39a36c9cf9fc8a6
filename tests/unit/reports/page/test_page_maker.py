"""Whether a page is made unasked, and which numbers stand beside which data."""

from pathlib import Path
from typing import Literal

import pytest

from m3net.reports.page.page_maker import PageMaker
from m3net.reports.page.run_files import RunFiles, distinct_names
from m3net.reports.page.score_section import published_name


@pytest.mark.parametrize(
    ("wanted", "small", "large"),
    [("auto", True, False), (True, True, True), (False, False, False)],
)
def test_a_page_is_made_unasked_up_to_a_number_of_images(
    wanted: bool | Literal["auto"], small: bool, large: bool
) -> None:
    maker = PageMaker(Path(), wanted, ["test"], {"class_path": "X"})
    assert (maker.wants(10_000), maker.wants(10_001)) == (small, large)


@pytest.mark.parametrize(
    ("kind", "init", "expected"),
    [
        ("FashionAI", {"layout": "index", "published": True}, "fashionai"),
        ("FashionAI", {"layout": "raw", "published": True}, ""),
        ("DARN", {"missing": "error", "published": True}, "darn"),
        ("DARN", {"missing": "drop", "published": True}, ""),
        ("DeepFashion", {"layout": "index", "published": True, "protocol": "single"}, ""),
        ("DeepFashion", {"layout": "index", "published": False, "protocol": "multi"}, ""),
    ],
)
def test_published_numbers_stand_only_beside_their_own_protocol(
    kind: str, init: dict[str, object], expected: str
) -> None:
    name, note = published_name({"class_path": f"m3net.{kind}DataModule", "init_args": init})
    assert name == expected
    assert ("do not compare" in note) == (not expected)


def test_runs_of_one_name_are_told_apart_by_their_folders() -> None:
    runs = [RunFiles(Path(f"/{top}/shop/0")) for top in ("a", "b")]
    assert distinct_names(runs) == ["/a/shop/0", "/b/shop/0"]
    assert distinct_names(runs[:1]) == ["shop/0"]
