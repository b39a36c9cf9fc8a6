"""Images per second of the loader, relative to the bare decoder.

Both read the same JPEG files on one core, in turn. The photos are drawn garments of 224 px, or
those in the folder of the environment variable M3NET_BENCH_IMAGES.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks.__main__ import Figure
from m3net.data.batch import Batch
from m3net.data.datamodules import ImagesDataModule, LoadingConfig
from m3net.data.dataset import RetrievalDataset
from m3net.data.photos.reader import FileReader
from m3net.data.samplers import ShuffleSampler
from m3net.data.synthetic import draw, sample_garment
from m3net.data.transforms import Transform

PIXELS, IMAGES, ROUNDS = 224, 1024, 5


def measure() -> Iterator[Figure]:
    """Time decoder, evaluation loader and training loader in turn; ratios are medians."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.environ.get("M3NET_BENCH_IMAGES") or _draw(Path(scratch))
        yield from _measure(str(folder))


def _measure(folder: str) -> Iterator[Figure]:
    data = ImagesDataModule(folder, LoadingConfig(image_size=PIXELS, num_workers=0))
    data.setup("predict")
    records = data.records.select(np.arange(min(IMAGES, len(data.records))))
    reader = FileReader(Path())
    evaluation = data.ordered_loader(records, reader)
    dataset = RetrievalDataset(records, reader, Transform(PIXELS, "letterbox", "light"))
    training = data.loader(dataset, ShuffleSampler(len(records), 64, 0, 0, 1))

    def decode() -> int:
        for path in records.paths:
            cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
        return len(records)

    def load(loader: DataLoader[Batch]) -> int:
        batches: Iterator[Batch] = iter(loader)
        return sum(len(batch["image"]) for batch in batches)

    work: dict[str, Callable[[], int]]
    work = {"decode": decode, "eval": lambda: load(evaluation), "train": lambda: load(training)}
    speeds: dict[str, list[float]] = {name: [] for name in work}
    for done in range(ROUNDS + 1):
        for name, once in work.items():
            sys.stderr.write(f"\rloader: round {done} of {ROUNDS}, {name}   ")
            start = time.perf_counter()
            images = once()
            if done:
                speeds[name].append(images / (time.perf_counter() - start))
    sys.stderr.write("\n")
    for name, values in speeds.items():
        yield Figure(f"loader.{name}_images_per_s", statistics.median(values))
    for name in ("eval", "train"):
        pairs = zip(speeds[name], speeds["decode"], strict=True)
        ratio = statistics.median(loaded / decoded for loaded, decoded in pairs)
        yield Figure(f"loader.{name}_over_decode", ratio, ">=0.6")


def _draw(folder: Path) -> Path:
    """Write drawn garments as JPEG."""
    for index in range(IMAGES):
        pixels = draw(sample_garment(seed=0, index=index), PIXELS)
        cv2.imwrite(str(folder / f"{index:06}.jpg"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return folder
