"""Arrays of a user, checked and turned into tensors: the inputs of `retrieve`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any] | Tensor

_INTEGERS = frozenset(["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"])


@dataclass(frozen=True)
class Inputs:
    """Inputs for the n images of one side, the queries or the gallery."""

    embeddings: Tensor
    """(n, D) float32."""
    labels: Tensor
    """(n,) int64, or (n, K) bool."""
    ids: Tensor | None
    """(n,) int64."""
    products: Tensor | None
    """(n,) int64."""

    @property
    def index(self) -> Tensor:
        """(n,) int64: ids, or row numbers without ids."""
        rows = torch.arange(len(self.embeddings), device=self.embeddings.device)
        return rows if self.ids is None else self.ids

    @classmethod
    def read(
        cls,
        side: str,
        embeddings: Array,
        labels: Array,
        ids: Array | None,
        products: Array | None,
        device: torch.device,
    ) -> "Inputs":
        """Check the arguments of one side, "query" or "gallery", and move them to a device.

        Raises:
            ValueError: An argument has another shape or dtype.
        """
        name = {"query": "queries", "gallery": "gallery"}[side]
        form = "(n, D) floating point numbers"
        rows = _read(name, embeddings, {("float", 2): form}, None, device)
        integers = {("integer", 1): "(n,) integers"}
        classes = integers | {("bool", 2): "(n, K) bool"}
        size = len(rows)
        return cls(
            rows,
            _read(f"{side}_labels", labels, classes, size, device),
            None if ids is None else _read(f"{side}_ids", ids, integers, size, device),
            None
            if products is None
            else _read(f"{side}_products", products, integers, size, device),
        )


def check_match(queries: Inputs, gallery: Inputs) -> None:
    """Check that two sides can be compared.

    Raises:
        ValueError: They differ in D, K or the kind of labels; only one side has products, or an
            image has two; or two gallery images share an id.
    """
    query_length, gallery_length = queries.embeddings.shape[1], gallery.embeddings.shape[1]
    if query_length != gallery_length:
        raise ValueError(f"queries have {query_length} numbers each, gallery has {gallery_length}")
    query_shape, gallery_shape = (*queries.labels.shape[1:],), (*gallery.labels.shape[1:],)
    if query_shape != gallery_shape or 0 in query_shape:
        raise ValueError(
            "query_labels and gallery_labels must both be integers, or both be bool with the "
            f"same classes, one or more, not rows of shape {query_shape} and {gallery_shape}"
        )
    if (queries.products is None) != (gallery.products is None):
        raise ValueError("give both query_products and gallery_products, or neither")
    if gallery.ids is not None:
        ids, counts = torch.unique(gallery.ids, return_counts=True)
        if (counts > 1).any():
            raise ValueError(f"gallery_ids: {ids[counts > 1][0].item()} occurs more than once")
        _check_products(queries, gallery)


def _check_products(queries: Inputs, gallery: Inputs) -> None:
    """Refuse an image with two products, which would appear in its own ranking."""
    if queries.ids is None or gallery.ids is None or not len(gallery.ids):
        return
    if queries.products is None or gallery.products is None:
        return
    ids, order = gallery.ids.sort()
    row = order[torch.searchsorted(ids, queries.ids).clamp(max=len(ids) - 1)]
    wrong = (gallery.ids[row] == queries.ids) & (gallery.products[row] != queries.products)
    if wrong.any():
        image = queries.ids[wrong][0].item()
        raise ValueError(f"query_products and gallery_products differ for image {image}")


def _read(
    name: str,
    values: Array,
    forms: dict[tuple[str, int], str],
    size: int | None,
    device: torch.device,
) -> Tensor:
    """Return an argument as float32, int64 or bool.

    `forms` describes the allowed kinds and numbers of dimensions; `size` is the number of rows.
    """
    array = values if isinstance(values, Tensor) else np.asarray(values)
    kind = _kind(array)
    if (kind, array.ndim) not in forms:
        allowed = " or ".join(forms.values())
        raise ValueError(f"{name} must be {allowed}, not {array.dtype} of shape {(*array.shape,)}")
    if size is not None and len(array) != size:
        raise ValueError(f"{name} has {len(array)} rows, but there are {size} images")
    if not isinstance(array, Tensor):
        dtype = {"float": np.float32, "integer": np.int64, "bool": np.bool_}[kind]
        # torch warns of read-only memory. It takes no negative strides, which numpy does not count
        # along axes of length 1.
        array = np.require(array, dtype, ["C", "W"])
        array = torch.from_numpy(array.copy() if min(array.strides) < 0 else array)
    dtypes = {"float": torch.float32, "integer": torch.int64, "bool": torch.bool}
    return array.detach().to(device, dtypes[kind])


def _kind(array: Array) -> str:
    """Return "float", "integer" (if int64 holds all values), "bool" or the name of the dtype."""
    if isinstance(array, Tensor):
        name = str(array.dtype).removeprefix("torch.")
    else:
        name = array.dtype.name
    if name in _INTEGERS:
        return "integer"
    return "float" if name.startswith(("float", "bfloat")) else name
