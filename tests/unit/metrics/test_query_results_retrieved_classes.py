"""Retrieved classes, against loops over queries and their lists."""

import math

import pytest
import torch

from m3net.base.protocol import Protocol
from m3net.metrics import GALLERY, QUERY, MetricsConfig, RetrievalMetrics


def made(protocol: Protocol, top_k: int) -> tuple[RetrievalMetrics, torch.Tensor, torch.Tensor]:
    """Forty images with one to three of five classes; no query has the last class."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.rand(40, 5, generator=generator) < 0.35
    targets[torch.arange(40), torch.randint(0, 4, (40,), generator=generator)] = True
    roles = torch.full((40, 1), GALLERY, dtype=torch.uint8)
    roles[:12] = QUERY
    targets[:12, 4] = False
    metrics = RetrievalMetrics(
        ["style"], [5], protocol=protocol, config=MetricsConfig(cutoffs=(5,), top_k=top_k)
    )
    embeddings = torch.randn(40, 3, generator=generator)
    metrics.update([embeddings], targets, roles, torch.arange(40))
    return metrics, targets, embeddings


@pytest.mark.parametrize("top_k", [3, 50])
@pytest.mark.parametrize("protocol", ["single", "multi"])
def test_shares_are_those_of_a_loop(protocol: Protocol, top_k: int) -> None:
    metrics, targets, embeddings = made(protocol, top_k)
    scores = embeddings.double() @ embeddings.double().T
    counts, lists = [[0] * 5 for _ in range(5)], [0] * 5
    for query in range(12):
        best = sorted(range(12, 40), key=lambda image: -float(scores[query, image]))[:top_k]
        # Under both protocols a query counts for each class that it carries.
        for asked in range(5):
            if targets[query, asked]:
                lists[asked] += len(best)
                for image in best:
                    for came in range(5):
                        counts[asked][came] += int(targets[image, came])
    found = metrics.retrieved_classes(targets)["style"].tolist()
    for asked in range(4):
        assert found[asked] == pytest.approx([n / lists[asked] for n in counts[asked]], abs=1e-12)
    assert all(math.isnan(share) for share in found[4])


def test_without_lists_there_is_no_share() -> None:
    metrics, targets, _ = made("single", 0)
    assert metrics.retrieved_classes(targets)["style"].isnan().all()
