"""Images for networks that look at pixels."""

import torch
from torch import Tensor


def images(count: int = 3, height: int = 64, width: int = 64) -> Tensor:
    """(count, 3, height, width) uint8, of any colours."""
    generator = torch.Generator().manual_seed(5)
    size = (count, 3, height, width)
    return torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
