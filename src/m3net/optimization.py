"""AdamW with warm-up and cosine decay, decided by two numbers."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from m3net.errors import ConfigError


@dataclass(frozen=True)
class OptimizerConfig:
    """How weights are moved.

    Attributes:
        lr: Peak learning rate.
        weight_decay: Decay of matrices and kernels; norms, biases and attribute
            embeddings are spared.
        schedule: cosine falls to zero at the end of training, constant stays.
        warmup: Share of the training steps, 0 to 1, over which the rate rises from zero.
    """

    lr: float = 1e-3
    weight_decay: float = 0.05
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = 0.05

    def __post_init__(self) -> None:
        """Refuse numbers that move no weight.

        Raises:
            ConfigError: A number is out of range.
        """
        if self.lr <= 0 or self.weight_decay < 0 or not 0 <= self.warmup < 1:
            raise ConfigError(
                "model.optimizer: lr must be positive, weight_decay not negative, warmup in [0, 1)."
            )


def build_optimizer(module: nn.Module, config: OptimizerConfig) -> AdamW:
    """Give the optimizer of a module's parameters."""
    embeddings = {m.weight for m in module.modules() if isinstance(m, nn.Embedding)}
    spared = [p for p in module.parameters() if p.ndim < 2 or p in embeddings]
    decayed = [p for p in module.parameters() if p.ndim >= 2 and p not in embeddings]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": spared, "weight_decay": 0.0}]
    return AdamW(groups, lr=config.lr, weight_decay=config.weight_decay)


def build_schedule(optimizer: AdamW, config: OptimizerConfig, num_steps: int) -> LambdaLR:
    """Give the schedule over a training of `num_steps` steps.

    Example:
        >>> config = OptimizerConfig(lr=1.0, warmup=0.5)
        >>> optimizer = build_optimizer(nn.Linear(1, 1), config)
        >>> schedule = build_schedule(optimizer, config, num_steps=4)
        >>> [round(learning_rate_factor(step, 4, config), 2) for step in range(4)]
        [0.5, 1.0, 1.0, 0.5]
    """
    return LambdaLR(optimizer, lambda step: learning_rate_factor(step, num_steps, config))


def learning_rate_factor(step: int, num_steps: int, config: OptimizerConfig) -> float:
    """Give the share of the peak rate at a step, counted from 0."""
    rise = round(config.warmup * num_steps)
    if step < rise:
        return (step + 1) / rise
    if config.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, num_steps - rise))))
