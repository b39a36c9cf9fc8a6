"""Files of embeddings to the vectors of the images that take part, or to what is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from m3net.data.embeddings.block import Block
from m3net.data.embeddings.parquet import read_parquet
from m3net.data.embeddings.tensors import read_safetensors
from m3net.data.embeddings.vectors import AttributeVectors
from m3net.errors import DatasetNotFoundError, EmbeddingError


def read_embeddings(
    place: Path, images: Mapping[str, Sequence[str]], root: Path | None
) -> dict[str, AttributeVectors]:
    """Read the vectors of all images that take part.

    Images are named as in `images`, or by a path that leads into `root` from the current folder.

    Args:
        place: A Parquet file or a folder of its parts (see `read_parquet`), or a safetensors file
            (see `read_safetensors`). Pickles are never read.
        images: For each attribute the names of the images that take part in its evaluation;
            none where it is not evaluated.
        root: Folder that the names start from; None where images are no files.

    Returns:
        For each attribute its vectors, complete.

    Raises:
        DatasetNotFoundError: There is no such file.
        EmbeddingError: It has another format, an attribute that `images` lacks, a vector that
            cannot be compared, two for one image and attribute, or none where one is needed.
    """
    vectors = {attribute: AttributeVectors(own, root) for attribute, own in images.items()}
    given = set()
    for block in _blocks(place):
        if block.attribute not in vectors:
            problem = f"attribute {block.attribute!r} is none of the data's"
            remedy = f"Name one of {', '.join(map(repr, vectors))}, or leave it out"
            raise EmbeddingError.at(block.file, problem, remedy)
        vectors[block.attribute].add(block)
        given.add(block.attribute)
    lacking = [name for name, own in images.items() if own and name not in given]
    if lacking:
        problem = f"no vectors for attribute {', '.join(map(repr, lacking))}"
        raise EmbeddingError.at(place, problem, "Add them, or leave the attribute out of the data")
    _check_complete(place, vectors)
    return vectors


def _blocks(place: Path) -> Iterator[Block]:
    """Give what the files hold; the suffix says how they are read."""
    if not place.exists():
        raise DatasetNotFoundError.at("embeddings", place, "--embeddings")
    if place.is_dir():
        parts = sorted(place.glob("*.parquet"))
        if not parts:
            raise EmbeddingError.at(place, "no .parquet in this folder", "Name the folder of them")
        for part in parts:
            yield from read_parquet(part)
    elif place.suffix == ".parquet":
        yield from read_parquet(place)
    elif place.suffix == ".safetensors":
        yield from read_safetensors(place)
    else:
        remedy = "Save the vectors as one of them"
        raise EmbeddingError.at(place, "neither .parquet nor .safetensors nor a folder", remedy)


def _check_complete(place: Path, vectors: Mapping[str, AttributeVectors]) -> None:
    """Raise an error if images that take part have no vector: the first five, and their number."""
    missing = {attribute: own.missing for attribute, own in vectors.items() if own.missing}
    if not missing:
        return
    attribute, images = next(iter(missing.items()))
    count, more = len(images), sum(map(len, missing.values())) - len(images)
    number = f"{count:,} of {len(vectors[attribute]):,} images that take part"
    listed = ", ".join(map(repr, images[:5])) + (", ..." if count > 5 else "")
    problem = f"no vector for attribute {attribute!r} of {number}: {listed}"
    problem += f"; and {more:,} vectors of other attributes are missing" if more else ""
    unused = [own.unused for own in vectors.values() if own.unused is not None]
    named = f", not as {unused[0]!r}" if unused else ""
    remedy = f"Add them, and name images as the data does, or by their path{named}"
    raise EmbeddingError.at(place, problem, remedy)
