"""The catalogue as records with a reader that draws, or as files."""

import csv
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m3net.base.files import writing
from m3net.data.records import Record, Records
from m3net.data.synthetic.drawing import draw
from m3net.data.synthetic.garment import TAXONOMY
from m3net.data.synthetic.sampling import sample_garment
from m3net.errors import ConfigError


def synthetic_records(num_images: int, seed: int) -> Records:
    """Build the records of a catalogue without drawing it; images have no roles.

    The row of a record is the index of its garment.

    Example:
        >>> records = synthetic_records(num_images=3, seed=0)
        >>> records[2].path, records[2].row
        ('synthetic/000002.png', 2)
    """
    labels = [sample_garment(seed, index).labels() for index in range(num_images)]
    return Records.build(
        paths=[f"synthetic/{index:06}.png" for index in range(num_images)],
        rows=range(num_images),
        labels=[
            [TAXONOMY.class_id(a, name) for a, names in visible.items() for name in names]
            for visible in labels
        ],
        annotated=np.array([[name in visible for name in TAXONOMY.names] for visible in labels]),
        roles=None,
        num_classes=TAXONOMY.num_classes,
    )


@dataclass(frozen=True)
class SyntheticReader:
    """Draws the images of the records of `synthetic_records`.

    Example:
        >>> read = SyntheticReader(seed=0, size=64)
        >>> read(synthetic_records(num_images=1, seed=0)[0]).shape
        (64, 64, 3)
    """

    seed: int
    """Seed of the records."""
    size: int
    """Height and width of the images in pixels."""

    def __call__(self, record: Record) -> NDArray[np.uint8]:
        """Return the image of a record as (size, size, 3) uint8, RGB."""
        return draw(sample_garment(self.seed, record.row), self.size)


def write_catalogue(folder: Path, num_images: int, size: int, seed: int) -> Path:
    """Write a catalogue as PNG files and a table; return the path of the table.

    The table `catalogue.csv` has a column `image`, such as "images/000012.png", and one of class
    names for each attribute; classes of `details` are joined by "|". A cell is empty where the
    image is not annotated for the attribute, or shows a garment without details.

    The files are written beside `folder` and moved there at the end, so that an interrupted call
    leaves nothing that looks complete.

    Args:
        folder: New or empty.
        num_images: Number of images.
        size: Height and width of the images in pixels.
        seed: Seed of the catalogue, 0 or more.

    Raises:
        ConfigError: The folder is not empty, or the size is out of range.
        OutputError: The files cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"cannot write a catalogue to {folder.absolute()}: it is not an empty folder. "
            "Delete it or choose another folder."
        )
    with writing(folder, setting="folder"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            complete = Path(temporary) / folder.name
            _write(complete, num_images, size, seed)
            if folder.exists():
                folder.rmdir()
            complete.rename(folder)
    return folder / "catalogue.csv"


def _write(folder: Path, num_images: int, size: int, seed: int) -> None:
    """Write images and table into a new folder."""
    (folder / "images").mkdir(parents=True)
    with (folder / "catalogue.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", *TAXONOMY.names])
        for index in range(num_images):
            garment = sample_garment(seed, index)
            image = f"images/{index:06}.png"
            Image.fromarray(draw(garment, size)).save(folder / image)
            visible = garment.labels()
            table.writerow([image, *("|".join(visible.get(name, ())) for name in TAXONOMY.names)])
