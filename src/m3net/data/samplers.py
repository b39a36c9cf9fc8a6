"""Draw the images of training batches; all ranks draw alike, from seed and epoch alone.

Samplers subclass `DistributedSampler`: Lightning calls `set_epoch` of those, but wraps any other
sampler, which would tear batches apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DistributedSampler
from typing_extensions import override

from m3net.data.records import Records
from m3net.errors import ConfigError

Sampling = Literal["shuffle", "balanced", "triplets"]

_TRIES = 8
"""Random negatives to try before listing all valid ones."""


class _BatchSampler(DistributedSampler[Any]):
    """Deals batches to the ranks in turn; all ranks have the same number of batches.

    Attributes:
        skip: Batches that this rank's next epoch leaves out, since they were trained on before the
            training was resumed.
    """

    def __init__(
        self, num_images: int, batch_size: int, seed: int, rank: int, world_size: int
    ) -> None:
        """Set the number of batches.

        Args:
            num_images: Images of an epoch on all ranks; those that do not fill a batch on each rank
                are left out.
            batch_size: Images in the batch of one rank.
            seed: Seed of all draws, together with the epoch.
            rank: Rank of this process.
            world_size: Number of processes.
        """
        images = range(num_images)
        super().__init__(images, num_replicas=world_size, rank=rank, seed=seed)  # type: ignore[arg-type]  # it uses the length alone
        self.num_images, self.batch_size, self.skip = num_images, batch_size, 0
        self.num_batches = num_images // (batch_size * world_size)

    @override
    def __len__(self) -> int:
        """Return the number of images of this rank in an epoch."""
        return self.num_batches * self.batch_size

    def _batch_numbers(self) -> range:
        """Return this rank's batches of the next epoch, without those to skip."""
        skip, self.skip = self.skip, 0
        numbers = range(self.rank, self.num_batches * self.num_replicas, self.num_replicas)
        return numbers[skip:]


class ShuffleSampler(_BatchSampler):
    """Yields one rank's share of all images in random order, each once an epoch."""

    @override
    def __iter__(self) -> Iterator[int]:
        """Yield this rank's images of the epoch that `set_epoch` set, batch after batch."""
        rng = np.random.default_rng((self.seed, self.epoch))
        batches = self._draw_epoch(rng, self.num_batches * self.num_replicas)
        yield from batches[self._batch_numbers()].ravel().tolist()

    def _draw_epoch(self, rng: np.random.Generator, num_batches: int) -> NDArray[np.int64]:
        """Return (num_batches, batch_size) image indices."""
        order = rng.permutation(self.num_images)[: num_batches * self.batch_size]
        return order.reshape(num_batches, self.batch_size)


class BalancedSampler(ShuffleSampler):
    """Fills batches with small groups that share a class, so that each image has positives.

    Draws an attribute, one of its classes, and images that carry the class: rare classes are drawn
    as often as frequent ones. No image is twice in a batch. An epoch has the length of an epoch of
    `ShuffleSampler`, but not each image once.
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
        """Set the images to draw from.

        Args:
            members: From `members_by_class`. An attribute without classes is never drawn.
            images_per_class: Size of a group.
            num_images: Number of training images.
            batch_size: Images in the batch of one rank.
            seed: Seed of all draws, together with the epoch.
            rank: Rank of this process.
            world_size: Number of processes.
        """
        super().__init__(num_images, batch_size, seed, rank, world_size)
        self.members = [classes for classes in members if len(classes)]
        self.images_per_class = images_per_class

    @override
    def _draw_epoch(self, rng: np.random.Generator, num_batches: int) -> NDArray[np.int64]:
        return np.stack([self._draw_batch(rng) for _ in range(num_batches)])

    def _draw_batch(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw groups until the batch is full, at most `batch_size` groups."""
        batch: dict[int, None] = {}
        for _ in range(self.batch_size):
            classes = self.members[int(rng.integers(len(self.members)))]
            images = classes[int(rng.integers(len(classes)))]
            take = min(self.images_per_class, len(images))
            batch.update(dict.fromkeys(rng.choice(images, size=take, replace=False).tolist()))
            if len(batch) >= self.batch_size:
                break
        else:
            # Few images carry labels, and groups repeat them: other images fill the batch.
            batch.update(dict.fromkeys(rng.permutation(self.num_images).tolist()))
        return np.asarray(list(batch)[: self.batch_size])


