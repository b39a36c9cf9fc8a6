"""The CPU ranking against the reference, and against exact sums where float32 cannot decide."""

from dataclasses import fields
from functools import partial
from math import fsum
from typing import get_args

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from m3net.base.protocol import Protocol
from m3net.metrics import CUTOFFS, Images, QueryResults, metric_names, rank
from m3net.metrics.functional import average_precision, hit_rate, precision, r_precision, recall
from m3net.metrics.query_results import Criteria
from m3net.metrics.ranking import cpu
from m3net.metrics.ranking.cpu import SORTED_SCORES, CpuRanking, _threads_and_block
from m3net.metrics.ranking.cpu_loops import LONGEST, LOST, _is_uncertain, _reach, lengths
from m3net.metrics.ranking.cpu_product import Floats, Product
from m3net.metrics.ranking.reference import rank_by_definition

PROTOCOLS = get_args(Protocol)


def draw(
    seed: int,
    size: int,
    length: int,
    *,
    step: float = 0.0,
    different: int | None = None,
    products: int | None = None,
) -> Images:
    """Draw images with zero, one or several classes.

    Where `step` is given, embeddings are multiples of it, which makes scores equal; where
    `different` is, no more embeddings than that occur; where `products` is, no more products.
    """
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(different or size, length, generator=generator)
    embeddings = embeddings[torch.arange(size) % len(embeddings)]
    if step:
        embeddings = (embeddings / step).round() * step
    share = torch.rand(size, 1, generator=generator) ** 2
    targets = torch.rand(size, 5, generator=generator) < share
    index = torch.randperm(2 * size, generator=generator)[:size]
    product = None if products is None else torch.randint(products, (size,), generator=generator)
    return Images(embeddings, targets, index, product)


def values(results: QueryResults) -> dict[str, Tensor]:
    """Return all fields and all terms by name."""
    columns = {field.name: getattr(results, field.name) for field in fields(QueryResults)}
    terms: dict[str, Tensor] = columns.pop("terms")
    return columns | terms


def assert_plain(
    queries: Images,
    gallery: Images,
    protocol: Protocol,
    *,
    cutoffs: tuple[int, ...] = (1, 5, 100),
    top_k: int = 7,
) -> None:
    """Compare the CPU ranking, in different blocks, with the reference for all images."""
    ordered = gallery.select(gallery.index.argsort())
    plain = rank_by_definition(queries, ordered, Criteria(protocol, cutoffs, top_k))
    asked = partial(rank, queries, gallery, protocol=protocol, cutoffs=cutoffs, top_k=top_k)
    for block_size in (1, 3, None):
        found = asked(block_size=block_size)
        ours, theirs = values(found), values(plain)
        assert tuple(ours) == tuple(theirs)
        for name, own in ours.items():
            atol = 1e-13 if own.dtype == torch.float64 else 0
            torch.testing.assert_close(own, theirs[name], rtol=0, atol=atol, msg=name)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(0, 40),
    length=st.sampled_from([1, 3, 64, 513]),
    step=st.sampled_from([0.0, 0.5, 1e-4]),
    different=st.sampled_from([None, 1, 3]),
    products=st.sampled_from([None, 1, 4, 30]),
    shared=st.booleans(),
    top_k=st.sampled_from([0, 7, 50]),
    protocol=st.sampled_from(PROTOCOLS),
)
def test_any_case_agrees_with_the_plain_ranking(
    seed: int,
    size: int,
    length: int,
    step: float,
    different: int | None,
    products: int | None,
    shared: bool,
    top_k: int,
    protocol: Protocol,
) -> None:
    gallery = draw(seed, size, length, step=step, different=different, products=products)
    queries = gallery if shared else draw(seed + 1, 9, length, step=step, products=products)
    assert_plain(queries, gallery, protocol, top_k=top_k)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_gallery_of_more_than_a_part_agrees_with_the_plain_ranking(protocol: Protocol) -> None:
    images = draw(1, 1200, 256)
    near = images.embeddings + 1e-7 * torch.randn(1200, 256, generator=torch.manual_seed(0))
    gallery = Images(
        torch.cat([images.embeddings, near]), images.targets.repeat(2, 1), torch.arange(2400)
    )
    assert_plain(draw(2, 300, 256), gallery, protocol, top_k=100)


def multiplied(queries: Floats, gallery: Floats) -> Product:
    """Return the product of queries with a gallery."""
    return Product.of(queries, gallery, lengths(queries), float(lengths(gallery).max()))


