"""A gallery streamed in blocks, against one held whole; and the size of the blocks."""

from collections.abc import Iterator
from dataclasses import fields, replace
from math import ceil
from typing import get_args

import pytest
import torch
from torch import Tensor

from m3net.base.protocol import Protocol
from m3net.metrics import Images, QueryResults
from m3net.metrics.query_results import Criteria
from m3net.metrics.ranking.reference import rank_by_definition
from m3net.metrics.ranking.streaming import rank_streamed

QUERIES, GALLERY, LENGTH = 30, 200, 8


def draw(number: int, seed: int) -> Images:
    """Draw images of 9 products; many scores are equal."""
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randint(-2, 3, (number, LENGTH), generator=generator) / 2
    targets = torch.rand(number, 4, generator=generator) < 0.3
    product = torch.randint(9, (number,), generator=generator)
    return Images(embeddings, targets, torch.arange(number), product)


@pytest.mark.parametrize("protocol", get_args(Protocol))
@pytest.mark.parametrize("memory_limit", [1, 20_000, 10**9])
@pytest.mark.parametrize("gallery_limit", [1, 1_000, 10**9])
def test_blocks_change_no_ranking_and_keep_to_their_size(
    protocol: Protocol, memory_limit: int, gallery_limit: int
) -> None:
    queries, gallery = draw(QUERIES, seed=0), draw(GALLERY, seed=1)
    passed: list[list[int]] = []

    def blocks(size: int) -> Iterator[tuple[Tensor, Tensor]]:
        passed.append([])
        for columns in torch.arange(GALLERY).flip(0).split(size):  # type: ignore[no-untyped-call]  # torch's gap
            passed[-1].append(len(columns))
            yield columns, gallery.embeddings[columns]

    criteria = Criteria(protocol, cutoffs=(1, 10), top_k=5)
    found = rank_streamed(
        queries,
        replace(gallery, embeddings=torch.empty(GALLERY, 0)),
        blocks,
        criteria,
        max_queries=QUERIES + 1,
        memory_limit=memory_limit,
        gallery_limit=gallery_limit,
    )
    expected = rank_by_definition(queries, gallery, criteria)
    for field in fields(QueryResults):
        if field.name != "terms":
            assert torch.equal(getattr(found, field.name), getattr(expected, field.name))
    for name, values in expected.terms.items():
        torch.testing.assert_close(found.terms[name], values, rtol=0, atol=1e-13)
    for one in passed:
        assert sum(one) == GALLERY
        assert max(one) == 1 or max(one) * LENGTH * 4 <= gallery_limit
    # Half of the memory is for scores of float32.
    asking = ceil((QUERIES + 1) / len(passed))
    assert asking == 1 or asking * GALLERY * 4 <= memory_limit / 2
    assert (memory_limit == 10**9) == (len(passed) == 1)
