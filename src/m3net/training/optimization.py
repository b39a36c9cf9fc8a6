"""Optimizers (Adam, AdamW, Muon) and the learning-rate schedule."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from timm.optim.muon import Muon
from torch import nn
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from m3net.errors import ConfigError


@dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer and its learning rate."""

    algorithm: Literal["adamw", "adam", "muon"] = "adamw"
    """adamw subtracts the decay from the weights, adam adds it to their gradients; muon moves the
    weights of convolutions and linear layers by the orthogonal matrix that is nearest to their
    momentum, and all others as adamw does (with Nesterov's momentum)."""
    lr: float = 1e-3
    """Peak learning rate."""
    weight_decay: float = 0.05
    """Decay of matrices and kernels; norms, biases and attribute embeddings have none."""
    schedule: Literal["cosine", "constant", "step"] = "cosine"
    """cosine falls to zero at the end of training, constant stays, step multiplies the rate by
    `step_factor` after every `step_epochs` epochs."""
    warmup: float = 0.05
    """Share of the training steps, 0 to 1, over which the rate rises from zero."""
    step_epochs: int = 3
    """Epochs between two steps of the step schedule."""
    step_factor: float = 0.9
    """What a step multiplies the rate by, above 0 and at most 1."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: A number is out of range.
        """
        if self.lr <= 0 or self.weight_decay < 0 or not 0 <= self.warmup < 1:
            raise ConfigError(
                "model.optimizer: lr must be positive, weight_decay not negative, warmup in [0, 1)."
            )
        if self.step_epochs < 1 or not 0 < self.step_factor <= 1:
            raise ConfigError(
                "model.optimizer: step_epochs must be positive, step_factor in (0, 1]."
            )


def build_optimizer(module: nn.Module, config: OptimizerConfig) -> Optimizer:
    """Return the optimizer of a module's parameters.

    Muon: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. Its steps
    are scaled to the size of AdamW's (Liu et al., arXiv:2502.16982), so that both take the same
    rates and decays.
    """
    embeddings = {m.weight for m in module.modules() if isinstance(m, nn.Embedding)}
    undecayed = [p for p in module.parameters() if p.ndim < 2 or p in embeddings]
    decayed = [p for p in module.parameters() if p.ndim >= 2 and p not in embeddings]
    if config.algorithm != "muon":
        groups: list[dict[str, Any]] = [
            {"params": decayed},
            {"params": undecayed, "weight_decay": 0.0},
        ]
        algorithm = AdamW if config.algorithm == "adamw" else Adam
        return algorithm(groups, lr=config.lr, weight_decay=config.weight_decay)
    layers = (nn.Linear, nn.Conv2d)
    matrices = {m.weight for m in module.modules() if isinstance(m, layers)}
    groups = [
        {"params": [p for p in decayed if p in matrices]},
        {"params": [p for p in decayed if p not in matrices], "use_fallback": True},
        {"params": undecayed, "weight_decay": 0.0, "use_fallback": True},
    ]
    return Muon(groups, lr=config.lr, weight_decay=config.weight_decay, nesterov=True)


def build_schedule(
    optimizer: Optimizer, config: OptimizerConfig, num_steps: int, steps_per_epoch: int
) -> LambdaLR:
    """Return the schedule of a training of `num_steps` steps; step it after each.

    Example:
        >>> config = OptimizerConfig(lr=1.0, warmup=0.5)
        >>> optimizer = build_optimizer(nn.Linear(1, 1), config)
        >>> schedule = build_schedule(optimizer, config, num_steps=4, steps_per_epoch=2)
        >>> [round(learning_rate_factor(step, config, 4, 2), 2) for step in range(4)]
        [0.5, 1.0, 1.0, 0.5]
    """

    def factor(step: int) -> float:
        return learning_rate_factor(step, config, num_steps, steps_per_epoch)

    return LambdaLR(optimizer, factor)


def learning_rate_factor(
    step: int, config: OptimizerConfig, num_steps: int, steps_per_epoch: int
) -> float:
    """Return the share of the peak rate at a step, counted from 0."""
    rise = round(config.warmup * num_steps)
    if step < rise:
        return (step + 1) / rise
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "step":
        return float(config.step_factor ** (step // steps_per_epoch // config.step_epochs))
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, num_steps - rise))))
