"""Vectors from a safetensors file: a tensor for each attribute, image names in its metadata."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from m3net.boundary.content import ExcessError, check_regular
from m3net.data.embeddings.block import BLOCK_SIZE, Block
from m3net.errors import EmbeddingError

_FLOATS = ("F64", "F32", "F16", "BF16")


def read_safetensors(file: Path) -> Iterator[Block]:
    """Give the vectors of a file, attribute after attribute; no more than a block is in memory.

    Args:
        file: Holds for each attribute a float tensor (n, D) under its name. Its metadata has,
            under "images", a JSON list of the names of the n images; or, under
            "images/<attribute>", a list of the attribute's own.

    Raises:
        EmbeddingError: It is not safetensors, a tensor has another shape or type, or its images
            are not named.
    """
    known: dict[str, list[str]] = {}
    try:
        check_regular(file)
        with safe_open(file, framework="pt") as content:
            metadata = content.metadata() or {}
            for attribute in content.keys():  # noqa: SIM118 - not a dict
                tensor = content.get_slice(attribute)
                shape, kind = tensor.get_shape(), tensor.get_dtype()
                if len(shape) != 2 or kind not in _FLOATS:
                    problem = f"tensor {attribute!r} has shape {tuple(shape)} and type {kind}"
                    remedy = "Save floats of shape (images, numbers of a vector)"
                    raise EmbeddingError.at(file, problem, remedy)
                images = _images(file, metadata, known, attribute, shape[0])
                for first in range(0, len(images), BLOCK_SIZE):
                    part = slice(first, first + BLOCK_SIZE)
                    vectors: NDArray[np.float32] = tensor[part].float().numpy()
                    yield Block(file, attribute, images[part], vectors)
    except (SafetensorError, OSError, ExcessError) as error:
        remedy = "Write it anew with safetensors.torch.save_file"
        raise EmbeddingError.at(file, f"not safetensors: {error}", remedy) from error


def _images(
    file: Path,
    metadata: Mapping[str, str],
    known: dict[str, list[str]],
    attribute: str,
    num_images: int,
) -> list[str]:
    """Give the names of the images of one tensor; `known` keeps those that many have in common."""
    own = f"images/{attribute}"
    key = own if own in metadata else "images"
    remedy = f"Save a JSON list of {num_images} paths under {key!r} of the metadata"
    if key not in metadata:
        problem = f"the metadata has no {key!r}, which names the images of {attribute!r}"
        raise EmbeddingError.at(file, problem, remedy)
    if key not in known:
        known[key] = _read_names(file, key, metadata[key], remedy)
    if len(known[key]) != num_images:
        problem = f"tensor {attribute!r} has {num_images} vectors for {len(known[key])} images"
        raise EmbeddingError.at(file, problem, remedy)
    return known[key]


def _read_names(file: Path, key: str, text: str, remedy: str) -> list[str]:
    try:
        images = json.loads(text)
    except RecursionError as error:
        problem = f"{key!r} of the metadata is nested too deeply"
        raise EmbeddingError.at(file, problem, remedy) from error
    # Not JSON, or a number of more digits than Python reads.
    except ValueError as error:
        problem = f"{key!r} of the metadata is not JSON: {error}"
        raise EmbeddingError.at(file, problem, remedy) from error
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise EmbeddingError.at(file, f"{key!r} of the metadata is not a list of texts", remedy)
    return images
