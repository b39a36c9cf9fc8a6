"""Pixels of any size in, a uint8 tensor of one size out.

Nothing is normalised here: the network does that on the device, so that loaders move a quarter of
the bytes. Colours are labels in fashion, so that augmentation never shifts the hue.
"""

from typing import Any, Literal

import albumentations as A
import cv2
from albumentations.pytorch import ToTensorV2

Resize = Literal["letterbox", "crop", "stretch"]
Augmentation = Literal["none", "light", "strong"]

_WHITE = 255


def eval_transform(size: int, resize: Resize) -> A.Compose:
    """Give the pipeline that makes one size of all images, without chance.

    Args:
        size: Height and width of the result in pixels.
        resize: "letterbox" keeps the whole picture and pads with white (lengths need the hem);
            "crop" takes the central square; "stretch" changes the proportions.

    Example:
        >>> import numpy as np
        >>> image = np.zeros((40, 20, 3), np.uint8)
        >>> eval_transform(32, "letterbox")(image=image)["image"].shape
        torch.Size([3, 32, 32])
    """
    return A.Compose([*_resize(size, resize), ToTensorV2()], strict=True)


def train_transform(size: int, resize: Resize, augmentation: Augmentation) -> A.Compose:
    """Give the pipeline for training.

    Args:
        size: Height and width of the result in pixels.
        resize: As for `eval_transform`.
        augmentation: "none"; "light" mirrors, crops a little and changes the brightness; "strong"
            also turns, moves, changes the saturation and hides rectangles.
    """
    steps = [*_resize(size, resize), *_augment(size, augmentation), ToTensorV2()]
    return A.Compose(steps, strict=True)


def _resize(size: int, resize: Resize) -> list[Any]:
    """Make one size of all images; area interpolation where it shrinks."""
    shrink = {"interpolation": cv2.INTER_LINEAR, "area_for_downscale": "image"}
    if resize == "stretch":
        return [A.Resize(height=size, width=size, **shrink)]
    if resize == "crop":
        shorter = A.SmallestMaxSize(max_size=size, **shrink)
        return [shorter, A.CenterCrop(height=size, width=size)]
    longer = A.LongestMaxSize(max_size=size, **shrink)
    return [longer, A.PadIfNeeded(min_height=size, min_width=size, fill=_WHITE)]


def _augment(size: int, augmentation: Augmentation) -> list[Any]:
    """Change what a camera and a model would change, never what a label names."""
    light = [
        A.HorizontalFlip(p=0.5),
        # Half of the images stay whole, and the others nearly so: lengths need the hem.
        A.RandomResizedCrop(size=(size, size), scale=(0.75, 1.0), ratio=(0.85, 1.18), p=0.5),
        A.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.15, p=0.5),
    ]
    strong = [
        A.Affine(
            scale=(0.8, 1.1),
            translate_percent=(-0.06, 0.06),
            rotate=(-8, 8),
            border_mode=cv2.BORDER_REPLICATE,
            p=0.7,
        ),
        A.ColorJitter(
            brightness=(0.9, 1.1), contrast=(0.9, 1.1), saturation=(0.85, 1.15), hue=(0, 0), p=0.5
        ),
        A.CoarseDropout(
            num_holes_range=(1, 2),
            hole_height_range=(0.1, 0.25),
            hole_width_range=(0.1, 0.25),
            p=0.3,
        ),
    ]
    return {"none": [], "light": light, "strong": light + strong}[augmentation]
