"""What may not change a ranking, what a change must change alike, and the two ends of the scale.

Whole-number embeddings have whole scores, which are exact: they are equal or at least 1 apart.
"""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, get_args

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from torch import Tensor

from m3net.base.protocol import Protocol
from m3net.metrics import Images, QueryResults, metric_names, rank

CUTOFFS, CLASSES, TOP = (1, 3, 10), 4, 6
PROTOCOLS = get_args(Protocol)
few = settings(max_examples=40, deadline=None)


class Shop(NamedTuple):
    """Queries and gallery; some images may be in both, or show one product."""

    queries: Images
    gallery: Images
    protocol: Protocol

    def rank(self) -> dict[tuple[int, int], dict[str, Any]]:
        """Return all results of each query, by image and class."""
        found = rank(*self[:2], protocol=self.protocol, cutoffs=CUTOFFS, top_k=TOP)
        names = zip(found.query_index.tolist(), found.query_class.tolist(), strict=True)
        columns = {"num_relevant": found.num_relevant, **found.terms, **_lists(found)}
        return {
            name: {column: values[row].tolist() for column, values in columns.items()}
            for row, name in enumerate(names)
        }

    def moved(self, queries: Tensor, gallery: Tensor) -> "Shop":
        """Return a copy with other embeddings."""
        return Shop(
            replace(self.queries, embeddings=queries),
            replace(self.gallery, embeddings=gallery),
            self.protocol,
        )

    def is_tied(self) -> bool:
        """Return whether a query has equal scores."""
        scores = self.queries.embeddings.double() @ self.gallery.embeddings.double().T
        return any(len(set(row)) < len(row) for row in scores.tolist())


def _lists(found: QueryResults) -> dict[str, Tensor]:
    return {name: getattr(found, name) for name in ("top_index", "top_score", "top_relevant")}


