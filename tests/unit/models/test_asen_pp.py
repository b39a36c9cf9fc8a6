"""ASEN++: how it joins its two branches, and which gradients go where."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m3net.boundary.typed import read_as
from m3net.errors import ConfigError, WeightsError
from m3net.losses import CombinedLoss
from m3net.models import AsenConfig, AsenPPConfig
from m3net.models.asen_pp import AsenPP, LocalConfig
from tests.unit.losses import objective
from tests.unit.models.pictures import images

SIZES = (2, 3)
ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 1, 1, 1])
LOCAL = LocalConfig(backbone="test_resnet", size=32, start=0.5)
CONFIG = AsenPPConfig("test_resnet", attention_dim=8, embedding_dim=6, local=LOCAL)


def new_network(progress: float = 1.0, **changes: Any) -> AsenPP:  # noqa: ANN401 - AsenPPConfig's
    torch.manual_seed(1)
    network = AsenPP(replace(CONFIG, **changes), SIZES)
    network.set_progress(progress)
    return network


def cosines(vectors: Tensor) -> Tensor:
    """(A, B, B) cosines of all pairs of images, one pair at a time."""
    count, attributes, _ = vectors.shape
    return torch.tensor(
        [
            [
                [
                    float(F.cosine_similarity(vectors[i, a], vectors[k, a], dim=0))
                    for k in range(count)
                ]
                for i in range(count)
            ]
            for a in range(attributes)
        ]
    )


def test_the_score_is_the_shared_cosine_of_both_branches() -> None:
    network = new_network().eval()
    with torch.no_grad():
        outputs = network(images())
    assert outputs.attributes is not None
    whole, close = outputs.vectors, outputs.extra["local"]
    assert outputs.attributes.shape == (3, 2, 12)
    expected = 0.6 * cosines(whole) + 0.4 * cosines(close)
    torch.testing.assert_close(cosines(outputs.attributes), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(outputs.vectors, whole)


def test_before_its_start_the_score_is_that_of_the_global_branch() -> None:
    early, late = new_network(0.49).eval(), new_network(0.5).eval()
    with torch.no_grad():
        first, second = early(images()), late(images())
    assert "local" not in first.extra
    assert "local" in second.extra
    assert torch.equal(first.vectors, second.vectors)
    assert first.attributes.shape == second.attributes.shape
    torch.testing.assert_close(cosines(first.attributes), cosines(first.vectors))


def test_the_local_branch_stays_once_it_takes_part() -> None:
    network = new_network(0.6)
    network.set_progress(0.2)
    assert network.is_local


@pytest.mark.parametrize("start", [0.0, 0.5])
def test_the_stage_is_part_of_a_checkpoint(start: float) -> None:
    local = replace(LOCAL, start=start)
    for progress in (0.0, 0.7):
        network = new_network(progress, local=local).eval()
        again = new_network(0.7 - progress, local=local).eval()
        again.load_state_dict(network.state_dict())
        with torch.no_grad():
            one, other = network(images()).attributes, again(images()).attributes
        assert torch.equal(one, other)
        assert bool(again.is_local) == (progress >= start)
    assert new_network(local=local).late_outputs == ({"local"} if start > 0 else set())


def reached(network: AsenPP, value: Tensor) -> set[str]:
    """The parts of a network that the gradient of a value reaches."""
    network.zero_grad()
    value.backward()  # type: ignore[no-untyped-call]  # torch's gap
    return {
        name.split(".")[0]
        for name, weight in network.named_parameters()
        if weight.grad is not None and weight.grad.any()
    }


TARGETS = torch.tensor([[1, 0, 1, 0, 0], [1, 0, 0, 1, 0], [0, 1, 1, 0, 0]]).bool()
ANNOTATED = torch.ones(3, 2, dtype=torch.bool)


def terms_of(
    network: AsenPP,
    targets: Tensor = TARGETS,
    annotated: Tensor = ANNOTATED,
    needed: Tensor | None = None,
) -> dict[str, Tensor]:
    counts = torch.full((5,), 10), torch.full((5,), 30)
    classes = objective.classes_of(ATTRIBUTE_OF_CLASS, network.vector_dim, (False, False), *counts)
    settings = objective.terms_of(center=0.0, local=0.1, align=0.1, margin=2.0)
    loss = CombinedLoss(settings, classes, late_outputs=network.late_outputs)
    terms: dict[str, Tensor] = loss(network(images(), needed).by_name(), targets, annotated)
    return terms


def test_crops_that_are_left_out_change_no_loss_and_no_gradient() -> None:
    # In evaluation mode no crop's statistics reach another's vector.
    network = new_network(train_vectors_by_classifier=True).eval()
    nn.init.normal_(network.classifier.weight)
    annotated = torch.tensor([[True, True], [True, False], [True, True]])
    targets = TARGETS & annotated[:, ATTRIBUTE_OF_CLASS]
    found = []
    for needed in (None, annotated):
        network.zero_grad()
        terms = terms_of(network, targets, annotated, needed)
        terms["total"].backward()  # type: ignore[no-untyped-call]  # torch's gap
        found.append(
            (
                terms,
                {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None},
            )
        )
    (every, gradients), (some, fewer) = found
    assert every.keys() == {"classification", "instance", "local", "align", "total"}
    for name, term in every.items():
        torch.testing.assert_close(some[name], term)
    assert fewer.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(fewer[name], gradient, rtol=1e-3, atol=1e-5)


def test_each_loss_reaches_its_own_branch_only() -> None:
    network = new_network()
    nn.init.normal_(network.classifier.weight)
    assert reached(network, terms_of(network)["instance"]) == {"backbone", "block"}
    # Neither through the vectors that are aligned to nor through the attention that crops.
    assert reached(network, terms_of(network)["local"]) == {"local"}
    assert reached(network, terms_of(network)["align"]) == {"local"}
    assert reached(network, terms_of(network)["classification"]) == {"classifier"}


def test_a_shaping_classifier_reaches_both_branches() -> None:
    network = new_network(train_vectors_by_classifier=True)
    nn.init.normal_(network.classifier.weight)
    everything = {"backbone", "block", "local", "classifier"}
    assert reached(network, terms_of(network)["classification"]) == everything


def test_all_weights_take_part_in_the_second_stage_and_no_local_one_in_the_first() -> None:
    for progress, idle in ((1.0, ()), (0.0, ("local.",))):
        network = new_network(progress)
        terms_of(network)["total"].backward()  # type: ignore[no-untyped-call]  # torch's gap
        for name, weight in network.named_parameters():
            assert (weight.grad is None) == name.startswith(idle or "no such part"), name


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"share": 1.1},
        {"share": -0.1},
        {"threshold": 1.0},
        {"threshold": -0.1},
        {"start": 1.1},
        {"start": -0.1},
    ],
    ids=str,
)
def test_settings_of_the_local_branch_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"model\.network\.local: .*{next(iter(wrong))}"):
        LocalConfig(**wrong)


def test_vectors_too_long_for_a_vector_engine_are_refused() -> None:
    assert AsenConfig(embedding_dim=2048).embedding_dim == 2048
    with pytest.raises(ConfigError, match=r"embedding_dim must not exceed 2048"):
        AsenConfig(embedding_dim=2049)


def test_settings_are_rebuilt_from_plain_values_old_ones_too() -> None:
    plain: dict[str, Any] = {"local": {"start": 0.25}}
    assert read_as(AsenPPConfig, plain) == AsenPPConfig(local=LocalConfig(start=0.25))
    assert read_as(AsenConfig, {"stride": 32}) == AsenConfig(stride=32)


def test_both_backbones_start_from_weights_of_their_own(tmp_path: Any) -> None:  # noqa: ANN401
    donor = new_network()
    files = []
    for name, net in (("global", donor.backbone.net), ("local", donor.local.backbone.net)):
        files.append(tmp_path / f"{name}.pth")
        torch.save(net.state_dict(), files[-1])
    local = replace(LOCAL, weights_file=str(files[1]))
    torch.manual_seed(99)
    network = AsenPP(replace(CONFIG, weights_file=str(files[0]), local=local), SIZES)
    network.load_pretrained()
    for ours, theirs in ((network, donor), (network.local, donor.local)):
        for own, other in zip(
            ours.backbone.parameters(), theirs.backbone.parameters(), strict=True
        ):
            assert torch.equal(own, other)
    files[1].unlink()
    with pytest.raises(WeightsError, match=r"model\.network\.local\.weights_file"):
        network.load_pretrained()
