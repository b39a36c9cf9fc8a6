"""ASEN and ASEN_V2 against their papers' formulae, one image, attribute and position at a time."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m3net.models import AsenConfig, AsenV2Config
from m3net.models.asen import Asen, AsenBlock, AsenV2Block

B, C, A, DIM, D, SIDE = 3, 6, 3, 8, 5, 4
SIZES = (2, 4, 3)
CONFIGS: dict[str, AsenConfig | AsenV2Config] = {
    "asen": AsenConfig("test_resnet", attention_dim=8, embedding_dim=6),
    "asen_v2": AsenV2Config("test_resnet", attention_dim=8),
}


@pytest.fixture
def features() -> Tensor:
    return torch.randn(B, C, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def sigmoid(numbers: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-numbers))


def softmax(scores: list[float]) -> list[float]:
    return [math.exp(score) / sum(map(math.exp, scores)) for score in scores]


def positions(image: Tensor) -> list[Tensor]:
    """The (C,) features of each position of a (C, h, w) map, row by row."""
    return [image[:, y, x] for y in range(image.shape[1]) for x in range(image.shape[2])]


def test_asen_equals_its_formulae(features: Tensor) -> None:
    torch.manual_seed(2)
    block = AsenBlock(C, A, DIM, D)
    assert block.image.bias is not None
    with torch.no_grad():
        vectors, attention = block(features)
        convolution, squeeze = block.image.weight[:, :, 0, 0], block.score.weight[0]
        first, last = (part for part in block.gate if isinstance(part, nn.Linear))
        for b in range(B):
            for a in range(A):
                one_hot = torch.eye(A)[a]
                asked = torch.tanh(block.spatial.weight.T @ one_hot)
                scores = []
                for x in positions(features[b]):
                    seen = torch.tanh(convolution @ x + block.image.bias)
                    scores.append(math.tanh(float(squeeze @ (asked * seen))))
                weights = softmax(scores)
                pooled = torch.zeros(C)
                for weight, x in zip(weights, positions(features[b]), strict=True):
                    pooled += weight * x
                condition = (block.condition.weight.T @ one_hot).clamp(min=0)
                hidden = first.weight @ torch.cat([condition, pooled]) + first.bias
                gate = sigmoid(last.weight @ hidden.clamp(min=0) + last.bias)
                vector = block.last.weight @ (gate * pooled) + block.last.bias
                torch.testing.assert_close(attention[b, a], torch.tensor(weights))
                torch.testing.assert_close(vectors[b, a], vector)


def test_asen_v2_equals_its_formulae(features: Tensor) -> None:
    torch.manual_seed(3)
    block = AsenV2Block(C, A, DIM)
    nn.init.normal_(block.keys.norm.bias)
    nn.init.uniform_(block.keys.norm.weight, 0.5, 2)
    block.train()(features)  # running statistics that are not 0 and 1
    block.eval()
    net, norm = block.attend, block.keys.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        vectors, attention = block(features)
        convolution = block.keys.project.weight[:, :, 0, 0]
        first, last = (part for part in net.gate if isinstance(part, nn.Linear))
        for b in range(B):
            for a in range(A):
                embedding = net.embedding.weight[a]
                asked = torch.tanh(net.query.weight @ embedding + net.query.bias)
                scores = []
                for x in positions(features[b]):
                    spread = (norm.running_var + norm.eps).sqrt()
                    normed = (convolution @ x - norm.running_mean) / spread
                    key = torch.tanh(norm.weight * normed + norm.bias)
                    scores.append(float(asked @ key) / math.sqrt(DIM))
                weights = softmax(scores)
                pooled = torch.zeros(C)
                for weight, x in zip(weights, positions(features[b]), strict=True):
                    pooled += weight * x
                condition = (net.condition.weight @ embedding + net.condition.bias).clamp(min=0)
                hidden = first.weight @ torch.cat([pooled, condition]) + first.bias
                gate = sigmoid(last.weight @ hidden.clamp(min=0) + last.bias)
                torch.testing.assert_close(attention[b, a], torch.tensor(weights))
                torch.testing.assert_close(vectors[b, a], gate * pooled)


def test_no_position_weighs_more_than_e_squared_times_another_in_asen(features: Tensor) -> None:
    block = AsenBlock(C, A, DIM, D)
    nn.init.constant_(block.score.weight, 100.0)
    _, attention = block(features)
    ratio = attention.amax(dim=-1) / attention.amin(dim=-1)
    assert ratio.max() > 7
    assert ratio.max() <= math.e**2 + 1e-4


@pytest.mark.parametrize("head", ["asen", "asen_v2"])
def test_blocks_give_float32_also_under_autocast(features: Tensor, head: str) -> None:
    torch.manual_seed(4)
    block = AsenBlock(C, A, DIM, D) if head == "asen" else AsenV2Block(C, A, DIM)
    block.eval()
    exact = block(features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = block(features)
    for own, expected in zip(found, exact, strict=True):
        assert own.dtype == torch.float32
        torch.testing.assert_close(own, expected, rtol=0.05, atol=0.05)


def images(count: int, side: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("head", ["asen", "asen_v2"])
def test_log_odds_are_linear_in_the_direction_of_an_attributes_vector(head: str) -> None:
    torch.manual_seed(6)
    network = Asen(CONFIGS[head], SIZES).eval()
    nn.init.normal_(network.classifier.weight)
    nn.init.normal_(network.classifier.bias)
    with torch.no_grad():
        outputs = network(images(2))
    assert outputs.attributes is not None
    assert outputs.attributes.shape == (2, 3, network.vector_dim)
    weight, bias = network.classifier.weight, network.classifier.bias
    attribute_of_class = [0, 0, 1, 1, 1, 1, 2, 2, 2]
    for b in range(2):
        for m, a in enumerate(attribute_of_class):
            vector = outputs.attributes[b, a]
            cosine = F.cosine_similarity(vector, weight[m], dim=0)
            # A unit vector, stretched so that its numbers are about 1 in size.
            expected = cosine * weight[m].norm() * math.sqrt(len(vector)) + bias[m]
            torch.testing.assert_close(outputs.logits[b, m], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shaping", [False, True])
@pytest.mark.parametrize("head", ["asen", "asen_v2"])
def test_the_classifier_shapes_the_vectors_only_where_it_is_asked_to(
    head: str, shaping: bool
) -> None:
    network = Asen(replace(CONFIGS[head], train_vectors_by_classifier=shaping), SIZES)
    nn.init.normal_(network.classifier.weight)
    network(images(2)).logits.square().sum().backward()
    reached = {name for name, weight in network.named_parameters() if weight.grad is not None}
    own = {"classifier.weight", "classifier.bias"}
    everything = {name for name, _ in network.named_parameters()}
    assert reached == (everything if shaping else own)
