"""The definitions, against hand-worked rankings and scikit-learn."""

from typing import Any, Literal

import pytest
import torch
from sklearn.metrics import average_precision_score, precision_score, recall_score
from torch import Tensor

from m3net.metrics import average_precision, hit_rate, precision, r_precision, recall

By = Literal["relevant", "hits", "min"]


def ranking(*rows: str) -> tuple[Tensor, Tensor]:
    """Read rankings written as "1001" into relevance (Q, G) and R (Q,)."""
    ranked = torch.tensor([[mark == "1" for mark in row] for row in rows])
    return ranked, ranked.sum(dim=1)


@pytest.mark.parametrize(
    ("k", "by", "expected"),
    [
        # Hits at ranks 2, 3 and 6, with precisions 1/2, 2/3 and 3/6.
        (None, "relevant", (1 / 2 + 2 / 3 + 3 / 6) / 3),
        (None, "hits", (1 / 2 + 2 / 3 + 3 / 6) / 3),
        (None, "min", (1 / 2 + 2 / 3 + 3 / 6) / 3),
        # Two hits in the first 4 ranks, which could have held all 3.
        (4, "relevant", (1 / 2 + 2 / 3) / 3),
        (4, "hits", (1 / 2 + 2 / 3) / 2),
        (4, "min", (1 / 2 + 2 / 3) / 3),
        # One hit in the first 2 ranks, which could have held 2.
        (2, "relevant", (1 / 2) / 3),
        (2, "hits", 1 / 2),
        (2, "min", (1 / 2) / 2),
        # None in the first.
        (1, "hits", 0.0),
        (1, "min", 0.0),
        # More ranks than images.
        (100, "relevant", (1 / 2 + 2 / 3 + 3 / 6) / 3),
        (100, "min", (1 / 2 + 2 / 3 + 3 / 6) / 3),
    ],
)
def test_average_precision_by_hand(k: int | None, by: By, expected: float) -> None:
    value = average_precision(*ranking("011001"), k=k, by=by)
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(("k", "expected"), [(1, 0), (2, 1 / 3), (5, 2 / 3), (6, 1), (None, 1)])
def test_recall_by_hand(k: int | None, expected: float) -> None:
    value = recall(*ranking("011001"), k=k)
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(("k", "hits"), [(1, 0), (2, 1), (3, 2), (5, 2), (6, 3), (100, 3)])
def test_precision_and_hit_rate_by_hand(k: int, hits: int) -> None:
    ranked, _ = ranking("011001")
    found = precision(ranked, k), hit_rate(ranked, k)
    assert [value.dtype for value in found] == [torch.float64] * 2
    # A gallery of 6 images fills no 100 ranks, but they are what is divided by.
    assert found[0].item() == pytest.approx(hits / k, abs=1e-15)
    assert found[1].item() == float(hits > 0)


def test_r_precision_by_hand() -> None:
    ranked, num_relevant = ranking("011001", "110000", "000111", "100000", "000000")
    value = r_precision(ranked, num_relevant)
    assert value.dtype == torch.float64
    assert value.tolist() == pytest.approx([2 / 3, 1.0, 0.0, 1.0, 0.0], abs=1e-15)


def test_precision_and_recall_agree_with_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(1)
    ranked = torch.rand(20, 50, generator=generator) < 0.2
    count = ranked.sum(dim=1)
    for k in (1, 7, 30):
        retrieved = (torch.arange(50) < k).numpy()
        rows = [row.numpy() for row in ranked]
        precisions = [precision_score(row, retrieved) for row in rows]
        recalls = [recall_score(row, retrieved) for row in rows]
        assert precision(ranked, k).tolist() == pytest.approx(precisions, abs=1e-12)
        assert recall(ranked, count, k).tolist() == pytest.approx(recalls, abs=1e-12)


def test_perfect_worst_and_nothing_relevant() -> None:
    ranked, num_relevant = ranking("1100", "0011", "0000")
    # Worst: precisions 1/3 and 2/4.
    expected = [1.0, (1 / 3 + 2 / 4) / 2, 0.0]
    assert average_precision(ranked, num_relevant).tolist() == pytest.approx(expected)
    assert recall(ranked, num_relevant, k=2).tolist() == [1.0, 0.0, 0.0]


def test_ranks_beyond_k_may_be_left_out() -> None:
    ranked, num_relevant = ranking("1010011010", "0001100000")
    for by in ("relevant", "hits", "min"):
        whole = average_precision(ranked, num_relevant, k=4, by=by)
        assert torch.equal(whole, average_precision(ranked[:, :4], num_relevant, k=4, by=by))
    assert torch.equal(recall(ranked, num_relevant, k=4), recall(ranked[:, :4], num_relevant, k=4))


def test_empty_gallery_scores_zero() -> None:
    ranked, num_relevant = torch.zeros(2, 0, dtype=torch.bool), torch.zeros(2, dtype=torch.int64)
    assert average_precision(ranked, num_relevant, k=100, by="min").tolist() == [0.0, 0.0]
    assert recall(ranked, num_relevant, k=100).tolist() == [0.0, 0.0]
    assert precision(ranked, k=100).tolist() == hit_rate(ranked, k=100).tolist() == [0.0, 0.0]
    assert r_precision(ranked, num_relevant).tolist() == [0.0, 0.0]


def test_average_precision_agrees_with_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    ranked = torch.rand(20, 50, generator=generator) < 0.2
    scores = torch.arange(50, 0, -1).numpy()
    expected = [average_precision_score(row.numpy(), scores) for row in ranked]
    values = average_precision(ranked, ranked.sum(dim=1))
    assert values.tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("k", [0, -10, 1.5, 2.0])
def test_k_must_be_a_positive_integer(k: Any) -> None:  # noqa: ANN401 - also no integer
    with pytest.raises(ValueError, match=f"at least 1, not {k}"):
        average_precision(*ranking("10"), k=k)
    with pytest.raises(ValueError, match=f"at least 1, not {k}"):
        recall(*ranking("10"), k=k)
    for metric in (precision, hit_rate):
        with pytest.raises(ValueError, match=f"at least 1, not {k}"):
            metric(ranking("10")[0], k=k)