def nearly_equal(spread: float) -> tuple[Images, Images]:
    """Return a query and 60 gallery images whose scores differ by about this share."""
    generator = torch.Generator().manual_seed(3)
    base = torch.randn(1024, generator=generator)
    noise = torch.randn(60, 1024, generator=generator)
    query = Images(base[None], torch.tensor([[True]]), torch.tensor([99]))
    relevant = torch.rand(60, 1, generator=generator) < 0.5
    return query, Images(base * (1 + spread * noise), relevant, torch.arange(60))


@pytest.mark.parametrize("spread", [1e-7, 1e-6, 1e-5, 3e-5])
def test_near_ties_stand_in_the_order_of_exactly_summed_scores(spread: float) -> None:
    query, gallery = nearly_equal(spread)
    asked = query.embeddings[0].tolist()
    scores = [
        np.float32(fsum(a * b for a, b in zip(asked, own, strict=True)))
        for own in gallery.embeddings.tolist()
    ]
    expected = sorted(range(60), key=lambda image: (-scores[image], image))
    product = (-query.embeddings.numpy() @ gallery.embeddings.numpy().T)[0]
    assert np.argsort(product, kind="stable").tolist() != expected, "float32 must not suffice"
    results = rank(query, gallery, top_k=60)
    assert results.top_index[0].tolist() == expected
    assert results.top_score[0].tolist() == [float(scores[image]) for image in expected]
    ranked = gallery.targets[expected].T
    unlisted = rank(query, gallery).terms["map_all"]
    torch.testing.assert_close(unlisted, average_precision(ranked, ranked.sum(dim=1)))


@pytest.mark.parametrize("spread", [1e-4, 1e-3, 1e-2])
def test_keys_of_an_uncertain_order_are_never_out_of_reach(spread: float) -> None:
    query, gallery = nearly_equal(spread)
    product = multiplied(query.embeddings.numpy(), gallery.embeddings.numpy())
    order = np.sort(product.negated[0])
    reach = _reach(product, 0, order, len(order))
    steps = np.diff(order.astype(np.int64))
    is_uncertain = np.array([_is_uncertain(product, 0, order, rank) for rank in range(len(steps))])
    assert (steps[is_uncertain] <= reach).all()
    assert (steps[is_uncertain] > LOST).any(), "the rounding of scores must be among them"


