"""Settings of the loaders."""

from dataclasses import dataclass

from m3net.data.photos.formats import LARGEST_LIMIT, MAX_PIXELS
from m3net.data.samplers import Sampling
from m3net.data.transforms import Augmentation, Resize
from m3net.errors import ConfigError

_RANGES = {
    "image_size": (1, 4096),
    "batch_size": (1, 65_536),
    "num_workers": (0, 512),
    "timeout": (0, 10**6),
    "max_pixels": (1, LARGEST_LIMIT),
    "images_per_class": (1, 65_536),
    "triplets_per_epoch": (1, 10**8),
}
"""Higher numbers are typing errors or attacks: no machine has the memory or the processes."""


@dataclass(frozen=True)
class LoadingConfig:
    """How images become batches."""

    image_size: int = 224
    """Height and width in pixels that the network sees."""
    resize: Resize = "letterbox"
    """letterbox pads the whole picture to a square, crop takes its central square, stretch changes
    its proportions."""
    augmentation: Augmentation = "light"
    """Random change of the training images: none, geometric, light or strong."""
    batch_size: int = 64
    """Images per batch and process."""
    num_workers: int = 2
    """Loader processes per training process; 0 loads in the training process."""
    timeout: int = 600
    """Seconds to wait for a batch of the loader processes; 0 waits for ever."""
    max_pixels: int = MAX_PIXELS
    """Images whose header has more are refused before memory is allocated for them."""
    sampling: Sampling = "shuffle"
    """shuffle takes each image once an epoch; balanced fills batches with groups that share a
    class, all classes with equal probability; triplets fills them with an anchor, a positive and a
    negative in turn, all attributes with equal probability."""
    images_per_class: int = 4
    """Images in a group of balanced sampling."""
    triplets_per_epoch: int = 100_000
    """Triplets of all processes in an epoch of triplets sampling."""
    seed: int = 0
    """Seed of the order of the training images."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: A number is out of range.
        """
        for name, (least, most) in _RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise ConfigError(
                    f"data.loading.{name} is {getattr(self, name)}: set it from {least} to {most}."
                )
