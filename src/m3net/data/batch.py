"""What a loader yields: a batch of images with their labels."""

from typing import TypedDict

from torch import Tensor


class Batch(TypedDict):
    """B images; A attributes, M classes over all attributes.

    Attributes:
        image: (B, 3, H, W) uint8, RGB, 0 .. 255, in channels-last memory.
        targets: (B, M) bool, True where an image carries a class.
        annotated: (B, A) bool, True where an image is annotated for an attribute.
        roles: (B, A) uint8, `Role` flags of each image in the evaluation of each attribute.
        index: (B,) int64, index of each image in its split.
        product: (B,) int64; an image is left out of the rankings of its product.
        drawn_for: (B,) int64, the attribute that an image was drawn for; -1 for all of its
            attributes.
    """

    image: Tensor
    targets: Tensor
    annotated: Tensor
    roles: Tensor
    index: Tensor
    product: Tensor
    drawn_for: Tensor
