"""What a reader costs: each file is read by a process of its own, whose memory is measured."""

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

MIB = 2**20
_MOST_MEMORY = 4096 * MIB
"""What a reader that fails may take more: the test shall fail, and not the machine."""


class Cost(NamedTuple):
    """What reading a file took."""

    mib: float
    seconds: float
    problem: str


def costs(reader: str, files: Mapping[str, Path], most_seconds: int = 60) -> dict[str, Cost]:
    """Read files one by one.

    Args:
        reader: One of `READERS`.
        files: By their names.
        most_seconds: After which a reader is killed.
    """
    words = [sys.executable, "-m", "tests.support.measured", reader, str(most_seconds)]
    asked = json.dumps({name: str(file) for name, file in files.items()})
    done = subprocess.run(words, input=asked, capture_output=True, text=True, check=True)
    return {name: Cost(*cost) for name, cost in json.loads(done.stdout).items()}


def _catalogue(file: Path) -> None:
    from m3net.data.annotations.catalogue import CatalogueColumns, read_catalogue

    item = "item" if b"item" in file.read_bytes()[:100] else None
    read_catalogue(file, CatalogueColumns(item=item))


def _vectors(file: Path) -> None:
    from m3net.data.embeddings.embedding_files import read_embeddings

    read_embeddings(file, {"collar": ["a.jpg", "b.jpg"]}, Path("root"))


def _image(file: Path) -> None:
    from m3net.data.photos.reader import read_image

    read_image(file, None)


READERS: dict[str, Callable[[Path], None]] = {
    "catalogue": _catalogue,
    "vectors": _vectors,
    "image": _image,
}


def _read(reader: Callable[[Path], None], file: Path) -> str:
    """Read in this process and say how it ended: "" if well, else the error's kind and text."""
    try:
        reader(file)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is asked for
        return f"{type(error).__name__}: {error}"
    return ""


def _cost(reader: Callable[[Path], None], file: Path, most_seconds: int) -> Cost:
    receiver, sender = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if not child:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + _MOST_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CPU, (most_seconds, most_seconds))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        problem = _read(reader, file)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.write(sender, json.dumps([(after - before) / 1024, problem[:1000]]).encode())
        os._exit(0)
    os.close(sender)
    with open(receiver, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    mib, problem = json.loads(answer) if answer else (_MOST_MEMORY / MIB, "it was killed")
    return Cost(mib, time.monotonic() - start, problem)


def main(reader: str, most_seconds: str) -> None:
    """Read the files that standard input names."""
    asked = json.load(sys.stdin)
    own = READERS[reader]
    # What is imported and set up for the first file is no cost of it.
    _read(own, Path("nothing.csv"))
    importlib.import_module("torch")
    found = {name: _cost(own, Path(file), int(most_seconds)) for name, file in asked.items()}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