@dataclass(frozen=True)
class AttributeTriplets:
    """The triplets of one attribute.

    Anchor and positive are two images of one class. The negative carries another class of the
    attribute, and not that class; where images carry several, it may share another class with the
    anchor.
    """

    members: Sequence[NDArray[np.int64]]
    """For each class, the images that carry it, at least one, in ascending order."""
    negatives: dict[int, list[int]]
    """For each class of possible positives, the classes of possible negatives."""

    @classmethod
    def build(cls, members: Sequence[NDArray[np.int64]]) -> "AttributeTriplets":
        """Find the classes of positives and negatives.

        Example:
            >>> short, long, zipped = np.array([0, 1]), np.array([2, 3]), np.array([1])
            >>> AttributeTriplets.build([short, long, zipped]).negatives
            {0: [1], 1: [0, 2]}
        """
        shared = [_shared_classes(images, members) for images in members]
        negatives = {
            positive: classes
            for positive, images in enumerate(members)
            if len(images) > 1
            and (classes := [c for c in range(len(members)) if positive not in shared[c]])
        }
        return cls(members, negatives)

    def draw(self, rng: np.random.Generator) -> tuple[int, int, int]:
        """Draw an anchor, a positive and a negative; all classes have equal probability."""
        positive = _choose([*self.negatives], rng)
        images = self.members[positive]
        anchor = int(rng.integers(len(images)))
        other = (anchor + 1 + int(rng.integers(len(images) - 1))) % len(images)
        negative = _outside(images, self.members[_choose(self.negatives[positive], rng)], rng)
        return int(images[anchor]), int(images[other]), negative


class TripletSampler(_BatchSampler):
    """Fills batches with triplets, each drawn for one attribute; yields (image, attribute) pairs.

    Anchor, positive and negative are the images 3k, 3k + 1 and 3k + 2 of a batch. All attributes
    have equal probability. A batch depends on seed, epoch and its number alone.

    Source: Ma et al., *Fine-Grained Fashion Similarity Learning by Attribute-Specific Embedding
    Network*, AAAI 2020.

    Attributes:
        triplets: The triplets of each attribute that has any.
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
        """Find the triplets of each attribute.

        Args:
            members: From `members_by_class`.
            triplets_per_epoch: Triplets of all ranks in an epoch; those that do not fill a batch on
                each rank are left out.
            batch_size: Images in the batch of one rank, a multiple of 3.
            seed: Seed of all draws, together with the epoch.
            rank: Rank of this process.
            world_size: Number of processes.

        Raises:
            ConfigError: No attribute has a triplet, `batch_size` is not a multiple of 3, or an
                epoch would have no batch.
        """
        if batch_size % 3:
            raise ConfigError(
                f"data.loading.batch_size is {batch_size}: set it to a multiple of 3, since "
                "sampling=triplets fills a batch with threes of images."
            )
        super().__init__(3 * triplets_per_epoch, batch_size, seed, rank, world_size)
        if not self.num_batches:
            raise ConfigError(
                f"data.loading.triplets_per_epoch is {triplets_per_epoch}, fewer than the "
                f"{batch_size * world_size // 3} of one batch on each process: raise it, or lower "
                "data.loading.batch_size."
            )
        every = map(AttributeTriplets.build, members)
        self.triplets = {a: triplets for a, triplets in enumerate(every) if triplets.negatives}
        if not self.triplets:
            raise ConfigError(
                "the train split has no triplet, which takes two images of a class and one of "
                "another class: set data.loading.sampling=shuffle, or add training images."
            )

    @override
    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield this rank's (image, attribute) pairs of the epoch that `set_epoch` set."""
        attributes = [*self.triplets]
        for number in self._batch_numbers():
            rng = np.random.default_rng((self.seed, self.epoch, number))
            for _ in range(self.batch_size // 3):
                attribute = _choose(attributes, rng)
                yield from ((image, attribute) for image in self.triplets[attribute].draw(rng))


def members_by_class(
    records: Records, attribute_of_class: NDArray[np.int64]
) -> list[list[NDArray[np.int64]]]:
    """Return the images of each class, by attribute; classes without images are left out.

    Args:
        records: The training images.
        attribute_of_class: (M,) int64, the attribute id of each class id.
    """
    order = np.argsort(records.class_ids, kind="stable")
    ends = np.cumsum(records.images_per_class())
    by_class = np.split(records.image_of_label[order], ends[:-1])
    return [
        [by_class[c] for c in np.flatnonzero(attribute_of_class == attribute) if len(by_class[c])]
        for attribute in range(int(attribute_of_class[-1]) + 1)
    ]


def _choose(values: Sequence[int], rng: np.random.Generator) -> int:
    return values[int(rng.integers(len(values)))]


def _shared_classes(
    images: NDArray[np.int64], members: Sequence[NDArray[np.int64]]
) -> frozenset[int]:
    """Return the classes that all of these images carry."""
    of_first = [c for c, carriers in enumerate(members) if _contains(carriers, int(images[0]))]
    return frozenset(c for c in of_first if np.isin(images, members[c]).all())


def _outside(
    excluded: NDArray[np.int64], images: NDArray[np.int64], rng: np.random.Generator
) -> int:
    """Draw one of the images that are not excluded; there is at least one."""
    for _ in range(_TRIES):
        image = int(images[rng.integers(len(images))])
        if not _contains(excluded, image):
            return image
    return int(rng.choice(np.setdiff1d(images, excluded)))


def _contains(ascending: NDArray[np.int64], image: int) -> bool:
    index = int(np.searchsorted(ascending, image))
    return index < len(ascending) and int(ascending[index]) == image
