"""Labels of queries and gallery, and images of one product, as the GPU kernel reads them."""

from typing import NamedTuple

import torch
from torch import Tensor

from m3net.metrics.embedded_images import Images, are_scorable


class Labels(NamedTuple):
    """Labels of Q query images, and the members of K classes in a gallery of G.

    Attributes:
        rows: (labels,) int64, the query image of each label.
        classes: (labels,) int64.
        bounds: (Q + 1,) int64, the start of each image's labels.
        members: (m,) int64, the gallery images of each class, ascending.
        class_bounds: (K + 1,) int64, the start of each class's members.
        most: () int64, the most members that the classes of one query image have in total.
    """

    rows: Tensor
    classes: Tensor
    bounds: Tensor
    members: Tensor
    class_bounds: Tensor
    most: Tensor

    @classmethod
    def of(cls, queries: Tensor, gallery: Tensor) -> "Labels":
        """Build labels from targets: (Q, K) bool, (G, K) bool; Q is at least 1.

        Example:
            >>> queries = torch.tensor([[True, False], [True, True], [False, False]])
            >>> gallery = torch.tensor([[False, True], [True, True]])
            >>> labels = Labels.of(queries, gallery)
            >>> labels.rows, labels.classes, labels.bounds
            (tensor([0, 1, 1]), tensor([0, 0, 1]), tensor([0, 1, 3, 3]))
            >>> labels.members, labels.class_bounds, labels.most
            (tensor([1, 0, 1]), tensor([0, 1, 3]), tensor(3))
        """
        rows, classes = (column.contiguous() for column in queries.nonzero(as_tuple=True))
        of_member, members = (column.contiguous() for column in gallery.T.nonzero(as_tuple=True))
        class_bounds = _bounds(of_member, gallery.shape[1])
        counts = rows.new_zeros(len(queries)).index_add_(0, rows, class_bounds.diff()[classes])
        return cls(rows, classes, _bounds(rows, len(queries)), members, class_bounds, counts.max())


def prepare(queries: Images, gallery: Images) -> tuple[Images, Images, Labels, int]:
    """Check images on a device, and prepare them for ranking.

    Reading a number from a device waits for all its pending work, so all are read at once. Neither
    side may be empty.

    Returns:
        Both with float32 embeddings, the gallery sorted by index; their labels, and `Labels.most`.

    Raises:
        M3NetError: An embedding is not finite; names the images.
    """
    queries, gallery = queries.as_float32(), gallery.as_float32()
    labels = Labels.of(queries.targets, gallery.targets)
    is_unsorted = (gallery.index[1:] < gallery.index[:-1]).any()
    scorable = [are_scorable(images.embeddings).all() for images in (queries, gallery)]
    numbers = [number.long() for number in (labels.most, is_unsorted, *scorable)]
    most, unsorted, *fine = torch.stack(numbers).tolist()
    if unsorted:
        gallery = gallery.select(gallery.index.argsort())
        labels = Labels.of(queries.targets, gallery.targets)
    if not all(fine):
        for images in (gallery, queries):
            images.scorable()
    return queries, gallery, labels, most


def group_bounds(queries: Images, gallery: Images) -> tuple[Tensor, list[Tensor]]:
    """Find the gallery images that show the product of each query; the gallery is sorted by index.

    Returns:
        (G,) int64, gallery rows sorted by group; and the start and end of each query's group in
        them, (Q,) int64 each.
    """
    if gallery.product is None:  # the group is the index, which is sorted
        group, by_group = gallery.index, torch.arange(len(gallery), device=gallery.index.device)
    else:
        group, by_group = gallery.product.sort(stable=True)
    bounds = (torch.searchsorted(group, queries.group, right=is_end) for is_end in (False, True))
    return by_group, list(bounds)


def _bounds(parts: Tensor, num_parts: int) -> Tensor:
    """Return where each part begins and the last one ends, given each element's ascending part."""
    return torch.searchsorted(parts, torch.arange(num_parts + 1, device=parts.device))
