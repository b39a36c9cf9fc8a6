"""timm's networks as extractors of feature maps, cut off behind the last stage in use."""

import difflib
import heapq
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice
from typing import Any

import timm
import torch
from timm.models._features import FeatureGetterNet, FeatureListNet
from torch import Tensor, nn

from m3net.errors import ConfigError

_DEFAULT_SIZE = 224
_MAX_TRIALS = 24
"""Sizes of images that are tried to find some that a network takes."""


def find_stages(name: str, strides: Iterable[int]) -> list[tuple[int, int]]:
    """Return index and channels of the deepest stage of each stride.

    Raises:
        ConfigError: timm has no such network or tag, or it has no stage of such a stride.
    """
    if not timm.is_model(name):
        near = difflib.get_close_matches(name.lower(), timm.list_models(), n=5)
        hint = f" Near: {', '.join(near)}." if near else ""
        raise ConfigError(f"timm {timm.__version__} has no model {name!r}.{hint}")
    try:
        with torch.device("meta"):
            net: Any = timm.create_model(name, features_only=True)
    except RuntimeError as error:
        raise ConfigError(f"{name} cannot be the backbone: {error}") from error
    deepest = {stage["reduction"]: stage for stage in net.feature_info.get_dicts()}
    if missing := [stride for stride in strides if stride not in deepest]:
        raise ConfigError(
            f"{name} has no features at stride {missing[0]}; it has {sorted(deepest)}."
        )
    return [(deepest[stride]["index"], deepest[stride]["num_chs"]) for stride in strides]


def create_extractor(name: str, stages: Sequence[int], **options: Any) -> nn.Module:  # noqa: ANN401 - timm's own options
    """Build a network up to the last of some stages, with random weights.

    Parameters that no map depends on, and that timm cannot cut off, are not trainable.

    Args:
        name: Of a timm model.
        stages: Indices of the stages whose maps it returns, in ascending order.
        options: Of `timm.create_model`.
    """
    wrapper, unused = _inspect(name, tuple(stages))
    net = _create(name, stages, **wrapper, **options)
    for parameter in unused:
        net.get_parameter(parameter).requires_grad_(False)
    return net


def _create(name: str, stages: Sequence[int], **options: Any) -> nn.Module:  # noqa: ANN401 - timm's own options
    if name.startswith(("vit_", "deit")):
        options["dynamic_img_size"] = True
    net: nn.Module = timm.create_model(
        name, features_only=True, out_indices=tuple(stages), **options
    )
    return net


@cache
def _inspect(name: str, stages: tuple[int, ...]) -> tuple[dict[str, str], frozenset[str]]:
    """Return timm's option that cuts later stages off, and the parameters that stay unused."""
    with torch.device("meta"):
        net = _create(name, stages)
        if isinstance(net, FeatureListNet):
            return {}, frozenset()
        wrapper = {"feature_cls": "getter"}
        try:
            getter = _create(name, stages, **wrapper)
        except TypeError:  # hardcorenas knows no other wrapper
            getter = net
    # The other wrappers keep and compute all stages.
    if isinstance(getter, FeatureGetterNet) and hasattr(getter.model, "prune_intermediate_layers"):
        net = getter
    else:
        wrapper = {}
    return wrapper, _unused_parameters(net, usual_size(name))


def _unused_parameters(net: nn.Module, size: int) -> frozenset[str]:
    """Return the names of the parameters of a network on "meta" that no map depends on."""
    with torch.inference_mode(False), torch.enable_grad(), torch.device("meta"):
        try:
            maps: list[Tensor] = net(torch.zeros(2, 3, size, size))
        except (RuntimeError, AssertionError):  # it looks at the values of the pixels
            return frozenset()
        torch.stack([features.sum() for features in maps]).sum().backward()  # type: ignore[no-untyped-call]
    return frozenset(key for key, weight in net.named_parameters() if weight.grad is None)


def usual_size(name: str) -> int:
    """Return the height in pixels of the images that a network was pretrained on."""
    size = getattr(timm.get_pretrained_cfg(name), "input_size", None)
    return int(size[-1]) if size else _DEFAULT_SIZE


def sizes_that_fit(name: str, stages: Sequence[int], shape: torch.Size) -> list[int] | None:
    """Return up to three heights of square images that a network takes, the nearest first.

    Args:
        name: Of a timm model.
        stages: Indices of the stages in use.
        shape: (B, 3, H, W) of images that it may not take.

    Returns:
        None if it takes them.
    """
    height = shape[2]
    multiples = {size for step in (32, 56) for size in range(step, max(2 * height, 256) + 1, step)}
    candidates = heapq.nsmallest(_MAX_TRIALS, multiples, key=lambda size: abs(size - height))
    nearest = sorted({*candidates, usual_size(name)}, key=lambda size: (abs(size - height), size))
    with torch.device("meta"):
        net = create_extractor(name, stages)
    if _takes(net, shape):
        return None
    fitting = (size for size in nearest if _takes(net, torch.Size((*shape[:2], size, size))))
    return list(islice(fitting, 3))


@torch.no_grad()
def _takes(net: nn.Module, shape: torch.Size) -> bool:
    """Return whether a network on "meta" takes images."""
    try:
        net(torch.zeros(shape, device="meta"))
    except Exception:  # noqa: BLE001 - what timm's networks raise for a size differs
        return False
    return True


def adopt_weights(
    net: nn.Module, name: str, stages: Sequence[int], weights: dict[str, Any]
) -> None:
    """Give weights of 0.1.0 their present names, and drop those of stages that are cut off.

    Other names that the network lacks stay, for the loader to refuse.

    Args:
        net: What `create_extractor` built of the name and the stages.
        name: Of a timm model.
        stages: Indices of the stages in use.
        weights: A state dict of the network; changed.
    """
    expected = net.state_dict().keys()
    if weights.keys() <= expected:
        return
    with torch.device("meta"):
        uncut = _create(name, stages).state_dict().keys()
    present = {_plain(key): key for key in expected}
    for key in (weights.keys() & uncut) - expected:
        weight = weights.pop(key)
        if _plain(key) in present:
            weights[present[_plain(key)]] = weight


def _plain(key: str) -> str:
    """Return the name of a weight without what a wrapper of timm adds to it."""
    return key.removeprefix("body.").removeprefix("model.").replace(".", "_")
