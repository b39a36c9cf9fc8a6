"""Read embedding files as the vectors of the images that take part."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from m3net.data.embeddings.attribute_vectors import AttributeVectors, Block
from m3net.data.embeddings.embedding_rows import read_parquet
from m3net.data.embeddings.embedding_tensors import read_safetensors
from m3net.errors import DatasetNotFoundError, EmbeddingError


def read_embeddings(
    path: Path, images: Mapping[str, Sequence[str]], root: Path | None
) -> dict[str, AttributeVectors]:
    """Read the vectors of all images that take part.

    A file names images as `images` does, or by paths from the current folder into `root`.

    Args:
        path: A Parquet file or a folder of them (see `read_parquet`), or a safetensors file (see
            `read_safetensors`). Pickles are never read.
        images: For each attribute the names of the images that take part in its evaluation; empty
            if it is not evaluated.
        root: Folder that the names start from; None if images are not files.

    Returns:
        For each attribute its vectors, complete.

    Raises:
        DatasetNotFoundError: There is no such file.
        EmbeddingError: It has another format or an unknown attribute, or an image that takes part
            has no vector, two, or one that is not finite.
    """
    vectors = {attribute: AttributeVectors(names, root) for attribute, names in images.items()}
    read = set()
    for block in _blocks(path):
        if block.attribute not in vectors:
            problem = f"unknown attribute {block.attribute!r}"
            remedy = f"Name one of {', '.join(map(repr, vectors))}, or leave it out"
            raise block.error(problem, remedy)
        vectors[block.attribute].add(block)
        read.add(block.attribute)
    if lacking := [repr(name) for name, names in images.items() if names and name not in read]:
        problem = f"no vectors for attribute {', '.join(lacking)}"
        raise EmbeddingError.at(path, problem, "Add them, or leave the attribute out of the data")
    _check_complete(path, vectors)
    return vectors


def _blocks(path: Path) -> Iterator[Block]:
    """Yield the blocks of all files; the suffix names the format."""
    if not path.exists():
        raise DatasetNotFoundError.at("embeddings", path, "embeddings")
    if path.is_dir():
        parts = sorted(path.glob("*.parquet"))
        if not parts:
            raise EmbeddingError.at(path, "no .parquet in this folder", "Name the folder of them")
        for part in parts:
            yield from read_parquet(part)
    elif path.suffix == ".parquet":
        yield from read_parquet(path)
    elif path.suffix == ".safetensors":
        yield from read_safetensors(path)
    else:
        remedy = "Save the vectors as one of them"
        raise EmbeddingError.at(path, "neither .parquet nor .safetensors nor a folder", remedy)


def _check_complete(path: Path, vectors: Mapping[str, AttributeVectors]) -> None:
    """Raise an error if images lack a vector: name the first five, and count all."""
    missing = {name: images for name, one in vectors.items() if (images := one.missing)}
    if not missing:
        return
    attribute, images = next(iter(missing.items()))
    number = f"{len(images):,} of {len(vectors[attribute]):,} images that take part"
    listed = ", ".join(map(repr, images[:5])) + (", ..." if len(images) > 5 else "")
    problem = f"no vector for attribute {attribute!r} of {number}: {listed}"
    if others := sum(map(len, missing.values())) - len(images):
        problem += f"; and {others:,} vectors of other attributes are missing"
    unused = [one.unused for one in vectors.values() if one.unused is not None]
    spelling = f", not as {unused[0]!r}" if unused else ""
    remedy = f"Add them, and name images as the data does, or by their path{spelling}"
    raise EmbeddingError.at(path, problem, remedy)