@pytest.mark.parametrize("others", [1, 3])
def test_a_first_hit_goes_before_others_whose_scores_round_to_its_own(others: int) -> None:
    """Float64 sums put the hit last; in float32 all scores are 1, and its index is the lowest."""
    query = Images(
        torch.tensor([[1.0, 2.0**-20]]), torch.tensor([[True, False]]), torch.tensor([9])
    )
    near = torch.tensor([[1.0, 2.0**-6]]).expand(others, 2)
    gallery = Images(
        torch.cat([torch.tensor([[1.0, 0.0]]), near]),
        torch.tensor([[True, False]] + [[False, True]] * others),
        torch.arange(1 + others),
    )
    assert rank(query, gallery).terms["map_all"].tolist() == [1.0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_network_that_tells_no_images_apart_gives_the_order_of_the_index(
    protocol: Protocol,
) -> None:
    images = draw(4, 300, 64, different=1)
    assert_plain(images, images, protocol)


@pytest.mark.parametrize("same", [LONGEST, LONGEST + 1])
def test_as_many_equal_images_as_are_settled_and_one_more(same: int) -> None:
    images = draw(5, 200, 16)
    images.embeddings[50 : 50 + same] = images.embeddings[50]
    assert_plain(images, images, "multi", top_k=3)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_equal_images_are_settled_without_the_plain_ranking(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = draw(5, 200, 16)
    images.embeddings[50 : 50 + LONGEST] = images.embeddings[50]
    monkeypatch.delattr(CpuRanking, "_rank_by_definition")
    assert_plain(images, images, protocol, top_k=3)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_few_orderings_at_a_time_agree_with_the_plain_ranking(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "SORTED_SCORES", 150)
    queries, gallery = draw(20, 25, 8, products=30), draw(21, 60, 8, step=0.5, products=12)
    assert_plain(queries, gallery, protocol, top_k=60)


def test_scores_of_any_size_are_told_apart() -> None:
    for size in (1e-30, 1e-15, 1e15):
        queries, gallery = draw(11, 9, 64), draw(12, 200, 64)
        gallery.embeddings.mul_(size)
        queries.embeddings[::3] *= 1e-6
        queries.embeddings[1] = 0
        assert_plain(queries, gallery, "single")


def test_a_product_less_precise_than_thought_is_noticed() -> None:
    gallery, queries = draw(5, 2000, 16), draw(6, 20, 16)
    gallery = gallery.select(gallery.index.argsort())
    criteria = Criteria("multi", CUTOFFS, top_k=5)
    ranking = CpuRanking(gallery, criteria)
    product = multiplied(queries.embeddings.numpy(), gallery.embeddings.numpy())
    noise = np.random.default_rng(0).standard_normal(product.negated.shape)
    negated = (product.negated * (1 + 1e-4 * noise)).clip(-(2.0**31), 2.0**31 - 64)
    imprecise = product._replace(negated=negated.astype(np.int32))
    found = ranking._rank(queries, imprecise)
    plain = rank_by_definition(queries, gallery, criteria)
    for name, own in values(found).items():
        assert torch.equal(own, values(plain)[name])


@pytest.mark.parametrize("noise", [0.05, 1.0, 5.0, 50.0])
@pytest.mark.parametrize("length", [8, 256, 512, 2048])
def test_products_are_more_precise_than_they_are_taken_to_be(noise: float, length: int) -> None:
    rng = np.random.default_rng(6)
    centers = rng.standard_normal((4, length))
    drawn = centers[np.arange(600) % 4] + noise * rng.standard_normal((600, length))
    images = drawn.astype(np.float32)
    queries, gallery = images[:100], images[100:]
    product = multiplied(queries, gallery)
    exact = queries.astype(np.float64) @ gallery.T.astype(np.float64) * product.scale[:, None]
    off = np.abs(exact + product.negated)
    assert (off <= 0.8 * product.slack[:, None] / 2).all()


def test_terms_are_those_of_ranked_relevance() -> None:
    """A gallery on a line, so that its ranked relevance is known beforehand."""
    generator = torch.Generator().manual_seed(7)
    relevant = torch.rand(300, 50, generator=generator) < torch.rand(50, generator=generator) ** 3
    relevant[:, :3] = torch.tensor([False, True, False])
    line = torch.arange(300, 0, -1.0)[:, None]
    gallery = Images(line, relevant, torch.arange(300))
    queries = Images(torch.ones(50, 1), torch.eye(50, dtype=torch.bool), torch.arange(1000, 1050))
    cutoffs, ranked, count = (100, 1, 17, 1000), relevant.T, relevant.sum(dim=0)
    terms = rank(queries, gallery, cutoffs=cutoffs).terms
    expected = {
        "map_all": average_precision(ranked, count),
        "r_precision": r_precision(ranked, count),
    }
    for k in cutoffs:
        expected |= {
            f"map_{k}": average_precision(ranked, count, k=k, by="hits"),
            f"map_{k}_by_min": average_precision(ranked, count, k=k, by="min"),
            f"recall_{k}": recall(ranked, count, k=k),
            f"hit_rate_{k}": hit_rate(ranked, k),
            f"precision_{k}": precision(ranked, k),
        }
    assert tuple(terms) == tuple(expected) == metric_names(cutoffs)
    for name, own in expected.items():
        torch.testing.assert_close(terms[name], own, rtol=0, atol=1e-13)


@pytest.mark.parametrize("threads", [1, 2, 16, 200])
@pytest.mark.parametrize("num_gallery", [0, 1_000, 30_000])
@pytest.mark.parametrize("memory_limit", [1, 2**25, 2**27, 2**31])
def test_many_threads_share_the_memory_but_not_down_to_single_images(
    threads: int, num_gallery: int, memory_limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    used, block = _threads_and_block(10_000, num_gallery, memory_limit)
    assert 1 <= used <= threads
    taken = used * (16 * SORTED_SCORES + 4 * num_gallery * block)
    assert taken <= memory_limit or (used, block) == (1, 1)
    assert block >= 128 or used == 1, "a thread more is not worth so small a product"


def test_threads_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, gallery = draw(13, 300, 32), draw(14, 500, 32)
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        found.append(values(rank(queries, gallery, top_k=4)))
    for name, own in found[0].items():
        assert torch.equal(own, found[1][name])


def test_a_memory_limit_changes_no_result() -> None:
    images = draw(8, 80, 16)
    few, many = (rank(images, images, memory_limit=limit) for limit in (1, 2**30))
    for name, own in values(few).items():
        assert torch.equal(own, values(many)[name])


def test_a_ranking_serves_several_blocks() -> None:
    gallery, queries = draw(9, 50, 8), draw(10, 6, 8)
    gallery = gallery.select(gallery.index.argsort())
    ranking = CpuRanking(gallery, Criteria("multi", CUTOFFS, top_k=3))
    blocks = [ranking.rank(block) for block in queries.split(3)]
    whole = rank(queries, gallery, protocol="multi", top_k=3)
    assert torch.equal(QueryResults.concatenate(blocks).top_index, whole.top_index)
