"""A training step of M3-Net beside one of its bare backbone.

The size is FashionAI's: ResNet-50 to stride 16 at 224 px, 8 attributes, 54 classes, one labelled
attribute per image. Both steps stand in one loop, so that a machine that slows down slows both.
"""

import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from benchmarks.__main__ import Figure
from m3net.losses.combined import LossConfig, M3NetLoss
from m3net.models.m3net import M3Net, NetworkConfig
from m3net.trainer import best_precision

SIZES = (6, 9, 8, 6, 5, 5, 10, 5)
BATCH, PIXELS, ROUNDS = 16, 224, 7


def measure() -> Iterator[Figure]:
    """Time both steps in turn and give the median of the ratios."""
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    steps = {"bare": _bare_step(device), "m3net": _m3net_step(device)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for done in range(ROUNDS + 1):
        for name, step in steps.items():
            sys.stderr.write(f"\rtrain_step: round {done} of {ROUNDS}, {name}   ")
            start = time.perf_counter()
            step()
            if device == "cuda":
                torch.cuda.synchronize()
            if done:
                times[name].append(time.perf_counter() - start)
    sys.stderr.write("\n")
    ratios = [full / bare for full, bare in zip(times["m3net"], times["bare"], strict=True)]
    for name, seconds in times.items():
        yield Figure(f"train_step.{name}_images_per_s", BATCH / statistics.median(seconds))
    yield Figure("train_step.m3net_over_bare", statistics.median(ratios), "<=1.15")
    yield Figure("train_step.m3net_over_bare_best_of_each", _best_ratio(times), "<=1.15")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    yield Figure("train_step.peak_memory_gib", peak)


def _best_ratio(times: dict[str, list[float]]) -> float:
    return min(times["m3net"]) / min(times["bare"])


def _bare_step(device: str) -> Callable[[], None]:
    network = M3Net(NetworkConfig(pretrained=False), SIZES).backbone
    images = _images(device)
    return _step(network, device, lambda: network(images).float().mean())


def _m3net_step(device: str) -> Callable[[], None]:
    network = M3Net(NetworkConfig(pretrained=False), SIZES)
    num_classes = sum(SIZES)
    positives, annotated = torch.full((2, num_classes), 100).unbind()
    loss = M3NetLoss(
        LossConfig(), network.attribute_of_class, positives // 5, annotated, network.phi_dim
    ).to(device)
    images = _images(device)
    # Each class of the first image's attributes occurs twice, as balanced sampling gives it.
    labels = torch.arange(0, num_classes, num_classes // 8)[:8].repeat(2)
    targets = nn.functional.one_hot(labels, num_classes).bool().to(device)
    attributes = network.attribute_of_class[labels]
    labelled = nn.functional.one_hot(attributes, len(SIZES)).bool().to(device)

    def total() -> Tensor:
        outputs = network(images)
        terms: dict[str, Tensor] = loss(outputs.logits, outputs.phi, targets, labelled)
        return terms["total"]

    return _step(network, device, total)


def _images(device: str) -> Tensor:
    return torch.randint(256, (BATCH, 3, PIXELS, PIXELS), dtype=torch.uint8, device=device)


def _step(network: nn.Module, device: str, forward: Callable[[], Tensor]) -> Callable[[], None]:
    """Give a function that runs forward, backward and optimizer once."""
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
