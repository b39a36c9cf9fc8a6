"""Which images make a training batch; equal for all ranks, known from seed and epoch alone.

Samplers subclass `DistributedSampler` because Lightning leaves those as they are and calls their
`set_epoch`; any other sampler it would wrap and so tear batches apart.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DistributedSampler

from m3net.data.records import Records

Sampling = Literal["shuffle", "balanced", "triplets"]


class ShuffleSampler(DistributedSampler[Any]):
    """Takes each image once an epoch, in random order; yields one rank's share.

    All ranks draw the same epoch and take every world-size-th batch of it. The last, incomplete
    round of batches is left out: no rank may have a batch more than another.

    Attributes:
        skip: Batches of this rank that the next epoch to be gone through leaves out, since they
            were trained on before.
    """

    def __init__(
        self, num_images: int, batch_size: int, seed: int, rank: int, world_size: int
    ) -> None:
        """Set what is drawn.

        Args:
            num_images: Number of training images.
            batch_size: Images in the batch of one rank.
            seed: Seed of all draws, together with the epoch.
            rank: This process.
            world_size: Number of processes.
        """
        images = range(num_images)
        super().__init__(images, num_replicas=world_size, rank=rank, seed=seed)  # type: ignore[arg-type]  # it uses the length alone
        self.num_images, self.batch_size, self.skip = num_images, batch_size, 0
        self.num_batches = num_images // (batch_size * world_size)

    def __len__(self) -> int:
        """Give the number of images of this rank in an epoch."""
        return self.num_batches * self.batch_size

    def __iter__(self) -> Iterator[int]:
        """Go through this rank's share of the epoch that `set_epoch` set, batch after batch."""
        rng = np.random.default_rng((self.seed, self.epoch))
        batches = self._draw_epoch(rng, self.num_batches * self.num_replicas)
        skip, self.skip = self.skip, 0
        yield from batches[self.rank :: self.num_replicas][skip:].ravel().tolist()

    def _draw_epoch(self, rng: np.random.Generator, num_batches: int) -> NDArray[np.int64]:
        """Give (num_batches, batch_size) image indices."""
        order = rng.permutation(self.num_images)[: num_batches * self.batch_size]
        return order.reshape(num_batches, self.batch_size)


class BalancedSampler(ShuffleSampler):
    """Fills batches with small groups that share a class, so that each image meets positives.

    An attribute is drawn at random, then one of its classes, then images that carry the class;
    rare classes are met as often as frequent ones, and no image stands in a batch twice. An epoch
    holds as many images as `ShuffleSampler`'s, but not each image once.
    """

    def __init__(
        self,
        members: Sequence[Sequence[NDArray[np.int64]]],
        images_per_class: int,
        num_images: int,
        batch_size: int,
        seed: int,
        rank: int,
        world_size: int,
    ) -> None:
        """Set what is drawn.

        Args:
            members: For each attribute, for each of its classes, the images that carry it. An
                attribute without classes is not drawn.
            images_per_class: Size of a group.
            num_images: As for `ShuffleSampler`, as are the other arguments.
            batch_size: Images in the batch of one rank.
            seed: Seed of all draws, together with the epoch.
            rank: This process.
            world_size: Number of processes.
        """
        super().__init__(num_images, batch_size, seed, rank, world_size)
        self.members = [classes for classes in members if len(classes)]
        self.images_per_class = images_per_class

    def _draw_epoch(self, rng: np.random.Generator, num_batches: int) -> NDArray[np.int64]:
        return np.stack([self._draw_batch(rng) for _ in range(num_batches)])

    def _draw_batch(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw groups until the batch is full, or as many groups as it has places."""
        batch: dict[int, None] = {}
        for _ in range(self.batch_size):
            classes = self.members[int(rng.integers(len(self.members)))]
            images = classes[int(rng.integers(len(classes)))]
            take = min(self.images_per_class, len(images))
            batch.update(dict.fromkeys(rng.choice(images, size=take, replace=False).tolist()))
            if len(batch) >= self.batch_size:
                break
        else:
            # So few images carry labels that groups repeat them: any others fill the batch.
            batch.update(dict.fromkeys(rng.permutation(self.num_images).tolist()))
        return np.asarray(list(batch)[: self.batch_size])


def members_by_class(
    records: Records, attribute_of_class: NDArray[np.int64]
) -> list[list[NDArray[np.int64]]]:
    """Give, for each attribute and each of its classes that has any, the images that carry it.

    Args:
        records: The training images.
        attribute_of_class: (M,) int64.
    """
    images = np.repeat(np.arange(len(records)), np.diff(records.offsets))
    order = np.argsort(records.class_ids, kind="stable")
    ends = np.cumsum(records.images_per_class())
    by_class = np.split(images[order], ends[:-1])
    return [
        [by_class[c] for c in np.flatnonzero(attribute_of_class == attribute) if len(by_class[c])]
        for attribute in range(int(attribute_of_class[-1]) + 1)
    ]
