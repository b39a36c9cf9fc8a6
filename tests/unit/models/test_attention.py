"""Attention with all queries at once against one query and one position at a time."""

import math

import pytest
import torch
from torch import Tensor, nn

from m3net.models.attention import AttributeAttention, ClassAttention, Keys, attend, pool

B, C, D, V, SIDE = 3, 6, 8, 5, 4
ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 1, 1, 1, 2])


@pytest.fixture
def features() -> Tensor:
    return torch.randn(B, C, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def keys(features: Tensor) -> Tensor:
    torch.manual_seed(2)
    found: Tensor = Keys(C, D)(features)
    return found.detach()


@pytest.fixture
def of_attributes() -> AttributeAttention:
    torch.manual_seed(3)
    return AttributeAttention(C, num_attributes=3, dim=D)


@pytest.fixture
def of_classes() -> ClassAttention:
    torch.manual_seed(4)
    net = ClassAttention(C, ATTRIBUTE_OF_CLASS, dim=D, width=V)
    nn.init.normal_(net.offset)
    return net


def attend_to_one(query: Tensor, keys: Tensor) -> Tensor:
    """Attention (P,) of one query (D,) on one image's keys (D, P), position by position."""
    scores = [(query.detach() @ keys[:, p]).item() for p in range(keys.shape[1])]
    weights = [math.exp(score / math.sqrt(D)) for score in scores]
    return torch.tensor([weight / sum(weights) for weight in weights])


def pool_one(attention: Tensor, values: Tensor) -> Tensor:
    """Mean of one image's values (C, P) under an attention (P,)."""
    return torch.stack([attention[p] * values[:, p] for p in range(len(attention))]).sum(dim=0)


def test_keys_are_projection_norm_and_tanh_of_each_position(features: Tensor) -> None:
    net = Keys(C, D)
    found = net(features)
    weight = net.project.weight[:, :, 0, 0]
    projected = torch.stack(
        [weight @ features[b, :, y, x] for b in range(B) for y in range(SIDE) for x in range(SIDE)]
    )
    # In training, batch norm is over all positions of all images.
    spread = projected.var(dim=0, correction=0) + net.norm.eps
    expected = torch.tanh((projected - projected.mean(dim=0)) / spread.sqrt())
    torch.testing.assert_close(found, expected.view(B, SIDE * SIDE, D).transpose(1, 2))


def test_attend_and_pool_equal_a_loop(features: Tensor, keys: Tensor) -> None:
    queries = torch.tanh(torch.randn(7, D))
    values = features.flatten(2)
    attention = attend(queries, keys)
    pooled = pool(attention, values)
    for b in range(B):
        for k in range(7):
            expected = attend_to_one(queries[k], keys[b])
            torch.testing.assert_close(attention[b, k], expected)
            torch.testing.assert_close(pooled[b, k], pool_one(expected, values[b]))


def test_attribute_vectors_equal_a_loop_over_images_and_attributes(
    of_attributes: AttributeAttention, features: Tensor, keys: Tensor
) -> None:
    vectors, attention = of_attributes(features, keys)
    net = of_attributes
    first, last = (part for part in net.gate if isinstance(part, nn.Linear))
    for b in range(B):
        for a in range(3):
            embedding = net.embedding.weight[a]
            query = torch.tanh(net.query.weight @ embedding + net.query.bias)
            condition = (net.condition.weight @ embedding + net.condition.bias).clamp(min=0)
            expected = attend_to_one(query, keys[b])
            pooled = pool_one(expected, features[b].flatten(1))
            hidden = first.weight @ torch.cat([pooled, condition]) + first.bias
            opened = 1 / (1 + torch.exp(-(last.weight @ hidden.clamp(min=0) + last.bias)))
            torch.testing.assert_close(attention[b, a], expected)
            torch.testing.assert_close(vectors[b, a], pooled * opened)


def test_class_vectors_equal_a_loop_over_images_and_classes(
    of_classes: ClassAttention, features: Tensor, keys: Tensor
) -> None:
    attribute_queries = torch.randn(3, D)
    vectors, attention = of_classes(features, keys, attribute_queries)
    weight, bias = of_classes.value.weight[:, :, 0, 0], of_classes.value.bias
    assert bias is not None
    for b in range(B):
        values = weight @ features[b].flatten(1) + bias[:, None]
        for m, a in enumerate([0, 0, 1, 1, 1, 2]):
            query = torch.tanh(attribute_queries[a] + of_classes.offset[m])
            expected = attend_to_one(query, keys[b])
            torch.testing.assert_close(attention[b, m], expected)
            torch.testing.assert_close(vectors[b, m], pool_one(expected, values))


def test_a_class_without_offset_attends_as_its_attribute(
    of_attributes: AttributeAttention, of_classes: ClassAttention, features: Tensor, keys: Tensor
) -> None:
    nn.init.zeros_(of_classes.offset)
    _, by_attribute = of_attributes(features, keys)
    _, by_class = of_classes(features, keys, of_attributes.queries())
    torch.testing.assert_close(by_class, by_attribute[:, ATTRIBUTE_OF_CLASS])


def test_a_class_with_offset_does_not(
    of_attributes: AttributeAttention, of_classes: ClassAttention, features: Tensor, keys: Tensor
) -> None:
    _, by_attribute = of_attributes(features, keys)
    _, by_class = of_classes(features, keys, of_attributes.queries())
    difference = (by_class - by_attribute[:, ATTRIBUTE_OF_CLASS]).abs().amax(dim=(0, 2))
    assert (difference > 1e-3).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_is_a_float32_distribution(dtype: torch.dtype) -> None:
    keys = torch.tanh(3 * torch.randn(2, D, 50)).to(dtype)
    attention = attend(torch.tanh(3 * torch.randn(4, D)), keys)
    assert attention.dtype == torch.float32
    assert (attention >= 0).all()
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(2, 4))


def test_uniform_attention_pools_to_the_mean(features: Tensor) -> None:
    values = features.flatten(2)
    uniform = torch.full((B, 1, SIDE * SIDE), 1 / SIDE**2)
    torch.testing.assert_close(pool(uniform, values)[:, 0], values.mean(dim=2))
