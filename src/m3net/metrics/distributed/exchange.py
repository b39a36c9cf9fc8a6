"""Exchange of images between processes, so that each can score its share of the queries.

All processes gather the labels of all images, which are small. Embeddings travel on demand: those
of a query to the process that scores it, those of the gallery to all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from m3net.metrics.distributed.process_group import ProcessGroup
from m3net.metrics.embedded_images import Images, are_scorable, check_finite


@dataclass(frozen=True)
class Shard:
    """The n images that one process holds, in order of arrival."""

    embeddings: Tensor | None
    """(n, D) float32; None if the process has seen no image and does not know D."""
    targets: Tensor
    """(n, K) bool."""
    roles: Tensor
    """(n,) uint8."""
    index: Tensor
    """(n,) int64, the image's index in its split. An image may occur again, here or elsewhere."""
    product: Tensor
    """(n,) int64."""
    device: torch.device
    """Where images travel and are ranked; the shard may be on another device."""

    @classmethod
    def empty(cls, num_classes: int, device: torch.device) -> "Shard":
        """Return the shard of a process that has seen no image."""
        index = torch.empty(0, dtype=torch.int64)
        targets, roles = torch.empty(0, num_classes, dtype=torch.bool), index.to(torch.uint8)
        return cls(None, targets, roles, index, index, device)


class Exchange:
    """The images of all processes: N distinct images in the order of their indices.

    If an image occurs repeatedly, its first occurrence counts, by rank and then by update.

    Attributes:
        length: D.
        targets: (N, K) bool.
        roles: (N,) uint8.
        index: (N,) int64, increasing.
        product: (N,) int64.
    """

    def __init__(self, shard: Shard, processes: ProcessGroup) -> None:
        """Gather the labels of all images.

        Each process checks the images of all processes, and so raises the same error.

        Args:
            shard: The images of this process.
            processes: All processes, which must call this together.

        Raises:
            M3NetError: An embedding is not finite; names the images.
            ValueError: An image occurs again with other targets, roles or product, or embeddings
                differ in length.
        """
        self.processes = processes
        self.device = shard.device
        self.length = self._agree_on_length(shard.embeddings)
        self._embeddings = (
            torch.empty(0, self.length) if shard.embeddings is None else shard.embeddings
        )
        ids = torch.stack([shard.index, shard.product], dim=1)
        finite = are_scorable(self._embeddings).to(shard.roles.device)
        labels = torch.cat([shard.targets, shard.roles[:, None], finite[:, None]], dim=1)
        ids, owner, row = self._gather(ids)
        labels, _, _ = self._gather(labels.to(torch.uint8))
        first = _first_occurrences(ids, labels[:, :-1])
        self.index, self.product = ids[first].unbind(dim=1)
        labels = labels[first]
        check_finite(self.index, labels[:, -1].bool())
        self.targets, self.roles = labels[:, :-2].bool(), labels[:, -2]
        self._owner, self._row = owner[first], row[first]

    def with_role(self, role: int) -> Tensor:
        """Return the images that have a role, as ascending rows: (n,) int64."""
        return ((self.roles & role) != 0).nonzero().squeeze(1)

    def labels(self, rows: Tensor) -> Images:
        """Return images without embeddings, that is, with (n, 0)."""
        return self._images(rows, torch.empty(len(rows), 0, device=self.device))

    def share(self, rows: Tensor) -> Images:
        """Return this process's share of some images.

        Shares are consecutive parts of about equal size, whoever holds the images. So the results
        of all shares, concatenated by rank, are in the order of the images.

        Args:
            rows: (Q,) int64, ascending rows of images among all N.
        """
        shares = rows.tensor_split(self.processes.size)
        share = shares[self.processes.rank]
        sent = [part[self._owner[part] == self.processes.rank] for part in shares]
        by_owner = self._owner[share].argsort(stable=True)
        embeddings = torch.empty(len(share), self.length, device=self.device)
        embeddings[by_owner] = self.processes.all_to_all(
            self._held(torch.cat(sent)),
            sent=[len(part) for part in sent],
            received=self._owner[share].bincount(minlength=self.processes.size).tolist(),
        )
        return self._images(share, embeddings)

    def collect(self, rows: Tensor, block_size: int) -> Images:
        """Return some images, whole in each process; sends this many at once."""
        if self.processes.size == 1:
            return self._images(rows, self._held(rows))
        embeddings = torch.empty(len(rows), self.length, device=self.device)
        for columns, block in self.blocks(rows, block_size):
            embeddings[columns] = block
        return self._images(rows, embeddings)

    def blocks(self, rows: Tensor, block_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Send the embeddings of some images to all processes, block by block.

        All processes must consume all blocks.

        Yields:
            (b,) int64, indices into `rows`, and (b, D) float32, the embeddings of these images.
        """
        owner = self._owner[rows]
        for source in range(self.processes.size):
            for columns in torch.split((owner == source).nonzero().squeeze(1), block_size):
                held = columns if source == self.processes.rank else columns[:0]
                embeddings = self._held(rows[held])
                yield columns, self.processes.broadcast(embeddings, source, len(columns))

    def _agree_on_length(self, embeddings: Tensor | None) -> int:
        """Return D, which a process without images learns from the others."""
        length = [] if embeddings is None else [embeddings.shape[1]]
        lengths = self.processes.all_gather(
            torch.tensor(length, dtype=torch.int64, device=self.device)
        )
        distinct = torch.unique(torch.cat(lengths)).tolist()
        if len(distinct) > 1:
            raise ValueError(f"embeddings of one attribute have lengths {distinct}")
        return distinct[0] if distinct else 0

    def _gather(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the rows of all processes, the rank of each row's owner, and its row there."""
        parts = self.processes.all_gather(rows.to(self.device))
        sizes = torch.tensor([len(part) for part in parts], device=self.device)
        owner = torch.arange(len(parts), device=self.device).repeat_interleave(sizes)
        before = (sizes.cumsum(0) - sizes)[owner]
        return torch.cat(parts), owner, torch.arange(len(owner), device=self.device) - before

    def _held(self, rows: Tensor) -> Tensor:
        """Return the embeddings of images that this process holds."""
        return self._embeddings[self._row[rows].to(self._embeddings.device)].to(self.device)

    def _images(self, rows: Tensor, embeddings: Tensor) -> Images:
        return Images(embeddings, self.targets[rows], self.index[rows], self.product[rows])


def _first_occurrences(ids: Tensor, labels: Tensor) -> Tensor:
    """Return the first row of each image, in the order of the indices.

    A row of `ids` holds index and product. Rows of one image must not differ in product or label.
    """
    index, order = ids[:, 0].sort(stable=True)
    is_repeated = index[1:] == index[:-1]
    differs = torch.zeros_like(is_repeated)
    for columns in (ids[order], labels[order]):
        differs |= (columns[1:] != columns[:-1]).any(dim=1)
    if (is_repeated & differs).any():
        images = torch.unique(index[1:][is_repeated & differs]).tolist()[:10]
        raise ValueError(
            f"images {images} occur again with other targets, roles or products: reset the metric "
            "between splits"
        )
    is_first = torch.ones_like(index, dtype=torch.bool)
    is_first[1:] = ~is_repeated
    return order[is_first]
