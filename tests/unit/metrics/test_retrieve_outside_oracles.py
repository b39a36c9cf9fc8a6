"""The metrics against four other libraries, each with the definition that is its own.

Embeddings are whole numbers whose inner products float32 holds, so that all libraries sort the same
scores, whatever they multiply with. Where a library defines a metric otherwise, its definition is
worked out from our ranked lists, in Python numbers, and must give the library's number.
"""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import fmean
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest
import ranx
import torch
from numpy.typing import NDArray
from pytorch_metric_learning.distances import DotProductSimilarity
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from sklearn.metrics import average_precision_score
from torch import Tensor
from torchmetrics.functional.retrieval import (
    retrieval_average_precision,
    retrieval_hit_rate,
    retrieval_precision,
    retrieval_r_precision,
    retrieval_recall,
)

from m3net.base.protocol import Protocol
from m3net.metrics import Images, QueryResults, rank

PROTOCOLS = get_args(Protocol)
SIZES = [(4, 12), (20, 120), (30, 300)]
CUTOFFS = (1, 10, 100)
RAISE = 2.0**23
"""So much more than 0 no score is less, and float32 still holds the sum."""


class Query(NamedTuple):
    """A library's input for one query: its gallery, without the query's own image.

    Attributes:
        scores: (n,) float64.
        relevant: (n,) bool.
    """

    scores: NDArray[np.float64]
    relevant: NDArray[np.bool_]


def draw(queries: int, gallery: int, *, several: bool, most: int = 1_400) -> tuple[Images, Images]:
    """Draw images with one class or several, or none; queries are the first of the gallery.

    Nothing is relevant to the first image. Embeddings are of whole numbers, at most `most`.
    """
    generator = torch.Generator().manual_seed(gallery)
    embeddings = torch.randint(-most, most + 1, (gallery, 4), generator=generator).float()
    if several:
        targets = torch.rand(gallery, 6, generator=generator) < 0.25
    else:
        targets = torch.eye(6, dtype=torch.bool)[torch.randint(5, (gallery,), generator=generator)]
    targets[:, 5] = False
    targets[0] = torch.arange(6) == 5
    images = Images(embeddings, targets, torch.arange(gallery) + 1_000)
    return images.select(torch.arange(queries)), images


def asked(queries: Images, gallery: Images, protocol: Protocol) -> Iterator[Query]:
    """Return the queries in the order of the results."""
    for row in range(len(queries)):
        others = gallery.select(gallery.index != queries.index[row])
        scores = others.embeddings.double().numpy() @ queries.embeddings[row].double().numpy()
        carried = queries.targets[row].nonzero().flatten().tolist()
        for classes in [carried] if protocol == "single" else [[one] for one in carried]:
            yield Query(scores, others.targets[:, classes].any(dim=1).numpy())


class Case(NamedTuple):
    """Queries and their results; `found` lists the whole gallery for each."""

    asked: list[Query]
    found: QueryResults

    @classmethod
    def drawn(cls, size: tuple[int, int], protocol: Protocol, **settings: Any) -> "Case":  # noqa: ANN401 - of `draw`
        pair = draw(*size, several=True, **settings)
        found = rank(*pair, protocol=protocol, cutoffs=CUTOFFS, top_k=len(pair[1]))
        return cls(list(asked(*pair, protocol)), found)


@pytest.fixture(
    scope="module", params=[(size, own) for size in SIZES for own in PROTOCOLS], ids=str
)
def case(request: pytest.FixtureRequest) -> Case:
    """Queries without equal scores."""
    made = Case.drawn(*request.param)
    assert all(len(np.unique(query.scores)) == len(query.scores) for query in made.asked)
    num_relevant = [int(query.relevant.sum()) for query in made.asked]
    assert made.found.num_relevant.tolist() == num_relevant
    assert min(num_relevant) == 0 < max(num_relevant)
    return made


def listed(found: QueryResults) -> Iterator[tuple[list[bool], list[float]]]:
    """Return the ranked relevance and scores of each query."""
    columns = (found.top_index >= 0, found.top_relevant, found.top_score)
    for kept, relevant, scores in zip(*columns, strict=True):
        yield relevant[kept].tolist(), scores[kept].tolist()


def precisions(relevant: list[bool], k: int | None = None) -> float:
    """Return the sum of the precision at each hit within the first k ranks."""
    ranks = [place for place, hit in enumerate(relevant[:k], start=1) if hit]
    return sum(count / place for count, place in enumerate(ranks, start=1))


def test_scikit_learn(case: Case) -> None:
    theirs = [_scikit_learn(query) for query in case.asked]
    assert case.found.terms["map_all"].tolist() == pytest.approx(theirs, abs=1e-12)


def _scikit_learn(query: Query) -> float:
    # Without a relevant image it warns, and says 0.
    return average_precision_score(query.relevant, query.scores) if query.relevant.any() else 0.0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_scikit_learn_takes_images_of_one_score_for_one_rank(protocol: Protocol) -> None:
    """Its precision at a hit counts all images of the hit's score; ours stands in index order."""
    case = Case.drawn((20, 120), protocol, most=1)
    expected = []
    for relevant, scores in listed(case.found):
        total = 0.0
        for hit in (place for place, own in enumerate(relevant) if own):
            end = max(place for place, score in enumerate(scores) if score == scores[hit]) + 1
            total += sum(relevant[:end]) / end
        expected.append(total / max(sum(relevant), 1))
    theirs = [_scikit_learn(query) for query in case.asked]
    assert theirs == pytest.approx(expected, abs=1e-12)
    assert abs(case.found.terms["map_all"].numpy() - theirs).max() > 0.01