@st.composite
def shops(draw: st.DrawFn, most: int = 2, *, whole: bool = True) -> Shop:
    """Draw a shop; embeddings have numbers up to `most`, few of which make many scores equal."""
    size, length = draw(st.integers(1, 14)), draw(st.sampled_from([1, 3, 40]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    embeddings = rng.uniform(-most, most, (size, length))
    product = rng.integers(4, size=size) if draw(st.booleans()) else None
    images = Images(
        torch.from_numpy(embeddings.round() if whole else embeddings).float(),
        torch.from_numpy(rng.random((size, CLASSES)) < rng.random((size, 1))),
        torch.from_numpy(rng.permutation(3 * size)[:size]),
        None if product is None else torch.from_numpy(product),
    )
    asks, listed = (torch.from_numpy(rng.random(size) < 0.7) for _ in range(2))
    return Shop(images.select(asks), images.select(listed), draw(st.sampled_from(PROTOCOLS)))


@few
@given(shops(), st.randoms(use_true_random=False))
def test_the_order_of_queries_and_gallery_changes_nothing(shop: Shop, drawn: Any) -> None:  # noqa: ANN401 - a Random
    def shuffled(images: Images) -> Images:
        rows = list(range(len(images)))
        drawn.shuffle(rows)
        return images.select(torch.tensor(rows, dtype=torch.int64))

    again = Shop(shuffled(shop.queries), shuffled(shop.gallery), shop.protocol)
    assert again.rank() == shop.rank()


@few
@given(shops(most=5, whole=False), st.integers(-20, 20), st.integers(-20, 20))
def test_powers_of_two_change_no_digit(shop: Shop, ours: int, theirs: int) -> None:
    queries, gallery = (images.embeddings for images in shop[:2])
    found = shop.moved(queries * 2.0**ours, gallery * 2.0**theirs).rank()
    for own in found.values():
        own["top_score"] = [score / 2.0 ** (ours + theirs) for score in own["top_score"]]
    assert found == shop.rank()


def without_scores(shop: Shop) -> dict[tuple[int, int], dict[str, Any]]:
    return {
        name: {column: value for column, value in own.items() if column != "top_score"}
        for name, own in shop.rank().items()
    }


@few
@given(shops(most=200), st.integers(0, 1_000))
def test_any_factor_of_a_query_changes_no_order(shop: Shop, seed: int) -> None:
    assume(not shop.is_tied())
    factors = torch.rand(len(shop.queries), 1, generator=torch.Generator().manual_seed(seed))
    queries = shop.queries.embeddings * (factors + 1e-3)
    found = shop.moved(queries, shop.gallery.embeddings * 0.3)
    assert without_scores(found) == without_scores(shop)


@few
@given(shops(most=200), st.integers(0, 1_000))
def test_a_rotation_of_the_space_changes_no_order(shop: Shop, seed: int) -> None:
    assume(not shop.is_tied())
    length = shop.queries.embeddings.shape[1]
    drawn = np.random.default_rng(seed).standard_normal((length, length))
    rotation = torch.from_numpy(np.linalg.qr(drawn)[0])
    turned = [images.embeddings.double() @ rotation for images in shop[:2]]
    assert without_scores(shop.moved(turned[0], turned[1])) == without_scores(shop)


@few
@given(shops(), st.permutations(range(CLASSES)))
def test_the_names_of_classes_change_nothing(shop: Shop, names: list[int]) -> None:
    renamed = [replace(images, targets=images.targets[:, names]) for images in shop[:2]]
    found = Shop(renamed[0], renamed[1], shop.protocol).rank()
    was = dict(enumerate(names)) | {-1: -1}
    assert {(image, was[label]): own for (image, label), own in found.items()} == shop.rank()


@few
@given(shops(most=5, whole=False))
def test_any_case_agrees_with_a_loop_in_float64(shop: Shop) -> None:
    found, (queries, gallery) = shop.rank(), shop[:2]
    expected: dict[tuple[int, int], dict[str, Any]] = {}
    for image in range(len(queries)):
        carried = {c for c in range(CLASSES) if queries.targets[image, c]}
        ranked = []
        for other in range(len(gallery)):
            mine, its = queries.embeddings[image].tolist(), gallery.embeddings[other].tolist()
            score = np.float32(sum(a * b for a, b in zip(mine, its, strict=True)))
            carries = {c for c in range(CLASSES) if gallery.targets[other, c]}
            if queries.group[image] != gallery.group[other]:
                ranked.append((-score, int(gallery.index[other]), carries))
        ranked.sort(key=lambda own: own[:2])
        asked = {-1: carried} if shop.protocol == "single" else {c: {c} for c in carried}
        for label, classes in asked.items():
            relevance = [bool(classes & carries) for _, _, carries in ranked]
            expected[int(queries.index[image]), label] = naive(relevance) | {
                "num_relevant": sum(relevance),
                "top_index": [index for _, index, _ in ranked[:TOP]],
            }
    assert found.keys() == expected.keys()
    for name, own in expected.items():
        listed = [index for index in found[name]["top_index"] if index >= 0]
        assert own.pop("top_index") == listed
        assert {term: found[name][term] for term in own} == pytest.approx(own, abs=1e-12)


def naive(relevance: list[bool]) -> dict[str, float]:
    """Return all terms of a ranking."""
    count, ranks = sum(relevance), [rank for rank, own in enumerate(relevance, start=1) if own]
    precisions = [sum(relevance[:rank]) / rank for rank in ranks]
    terms = {
        "map_all": sum(precisions) / max(count, 1),
        "r_precision": sum(relevance[:count]) / max(count, 1),
    }
    for k in CUTOFFS:
        hits = sum(relevance[:k])
        early = sum(precisions[:hits])
        terms |= {
            f"map_{k}": early / max(hits, 1),
            f"map_{k}_by_min": early / max(min(k, count), 1),
            f"recall_{k}": hits / max(count, 1),
            f"hit_rate_{k}": float(hits > 0),
            f"precision_{k}": hits / k,
        }
    return terms


def judged(relevance: list[bool], scores: list[float]) -> dict[str, float]:
    """Return the terms of a gallery with known relevance and scores."""
    query = Images(torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool), torch.tensor([-1]))
    targets = torch.tensor(relevance, dtype=torch.bool)[:, None]
    gallery = Images(torch.tensor(scores)[:, None], targets, torch.arange(len(scores)))
    return {name: own.item() for name, own in rank(query, gallery, cutoffs=CUTOFFS).terms.items()}


close = partial(pytest.approx, abs=1e-12)


@few
@given(st.integers(0, 150), st.integers(0, 150))
def test_the_best_and_the_worst_ranking(relevant: int, others: int) -> None:
    size, count = relevant + others, max(relevant, 1)
    relevance = [True] * relevant + [False] * others
    best = judged(relevance, [-float(place) for place in range(size)])
    worst = judged(relevance, [float(place) for place in range(size)])
    first = float(relevant > 0)
    assert best["map_all"] == best["r_precision"] == close(first)
    # The i-th of the last R ranks holds the i-th hit.
    late = [hit / (others + hit) for hit in range(1, relevant + 1)]
    assert worst["map_all"] == close(sum(late) / count)
    assert worst["r_precision"] == close(max(relevant - others, 0) / count)
    for k in CUTOFFS:
        assert best[f"map_{k}"] == best[f"map_{k}_by_min"] == best[f"hit_rate_{k}"] == close(first)
        assert best[f"recall_{k}"] == close(min(k, relevant) / count)
        assert best[f"precision_{k}"] == close(min(k, relevant) / k)
        hits = min(max(k - others, 0), relevant)
        assert worst[f"map_{k}"] == close(sum(late[:hits]) / max(hits, 1))
        assert worst[f"map_{k}_by_min"] == close(sum(late[:hits]) / max(min(k, relevant), 1))
        assert worst[f"recall_{k}"] == close(hits / count)
        assert worst[f"precision_{k}"] == close(hits / k)
        assert worst[f"hit_rate_{k}"] == float(hits > 0)


def test_a_gallery_of_one_image() -> None:
    one = dict.fromkeys(metric_names(CUTOFFS), 1.0) | {f"precision_{k}": 1 / k for k in CUTOFFS}
    assert judged([True], [-3.0]) == close(one)
    assert judged([False], [-3.0]) == dict.fromkeys(one, 0.0)


@few
@given(st.lists(st.booleans(), max_size=200), st.sampled_from([0.0, 1.0, -2.5]))
def test_equal_scores_rank_by_index(relevance: list[bool], score: float) -> None:
    assert judged(relevance, [score] * len(relevance)) == close(naive(relevance))
