"""The vectors that rank: their inner products are the scores that their description promises."""

from dataclasses import replace
from itertools import product
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from m3net.errors import ConfigError
from m3net.models import AsenConfig, AsenPPConfig, AsenV2Config, M3NetConfig
from m3net.models.outputs import Outputs
from m3net.models.representations import Ranking, check_ranking, posteriors, represent

SIZES = (2, 4, 3)
STARTS = (0, 2, 6)
B, M, A, C, D = 7, 9, 3, 5, 6
RANKINGS: tuple[Ranking, ...] = get_args(Ranking)


@pytest.fixture
def outputs() -> Outputs:
    generator = torch.Generator().manual_seed(0)
    return Outputs(
        attributes=3 * torch.randn(B, A, C, generator=generator),
        phi=2 * torch.randn(B, M, D, generator=generator),
        logits=torch.randn(B, M, generator=generator),
        vectors=torch.empty(0),
    )


@pytest.fixture
def probabilities() -> Tensor:
    return torch.rand(B, M, generator=torch.Generator().manual_seed(1))


def cosine(one: Tensor, other: Tensor) -> float:
    """Cosine of two vectors."""
    return (one @ other / ((one @ one) * (other @ other)).sqrt()).item()


def score(
    ranking: Ranking, outputs: Outputs, probabilities: Tensor, attribute: int, q: int, g: int
) -> float:
    """The score of images q and g, straight from the description of the rankings."""
    assert outputs.attributes is not None
    assert outputs.phi is not None
    by_attribute = cosine(outputs.attributes[q, attribute], outputs.attributes[g, attribute])
    by_class = both = 0.0
    for m in range(STARTS[attribute], STARTS[attribute] + SIZES[attribute]):
        same = float(probabilities[q, m]) * float(probabilities[g, m])
        both += same
        by_class += same * cosine(outputs.phi[q, m], outputs.phi[g, m])
    duet = (by_attribute + by_class) / 2
    return {"attribute": by_attribute, "class": by_class, "posterior": both, "duet": duet}[ranking]


