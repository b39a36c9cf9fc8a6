"""What images ask for of a gallery, in the form that the counting kernel reads."""

from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

from m3net.metrics.embedded_images import Images, squared_lengths


class Labels(NamedTuple):
    """What Q images ask for of a gallery of G, of K classes.

    Attributes:
        rows: (labels,) int64, the image of each label.
        classes: (labels,) int64.
        bounds: (Q + 1,) int64, where the labels of each image begin.
        members: (carried,) int64, the gallery images of each class, ascending.
        class_bounds: (K + 1,) int64, where those of each class begin.
        most: () int64, the most members of an image's classes together.
    """

    rows: Tensor
    classes: Tensor
    bounds: Tensor
    members: Tensor
    class_bounds: Tensor
    most: Tensor

    @classmethod
    def of(cls, asked: Tensor, carried: Tensor) -> "Labels":
        """Read targets: (Q, K) bool, (G, K) bool; Q is at least 1.

        Example:
            >>> asked = torch.tensor([[True, False], [True, True], [False, False]])
            >>> carried = torch.tensor([[False, True], [True, True]])
            >>> labels = Labels.of(asked, carried)
            >>> labels.rows, labels.classes, labels.bounds
            (tensor([0, 1, 1]), tensor([0, 0, 1]), tensor([0, 1, 3, 3]))
            >>> labels.members, labels.class_bounds, labels.most
            (tensor([1, 0, 1]), tensor([0, 1, 3]), tensor(3))
        """
        rows, classes = (column.contiguous() for column in asked.nonzero(as_tuple=True))
        of_member, members = (column.contiguous() for column in carried.T.nonzero(as_tuple=True))
        class_bounds = _bounds(of_member, carried.shape[1])
        found = rows.new_zeros(len(asked)).index_add_(0, rows, class_bounds.diff()[classes])
        return cls(rows, classes, _bounds(rows, len(asked)), members, class_bounds, found.max())


def prepare(queries: Images, gallery: Images) -> tuple[Images, Images, Labels, int]:
    """Check images on a device, and bring them into the form that is ranked.

    Each number that is read from a device waits for all that it has to do, so that all are read at
    once.

    Args:
        queries: The images that ask, at least one.
        gallery: At least one.

    Returns:
        Both with embeddings in float32, the gallery sorted by index; what they ask for, and
        `Labels.most` of it.

    Raises:
        M3NetError: An embedding is not finite; names the images.
    """
    queries, gallery = queries.as_float32(), gallery.as_float32()
    labels = Labels.of(queries.targets, gallery.targets)
    is_unsorted = (gallery.index[1:] < gallery.index[:-1]).any()
    lengths = [squared_lengths(images.embeddings).max() for images in (queries, gallery)]
    numbers = [number.double() for number in (labels.most, is_unsorted, *lengths)]
    most, unsorted, *longest = torch.stack(numbers).tolist()
    if unsorted:
        gallery = gallery.select(gallery.index.argsort())
        labels = Labels.of(queries.targets, gallery.targets)
    if not all(map(isfinite, longest)):
        for images in (gallery, queries):
            images.scorable()
    return queries, gallery, labels, int(most)


def own_products(queries: Images, gallery: Images) -> tuple[Tensor, list[Tensor]]:
    """Say which images of the gallery show what each of the queries shows.

    Args:
        queries: Q images.
        gallery: G images, sorted by index.

    Returns:
        (G,) int64, rows of the gallery by what they show; and, in these, where each query's own
        begin and end: (Q,) int64 each.
    """
    if gallery.product is None:  # and by index they are sorted
        group, by_group = gallery.index, torch.arange(len(gallery), device=gallery.index.device)
    else:
        group, by_group = gallery.product.sort(stable=True)
    ends = (torch.searchsorted(group, queries.group, right=end) for end in (False, True))
    return by_group, list(ends)


def _bounds(parts: Tensor, size: int) -> Tensor:
    """Give where each of so many parts begins, and where the last ends.

    Args:
        parts: (n,) int64, ascending, the part of each element.
        size: The number of parts.

    Returns:
        (size + 1,) int64.
    """
    return torch.searchsorted(parts, torch.arange(size + 1, device=parts.device))
