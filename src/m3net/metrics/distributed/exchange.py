"""What processes tell each other of their images, so that each can score its share of the queries.

All of them learn the labels of all images, which are small. Embeddings pass where they are needed:
those of a query to the process that scores it, those of the gallery to all.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from m3net.metrics.distributed.process_group import Processes
from m3net.metrics.distributed.shard import Shard, first_of_each
from m3net.metrics.embedded_images import Images, check_finite, squared_lengths


class Exchange:
    """The images of all processes: N distinct ones in the order of their indices.

    Of an image that occurs more than once the first counts, in the order of the ranks and then of
    the updates.

    Attributes:
        length: D.
        targets: (N, K) bool.
        roles: (N,) uint8.
        index: (N,) int64, increasing.
        product: (N,) int64.
    """

    def __init__(self, shard: Shard, processes: Processes) -> None:
        """Tell each other the labels of all images.

        Every process finds what is wrong with any image of any of them, and raises the same error.

        Args:
            shard: The images of this process.
            processes: All of them call this together.

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
        names = torch.stack([shard.index, shard.product], dim=1)
        finite = squared_lengths(self._embeddings).isfinite().to(shard.roles.device)
        labels = torch.cat([shard.targets, shard.roles[:, None], finite[:, None]], dim=1)
        names, owner, row = self._gather(names)
        labels, _, _ = self._gather(labels.to(torch.uint8))
        first = first_of_each(names, labels[:, :-1])
        self.index, self.product = names[first].unbind(dim=1)
        labels = labels[first]
        check_finite(self.index, labels[:, -1].bool())
        self.targets, self.roles = labels[:, :-2].bool(), labels[:, -2]
        self._owner, self._row = owner[first], row[first]

    def places(self, role: int) -> Tensor:
        """Give the places of the images that have a role, in increasing order: (n,) int64."""
        return ((self.roles & role) != 0).nonzero().squeeze(1)

    def labels(self, rows: Tensor) -> Images:
        """Give images without embeddings: they have (n, 0)."""
        return self._images(rows, torch.empty(len(rows), 0, device=self.device))

    def share(self, rows: Tensor) -> Images:
        """Give this process its share of some images; all shares are of about equal size.

        The shares depend on the images alone and not on who holds them: they are consecutive parts,
        so that what becomes of each, put together by rank, stands in the order of the images.

        Args:
            rows: (Q,) int64, places of the images among all N, in increasing order.

        Returns:
            Q / P images, rounded up or down.
        """
        shares = rows.tensor_split(self.processes.size)
        own = shares[self.processes.rank]
        sent = [share[self._owner[share] == self.processes.rank] for share in shares]
        by_owner = self._owner[own].argsort(stable=True)
        embeddings = torch.empty(len(own), self.length, device=self.device)
        embeddings[by_owner] = self.processes.deal(
            self._held(torch.cat(sent)),
            sent=[len(part) for part in sent],
            received=self._owner[own].bincount(minlength=self.processes.size).tolist(),
        )
        return self._images(own, embeddings)

    def collect(self, rows: Tensor, size: int) -> Images:
        """Give all processes some images whole.

        Args:
            rows: (G,) int64, places of the images among all N.
            size: How many pass at once.
        """
        if self.processes.size == 1:
            return self._images(rows, self._held(rows))
        embeddings = torch.empty(len(rows), self.length, device=self.device)
        for columns, own in self.blocks(rows, size):
            embeddings[columns] = own
        return self._images(rows, embeddings)

    def blocks(self, rows: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pass the embeddings of some images to all processes, a block at a time.

        Args:
            rows: (G,) int64, places of the images among all N.
            size: The most images of a block.

        Yields:
            (b,) int64, places of the block's images in `rows`, and (b, D) float32, their
            embeddings. All processes take all blocks.
        """
        owner = self._owner[rows]
        for process in range(self.processes.size):
            for columns in torch.split((owner == process).nonzero().squeeze(1), size):
                own = columns if process == self.processes.rank else columns[:0]
                held = self._held(rows[own])
                yield columns, self.processes.lend(held, process, len(columns))

    def _agree_on_length(self, embeddings: Tensor | None) -> int:
        """Give D, which a process without images learns from the others."""
        own = [] if embeddings is None else [embeddings.shape[1]]
        lengths = self.processes.gather(torch.tensor(own, dtype=torch.int64, device=self.device))
        different = torch.unique(torch.cat(lengths)).tolist()
        if len(different) > 1:
            raise ValueError(f"embeddings of one attribute have lengths {different}")
        return different[0] if different else 0

    def _gather(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give the rows of all processes, the rank of each one's owner and its place there."""
        parts = self.processes.gather(rows.to(self.device))
        sizes = torch.tensor([len(part) for part in parts], device=self.device)
        owner = torch.arange(len(parts), device=self.device).repeat_interleave(sizes)
        before = (sizes.cumsum(0) - sizes)[owner]
        return torch.cat(parts), owner, torch.arange(len(owner), device=self.device) - before

    def _held(self, rows: Tensor) -> Tensor:
        """Give the embeddings of images that this process holds."""
        return self._embeddings[self._row[rows].to(self._embeddings.device)].to(self.device)

    def _images(self, rows: Tensor, embeddings: Tensor) -> Images:
        return Images(embeddings, self.targets[rows], self.index[rows], self.product[rows])
