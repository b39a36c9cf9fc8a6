"""The ranking, against loops over Python numbers."""

from dataclasses import fields, replace
from math import inf, isnan

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from sklearn.metrics import average_precision_score

from m3net.metrics import CUTOFFS, Images, QueryResults, QuerySums, metric_names, rank

BLOCK_SIZES = (1, 2, 7, 1000)


def naive(
    query: int, queries: Images, gallery: Images, cutoffs: tuple[int, ...]
) -> dict[str, float]:
    """Return the metrics of one query from their definitions, with a loop over the ranks."""
    embedding = queries.embeddings[query].tolist()
    carried = set(queries.targets[query].nonzero().flatten().tolist())
    candidates = []
    for row in range(len(gallery)):
        index = int(gallery.index[row])
        if not is_left_out(query, row, queries, gallery):
            values = gallery.embeddings[row].tolist()
            score = sum(a * b for a, b in zip(embedding, values, strict=True))
            shared = carried & set(gallery.targets[row].nonzero().flatten().tolist())
            candidates.append((-score, index, len(shared) > 0))
    relevance = [relevant for _, _, relevant in sorted(candidates)]
    hits, total = count_hits(relevance, len(relevance))
    expected = {
        "map_all": total / hits if hits else 0.0,
        "r_precision": count_hits(relevance, hits)[0] / hits if hits else 0.0,
    }
    for k in cutoffs:
        early, early_total = count_hits(relevance, k)
        expected |= {
            f"map_{k}": early_total / early if early else 0.0,
            f"map_{k}_by_min": early_total / min(k, hits) if hits else 0.0,
            f"recall_{k}": early / hits if hits else 0.0,
            f"hit_rate_{k}": 1.0 if early else 0.0,
            f"precision_{k}": early / k,
        }
    return expected


def is_left_out(query: int, row: int, queries: Images, gallery: Images) -> bool:
    """Return whether a gallery image is the query, or shows its product if products are known."""
    if queries.product is None or gallery.product is None:
        return bool(queries.index[query] == gallery.index[row])
    return bool(queries.product[query] == gallery.product[row])


def count_hits(relevance: list[bool], k: int) -> tuple[int, float]:
    """Return the number of hits within the first k ranks, and the sum of the precisions at them."""
    hits, total = 0, 0.0
    for position, relevant in enumerate(relevance[:k], start=1):
        if relevant:
            hits += 1
            total += hits / position
    return hits, total


def assert_naive(
    queries: Images, gallery: Images, results: QueryResults, cutoffs: tuple[int, ...] = (100,)
) -> None:
    """Compare every metric of every query with the loop."""
    for query in range(len(queries)):
        expected = naive(query, queries, gallery, cutoffs)
        found = {name: terms[query].item() for name, terms in results.terms.items()}
        assert found == pytest.approx(expected, abs=1e-12)


def random_images(
    seed: int, size: int, length: int, classes: int, *, several: bool, tied: bool
) -> Images:
    """Draw images; if tied, integer embeddings make many scores equal and all exact."""
    generator = torch.Generator().manual_seed(seed)
    if tied:
        embeddings = torch.randint(-1, 2, (size, length), generator=generator).float()
    else:
        embeddings = torch.randn(size, length, generator=generator)
    if several:
        targets = torch.rand(size, classes, generator=generator) < 0.2
    else:
        label = torch.randint(classes, (size,), generator=generator)
        targets = torch.eye(classes, dtype=torch.bool)[label]
    return Images(embeddings, targets, torch.randperm(3 * size, generator=generator)[:size])


def line(scores: list[float], labels: list[int], first: int = 1) -> tuple[Images, Images]:
    """Return a query 0 of class 0, and a gallery with these scores."""
    classes = torch.eye(3, dtype=torch.bool)
    index = torch.arange(first, first + len(scores))
    query = Images(torch.tensor([[1.0]]), classes[[0]], torch.tensor([0]))
    return query, Images(torch.tensor(scores)[:, None], classes[labels], index)


def of_products(images: Images, products: int, seed: int) -> Images:
    """Let each image show one of a few products."""
    generator = torch.Generator().manual_seed(seed)
    product = torch.randint(products, (len(images),), generator=generator)
    return replace(images, product=product)


def permuted(images: Images, seed: int = 0) -> Images:
    """Shuffle the rows of images."""
    return images.select(torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)))


