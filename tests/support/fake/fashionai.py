"""FashionAI in both of its layouts."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.support.fake.files import SUFFIXES, write_lines, write_photos, write_roles

# As the competition's pages list them; written down apart from the package.
CLASSES = {
    "skirt_length": 6,
    "sleeve_length": 9,
    "coat_length": 8,
    "pant_length": 6,
    "collar_design": 5,
    "lapel_design": 5,
    "neckline_design": 10,
    "neck_design": 5,
}
FOLDERS = ("fashionAI_attributes_train1", "fashionAI_attributes_train2")


class Photo(NamedTuple):
    """What is known of one image."""

    path: str
    attribute: str
    marks: str

    @property
    def value(self) -> int:
        """Its class."""
        return self.marks.index("y")


def draw_photos(per_class: int, folders: tuple[str, ...], rng: np.random.Generator) -> list[Photo]:
    """Make up images, as many of each class; about one in eight has a second class (m)."""
    photos = []
    for attribute, size in CLASSES.items():
        for value in np.repeat(np.arange(size), per_class).tolist():
            marks = ["n"] * size
            if rng.random() < 0.125:
                marks[(value + 1) % size] = "m"
            marks[value] = "y"
            name = hashlib.md5(rng.bytes(8), usedforsecurity=False).hexdigest()
            folder = folders[int(rng.integers(len(folders)))]
            path = f"{folder}/Images/{attribute}_labels/{name}.jpg"
            photos.append(Photo(path, attribute, "".join(marks)))
    return [photos[place] for place in rng.permutation(len(photos))]


def write_index(root: Path, seed: int = 0, per_class: int = 3) -> dict[str, list[Photo]]:
    """Write images and index files, with CRLF line ends as the published ones have."""
    rng = np.random.default_rng(seed)
    splits = {split: draw_photos(per_class, FOLDERS, rng) for split in SUFFIXES}
    attributes = list(CLASSES)
    for split, photos in splits.items():
        paths = [photo.path for photo in photos]
        write_photos(root, paths, rng)
        write_lines(root / f"filenames_{SUFFIXES[split]}.txt", paths, "\r\n")
        triples = [(i, attributes.index(p.attribute), p.value) for i, p in enumerate(photos)]
        if split == "train":
            write_lines(root / "label_train.txt", [f"{i} {a} {v}" for i, a, v in triples], "\r\n")
        else:
            order = [triples[place] for place in rng.permutation(len(triples))]
            write_roles(root, split, order, "\r\n")
    return splits


def write_raw(
    root: Path, seed: int = 0, per_class: int = 10, folders: tuple[str, ...] = FOLDERS
) -> list[Photo]:
    """Write the competition's folders, each with its `Annotations/label.csv`."""
    rng = np.random.default_rng(seed)
    photos = draw_photos(per_class, folders, rng)
    write_photos(root, [photo.path for photo in photos], rng)
    for folder in folders:
        lines = [
            f"{photo.path.removeprefix(f'{folder}/')},{photo.attribute}_labels,{photo.marks}"
            for photo in photos
            if photo.path.startswith(f"{folder}/")
        ]
        write_lines(root / folder / "Annotations" / "label.csv", lines)
    return photos
