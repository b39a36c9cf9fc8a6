"""Loading from large photos, relative to loading from the copies of `m3net data prepare`.

Both decode and resize to 224 px on one core, in turn. The photos are drawn garments enlarged to
800 px, with camera grain, as JPEG of quality 90.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.__main__ import Figure
from m3net.data.datamodules import ImagesDataModule, LoadingConfig
from m3net.data.photos.preparation import CopySettings, Preparation
from m3net.data.synthetic import draw, sample_garment

PIXELS, LARGE, IMAGES, ROUNDS = 224, 800, 256, 5
_GRAIN = 6.0


def measure() -> Iterator[Figure]:
    """Time both loaders in turn and yield the median ratio."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as scratch:
        photos, copies = Path(scratch, "photos"), Path(scratch, "copies")
        _draw(photos)
        for done, _ in enumerate(Preparation(photos, copies, CopySettings()).run(0), start=1):
            sys.stderr.write(f"\rprepare: copy {done} of {IMAGES}   ")
        ratios = []
        for done in range(ROUNDS + 1):
            sys.stderr.write(f"\rprepare: round {done} of {ROUNDS}      ")
            slow, fast = _seconds(photos), _seconds(copies)
            if done:
                ratios.append(slow / fast)
        sys.stderr.write("\n")
        yield Figure("prepare.loader_gain", statistics.median(ratios))


def _seconds(folder: Path) -> float:
    """Return the seconds to load all images of a folder once."""
    data = ImagesDataModule(str(folder), LoadingConfig(image_size=PIXELS, num_workers=0))
    data.setup("predict")
    start = time.perf_counter()
    for _ in data.predict_dataloader():
        pass
    return time.perf_counter() - start


def _draw(folder: Path) -> None:
    """Write enlarged garments with grain."""
    folder.mkdir()
    chance = np.random.default_rng(0)
    for index in range(IMAGES):
        small = draw(sample_garment(seed=0, index=index), PIXELS)
        photo = cv2.resize(small, (LARGE, LARGE), interpolation=cv2.INTER_CUBIC)
        photo = np.clip(photo + chance.normal(0, _GRAIN, photo.shape), 0, 255).astype(np.uint8)
        encoded = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{index:06}.jpg"), encoded, [cv2.IMWRITE_JPEG_QUALITY, 90])
