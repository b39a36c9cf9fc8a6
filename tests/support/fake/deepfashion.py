"""DeepFashion: the download's own files, and the index files beside them."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tests.support.fake.files import SUFFIXES, write_lines, write_photos, write_roles

# Written down apart from the package; types are numbered from 1 in the files.
TYPES = {"texture": 156, "fabric": 218, "shape": 180, "part": 216, "style": 230}
HEADS = {
    "list_attr_cloth": "attribute_name  attribute_type",
    "list_attr_img": "image_name  attribute_labels",
    "list_eval_partition": "image_name  evaluation_status",
    "list_bbox": "image_name  x_1  y_1  x_2  y_2",
}


class Photo(NamedTuple):
    """What is known of one image: the rows (0 to 999) of the attributes that it has."""

    path: str
    rows: tuple[int, ...]
    split: str
    box: tuple[int, int, int, int]


class Fake(NamedTuple):
    """All that was written.

    `types` gives the type of each row, counted from 0, and `ranks` its place within the type.
    `asked` gives the indices of the queries of each split, `triples` the one label of each image
    of val and test, as (index, attribute, value).
    """

    photos: list[Photo]
    types: list[int]
    ranks: list[int]
    names: list[str]
    asked: dict[str, set[int]]
    triples: dict[str, list[tuple[int, int, int]]]

    def of(self, split: str) -> list[Photo]:
        """Give the labelled images of a split in order."""
        return [photo for photo in self.photos if photo.split == split and photo.rows]


def write_deepfashion(root: Path, seed: int = 0, num_train: int = 90, per_type: int = 9) -> Fake:
    """Write images, the download's files into Anno and Eval, and the index files."""
    rng = np.random.default_rng(seed)
    types = rng.permutation(np.repeat(np.arange(5), list(TYPES.values()))).tolist()
    ranks = [types[:row].count(own) for row, own in enumerate(types)]
    names = [f"{'a-line ' * (row % 3 == 0)}print {row}" for row in range(1000)]
    # Few rows of each type, so that queries find something.
    used = [[row for row, own in enumerate(types) if own == kind][:3] for kind in range(5)]
    photos = []
    sizes = {"train": num_train, "val": 5 * per_type, "test": 5 * per_type}
    for split, number in sizes.items():
        for place in range(number):
            first = used[place % 5][place // 5 % 3]
            others = [row for kind in used for row in kind if rng.random() < 0.15]
            rows = tuple(sorted({first, *others})) if split != "train" or place % 10 else ()
            path = f"img/Sheer_Pleated-Front_Blouse_{place % 4}/img_{split}_{place:08}.jpg"
            photos.append(Photo(path, rows, split, (2, 3, 20 + place % 8, 30 + place % 5)))
    photos = [photos[place] for place in rng.permutation(len(photos))]
    write_photos(root, [photo.path for photo in photos], rng)
    fake = Fake(photos, types, ranks, names, {}, {})
    _write_download(root, fake)
    for split in ("val", "test"):
        _write_index(root, fake, split, rng)
    write_train_index(root, fake)
    return fake


def write_train_index(root: Path, fake: Fake) -> None:
    """Write `filenames_train.txt` and `label_train.txt`, all numbers from 0."""
    photos = fake.of("train")
    write_lines(root / "filenames_train.txt", [photo.path for photo in photos])
    lines = [
        f"{index} {' '.join(f'{fake.types[row]} {fake.ranks[row]}' for row in photo.rows)}"
        for index, photo in enumerate(photos)
    ]
    write_lines(root / "label_train.txt", lines)


def _write_download(root: Path, fake: Fake) -> None:
    """Write the four files with their counts, heads and padding."""
    values = {
        photo.path: [
            "1" if row in photo.rows else ("0" if (row + len(photo.path)) % 97 == 0 else "-1")
            for row in range(1000)
        ]
        for photo in fake.photos
    }
    rows = {
        "Anno/list_attr_cloth": [
            f"{name:<30}{kind + 1}" for name, kind in zip(fake.names, fake.types, strict=True)
        ],
        "Anno/list_attr_img": [
            f"{path:<70}" + " ".join(f"{value:>2}" for value in own) for path, own in values.items()
        ],
        "Eval/list_eval_partition": [f"{p.path:<70} {p.split}  " for p in fake.photos],
        "Anno/list_bbox": [
            f"{p.path:<70} " + " ".join(f"{side:03}" for side in p.box) for p in fake.photos
        ],
    }
    for name, lines in rows.items():
        head = [str(len(lines)), HEADS[Path(name).name]]
        write_lines(root / f"{name}.txt", [*head, *lines])


def _write_index(root: Path, fake: Fake, split: str, rng: np.random.Generator) -> None:
    """Write lists and labels of an evaluated split, with trailing tabs and CRLF."""
    photos = fake.of(split)
    suffix = SUFFIXES[split]
    write_lines(root / f"filenames_{suffix}.txt", [photo.path for photo in photos])
    lines = [
        "\t".join(
            [
                str(index),
                *(f"{fake.types[row] + 1}\t{row}" for row in photo.rows),
                *[""] * (20 - len(photo.rows)),
            ]
        )
        for index, photo in enumerate(photos)
    ]
    write_lines(root / f"label_{suffix}.txt", lines, "\r\n")
    triples = []
    for index, photo in enumerate(photos):
        row = photo.rows[int(rng.integers(len(photo.rows)))]
        triples.append((index, fake.types[row], fake.ranks[row]))
    fake.triples[split] = triples
    fake.asked[split] = write_roles(root, split, triples, "\n")


def photo_size(root: Path, photo: Photo) -> tuple[int, int]:
    """Give height and width of an image as written."""
    pixels = cv2.imread(str(root / photo.path))
    assert pixels is not None
    return pixels.shape[0], pixels.shape[1]
