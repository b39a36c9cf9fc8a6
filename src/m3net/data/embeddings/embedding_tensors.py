"""Read vectors from safetensors: a tensor per attribute, image names in the metadata."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open

from m3net.boundary.regular_file import ExcessError, check_regular
from m3net.data.embeddings.attribute_vectors import BLOCK_SIZE, Block
from m3net.errors import EmbeddingError

_NAMES = TypeAdapter(Annotated[list[str], FailFast()])
_FLOATS = ("F64", "F32", "F16", "BF16")


def read_safetensors(file: Path) -> Iterator[Block]:
    """Yield the vectors of a file attribute by attribute; only one block is in memory at once.

    Args:
        file: Holds for each attribute a float tensor (n, D) under its name. Its metadata has a
            JSON list of the n image names, under "images/<attribute>" or, for all attributes,
            under "images".

    Raises:
        EmbeddingError: It is not safetensors, a tensor has another shape or type, or its images
            are not named.
    """
    parsed: dict[str, list[str]] = {}
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
                images = _image_names(file, metadata, parsed, attribute, shape[0])
                for first in range(0, len(images), BLOCK_SIZE):
                    part = slice(first, first + BLOCK_SIZE)
                    vectors: NDArray[np.float32] = tensor[part].float().numpy()
                    yield Block(file, attribute, images[part], vectors)
    except (SafetensorError, OSError, ExcessError) as error:
        remedy = "Write it again with safetensors.torch.save_file"
        raise EmbeddingError.at(file, f"not safetensors: {error}", remedy) from error


def _image_names(
    file: Path,
    metadata: Mapping[str, str],
    parsed: dict[str, list[str]],
    attribute: str,
    num_images: int,
) -> list[str]:
    """Return the image names of one tensor; `parsed` keeps lists that tensors share."""
    key = f"images/{attribute}" if f"images/{attribute}" in metadata else "images"
    remedy = f"Save a JSON list of {num_images} paths under {key!r} of the metadata"
    if key not in metadata:
        problem = f"the metadata has no {key!r}, which names the images of {attribute!r}"
        raise EmbeddingError.at(file, problem, remedy)
    if key not in parsed:
        try:
            parsed[key] = _NAMES.validate_json(metadata[key], strict=True)
        except ValidationError as error:
            reason = error.errors(include_url=False, include_input=False)[0]["msg"]
            problem = f"{key!r} of the metadata is not a JSON list of texts: {reason}"
            raise EmbeddingError.at(file, problem, remedy) from error
    if (count := len(parsed[key])) != num_images:
        problem = f"tensor {attribute!r} has {num_images} vectors for {count} images"
        raise EmbeddingError.at(file, problem, remedy)
    return parsed[key]
