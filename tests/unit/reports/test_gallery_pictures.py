"""From query results to pictures: which queries, in which order, under which names."""

from pathlib import Path

import numpy as np
import pytest
import torch

from m3net.base.protocol import Protocol
from m3net.data.dataset import RetrievalDataset
from m3net.data.records import Record, Records
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.data.transforms import Transform
from m3net.metrics import Images, rank
from m3net.metrics.query_results import QueryResults
from m3net.reports.album import Album
from m3net.reports.answers import answer_of
from m3net.reports.gallery_pictures import draw_galleries

LONG = ("x" * 300, "x" * 299 + "y", "颜" * 300)
NAMES = ("sleeve", "collar", "a/b", "a_b", "a b", "CON: $x?*|<>\\", "颜色", *LONG)
TAXONOMY = Taxonomy(tuple(Attribute(name, ("long", "short"), True) for name in NAMES))
# The first attribute's classes of five images: none, one or both.
WORN = ((0,), (0, 1), (1,), (), (0,))


def shade(record: Record) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((8, 8, 3), int(record.path), np.uint8)


@pytest.fixture
def album() -> Album:
    flags = np.ones((5, len(NAMES)))
    records = Records.build(
        ["0", "10", "20", "30", "40"], range(5), WORN, flags > 0, flags.astype(np.uint8), 16
    )
    dataset = RetrievalDataset(records, shade, Transform(8, "stretch"))
    return Album(dataset, TAXONOMY)


def grey(album: Album, image: int) -> int:
    return int(album.pixels(image)[0, 0, 0])


def retrieved(protocol: Protocol) -> QueryResults:
    """Images 0, 1 and 4 ask, images 1, 2 and 3 can be found; closeness is as on a line."""
    targets = torch.tensor([[c in worn for c in range(2)] for worn in WORN])
    places = torch.tensor([0.0, 0.6, 0.9, 1.4, 2.9])
    embeddings = torch.stack([places.cos(), places.sin()], dim=1)
    images = Images(embeddings, targets, torch.arange(5))
    asking, listed = (images.select(torch.tensor(own)) for own in ([0, 1, 4], [1, 2, 3]))
    return rank(asking, listed, protocol=protocol, top_k=2)


@pytest.fixture
def results() -> QueryResults:
    return retrieved("single")


def test_a_row_shows_the_best_images_and_says_which_are_right(
    album: Album, results: QueryResults
) -> None:
    # By hand: of 1, 2 and 3, image 1 is next to image 0 and shares "long" with it; 2 does not.
    row = answer_of("sleeve", results, 0, album)
    assert (row.attribute, row.average_precision) == ("sleeve", 1.0)
    assert (row.asked, grey(album, row.query)) == ("long", 0)
    shown = [
        (album.caption(hit.image, "sleeve"), hit.is_relevant, grey(album, hit.image))
        for hit in row.hits
    ]
    assert shown == [("long, short", True, 10), ("short", False, 20)]


def test_a_query_is_not_among_its_own_results(album: Album, results: QueryResults) -> None:
    row = answer_of("sleeve", results, 1, album)
    assert [grey(album, hit.image) for hit in row.hits] == [20, 30]
    assert [album.caption(hit.image, "sleeve") for hit in row.hits] == ["short", ""]


def test_a_query_that_asks_for_a_class_shows_that_class_alone(album: Album) -> None:
    # Image 1 is long and short: it asks twice, and image 2, which it finds, is short.
    results = retrieved("multi")
    rows = [answer_of("sleeve", results, query, album) for query in range(4)]
    assert [row.asked for row in rows] == ["long", "long", "short", "long"]
    assert [grey(album, row.query) for row in rows] == [0, 10, 10, 40]
    for row, right in ((rows[1], False), (rows[2], True)):
        shown = [(album.caption(hit.image, "sleeve"), hit.is_relevant) for hit in row.hits]
        assert shown == [("short", right), ("", False)]
        assert row.average_precision == float(right)


def test_an_image_shows_the_classes_of_the_attribute_alone(
    album: Album, results: QueryResults
) -> None:
    assert answer_of("collar", results, 0, album).asked == ""


def test_every_attribute_gets_a_file_of_its_own_in_the_folder(
    album: Album, results: QueryResults, tmp_path: Path
) -> None:
    drawn = draw_galleries(dict.fromkeys(NAMES, results), album, tmp_path / "test", queries=2)
    files = sorted(file for file in tmp_path.rglob("*") if file.is_file())
    assert sorted(drawn) == files
    galleries = tmp_path / "test" / "galleries"
    assert [file.parent for file in files] == [*[galleries] * len(NAMES), tmp_path / "test"]
    assert {"sleeve.png", "collar.png", "a_b.png"} <= {file.name for file in files}
    forbidden = set('/\\:*?"<>| $')
    assert not any(forbidden & set(file.name) for file in files)


def test_an_attribute_without_queries_is_left_out(
    album: Album, results: QueryResults, tmp_path: Path
) -> None:
    images = Images(torch.ones(2, 2), torch.ones(2, 2, dtype=torch.bool), torch.arange(2))
    nobody = rank(images.select(torch.tensor([], dtype=torch.int64)), images)
    draw_galleries({"sleeve": results, "collar": nobody}, album, tmp_path)
    assert [file.name for file in (tmp_path / "galleries").iterdir()] == ["sleeve.png"]
    assert (tmp_path / "gallery.png").is_file()
