"""`m3net synthesize`: a drawn catalogue on disk."""

from pathlib import Path

from m3net.data.synthetic import write_catalogue
from m3net.errors import printable


def synthesize(folder: Path, num_images: int = 1000, size: int = 224, seed: int = 0) -> None:
    """Write drawn garments as PNG with a catalogue.csv beside them.

    Args:
        folder: A new or empty folder.
        num_images: Number of garments.
        size: Height and width in pixels.
        seed: Equal seeds give equal garments.

    Raises:
        M3NetError: The folder is not empty, or cannot be written.
    """
    file = printable(str(write_catalogue(folder, num_images, size, seed)))
    command = "--config m3net:data/catalogue --config m3net:model/m3net"
    print(f"{num_images} garments in {file}\nnext: m3net train {command} --data.file={file}")  # noqa: T201 - a command's output
