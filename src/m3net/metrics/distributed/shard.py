"""The images that one process holds, and which of those that are held more than once count."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Shard:
    """The n images that one process holds, in the order in which they came.

    Attributes:
        embeddings: (n, D) float32; None where the process has met none and does not know D.
        targets: (n, K) bool.
        roles: (n,) uint8.
        index: (n,) int64, the image's place in its split; an image may be here more than once, and
            elsewhere too.
        product: (n,) int64.
        device: Where images travel and are ranked; the shard may lie elsewhere.
    """

    embeddings: Tensor | None
    targets: Tensor
    roles: Tensor
    index: Tensor
    product: Tensor
    device: torch.device

    @classmethod
    def empty(cls, num_classes: int, device: torch.device) -> "Shard":
        """Give the shard of a process that has met no image.

        Args:
            num_classes: K.
            device: Where images travel.
        """
        none = torch.empty(0, dtype=torch.int64)
        targets, roles = torch.empty(0, num_classes, dtype=torch.bool), none.to(torch.uint8)
        return cls(None, targets, roles, none, none, device)


def first_of_each(names: Tensor, labels: Tensor) -> Tensor:
    """Give the row where each image occurs first, in the order of the indices.

    Args:
        names: (n, 2) int64, index and product of each occurrence.
        labels: (n, ...) what must not differ between occurrences, nor may the product.

    Raises:
        ValueError: It does.
    """
    index, order = names[:, 0].sort(stable=True)
    again = index[1:] == index[:-1]
    differs = torch.zeros_like(again)
    for columns in (names[order], labels[order]):
        differs |= (columns[1:] != columns[:-1]).any(dim=1)
    if (again & differs).any():
        named = torch.unique(index[1:][again & differs]).tolist()[:10]
        raise ValueError(
            f"images {named} occur again with other targets, roles or products: reset the metric "
            "between splits"
        )
    is_first = torch.ones_like(index, dtype=torch.bool)
    is_first[1:] = ~again
    return order[is_first]
