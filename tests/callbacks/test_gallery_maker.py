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
from m3net.training.callbacks.gallery_pictures import GalleryMaker

NAMES = ("sleeve", "collar", "a/b", "a_b", "a b", "CON: $x?*|<>\\", "颜色")
TAXONOMY = Taxonomy(tuple(Attribute(name, ("long", "short"), True) for name in NAMES))
# The first attribute's classes of five images: none, one or both.
WORN = ((0,), (0, 1), (1,), (), (0,))


def shade(record: Record) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((8, 8, 3), int(record.path), np.uint8)


@pytest.fixture
def maker() -> GalleryMaker:
    flags = np.ones((5, len(NAMES)))
    records = Records.build(
        ["0", "10", "20", "30", "40"], range(5), WORN, flags > 0, flags.astype(np.uint8), 16
    )
    dataset = RetrievalDataset(records, shade, Transform(8, "stretch"))
    return GalleryMaker(dataset, TAXONOMY, queries=2)


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
    maker: GalleryMaker, results: QueryResults
) -> None:
    # By hand: of 1, 2 and 3, image 1 is next to image 0 and shares "long" with it; 2 does not.
    row = maker.row("sleeve", results, 0)
    assert (row.attribute, row.average_precision) == ("sleeve", 1.0)
    assert (row.query.caption, row.query.relevant, row.query.pixels[0, 0, 0]) == ("long", None, 0)
    shown = [(tile.caption, tile.relevant, int(tile.pixels[0, 0, 0])) for tile in row.results]
    assert shown == [("long, short", True, 10), ("short", False, 20)]


def test_a_query_is_not_among_its_own_results(maker: GalleryMaker, results: QueryResults) -> None:
    row = maker.row("sleeve", results, 1)
    assert [int(tile.pixels[0, 0, 0]) for tile in row.results] == [20, 30]
    assert [tile.caption for tile in row.results] == ["short", ""]


def test_a_query_that_asks_for_a_class_shows_that_class_alone(maker: GalleryMaker) -> None:
    # Image 1 is long and short: it asks twice, and image 2, which it finds, is short.
    results = retrieved("multi")
    rows = [maker.row("sleeve", results, query) for query in range(4)]
    assert [row.query.caption for row in rows] == ["long", "long", "short", "long"]
    assert [int(row.query.pixels[0, 0, 0]) for row in rows] == [0, 10, 10, 40]
    for row, right in ((rows[1], False), (rows[2], True)):
        shown = [(tile.caption, tile.relevant) for tile in row.results]
        assert shown == [("short", right), ("", False)]
        assert row.average_precision == float(right)


def test_an_image_shows_the_classes_of_the_attribute_alone(
    maker: GalleryMaker, results: QueryResults
) -> None:
    assert maker.row("collar", results, 0).query.caption == ""


def test_every_attribute_gets_a_file_of_its_own_in_the_folder(
    maker: GalleryMaker, results: QueryResults, tmp_path: Path
) -> None:
    maker.draw_all(dict.fromkeys(NAMES, results), tmp_path / "test")
    files = sorted(file for file in tmp_path.rglob("*") if file.is_file())
    galleries = tmp_path / "test" / "galleries"
    assert [file.parent for file in files] == [*[galleries] * len(NAMES), tmp_path / "test"]
    assert {"sleeve.png", "collar.png", "a_b.png"} <= {file.name for file in files}
    forbidden = set('/\\:*?"<>| $')
    assert not any(forbidden & set(file.name) for file in files)


def test_an_attribute_without_queries_is_left_out(
    maker: GalleryMaker, results: QueryResults, tmp_path: Path
) -> None:
    images = Images(torch.ones(2, 2), torch.ones(2, 2, dtype=torch.bool), torch.arange(2))
    nobody = rank(images.select(torch.tensor([], dtype=torch.int64)), images)
    maker.draw_all({"sleeve": results, "collar": nobody}, tmp_path)
    assert [file.name for file in (tmp_path / "galleries").iterdir()] == ["sleeve.png"]
    assert (tmp_path / "gallery.png").is_file()