def test_torchmetrics(case: Case) -> None:
    """It computes in float32, and treats images with scores <= 0 as not relevant."""
    judges: dict[str, Callable[..., Tensor]] = {
        "map_all": retrieval_average_precision,
        "r_precision": retrieval_r_precision,
    }
    for k in CUTOFFS:
        judges |= {
            f"map_{k}": partial(retrieval_average_precision, top_k=k),
            f"recall_{k}": partial(retrieval_recall, top_k=k),
            f"hit_rate_{k}": partial(retrieval_hit_rate, top_k=k),
            f"precision_{k}": partial(retrieval_precision, top_k=k),
        }
    for name, judge in judges.items():
        theirs = [judge(*_tensors(query, RAISE)).item() for query in case.asked]
        assert case.found.terms[name].tolist() == pytest.approx(theirs, abs=1e-6), name


def _tensors(query: Query, more: float) -> tuple[Tensor, Tensor]:
    scores = torch.from_numpy(query.scores + more)
    assert (scores > 0).all() or more == 0
    return scores.float(), torch.from_numpy(query.relevant)


def test_torchmetrics_takes_scores_that_are_not_positive_for_irrelevant(case: Case) -> None:
    theirs = [retrieval_average_precision(*_tensors(query, 0)).item() for query in case.asked]
    expected = []
    for relevant, scores in listed(case.found):
        kept = [hit and score > 0 for hit, score in zip(relevant, scores, strict=True)]
        expected.append(precisions(kept) / max(sum(kept), 1))
    assert theirs == pytest.approx(expected, abs=1e-6)
    assert abs(case.found.terms["map_all"].numpy() - theirs).max() > 0.01


def _ranx(case: Case, names: list[str]) -> dict[str, NDArray[np.float64]]:
    """Return ranx's value for each query; it sorts queries by name."""

    def named(rows: list[list[float]]) -> dict[str, dict[str, float]]:
        return {
            f"{query:04}": {f"{image:04}": value for image, value in enumerate(row)}
            for query, row in enumerate(rows)
        }

    relevant = ranx.Qrels(named([query.relevant.astype(int).tolist() for query in case.asked]))
    scores = ranx.Run(named([query.scores.tolist() for query in case.asked]))
    said: dict[str, NDArray[np.float64]] = ranx.evaluate(relevant, scores, names, return_mean=False)
    return said


def test_ranx(case: Case) -> None:
    names = {"map_all": "map", "r_precision": "r-precision"}
    for k in CUTOFFS:
        names |= {f"{name}_{k}": f"{name}@{k}" for name in ("recall", "precision", "hit_rate")}
    said = _ranx(case, list(names.values()))
    for ours, theirs in names.items():
        own = case.found.terms[ours].tolist()
        assert own == pytest.approx(said[theirs].tolist(), abs=1e-12), ours


def test_ranx_divides_early_precision_by_all_that_is_relevant(case: Case) -> None:
    """Its MAP@k divides by R, where ours divides by the hits, and by_min by min(k, R)."""
    said = _ranx(case, [f"map@{k}" for k in CUTOFFS])
    for k in CUTOFFS:
        theirs = said[f"map@{k}"].tolist()
        for row, (relevant, _) in enumerate(listed(case.found)):
            early, count = precisions(relevant, k), sum(relevant)
            assert theirs[row] == pytest.approx(early / max(count, 1), abs=1e-12)
            ours = {
                f"map_{k}": early / max(sum(relevant[:k]), 1),
                f"map_{k}_by_min": early / max(min(k, count), 1),
            }
            found = {name: case.found.terms[name][row].item() for name in ours}
            assert found == pytest.approx(ours, abs=1e-12)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("k", [None, "max_bin_count", 7])
@pytest.mark.parametrize("size", SIZES)
def test_pytorch_metric_learning(size: tuple[int, int], k: int | str | None, shared: bool) -> None:
    """Where it takes only k neighbours its MAP divides what they hold by R.

    Queries without a relevant image it leaves out of its means.
    """
    queries, gallery = draw(*size, several=False)
    if not shared:
        gallery = gallery.select(torch.arange(len(queries), len(gallery)))
    own, others = (images.targets.int().argmax(dim=1) for images in (queries, gallery))
    found = rank(queries, gallery, cutoffs=CUTOFFS, top_k=len(gallery))
    assert found.num_without_relevant
    lists = [relevant for relevant, _ in listed(found) if any(relevant)]
    among = max((others == label).sum().item() for label in own) - shared
    asks = found.num_relevant > 0
    expected = {
        "mean_average_precision": fmean(
            precisions(relevant, {"max_bin_count": int(among), 7: 7}.get(k)) / sum(relevant)
            for relevant in lists
        ),
        "precision_at_1": found.terms["precision_1"][asks].mean().item(),
    }
    if k is None:
        map_all = found.terms["map_all"][asks].mean().item()
        assert expected["mean_average_precision"] == pytest.approx(map_all, abs=1e-12)
    if k != 7:  # which are too few for metrics of the first R ranks
        expected["r_precision"] = found.terms["r_precision"][asks].mean().item()
        expected["mean_average_precision_at_r"] = fmean(
            precisions(relevant, sum(relevant)) / sum(relevant) for relevant in lists
        )
    judge = AccuracyCalculator(
        include=tuple(expected),
        k=k,
        knn_func=CustomKNN(DotProductSimilarity(normalize_embeddings=False)),
        kmeans_func=_no_clusters,
        device=torch.device("cpu"),
    )
    said = judge.get_accuracy(queries.embeddings, own, gallery.embeddings, others, shared)
    assert said == pytest.approx(expected, abs=1e-12)


def _no_clusters(*_: object) -> None:
    """Stand in for faiss, which is required although nothing is clustered."""
    raise NotImplementedError