@pytest.mark.parametrize("ranking", RANKINGS)
def test_inner_products_are_the_documented_scores(
    ranking: Ranking, outputs: Outputs, probabilities: Tensor
) -> None:
    vectors = represent(outputs, probabilities, SIZES, ranking)
    assert len(vectors) == A
    for attribute, own in enumerate(vectors):
        assert own.dtype == torch.float32
        for q, g in product(range(B), repeat=2):
            expected = score(ranking, outputs, probabilities, attribute, q, g)
            assert float(own[q] @ own[g]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("ranking", RANKINGS)
def test_an_image_is_represented_alike_in_any_company(
    ranking: Ranking, outputs: Outputs, probabilities: Tensor
) -> None:
    assert outputs.attributes is not None
    assert outputs.phi is not None
    order = torch.tensor([4, 0, 6, 6, 1])
    some = replace(
        outputs,
        attributes=outputs.attributes[order],
        phi=outputs.phi[order],
        logits=outputs.logits[order],
    )
    together = represent(outputs, probabilities, SIZES, ranking)
    apart = represent(some, probabilities[order], SIZES, ranking)
    for own, alone in zip(together, apart, strict=True):
        torch.testing.assert_close(own[order], alone)


def test_attribute_vectors_have_length_one(outputs: Outputs, probabilities: Tensor) -> None:
    for own in represent(outputs, probabilities, SIZES, "attribute"):
        torch.testing.assert_close(own.norm(dim=1), torch.ones(B))


def test_no_vector_is_longer_than_one(outputs: Outputs) -> None:
    # Where the classes of an attribute share the probability 1, all rankings are bounded alike.
    parts = torch.split(outputs.logits, list(SIZES), dim=1)
    shared = torch.cat([part.softmax(dim=1) for part in parts], dim=1)
    for ranking in RANKINGS:
        for own in represent(outputs, shared, SIZES, ranking):
            assert (own.norm(dim=1) <= 1 + 1e-6).all()


def test_exactly_one_class_is_bayes_rule_on_independent_classes() -> None:
    log_odds, log_weight = torch.randn(4, 3), torch.tensor([0.5, 2.0, -1.0])
    found = posteriors(log_odds + log_weight, log_weight, (3,), (False,))
    chance = 1 / (1 + torch.exp(-log_odds))
    for b in range(4):
        outcomes = {}
        for carried in product([0, 1], repeat=3):
            terms = [chance[b, m] if carried[m] else 1 - chance[b, m] for m in range(3)]
            outcomes[carried] = float(torch.stack(terms).prod())
        assert sum(outcomes.values()) == pytest.approx(1, abs=1e-6)
        exactly_one = {c.index(1): p for c, p in outcomes.items() if sum(c) == 1}
        for m, joint in exactly_one.items():
            expected = joint / sum(exactly_one.values())
            assert found[b, m].item() == pytest.approx(expected, abs=1e-6)


def test_several_classes_are_independent_odds() -> None:
    logits, log_weight = torch.randn(4, 3), torch.tensor([0.5, 2.0, -1.0])
    found = posteriors(logits, log_weight, (3,), (True,))
    odds = torch.exp(logits) / torch.exp(log_weight)
    torch.testing.assert_close(found / (1 - found), odds, rtol=1e-4, atol=1e-5)


def test_subtracting_the_weight_undoes_weighted_cross_entropy() -> None:
    # Of 1,000 images 100 carry the class; the best constant logit under weight 7 is found by
    # descent, and what becomes of it is the true share.
    carried = torch.zeros(1000, 1)
    carried[:100] = 1
    logit, weight = torch.zeros(1, requires_grad=True), torch.tensor(7.0)
    for _ in range(200):
        loss = F.binary_cross_entropy_with_logits(logit.expand(1000, 1), carried, pos_weight=weight)
        (slope,) = torch.autograd.grad(loss, logit)
        logit = (logit - slope).detach().requires_grad_()
    found = posteriors(logit.detach()[None], weight.log()[None], (1,), (True,))
    assert found.item() == pytest.approx(0.1, abs=1e-3)


def test_attributes_of_both_kinds_stand_side_by_side() -> None:
    logits, log_weight = torch.randn(5, M), torch.randn(M)
    found = posteriors(logits, log_weight, SIZES, (False, True, False))
    apart = [
        posteriors(logits[:, s : s + n], log_weight[s : s + n], (n,), (several,))
        for s, n, several in zip(STARTS, SIZES, (False, True, False), strict=True)
    ]
    torch.testing.assert_close(found, torch.cat(apart, dim=1))
    torch.testing.assert_close(found[:, :2].sum(dim=1), torch.ones(5))
    torch.testing.assert_close(found[:, 6:].sum(dim=1), torch.ones(5))


def test_probabilities_of_half_precision_logits_are_float32() -> None:
    logits = torch.randn(5, M)
    found = posteriors(logits.bfloat16(), torch.zeros(M), SIZES, (False, True, False))
    assert found.dtype == torch.float32
    expected = posteriors(logits.bfloat16().float(), torch.zeros(M), SIZES, (False, True, False))
    assert torch.equal(found, expected)


@pytest.mark.parametrize("ranking", RANKINGS)
@pytest.mark.parametrize("kind", ["M3-Net", "M3-Net_a", "M3-Net_c", "ASEN", "ASEN_V2", "ASEN++"])
def test_check_ranking_refuses_what_represent_cannot_give(
    kind: str, ranking: Ranking, outputs: Outputs, probabilities: Tensor
) -> None:
    heads = {"ASEN": AsenConfig(), "ASEN_V2": AsenV2Config(), "ASEN++": AsenPPConfig()}
    m3net = M3NetConfig(attribute_attention=kind != "M3-Net_c", class_attention=kind != "M3-Net_a")
    config = heads.get(kind, m3net)
    assert config.title == kind
    attributes = None if kind == "M3-Net_c" else outputs.attributes
    phi = None if kind in heads else outputs.phi
    outputs = replace(outputs, attributes=attributes, phi=phi)
    lacking = "attribute" if kind == "M3-Net_c" else "class" if kind in heads else "nothing"
    if ranking in (lacking, "duet") and lacking != "nothing":
        others = "class, posterior" if kind == "M3-Net_c" else "attribute, posterior"
        with pytest.raises(ConfigError, match=f"{ranking} needs vectors .* one of {others}"):
            check_ranking(ranking, config)
        with pytest.raises(ConfigError, match=r"model\.ranking"):
            represent(outputs, probabilities, SIZES, ranking)
    else:
        check_ranking(ranking, config)
        assert len(represent(outputs, probabilities, SIZES, ranking)) == A
