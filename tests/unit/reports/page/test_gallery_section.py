"""Galleries of a page against a ranking by hand."""

import numpy as np
import pytest
import torch

from m3net.base.protocol import Protocol
from m3net.metrics import Images, rank
from m3net.reports.album import Album
from m3net.reports.page.gallery_section import collect_galleries, positions_to_show
from tests.unit.reports.shop import TAXONOMY, album_of

GALLERY = range(8, 30)


@pytest.fixture
def album() -> Album:
    return album_of(30)


def vectors() -> torch.Tensor:
    return torch.randn(30, 4, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("protocol", ["single", "multi"])
def test_lists_marks_and_precisions_are_those_of_a_loop(album: Album, protocol: Protocol) -> None:
    records = album.dataset.records
    own = TAXONOMY.slices[1]
    targets = torch.from_numpy(records.targets(range(30)))[:, own]
    images = Images(vectors(), targets, torch.arange(30))
    asking, listed = images.select(torch.arange(8)), images.select(torch.tensor(GALLERY))
    results = rank(asking, listed, protocol=protocol, top_k=6)
    [gallery] = collect_galleries({"b / <b>": results}, album)
    expected = []
    numbers = vectors().double().numpy()
    for query in range(8):
        classes = [c for c in range(2) if targets[query, c]]
        for wanted in [[c] for c in classes] if protocol == "multi" else [classes]:
            closeness = {image: float(numbers[query] @ numbers[image]) for image in GALLERY}
            order = sorted(GALLERY, key=closeness.__getitem__, reverse=True)
            right = [bool(targets[image, wanted].any()) for image in order]
            hits = [place for place, one in enumerate(right, start=1) if one]
            if hits:
                precision = np.mean([n / place for n, place in enumerate(hits, start=1)])
                names = ", ".join(TAXONOMY.attributes[1].classes[c] for c in wanted)
                expected.append((precision, query, names, order[:6], right[:6], len(hits)))
    expected.sort(key=lambda row: -row[0])
    assert gallery.num_queries == len(expected)
    shown = [ranked for _, answers in gallery.groups for ranked in answers]
    assert [title for title, _ in gallery.groups] == ["best", "median", "worst"]
    assert [place for place, _ in shown][:2] == [1, 2]
    assert shown[-1][0] == len(expected)
    for place, answer in shown:
        precision, image, names, best, marks, hits_of = expected[place - 1]
        assert answer.average_precision == pytest.approx(precision, abs=1e-12)
        assert (answer.query, answer.asked) == (image, names)
        assert answer.num_relevant == hits_of
        assert [hit.image for hit in answer.hits] == best
        assert [hit.is_relevant for hit in answer.hits] == marks
        scores = [float(numbers[image] @ numbers[one]) for one in best]
        assert [hit.score for hit in answer.hits] == pytest.approx(scores, abs=1e-5)


def test_queries_with_nothing_to_find_are_left_out(album: Album) -> None:
    targets = torch.zeros(30, 2, dtype=torch.bool)
    targets[:8, 0], targets[8:, 1] = True, True
    images = Images(vectors(), targets, torch.arange(30))
    results = rank(images.select(torch.arange(8)), images.select(torch.tensor(GALLERY)), top_k=6)
    [gallery] = collect_galleries({"a": results}, album)
    assert (gallery.num_queries, gallery.groups) == (0, [])


@pytest.mark.parametrize("count", range(12))
def test_each_place_is_shown_once_and_in_order(count: int) -> None:
    places = [place for group in positions_to_show(count).values() for place in group]
    assert places == sorted(set(places))
    assert len(places) == min(count, 6)
    assert {0, count - 1} <= {*places} or not count
