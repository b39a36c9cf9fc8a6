"""Bring images to one size, and augment them for training.

The network normalises pixels on the device, so that loaders move a quarter of the bytes. Colours
are labels in fashion: augmentation never shifts the hue.
"""

import random
from typing import Any, Literal

import albumentations as A
import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray
from typing_extensions import override

Resize = Literal["letterbox", "crop", "stretch"]
Augmentation = Literal["none", "geometric", "light", "strong"]

_WHITE = 255
_GREY = 128


class Transform:
    """Brings all images to one size, then augments them.

    albumentations has a random generator that each loader worker would copy and restart in each
    epoch: `restart` seeds it for each batch.

    Example:
        >>> transform = Transform(32, "letterbox")
        >>> transform(np.zeros((40, 20, 3), np.uint8)).shape
        (32, 32, 3)
    """

    def __init__(self, size: int, resize: Resize, augmentation: Augmentation = "none") -> None:
        """Build the pipelines.

        Args:
            size: Height and width of the result in pixels.
            resize: "letterbox" keeps the whole picture and pads it with white (lengths need the
                hem); "crop" takes the central square; "stretch" changes the proportions.
            augmentation: "none"; "geometric" mirrors and crops a little, which keeps the colours;
                "light" also changes the brightness; "strong" also turns, moves, changes the
                saturation and hides rectangles.
        """
        self.size = size
        self._resize = A.Compose(_resize_steps(size, resize), strict=True)
        self._augment = A.Compose(_augment_steps(size, augmentation), strict=True)
        self._numpy, self._python = np.random.default_rng(0), random.Random(0)
        self._augment.set_random_state(self._numpy, self._python)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn (H, W, 3) uint8 pixels into (size, size, 3) uint8 pixels."""
        if pixels.shape[:2] != (self.size, self.size):
            pixels = self._resize(image=pixels)["image"]
        # Step by step: on small photos, the overhead of Compose takes longer than a step.
        for step in self._augment.transforms:
            pixels = step(image=pixels)["image"]
        return pixels

    def restart(self, *seeds: int) -> None:
        """Seed the augmentation.

        Args:
            *seeds: Not negative.
        """
        if self._augment.transforms:
            seed = np.random.SeedSequence(seeds)
            self._python.seed(int(seed.generate_state(1, np.uint64)[0]))
            self._numpy.bit_generator.state = np.random.PCG64(seed).state


def _resize_steps(size: int, resize: Resize) -> list[Any]:
    """Build the steps that bring images to one size, by area interpolation where they shrink."""
    shrink = {"interpolation": cv2.INTER_LINEAR, "area_for_downscale": "image"}
    if resize == "stretch":
        return [A.Resize(height=size, width=size, **shrink)]
    if resize == "crop":
        shorter = A.SmallestMaxSize(max_size=size, **shrink)
        return [shorter, A.CenterCrop(height=size, width=size)]
    longer = A.LongestMaxSize(max_size=size, **shrink)
    return [longer, A.PadIfNeeded(min_height=size, min_width=size, fill=_WHITE)]


class _MirrorCropShade(A.Sequential):  # type: ignore[misc]  # albumentations has no types
    """Mirrors, crops and changes the brightness in one call.

    Draws and pixels are those of the three steps called in turn; their overhead is nearly a tenth
    of the decoding time of a small photo.
    """

    @override
    def __call__(self, *, image: MatLike) -> dict[str, MatLike]:
        """Change (H, W, 3) uint8 pixels."""
        mirror, crop, shade = self.transforms
        if mirror.should_apply():
            image = cv2.flip(image, 1)
        if crop.should_apply():
            drawn = crop.get_params_dependent_on_data({"shape": image.shape}, {})
            left, top, right, bottom = drawn["crop_coords"]
            part = image[top:bottom, left:right]
            image = cv2.resize(part, crop.size[::-1], interpolation=crop.interpolation)
        if shade.should_apply():
            drawn = shade.get_params_dependent_on_data({}, {"image": image})
            image = shade.apply(image, **drawn)
        return {"image": image}


def _augment_steps(size: int, augmentation: Augmentation) -> list[Any]:
    """Build the steps that change what varies between photos of a garment, never a label."""
    shade = 0.0 if augmentation == "geometric" else 0.5
    light = [
        A.HorizontalFlip(p=0.5),
        # Half of the images stay whole, and the others nearly whole: lengths need the hem.
        A.RandomResizedCrop(size=(size, size), scale=(0.75, 1.0), ratio=(0.85, 1.18), p=0.5),
        A.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.15, p=shade),
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
            fill=_GREY,
            p=0.3,
        ),
    ]
    combined = _MirrorCropShade(light, p=1)
    if augmentation == "none":
        return []
    return [combined, *strong] if augmentation == "strong" else [combined]
