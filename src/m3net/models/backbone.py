"""Any timm network as a feature extractor: uint8 images in, one feature map out."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError

import timm
import torch
import torch.nn.functional as F
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from timm.layers.format import Format
from torch import Tensor, nn

from m3net.errors import ConfigError, WeightsError
from m3net.models.extractor import (
    adopt_weights,
    create_extractor,
    find_stages,
    sizes_that_fit,
)

_NO_NETWORK = (URLError, ConnectionError, TimeoutError, HfHubHTTPError, LocalEntryNotFoundError)
_UNREADABLE = (
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    pickle.UnpicklingError,
    SafetensorError,
)


class Backbone(nn.Module):
    """A timm network up to the stage of a given stride; maps of other stages can be joined to it.

    Normalisation happens here, on the device, with the statistics the network was pretrained with:
    loaders then move a quarter of the bytes and never copy a batch of floats.

    Attributes:
        channels: C, channels of the feature map.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        stride: int = 16,
        extra_strides: Sequence[int] = (),
        size_setting: str = "data.loading.image_size",
    ) -> None:
        """Build the network with random weights; nothing is downloaded.

        Args:
            name: A timm model name, as "resnet50".
            stride: Pixels of the image per cell of the feature map.
            extra_strides: Strides of other stages, whose maps are brought to the same size and
                joined to it: finer ones by means, coarser ones by bilinear interpolation.
            size_setting: The setting of the images' size, for errors.

        Raises:
            ConfigError: timm has no such network or tag, or it has no stage of such a stride.
        """
        super().__init__()
        self.name, self.stride, self._size_setting = name, stride, size_setting
        stages = find_stages(name, (stride, *extra_strides))
        self._stages = [stage for stage, _ in stages]
        self.channels = sum(channels for _, channels in stages)
        self.net = self._create()
        self._channels_last = getattr(self.net, "output_fmt", None) == Format.NHWC
        statistics = timm.get_pretrained_cfg(name)
        for which in ("mean", "std"):
            values = 255 * torch.tensor(getattr(statistics, which, (0.5, 0.5, 0.5)))
            self.register_buffer(which, values.view(1, 3, 1, 1), persistent=False)

        self.register_load_state_dict_pre_hook(_adopt)  # type: ignore[no-untyped-call]

    def _create(self, **options: Any) -> nn.Module:  # noqa: ANN401 - timm's own options
        return create_extractor(self.name, sorted(self._stages), **options)

    def adopt(self, weights: dict[str, Any], prefix: str) -> None:
        """Change the weights of an older version in a state dict to those of this one.

        Args:
            weights: A state dict; changed.
            prefix: What the names of this backbone's weights begin with.
        """
        prefix += "net."
        mine = {key: weights.pop(key) for key in [*weights] if key.startswith(prefix)}
        plain = {key.removeprefix(prefix): weight for key, weight in mine.items()}
        adopt_weights(self.net, self.name, sorted(self._stages), plain)
        weights.update({prefix + key: weight for key, weight in plain.items()})

    def load_pretrained(
        self, file: str | Path | None = None, settings: str = "model.network"
    ) -> None:
        """Replace the weights by timm's pretrained ones.

        Args:
            file: A local weight file in timm's form; None fetches it from the network, or takes
                it from the cache of an earlier fetch.
            settings: Where the user says which file, for the words of an error.

        Raises:
            WeightsError: There is no network, no such file, no pretrained weights, or those of
                another model.
        """
        if file is not None and not Path(file).is_file():
            raise WeightsError(f"backbone weights not found: {file} ({settings}.weights_file).")
        donor, control = (self._pretrained(file, settings) for _ in range(2))
        # timm takes any file; what it lacks stays random, and so differs between the two.
        for (name, weight), other in zip(
            donor.named_parameters(), control.parameters(), strict=True
        ):
            if not torch.equal(weight, other):
                source = file or "what was fetched"
                raise WeightsError(f"{source} has no weights for {name} of {self.name}.")
        self.net.load_state_dict(donor.state_dict())

    def _pretrained(self, file: str | Path | None, settings: str) -> nn.Module:
        """Return the network with the weights that timm finds for it."""
        overlay = None if file is None else {"file": str(file)}
        try:
            return self._create(pretrained=True, pretrained_cfg_overlay=overlay)
        except _NO_NETWORK as error:
            raise WeightsError(
                f"pretrained weights of {self.name} cannot be downloaded ({type(error).__name__}). "
                f"Without a network, give them as a file by {settings}.weights_file, or "
                "train from scratch by model.network.pretrained=false. Weights downloaded before "
                "are found through the environment variable HF_HOME."
            ) from error
        except _UNREADABLE as error:
            source = "" if file is None else f" in {file}"
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            raise WeightsError(
                f"no usable weights for {self.name}{source} ({reason}). Give a file of timm's for "
                f"this model by {settings}.weights_file, or train from scratch by "
                "model.network.pretrained=false."
            ) from error

    def forward(self, images: Tensor) -> Tensor:
        """Turn images into a feature map.

        Args:
            images: (B, 3, H, W) uint8, RGB; or float32 of the same range, which is overwritten.

        Raises:
            ConfigError: The network takes images of other sizes only.

        Returns:
            (B, C, H / stride, W / stride), in the dtype of the surrounding autocast.
        """
        pixels = images.to(self.mean.dtype).contiguous(memory_format=torch.channels_last)
        try:
            maps: list[Tensor] = self.net(pixels.sub_(self.mean).div_(self.std))
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # what timm's networks raise for a size differs
            self._check_size(images, error)
            raise
        if self._channels_last:
            maps = [features.permute(0, 3, 1, 2) for features in maps]
        by_stage = dict(zip(sorted(self._stages), maps, strict=True))
        main, *others = (by_stage[stage] for stage in self._stages)
        if not others:
            return main
        return torch.cat([main, *(_resize(other, main) for other in others)], dim=1)

    def _check_size(self, images: Tensor, error: Exception) -> None:
        """Raise a ConfigError if an error means that the network does not take images of a size."""
        sizes = sizes_that_fit(self.name, sorted(self._stages), images.shape)
        if sizes is None or not (sizes or isinstance(error, AssertionError)):
            return
        height, width = images.shape[2:]
        fitting = f", such as {' or '.join(map(str, sizes))}" if sizes else ""
        raise ConfigError(
            f"{self.name} does not take images of {height} x {width} px: set {self._size_setting} "
            f"to a size that it takes{fitting}."
        ) from error


def _adopt(module: nn.Module, weights: dict[str, Any], prefix: str, *_: object) -> None:
    """Load weights of an older version, too."""
    if isinstance(module, Backbone):
        module.adopt(weights, prefix)


def _resize(features: Tensor, like: Tensor) -> Tensor:
    """Bring a map to the height and width of another."""
    size = like.shape[2], like.shape[3]
    if features.shape[2] > size[0]:
        return F.adaptive_avg_pool2d(features, size)
    return F.interpolate(features, size, mode="bilinear", align_corners=False)
