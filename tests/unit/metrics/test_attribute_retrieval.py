"""What the metrics add to the ranking: batches, roles, repeated images, reset and copies."""

import pickle
from copy import deepcopy
from dataclasses import fields
from math import nan

import pytest
import torch
from torch import Tensor

from m3net.errors import M3NetError
from m3net.metrics import (
    GALLERY,
    QUERY,
    AttributeRetrieval,
    Images,
    MetricsConfig,
    QueryResults,
    RetrievalMetrics,
    rank,
)

Batch = tuple[Tensor, Tensor, Tensor, Tensor]


def draw(size: int = 60, seed: int = 0) -> Batch:
    """Draw embeddings, targets of 3 classes, all four combinations of roles, and indices."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(size, 8, generator=generator),
        torch.rand(size, 3, generator=generator) < 0.4,
        torch.randint(4, (size,), generator=generator, dtype=torch.uint8),
        torch.randperm(size, generator=generator),
    )


def evaluated(images: Batch, batches: list[list[int]]) -> AttributeRetrieval:
    """Return a metric updated with the images in these batches of rows."""
    metric = AttributeRetrieval(3, config=MetricsConfig(top_k=5), block_size=7)
    for rows in batches:
        embeddings, targets, roles, index = (column[rows] for column in images)
        metric.update(embeddings, targets, roles, index)
    return metric


def assert_same(ours: AttributeRetrieval, theirs: AttributeRetrieval) -> None:
    """Check that two metrics have bit-identical scores and rankings."""
    assert {k: v.item() for k, v in ours.compute().items()} == {
        k: v.item() for k, v in theirs.compute().items()
    }
    for field in fields(QueryResults):
        found, expected = (getattr(metric.results(), field.name) for metric in (ours, theirs))
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_roles_choose_queries_and_gallery() -> None:
    embeddings, targets, roles, index = draw()
    images = Images(embeddings, targets, index)
    asks = torch.tensor([role in (QUERY, QUERY + GALLERY) for role in roles.tolist()])
    listed = torch.tensor([role in (GALLERY, QUERY + GALLERY) for role in roles.tolist()])
    expected = rank(images.select(asks), images.select(listed))
    scores = evaluated(draw(), [list(range(60))]).compute()
    for name, terms in expected.terms.items():
        assert scores[name].item() == pytest.approx(terms.mean().item(), abs=1e-14)
    assert scores["num_queries"] == asks.sum()
    assert scores["num_gallery"] == listed.sum()
    assert scores["num_queries_without_relevant"] == (expected.num_relevant == 0).sum()


def test_results_stand_in_index_order() -> None:
    _, _, roles, index = draw()
    results = evaluated(draw(), [list(range(60))]).results()
    assert results.query_index.tolist() == sorted(index[(roles & QUERY) > 0].tolist())
    assert results.top_index.shape == (len(results), 5)


def test_batches_their_order_and_repeated_images_change_nothing() -> None:
    whole = evaluated(draw(), [list(range(60))])
    padded = [list(range(40, 60)), [], list(range(13)), list(range(10, 45)), [0, 0, 59]]
    assert_same(evaluated(draw(), padded), whole)


def test_images_without_a_role_are_not_kept() -> None:
    embeddings, targets, roles, index = draw()
    embeddings[roles == 0] = nan
    metric = evaluated((embeddings, targets, roles, index), [list(range(60))])
    assert_same(metric, evaluated(draw(), [list(range(60))]))
    assert metric.embeddings[0].shape == (int((roles != 0).sum()), 8)


def test_a_batch_without_roles_leaves_an_empty_state_of_the_right_form() -> None:
    embeddings, targets, roles, index = draw()
    metric = evaluated((embeddings, targets, roles * 0, index), [list(range(60))])
    assert metric.embeddings[0].shape == (0, 8)
    assert metric.targets[0].shape == (0, 3)
    scores = metric.compute()
    assert scores["map_all"].isnan()
    assert scores["num_queries"] == 0


def test_a_repeated_image_with_other_labels_is_refused() -> None:
    embeddings, targets, roles, index = draw()
    metric = evaluated((embeddings, targets, roles | QUERY, index), [list(range(60))])
    row = slice(4, 5)
    metric.update(embeddings[row], ~targets[row], roles[row] | QUERY, index[row])
    with pytest.raises(ValueError, match=rf"images \[{int(index[4])}\] occur again"):
        metric.compute()


def test_images_of_a_product_do_not_rank_each_other() -> None:
    embeddings, targets, roles, index = draw()
    product = torch.randint(12, (60,), generator=torch.Generator().manual_seed(5))
    images = Images(embeddings, targets, index, product)
    asking, listed = (images.select((roles & role) > 0) for role in (QUERY, GALLERY))
    metric = AttributeRetrieval(3)
    for rows in (slice(0, 25), slice(20, 60)):
        metric.update(embeddings[rows], targets[rows], roles[rows], index[rows], product[rows])
    found, expected = metric.results(), rank(asking, listed)
    order = expected.query_index.argsort()
    assert torch.equal(found.query_index, expected.query_index[order])
    assert torch.equal(found.num_relevant, expected.num_relevant[order])
    assert torch.equal(found.terms["map_all"], expected.terms["map_all"][order])
    alone = evaluated(draw(), [list(range(60))]).results()
    assert (found.num_relevant < alone.num_relevant).any()


def test_products_are_given_of_all_images_or_of_none() -> None:
    embeddings, targets, roles, index = draw()
    metric = evaluated(draw(), [list(range(30))])
    rest = (embeddings[30:], targets[30:], roles[30:], index[30:])
    with pytest.raises(ValueError, match="product of all images or of none"):
        metric.update(*rest, product=index[30:])
    metric.reset()
    metric.update(*rest, product=index[30:])


def test_a_repeated_image_of_another_product_is_refused() -> None:
    embeddings, targets, roles, index = (column[:20] for column in draw())
    metric = AttributeRetrieval(3)
    metric.update(embeddings, targets, roles | QUERY, index, index)
    metric.update(embeddings[:1], targets[:1], roles[:1] | QUERY, index[:1], index[:1] + 1)
    with pytest.raises(ValueError, match=rf"images \[{int(index[0])}\] occur again"):
        metric.compute()


@pytest.mark.parametrize("wrong", range(5))
def test_shapes_are_checked(wrong: int) -> None:
    columns = [*draw(), torch.arange(60)]
    columns[wrong] = columns[wrong][1:] if wrong != 1 else columns[wrong][:, 1:]
    with pytest.raises(ValueError, match="expected"):
        AttributeRetrieval(num_classes=3).update(*columns)


def test_ranking_is_done_once_until_the_next_update() -> None:
    metric = evaluated(draw(), [list(range(30))])
    metric.compute()
    first = metric.results()
    assert metric.results() is first
    metric.update(*(column[30:] for column in draw()))
    assert_same(metric, evaluated(draw(), [list(range(60))]))


def test_reset_copy_and_pickle() -> None:
    metric = evaluated(draw(), [list(range(60))])
    assert_same(deepcopy(metric), metric)
    assert_same(pickle.loads(pickle.dumps(metric)), metric)  # noqa: S301 - our own bytes
    assert not metric.state_dict()
    metric.reset()
    metric.update(*draw(20, seed=1))
    assert_same(metric, evaluated(draw(20, seed=1), [list(range(20))]))


def test_states_are_detached_float32() -> None:
    embeddings, targets, roles, index = draw()
    metric = AttributeRetrieval(num_classes=3)
    metric.update(embeddings.bfloat16().requires_grad_(), targets, roles, index)
    assert metric.embeddings[0].dtype == torch.float32
    assert not metric.embeddings[0].requires_grad


def two_attributes() -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """Return five images on a line, best first for image 0, of attributes with 2 and 3 classes."""
    line = torch.tensor([[1.0], [0.9], [0.8], [0.7], [0.6]])
    sleeve = torch.eye(2, dtype=torch.bool)[[0, 1, 0, 1, 1]]
    collar = torch.eye(3, dtype=torch.bool)[[2, 2, 1, 0, 2]]
    roles = torch.tensor([[1, 1], [2, 3], [2, 2], [2, 2], [0, 2]], dtype=torch.uint8)
    return [line, line * torch.ones(5, 2)], torch.cat([sleeve, collar], 1), roles, torch.arange(5)


# Sleeve: 0 ranks 1 2 3 as -+-. Collar: 0 ranks 1 2 3 4 as +--+, 1 ranks 2 3 4 as --+.
SLEEVE, COLLAR = 1 / 2, ((1 / 1 + 2 / 4) / 2, 1 / 3)


def test_all_attributes_by_hand() -> None:
    metrics = RetrievalMetrics(["sleeve", "collar"], [2, 3])
    metrics.update(*two_attributes())
    scores = metrics.compute()
    assert scores["map_all/sleeve"].item() == pytest.approx(SLEEVE)
    assert scores["map_all/collar"].item() == pytest.approx(sum(COLLAR) / 2)
    assert scores["map_all"].item() == pytest.approx((SLEEVE + sum(COLLAR)) / 3)
    assert scores["map_all_by_attribute"].item() == pytest.approx((SLEEVE + sum(COLLAR) / 2) / 2)
    assert [row.num_gallery for row in metrics.table()] == [3, 4, 7, 7]
    assert metrics.results()["collar"].query_index.tolist() == [0, 1]


def test_all_attributes_reset_copy_and_pickle() -> None:
    metrics = RetrievalMetrics(["sleeve", "collar"], [2, 3])
    metrics.update(*two_attributes())
    copied = deepcopy(metrics)
    restored = pickle.loads(pickle.dumps(metrics))  # noqa: S301 - our own bytes
    table = metrics.table()
    assert copied.table() == restored.table() == table
    assert not metrics.state_dict()
    metrics.reset()
    metrics.update(*two_attributes())
    assert metrics.table() == table


def test_all_attributes_check_their_input() -> None:
    embeddings, targets, roles, index = two_attributes()
    metrics = RetrievalMetrics(["sleeve", "collar"], [2, 3])
    with pytest.raises(ValueError, match="targets have 4 columns for 5 classes"):
        metrics.update(embeddings, targets[:, :4], roles, index)
    with pytest.raises(ValueError, match="argument"):
        metrics.update(embeddings[:1], targets, roles, index)
    with pytest.raises(ValueError, match="argument"):
        metrics.update(embeddings, targets, roles[:, :1], index)


def test_missing_images_are_noticed() -> None:
    embeddings, targets, roles, index = two_attributes()
    num_labels = torch.ones(5, 2, dtype=torch.int64)
    metrics = RetrievalMetrics(["sleeve", "collar"], [2, 3])
    metrics.update([own[:4] for own in embeddings], targets[:4], roles[:4], index[:4])
    with pytest.raises(M3NetError, match="'collar': 2 of 2 queries and 3 of 4 gallery images"):
        metrics.check_complete(roles, num_labels)
    metrics.update([own[3:] for own in embeddings], targets[3:], roles[3:], index[3:])
    metrics.check_complete(roles, num_labels)