def assert_equal(ours: QueryResults, theirs: QueryResults) -> None:
    """Compare all fields: rankings bit by bit, sums up to their order."""
    for field in fields(QueryResults):
        torch.testing.assert_close(
            getattr(ours, field.name), getattr(theirs, field.name), rtol=0, atol=1e-14
        )


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_agrees_with_a_plain_loop(several: bool, tied: bool) -> None:
    images = random_images(1, 260, 4, 5, several=several, tied=tied)
    rows = torch.arange(260)
    # Rows 20 to 29 are both, so self-matches occur.
    queries, gallery = images.select(rows[:30]), images.select(rows[20:])
    assert_naive(queries, gallery, rank(queries, gallery, block_size=8))


@settings(max_examples=25, deadline=None)
@given(
    queries=st.integers(0, 6),
    gallery=st.integers(0, 12),
    seed=st.integers(0, 10_000),
    several=st.booleans(),
    products=st.sampled_from([None, 1, 3]),
    cutoffs=st.lists(st.integers(1, 14), unique=True, max_size=3).map(tuple),
    block_size=st.integers(1, 7),
)
def test_any_small_case_agrees_with_a_plain_loop(
    queries: int,
    gallery: int,
    seed: int,
    several: bool,
    products: int | None,
    cutoffs: tuple[int, ...],
    block_size: int,
) -> None:
    asking = random_images(seed, queries, 3, 4, several=several, tied=True)
    listed = random_images(seed + 1, gallery, 3, 4, several=several, tied=True)
    if products:
        asking, listed = (of_products(images, products, seed) for images in (asking, listed))
    found = rank(asking, listed, cutoffs=cutoffs, block_size=block_size, top_k=3)
    assert_naive(asking, listed, found, cutoffs)


def test_agrees_with_scikit_learn() -> None:
    images = random_images(2, 120, 16, 4, several=False, tied=False)
    rows = torch.arange(120)
    queries, gallery = images.select(rows[:20]), images.select(rows[20:])
    scores = queries.embeddings @ gallery.embeddings.T
    relevance = queries.targets.int() @ gallery.targets.int().T
    expected = [
        average_precision_score(y.numpy(), s.numpy())
        for y, s in zip(relevance, scores, strict=True)
    ]
    found = rank(queries, gallery).terms["map_all"]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_hand_worked_case() -> None:
    # Ranked: index 3 (relevant), 1 (not), 4 (not), 2 (relevant): (1/1 + 2/4) / 2.
    results = rank(*line([0.5, -0.5, 0.9, 0.1], [1, 0, 0, 2]), top_k=3)
    assert results.terms["map_all"].item() == 0.75
    assert results.num_relevant.item() == 2
    assert results.top_index.tolist() == [[3, 1, 4]]
    assert results.top_relevant.tolist() == [[True, False, False]]
    torch.testing.assert_close(results.top_score, torch.tensor([[0.9, 0.5, 0.1]]))


def test_negative_scores_rank_like_any_others() -> None:
    results = rank(*line([-0.1, -0.6, -0.2], [0, 1, 0]))
    assert results.terms["map_all"].item() == 1.0


def test_the_hundredth_rank_counts_and_the_next_does_not() -> None:
    # 150 images in rank order; relevant are ranks 100, 101 and 150.
    labels = [0 if position in (100, 101, 150) else 1 for position in range(1, 151)]
    results = rank(*line([-float(position) for position in range(150)], labels))
    assert results.terms["map_100"].item() == pytest.approx(1 / 100)
    assert results.terms["map_100_by_min"].item() == pytest.approx(1 / 100 / 3)
    assert results.terms["recall_100"].item() == pytest.approx(1 / 3)
    assert results.terms["map_all"].item() == pytest.approx((1 / 100 + 2 / 101 + 3 / 150) / 3)


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_equal_scores_stand_in_the_order_of_the_gallery_index(block_size: int) -> None:
    # Each gallery embedding occurs twice, far apart; its products must not differ in a bit.
    once = random_images(3, 151, 512, 3, several=False, tied=False)
    gallery = Images(
        once.embeddings.repeat(2, 1), once.targets.repeat(2, 1), torch.arange(302).flip(0)
    )
    queries = random_images(4, 9, 512, 3, several=False, tied=False)
    queries = Images(queries.embeddings, queries.targets, queries.index + 1000)
    results = rank(queries, permuted(gallery), block_size=block_size, top_k=302)
    pairs = results.top_index.reshape(9, 151, 2)
    assert torch.equal(pairs[..., 0] + 151, pairs[..., 1])
    assert_equal(results, rank(queries, gallery, top_k=302))


def test_zero_and_minus_zero_are_equal_scores() -> None:
    results = rank(*line([0.0, -0.0, 0.0], [1, 0, 0]), top_k=3)
    assert results.top_index[0].tolist() == [1, 2, 3]


