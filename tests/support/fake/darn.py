"""DARN by its index files."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.support.fake.files import SUFFIXES, write_lines, write_photos, write_roles

# Written down apart from the package.
CLASSES = {
    "clothes category": 20,
    "clothes button": 13,
    "clothes color": 55,
    "clothes length": 7,
    "clothes pattern": 28,
    "clothes shape": 11,
    "collar shape": 26,
    "sleeve length": 8,
    "sleeve shape": 17,
}


class Photo(NamedTuple):
    """What is known of one image: (attribute, value) pairs."""

    path: str
    labels: tuple[tuple[int, int], ...]


def write_index(
    root: Path, seed: int = 0, num_train: int = 90, per_attribute: int = 6
) -> dict[str, list[Photo]]:
    """Write images and index files; the last line of the list of images has no end."""
    rng = np.random.default_rng(seed)
    sizes = list(CLASSES.values())
    splits: dict[str, list[Photo]] = {}
    for split, suffix in SUFFIXES.items():
        number = num_train if split == "train" else per_attribute * len(sizes)
        photos = []
        for place in range(number):
            path = f"pic/{50_000_000 + place // 7}/{rng.integers(9999)}_{place}_{split}.jpg"
            count = int(rng.integers(1, 6)) if split == "train" else 1
            first = place % len(sizes)
            others = rng.permutation([a for a in range(len(sizes)) if a != first])[: count - 1]
            # Few values, so that queries find something.
            labels = [(a, int(rng.integers(min(4, sizes[a])))) for a in (first, *others.tolist())]
            photos.append(Photo(path, tuple(labels)))
        paths = [photo.path for photo in photos]
        write_photos(root, paths, rng)
        write_lines(root / f"filenames_{suffix}.txt", paths, last="")
        pairs = [(i, *label) for i, photo in enumerate(photos) for label in photo.labels]
        if split == "train":
            lines = [
                f"{i} {' '.join(f'{a} {v}' for a, v in photo.labels)}"
                for i, photo in enumerate(photos)
            ]
            write_lines(root / "label_train.txt", lines)
        else:
            write_roles(root, split, pairs, "\n")
        splits[split] = photos
    return splits
