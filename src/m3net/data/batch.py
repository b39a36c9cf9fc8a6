"""The values that a loader makes: samples, and the batch that the network gets."""

from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor


class Sample(TypedDict):
    """One image; A attributes, M classes over all attributes.

    Attributes:
        pixels: (H, W, 3) uint8, RGB.
        targets: (M,) bool, True where the image carries a class.
        annotated: (A,) bool, True where the image is annotated for an attribute.
        roles: (A,) uint8, `Role` flags of the image in the evaluation of each attribute.
        index: () int64, the image's place in its split.
    """

    pixels: Tensor
    targets: Tensor
    annotated: Tensor
    roles: Tensor
    index: Tensor


class Batch(TypedDict):
    """B images.

    Attributes:
        image: (B, 3, H, W) uint8, RGB, 0 .. 255, in channels-last memory.
        targets: (B, M) bool.
        annotated: (B, A) bool.
        roles: (B, A) uint8.
        index: (B,) int64.
    """

    image: Tensor
    targets: Tensor
    annotated: Tensor
    roles: Tensor
    index: Tensor


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples; pixels are laid out as the decoder left them, which costs no transposition.

    Example:
        >>> none = torch.zeros(1, dtype=torch.bool)
        >>> sample = Sample(pixels=torch.zeros(4, 5, 3, dtype=torch.uint8), targets=none,
        ...                 annotated=none, roles=none.byte(), index=torch.tensor(7))
        >>> collate([sample, sample])["image"].shape
        torch.Size([2, 3, 4, 5])
    """
    return {
        "image": torch.stack([sample["pixels"] for sample in samples]).permute(0, 3, 1, 2),
        "targets": torch.stack([sample["targets"] for sample in samples]),
        "annotated": torch.stack([sample["annotated"] for sample in samples]),
        "roles": torch.stack([sample["roles"] for sample in samples]),
        "index": torch.stack([sample["index"] for sample in samples]),
    }