def test_block_size_and_row_order_change_nothing() -> None:
    images = random_images(5, 200, 64, 6, several=True, tied=False)
    rows = torch.arange(200)
    queries, gallery = images.select(rows[:60]), images.select(rows[40:])
    results = rank(queries, gallery, top_k=50)
    for block_size in BLOCK_SIZES:
        shuffled = permuted(gallery, seed=block_size)
        assert_equal(rank(queries, shuffled, block_size=block_size, top_k=50), results)


def test_monotone_rescaling_of_the_scores_changes_no_metric() -> None:
    generator = torch.Generator().manual_seed(6)
    scores, labels = torch.randn(40, generator=generator), torch.arange(40) % 3
    plain = rank(*line(scores.tolist(), labels.tolist()), top_k=40)
    scaled = rank(*line((scores.exp() - 9).tolist(), labels.tolist()), top_k=40)
    assert plain.terms == scaled.terms
    assert torch.equal(plain.top_index, scaled.top_index)


def test_query_without_relevant_images_scores_zero_and_is_counted() -> None:
    results = rank(*line([0.3, 0.1], [1, 2]))
    assert {name: terms.item() for name, terms in results.terms.items()} == dict.fromkeys(
        metric_names(CUTOFFS), 0.0
    )
    assert results.num_without_relevant == 1


def test_own_image_is_left_out() -> None:
    # Index 0 is the query itself, the best match. Without it: 2 (not), 1 (relevant).
    results = rank(*line([9.0, 0.1, 0.2], [0, 0, 1], first=0), top_k=3)
    assert results.num_relevant.item() == 1
    assert results.terms["map_all"].item() == 0.5
    assert results.top_index.tolist() == [[2, 1, -1]]
    assert results.top_relevant.tolist() == [[False, True, False]]
    assert results.top_score[0, 2].item() == -inf


def test_all_images_of_the_own_product_are_left_out() -> None:
    # Images 1 and 3, the best and the third, show what the query shows. Left are 2 (not), 4 (yes).
    query, gallery = line([0.9, 0.8, 0.7, 0.6], [0, 1, 0, 0])
    query = replace(query, product=torch.tensor([7]))
    gallery = replace(gallery, product=torch.tensor([7, 5, 7, 0]))
    results = rank(query, gallery, top_k=3)
    assert results.num_relevant.item() == 1
    assert results.terms["map_all"].item() == 0.5
    assert results.top_index.tolist() == [[2, 4, -1]]
    assert results.top_relevant.tolist() == [[False, True, False]]
    assert results.top_score[0, 2].item() == -inf


def test_lists_are_given_on_request_alone() -> None:
    results = rank(*line([0.5, 0.25], [0, 1]))
    assert results.top_index.shape == results.top_score.shape == results.top_relevant.shape
    assert results.top_index.shape == (1, 0)


def test_means_count_queries_without_relevant_images_or_leave_them_out() -> None:
    found = rank(*line([0.3, 0.1], [1, 0]), cutoffs=(1,))
    nothing = rank(*line([0.3, 0.1], [1, 2]), cutoffs=(1,))
    sums = QuerySums.of(QueryResults.concatenate([found, nothing]))
    assert sums.means()["map_all"] == 0.25
    assert sums.means("skip")["map_all"] == 0.5
    assert sums.means().keys() == sums.means("skip").keys() == set(metric_names((1,)))
    assert isnan(QuerySums.of(nothing).means("skip")["map_all"])


def test_what_is_missing_of_the_top_is_padded() -> None:
    results = rank(*line([0.5, 0.25], [0, 1]), top_k=4)
    assert results.top_index.tolist() == [[1, 2, -1, -1]]
    assert results.top_score.tolist() == [[0.5, 0.25, -inf, -inf]]
    assert results.top_relevant.tolist() == [[True, False, False, False]]


def test_embeddings_of_half_precision_are_scored_in_float32() -> None:
    images = random_images(7, 100, 32, 3, several=False, tied=False)
    half = Images(images.embeddings.bfloat16(), images.targets, images.index)
    single = Images(half.embeddings.float(), images.targets, images.index)
    assert_equal(rank(half, half), rank(single, single))


def test_embeddings_of_double_precision_are_scored_in_float32() -> None:
    # 1 + 5e-8 is 1 in float32, but its square in float64 is nearer to the float32 above 1.
    query, gallery = (
        Images(images.embeddings.double() + 5e-8, images.targets, images.index)
        for images in line([1.0], [0])
    )
    assert rank(query, gallery, top_k=1).top_score.item() == 1.0
