"""Training steps of a bare backbone and of M3-Net on it.

ResNet-50 to stride 16, 16 images of 224 px; forward, backward and optimizer.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m3net.losses import Classes, CombinedLoss
from m3net.models import M3NetConfig
from m3net.models.backbone import Backbone
from m3net.models.m3net import M3Net
from m3net.training.task import M3NET_LOSS
from m3net.training.trainer import best_precision

BATCH, PIXELS = 16, 224
FASHIONAI = (6, 9, 8, 6, 5, 5, 10, 5)
DEEPFASHION = (156, 218, 180, 216, 230)

Step = Callable[[], None]


def bare(device: str) -> Step:
    """Return a step of the backbone alone."""
    config = M3NetConfig(pretrained=False)
    backbone = Backbone(config.backbone, config.stride)
    images = _images(device)
    return _step(backbone, device, lambda: backbone(images).float().mean())


def fashionai(device: str) -> Step:
    """Return a step with 8 attributes and 54 classes: one class of one attribute per image."""
    targets = _classes_twice(FASHIONAI)
    attribute_of_class = torch.repeat_interleave(torch.tensor(FASHIONAI))
    attributes = attribute_of_class[targets.int().argmax(dim=1)]
    return _m3net(device, FASHIONAI, targets, F.one_hot(attributes, len(FASHIONAI)).bool())


def deepfashion(device: str) -> Step:
    """Return a step with 5 attributes and 1,000 classes: about 3.3 classes per image."""
    targets = _classes_twice(DEEPFASHION)
    targets |= torch.rand(targets.shape) < 2.3 / sum(DEEPFASHION)
    return _m3net(device, DEEPFASHION, targets, torch.ones(BATCH, len(DEEPFASHION)).bool())


STEPS = {"bare": bare, "m3net": fashionai, "deepfashion": deepfashion}


def _classes_twice(sizes: tuple[int, ...]) -> Tensor:
    """Return (B, M) targets in which each class occurs twice, as in balanced sampling."""
    num_classes, different = sum(sizes), BATCH // 2
    labels = torch.arange(0, num_classes, num_classes // different)[:different].repeat(2)
    return F.one_hot(labels, num_classes).bool()


def _m3net(device: str, sizes: tuple[int, ...], targets: Tensor, annotated: Tensor) -> Step:
    network = M3Net(M3NetConfig(pretrained=False), sizes)
    carried, known = torch.full((sum(sizes),), 20), torch.full((sum(sizes),), 100)
    single = (False,) * len(sizes)
    counts = network.attribute_of_class, carried, known
    loss = CombinedLoss(M3NET_LOSS, Classes(*counts, single, network.vector_dim))
    loss, targets, annotated = loss.to(device), targets.to(device), annotated.to(device)
    images = _images(device)

    def total() -> Tensor:
        terms: dict[str, Tensor] = loss(network(images).by_name(), targets, annotated)
        return terms["total"]

    return _step(network, device, total)


def _images(device: str) -> Tensor:
    return torch.randint(256, (BATCH, 3, PIXELS, PIXELS), dtype=torch.uint8, device=device)


def _step(network: nn.Module, device: str, forward: Callable[[], Tensor]) -> Step:
    """Return a function that runs forward, backward and optimizer once."""
    network.to(device=device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # torch's stubs know no keyword form
    optimizer = torch.optim.AdamW(network.parameters())
    fast = best_precision() == "bf16-mixed"

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=fast):
            value = forward()
        value.backward()  # type: ignore[no-untyped-call]  # torch's own
        optimizer.step()
        optimizer.zero_grad()

    return step
