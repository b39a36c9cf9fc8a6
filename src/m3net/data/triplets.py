"""Batches of triplets, each drawn for one attribute, as the ASEN family trains.

Ma et al., *Fine-Grained Fashion Similarity Learning by Attribute-Specific Embedding Network*, AAAI
2020.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DistributedSampler

from m3net.errors import ConfigError

_TRIES = 8
"""Negatives drawn in the hope of a right one, before all right ones are searched for."""


@dataclass(frozen=True)
class AttributeTriplets:
    """The triplets of one attribute: which classes can give a positive, which then a negative.

    Anchor and positive are two images of one class. The negative carries another class of the
    attribute, and not that of the two; where images carry several classes, it may share one with
    the anchor that was not drawn.

    Attributes:
        members: For each class, the images that carry it, at least one, in ascending order.
        negatives: For each class that can give a positive, the classes that can give a negative.
    """

    members: Sequence[NDArray[np.int64]]
    negatives: dict[int, list[int]]

    @classmethod
    def build(cls, members: Sequence[NDArray[np.int64]]) -> "AttributeTriplets":
        """Find what can be drawn.

        Args:
            members: As the attribute says.

        Example:
            >>> short, long, zipped = np.array([0, 1]), np.array([2, 3]), np.array([1])
            >>> AttributeTriplets.build([short, long, zipped]).negatives
            {0: [1], 1: [0, 2]}
        """
        within = [_classes_around(images, members) for images in members]
        negatives = {
            positive: [c for c in range(len(members)) if positive not in within[c]]
            for positive, images in enumerate(members)
            if len(images) > 1
        }
        return cls(members, {positive: found for positive, found in negatives.items() if found})

    def draw(self, rng: np.random.Generator) -> tuple[int, int, int]:
        """Give an anchor, a positive and a negative; classes first, each as likely as the others.

        Args:
            rng: Source of chance.
        """
        positive = _one_of([*self.negatives], rng)
        images = self.members[positive]
        anchor = int(rng.integers(len(images)))
        other = (anchor + 1 + int(rng.integers(len(images) - 1))) % len(images)
        negative = _outside(images, self.members[_one_of(self.negatives[positive], rng)], rng)
        return int(images[anchor]), int(images[other]), negative


class TripletSampler(DistributedSampler[Any]):
    """Fills batches with triplets; yields one rank's images, each with the attribute drawn.

    Anchor, positive and negative stand in places 3k, 3k + 1 and 3k + 2 of a batch. The attribute of
    a triplet is drawn first, each as likely as the others. A batch is known from seed, epoch and
    its number alone; ranks take the batches in turn.

    Attributes:
        triplets: For each attribute that can give a triplet, what can be drawn.
        skip: Batches of this rank that the next epoch to be gone through leaves out.
    """

    def __init__(
        self,
        members: Sequence[Sequence[NDArray[np.int64]]],
        triplets_per_epoch: int,
        batch_size: int,
        seed: int,
        rank: int,
        world_size: int,
    ) -> None:
        """Set what is drawn.

        Args:
            members: For each attribute, for each of its classes, the images that carry it.
            triplets_per_epoch: Triplets of all ranks in an epoch; what does not fill a batch on
                each rank is left out.
            batch_size: Images in the batch of one rank, a multiple of 3.
            seed: Seed of all draws, together with the epoch.
            rank: This process.
            world_size: Number of processes.

        Raises:
            ConfigError: No attribute can give a triplet, a batch cannot be filled with them, or an
                epoch would have no batch.
        """
        if batch_size % 3:
            raise ConfigError(
                f"data.loading.batch_size is {batch_size}: set it to a multiple of 3, since "
                "sampling=triplets fills a batch with threes of images."
            )
        self.num_batches = 3 * triplets_per_epoch // (batch_size * world_size)
        if not self.num_batches:
            raise ConfigError(
                f"data.loading.triplets_per_epoch is {triplets_per_epoch}, fewer than the "
                f"{batch_size * world_size // 3} of one batch on each process: raise it, or lower "
                "data.loading.batch_size."
            )
        images = range(self.num_batches * batch_size * world_size)
        super().__init__(images, num_replicas=world_size, rank=rank, seed=seed)  # type: ignore[arg-type]  # it uses the length alone
        self.batch_size, self.skip = batch_size, 0
        every = {a: AttributeTriplets.build(classes) for a, classes in enumerate(members)}
        self.triplets = {a: own for a, own in every.items() if own.negatives}
        if not self.triplets:
            raise ConfigError(
                "no attribute of the train split can give a triplet, which needs a class with two "
                "images and an image of another class: set data.loading.sampling=shuffle, or give "
                "it more images."
            )

    def __len__(self) -> int:
        """Give the number of images of this rank in an epoch."""
        return self.num_batches * self.batch_size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Go through this rank's (image, attribute) pairs of the epoch that `set_epoch` set."""
        attributes = [*self.triplets]
        skip, self.skip = self.skip, 0
        numbers = range(self.rank, self.num_batches * self.num_replicas, self.num_replicas)
        for number in numbers[skip:]:
            rng = np.random.default_rng((self.seed, self.epoch, number))
            for _ in range(self.batch_size // 3):
                attribute = _one_of(attributes, rng)
                yield from ((image, attribute) for image in self.triplets[attribute].draw(rng))


def _one_of(values: Sequence[int], rng: np.random.Generator) -> int:
    return values[int(rng.integers(len(values)))]


def _classes_around(
    images: NDArray[np.int64], members: Sequence[NDArray[np.int64]]
) -> frozenset[int]:
    """Give the classes that all of these images carry: none of them is a negative there."""
    shared = [c for c, own in enumerate(members) if _contains(own, int(images[0]))]
    return frozenset(c for c in shared if np.isin(images, members[c]).all())


def _outside(
    excluded: NDArray[np.int64], images: NDArray[np.int64], rng: np.random.Generator
) -> int:
    """Draw one of the images that are not excluded; there is one."""
    for _ in range(_TRIES):
        image = int(images[rng.integers(len(images))])
        if not _contains(excluded, image):
            return image
    return int(rng.choice(np.setdiff1d(images, excluded)))


def _contains(ascending: NDArray[np.int64], image: int) -> bool:
    place = int(np.searchsorted(ascending, image))
    return place < len(ascending) and int(ascending[place]) == image
