"""The schedule by hand, and which weights decay."""

import math
from typing import Literal

import pytest
import torch
from torch import nn
from torch.optim import Adam, AdamW
from torch.optim.lr_scheduler import StepLR

from m3net.errors import ConfigError
from m3net.training.optimization import OptimizerConfig, build_optimizer, build_schedule


def rates(config: OptimizerConfig, num_steps: int, steps_per_epoch: int = 1) -> list[float]:
    """The learning rate of each step of a training, as torch applies it."""
    module = nn.Linear(2, 1)
    optimizer = build_optimizer(module, config)
    schedule = build_schedule(optimizer, config, num_steps, steps_per_epoch)
    seen = []
    for _ in range(num_steps):
        seen.append(optimizer.param_groups[0]["lr"])
        module(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        schedule.step()
    return seen


def test_warm_up_then_half_a_cosine() -> None:
    seen = rates(OptimizerConfig(lr=0.1, warmup=0.2), num_steps=10)
    rise = [0.05, 0.1]
    fall = [0.1 * (1 + math.cos(math.pi * k / 8)) / 2 for k in range(8)]
    assert seen == pytest.approx(rise + fall)


def test_constant_stays_at_the_peak() -> None:
    config = OptimizerConfig(lr=0.1, schedule="constant", warmup=0.0)
    assert rates(config, num_steps=4) == pytest.approx([0.1] * 4)


def test_steps_are_those_of_torch_by_epochs() -> None:
    config = OptimizerConfig(lr=0.1, schedule="step", warmup=0.0, step_epochs=3, step_factor=0.9)
    expected = []
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=0.1)
    schedule = StepLR(optimizer, step_size=3, gamma=0.9)
    for _ in range(10):
        expected += schedule.get_last_lr() * 4
        optimizer.step()
        schedule.step()
    assert len(set(expected)) == 4
    assert rates(config, num_steps=40, steps_per_epoch=4) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "other"), [("adam", Adam), ("adamw", AdamW)])
def test_weights_move_as_by_torchs_own(name: Literal["adam", "adamw"], other: type[Adam]) -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Linear(5, 3, bias=False) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    config = OptimizerConfig(algorithm=name, lr=0.1, weight_decay=0.3)
    pairs = (
        (ours, build_optimizer(ours, config)),
        (theirs, other(theirs.parameters(), lr=0.1, weight_decay=0.3)),
    )
    for x in torch.randn(4, 2, 5):
        for module, optimizer in pairs:
            optimizer.zero_grad()
            module(x).square().sum().backward()
            optimizer.step()
    assert torch.equal(ours.weight, theirs.weight)


def test_norms_and_biases_do_not_decay() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    optimizer = build_optimizer(module, OptimizerConfig(weight_decay=0.3))
    decay = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    found = {name: decay[id(parameter)] for name, parameter in module.named_parameters()}
    assert found == {"0.weight": 0.3, "0.bias": 0.0, "1.weight": 0.0, "1.bias": 0.0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": 0.0},
        {"weight_decay": -1.0},
        {"warmup": 1.0},
        {"step_epochs": 0},
        {"step_factor": 0.0},
        {"step_factor": 1.5},
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        OptimizerConfig(**wrong)  # type: ignore[arg-type]  # words are not given


def test_muon_moves_layers_by_the_nearest_orthogonal_matrix_and_the_rest_as_adam() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(32, 8), nn.BatchNorm2d(8))
    module.register_parameter("alone", nn.Parameter(torch.randn(5, 4)))
    weights = dict(module.named_parameters())
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    gradients = {name: torch.randn_like(weight) for name, weight in before.items()}
    for name, weight in weights.items():
        weight.grad = gradients[name].clone()
    config = OptimizerConfig(algorithm="muon", lr=0.01, weight_decay=0.0)
    build_optimizer(module, config).step()
    for name, gradient in gradients.items():
        step = before[name] - weights[name].detach()
        if name in ("0.weight", "1.weight"):
            left, _, right = torch.linalg.svd(gradient.flatten(1), full_matrices=False)
            nearest, step = left @ right, step.flatten(1)
            assert torch.cosine_similarity(step.flatten(), nearest.flatten(), dim=0) > 0.98, name
            # Numbers of AdamW's steps are about 0.2 of the rate in size; these are as large.
            assert step.square().mean().sqrt().item() == pytest.approx(0.2 * 0.01, rel=0.1), name
        else:
            assert torch.equal(step.sign(), gradient.sign()), name
            assert step.abs().min() > 0.9 * step.abs().max(), name


def test_muon_spares_what_adamw_spares_from_decay() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Embedding(2, 3))
    found = []
    for name in ("adamw", "muon"):
        config = OptimizerConfig(algorithm=name, weight_decay=0.3)
        groups = build_optimizer(module, config).param_groups
        found.append({p: group["weight_decay"] for group in groups for p in group["params"]})
    assert found[0] == found[1]
    assert set(found[0].values()) == {0.0, 0.3}
