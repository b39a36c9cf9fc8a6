"""From arrays that a user gives to tensors whose form is known: the two sides of a retrieval."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any] | Tensor

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")


@dataclass(frozen=True)
class Columns:
    """What is given of the n images of one side.

    Attributes:
        embeddings: (n, D) float32.
        labels: (n,) int64, or (n, K) bool.
        ids: (n,) int64; None where the images have none.
        products: (n,) int64; None where they are not known.
    """

    embeddings: Tensor
    labels: Tensor
    ids: Tensor | None
    products: Tensor | None

    @property
    def index(self) -> Tensor:
        """(n,) int64: the ids, else row numbers."""
        rows = torch.arange(len(self.embeddings), device=self.embeddings.device)
        return rows if self.ids is None else self.ids


def read_columns(
    side: str,
    embeddings: Array,
    labels: Array,
    ids: Array | None,
    products: Array | None,
    device: torch.device,
) -> Columns:
    """Check the arguments of one side, and bring them to a device.

    Args:
        side: "query" or "gallery", as in the names of the arguments.
        embeddings: (n, D) float.
        labels: (n,) integers or (n, K) bool.
        ids: (n,) integers.
        products: (n,) integers.
        device: Where all is computed.

    Raises:
        ValueError: An argument has another form.
    """
    name = {"query": "queries", "gallery": "gallery"}[side]
    form = "(n, D) floating point numbers"
    rows = _read(name, embeddings, {("float", 2): form}, None, device)
    several = {("integer", 1): "(n,) integers", ("bool", 2): "(n, K) bool"}
    single = {("integer", 1): "(n,) integers"}
    size = len(rows)
    return Columns(
        rows,
        _read(f"{side}_labels", labels, several, size, device),
        None if ids is None else _read(f"{side}_ids", ids, single, size, device),
        None if products is None else _read(f"{side}_products", products, single, size, device),
    )


def check_match(queries: Columns, gallery: Columns) -> None:
    """Refuse two sides that cannot be compared.

    Raises:
        ValueError: They differ in D, K or the kind of labels; products are known of one side alone
            or an image has two; or two gallery images share an id.
    """
    ours, theirs = queries.embeddings.shape[1], gallery.embeddings.shape[1]
    if ours != theirs:
        raise ValueError(f"queries have {ours} numbers each, gallery has {theirs}")
    asked, carried = (*queries.labels.shape[1:],), (*gallery.labels.shape[1:],)
    if asked != carried or 0 in asked:
        raise ValueError(
            "query_labels and gallery_labels must both be integers, or both be bool with the "
            f"same classes, one or more, not rows of shape {asked} and {carried}"
        )
    if (queries.products is None) != (gallery.products is None):
        raise ValueError("give both query_products and gallery_products, or neither")
    if gallery.ids is not None:
        ids, counts = torch.unique(gallery.ids, return_counts=True)
        if (counts > 1).any():
            raise ValueError(f"gallery_ids: {ids[counts > 1][0].item()} occurs more than once")
        _check_products(queries, gallery)


def _check_products(queries: Columns, gallery: Columns) -> None:
    """Refuse an image of two products, which would stand in its own ranking."""
    if queries.ids is None or gallery.ids is None or not len(gallery.ids):
        return
    if queries.products is None or gallery.products is None:
        return
    ids, order = gallery.ids.sort()
    place = order[torch.searchsorted(ids, queries.ids).clamp(max=len(ids) - 1)]
    wrong = (gallery.ids[place] == queries.ids) & (gallery.products[place] != queries.products)
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
    """Give an argument as float32, int64 or bool.

    Args:
        name: Of the argument.
        values: What was given.
        forms: The kinds and numbers of dimensions that it may have, in words.
        size: How many rows it must have, where that is known.
        device: Where it is used.
    """
    given = values if isinstance(values, Tensor) else np.asarray(values)
    kind = _kind(given)
    if (kind, given.ndim) not in forms:
        words = " or ".join(forms.values())
        raise ValueError(f"{name} must be {words}, not {given.dtype} of shape {(*given.shape,)}")
    if size is not None and len(given) != size:
        raise ValueError(f"{name} has {len(given)} rows where there are {size} images")
    if not isinstance(given, Tensor):
        dtype = {"float": np.float32, "integer": np.int64, "bool": np.bool_}[kind]
        # torch takes no negative strides, and warns of memory that may not be written to.
        given = torch.from_numpy(np.require(given, dtype, ["C", "W"]))
    kinds = {"float": torch.float32, "integer": torch.int64, "bool": torch.bool}
    return given.detach().to(device, kinds[kind])


def _kind(values: Array) -> str:
    """Name the kind of numbers: float, integer (of those that int64 holds), bool or another."""
    if isinstance(values, Tensor):
        name = str(values.dtype).removeprefix("torch.")
    else:
        name = values.dtype.name
    if name in _INTEGERS:
        return "integer"
    return "float" if name.startswith(("float", "bfloat")) else name
