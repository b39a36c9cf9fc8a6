"""Maps: what stands on them and where, and vectors of which there can be none."""

import numpy as np
import pytest
import torch

from m3net.data.records import Role
from m3net.metrics import RetrievalMetrics
from m3net.reports.album import Album
from m3net.reports.page import map_section
from m3net.reports.page.map_section import collect_planes, flatten, group_labels
from tests.support.html_page import decode
from tests.unit.reports.shop import TAXONOMY, album_of


def evaluated(album: Album, *vectors: torch.Tensor) -> RetrievalMetrics:
    """Return metrics updated with all images, in batches of random order."""
    metrics = RetrievalMetrics(TAXONOMY.names, TAXONOMY.sizes)
    for batch in torch.split(torch.randperm(len(vectors[0])), 7):
        own = album.dataset.read(batch.tolist())
        embeddings = [each[batch] for each in vectors]
        metrics.update(embeddings, own["targets"], own["roles"], own["index"])
    return metrics


def test_points_of_one_cluster_stay_together_and_the_map_is_the_same_each_time() -> None:
    generator = np.random.default_rng(0)
    cluster = np.repeat(np.arange(4), 15)
    centres = 20 * np.eye(4, 6)
    vectors = (centres[cluster] + generator.normal(size=(60, 6))).astype(np.float32)
    flat = flatten(vectors)
    assert flat.shape == (60, 2)
    assert flat.min() >= 0
    assert flat.max() <= 1
    assert np.ptp(flat, axis=0).max() == pytest.approx(1)
    distances = np.linalg.norm(flat[:, None] - flat[None], axis=2) + 9 * np.eye(60)
    assert (cluster[distances.argmin(axis=1)] == cluster).all()
    assert (flatten(vectors) == flat).all()


def test_vectors_of_one_number_make_a_map() -> None:
    flat = flatten(np.linspace(0, 1, 8, dtype=np.float32)[:, None])
    assert np.isfinite(flat).all()


def test_the_sample_is_shared_by_attributes_and_shown_in_the_sprite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(map_section, "SAMPLE", 12)
    album = album_of(40)
    vectors = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    (first, second), sprite = collect_planes(evaluated(album, vectors, vectors), album)
    assert sprite is not None
    assert (len(first.points), len(second.points)) == (12, 12)
    assert first.num_images == 40
    assert len(sprite.names) == len(set(sprite.names)) < 24
    picture = np.asarray(decode(sprite.source))
    for plane, attribute in ((first, "a [cm]"), (second, "b / <b>")):
        for point in plane.points:
            image = album.dataset.records.paths.tolist().index(sprite.names[point.tile])
            expected = " + ".join(album.labels(image, attribute)) or "no class"
            assert plane.groups[point.group] == expected
            row, column = divmod(point.tile, sprite.columns)
            middle = picture[row * 64 + 32, column * 64 + 32].astype(int)
            assert np.abs(middle - 5 * image).max() <= 6


def test_what_makes_no_map_is_said() -> None:
    album = album_of(40)
    album.dataset.records.roles[3:, 0] = Role.NONE
    metrics = evaluated(album, torch.randn(40, 5), torch.ones(40, 5))
    (first, second), sprite = collect_planes(metrics, album)
    assert sprite is None
    assert "Only 3 images" in first.note
    assert "All vectors are the same" in second.note
    metrics.reset()
    (nobody, _), _ = collect_planes(metrics, album)
    assert "No image takes part" in nobody.note


def test_beyond_ten_the_rarest_groups_are_one() -> None:
    labels = [f"class {place:02}" for place in range(13) for _ in range(20 - place)]
    groups, members, rest = group_labels(labels)
    assert rest
    assert groups == [*(f"class {place:02}" for place in range(10)), "3 others"]
    assert [groups[one] for one in members[:2]] == ["class 00", "class 00"]
    assert members.count(10) == 10 + 9 + 8
