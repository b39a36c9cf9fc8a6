"""Divide images into train, val and test, and those of val and test into queries and gallery.

Every draw is a hash of the image's path or product. With `divide`, a photo keeps its split when the
catalogue grows or is sorted, so that a photo that was trained on is never tested later. The strata
of `split_strata` and `draw_strata_roles` have exact shares instead: the split of an image depends
on the others of its class.
"""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from m3net.base.protocol import Protocol
from m3net.data.annotations.annotation_file import rows_error
from m3net.data.annotations.catalogue import Catalogue
from m3net.data.attribute_counts import others_with_class
from m3net.data.records import Records, Role, Splits
from m3net.data.taxonomy import Taxonomy
from m3net.errors import AnnotationError, ConfigError


def divide(
    catalogue: Catalogue,
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2),
    seed: int = 0,
    query_fraction: float = 0.2,
) -> Splits:
    """Divide a catalogue into three splits, with the role of each image.

    Splits and roles of the file come first. Without a val split in the file, val takes images of
    train in the proportion of `fractions`. An image has one role for all attributes that it is
    annotated for, but is no query of an attribute without a class of it.

    Args:
        catalogue: The catalogue.
        fractions: Shares of train, val and test among the products; their sum is 1.
        seed: Seed of the draws.
        query_fraction: Share of the queries among the images of val and test.

    Raises:
        ConfigError: A fraction is out of range.
        AnnotationError: The file has splits but not train and test, or lacks the role of an image
            of val or test.
    """
    _check_fractions(fractions)
    _check_query_fraction(query_fraction)
    split = _split_of_images(catalogue, fractions, seed)
    records = catalogue.records
    if catalogue.columns.role is None:
        chance = chances(records.paths.tolist(), seed, purpose=b"role")
        # Without a class, an image has nothing to ask for: a garment without details.
        labels = records.labels_per_attribute(catalogue.taxonomy.attribute_of_class)
        asks = (chance < query_fraction)[:, None] & (labels > 0)
        records = replace(records, roles=_roles(records, asks))
    else:
        _check_roles(catalogue, split)
    train, val, test = (
        records.select(np.flatnonzero(split == name)) for name in ("train", "val", "test")
    )
    # Training images have no role, whatever the file says.
    return Splits(train=replace(train, roles=np.zeros_like(train.roles)), val=val, test=test)


def split_strata(
    records: Records, stratum: NDArray[np.int64], fractions: tuple[float, ...], seed: int
) -> NDArray[np.int64]:
    """Divide images so that every part has its share of each stratum.

    Args:
        records: The images.
        stratum: (N,) int64, the class of each image.
        fractions: Share of each part; their sum is 1.
        seed: Seed of the draws.

    Returns:
        (N,) int64, the part of each image.

    Raises:
        ConfigError: A fraction is out of range.
    """
    _check_fractions(fractions)
    rank = _rank_in_stratum(records, stratum, seed, purpose=b"split")
    return np.digitize(rank, np.cumsum(fractions)[:-1])


def draw_strata_roles(
    records: Records, stratum: NDArray[np.int64], query_fraction: float, seed: int
) -> NDArray[np.uint8]:
    """Make a share of each stratum queries, and the others gallery images.

    Args:
        records: The images of one split.
        stratum: (N,) int64, the class of each image.
        query_fraction: Share of the queries, between 0 and 1.
        seed: Seed of the draws.

    Returns:
        (N, A) uint8, a `Role` for each image and attribute.

    Raises:
        ConfigError: The fraction is out of range.
    """
    _check_query_fraction(query_fraction)
    rank = _rank_in_stratum(records, stratum, seed, purpose=b"role")
    return _roles(records, (rank < query_fraction)[:, None])


def _roles(records: Records, asks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return (N, A): for annotated images, query where they ask and gallery elsewhere."""
    role = np.where(asks, np.uint8(Role.QUERY), np.uint8(Role.GALLERY))
    return np.asarray(records.annotated * role, dtype=np.uint8)


def _rank_in_stratum(
    records: Records, stratum: NDArray[np.int64], seed: int, purpose: bytes
) -> NDArray[np.float64]:
    """Rank each image at random within its stratum, evenly spread over (0, 1)."""
    chance = chances(records.paths.tolist(), seed, purpose)
    order = np.lexsort((chance, stratum))
    _, first, sizes = np.unique(stratum[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(first, sizes)
    spread = np.empty(len(order))
    spread[order] = (rank + 0.5) / np.repeat(sizes, sizes)
    return spread


def _check_fractions(fractions: tuple[float, ...]) -> None:
    if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(f"data.fractions is {fractions}: set numbers above 0 whose sum is 1.")


def _check_query_fraction(query_fraction: float) -> None:
    if not 0 < query_fraction < 1:
        raise ConfigError(
            f"data.query_fraction is {query_fraction}: set it to a number between 0 and 1."
        )


def check_splits(splits: Splits, taxonomy: Taxonomy, protocol: Protocol = "single") -> list[str]:
    """Describe what cannot be learned from the splits or found in them.

    Args:
        splits: The three splits.
        taxonomy: Their attributes and classes.
        protocol: What a query is.

    Returns:
        A sentence for each pair of splits that share images, each attribute with classes that train
        lacks, and each attribute with queries that no gallery image is relevant to.

    Raises:
        ConfigError: A split is empty, or val or test has no query or no gallery image of an
            attribute.
    """
    for name, records in splits.named().items():
        if not len(records):
            remedy = "Add images to it, or set data.fractions or data.split_seed."
            raise ConfigError(f"The {name} split is empty. {remedy}")
    report = [*_shared_images(splits), *_unseen_classes(splits, taxonomy)]
    for name, records in (("val", splits.val), ("test", splits.test)):
        queries, lost = _lost_queries(records, taxonomy, protocol)
        gallery = records.has_role(Role.GALLERY).sum(axis=0)
        for word, numbers in (("query", queries), ("gallery image", gallery)):
            if lacking := [repr(taxonomy.names[a]) for a in np.flatnonzero(numbers == 0)]:
                problem = f"The {name} split has no {word} of attribute {', '.join(lacking)}"
                remedy = "Add images, leave the attribute out, or set data.fractions"
                raise ConfigError(f"{problem}. {remedy}.")
        report += [
            f"{name}: {lost[a]} of {queries[a]} queries of attribute {attribute!r} have no "
            "relevant gallery image"
            for a, attribute in enumerate(taxonomy.names)
            if lost[a]
        ]
    return report


def chances(keys: Iterable[str], seed: int, purpose: bytes) -> NDArray[np.float64]:
    """Return (n,) float64 in [0, 1): each depends on its key, the seed and the purpose alone."""
    digests = [
        blake2b(f"{seed}:{key}".encode(), digest_size=8, person=purpose).digest() for key in keys
    ]
    # The upper 53 bits fit a float: a number rounded up to 1 would be in no split.
    return (np.frombuffer(b"".join(digests), dtype=">u8") >> 11) / 2.0**53


def _split_of_images(
    catalogue: Catalogue, fractions: tuple[float, float, float], seed: int
) -> NDArray[np.str_]:
    """Return (N,) str: the split of each image, from the file or at random."""
    chance = chances(catalogue.items.tolist(), seed, purpose=b"split")
    train, val, _ = fractions
    if catalogue.split is None:
        names = np.array(["train", "val", "test"])
        return names[np.digitize(chance, [train, train + val])]
    for name in ("train", "test"):
        if name not in catalogue.split:
            problem = f"column {catalogue.columns.split!r} gives no image to {name}"
            remedy = "Mark some, or leave the division to chance by naming no split column"
            raise AnnotationError.at(catalogue.file, None, problem, remedy)
    if "val" in catalogue.split:
        return catalogue.split
    taken = (catalogue.split == "train") & (chance >= train / (train + val))
    return np.where(taken, "val", catalogue.split)


def _check_roles(catalogue: Catalogue, split: NDArray[np.str_]) -> None:
    """Check that every annotated image of val or test has a role in the file."""
    records = catalogue.records
    without = records.annotated.any(axis=1) & ~records.roles.any(axis=1) & (split != "train")
    if without.any():
        problem = f"no role in column {catalogue.columns.role!r} for an image of val or test"
        remedy = "Write query, gallery or both"
        raise rows_error(catalogue.file, records.rows[without].tolist(), problem, remedy)


def _shared_images(splits: Splits) -> list[str]:
    """Describe the pairs of splits that share images."""
    report = []
    for (first, one), (second, other) in combinations(splits.named().items(), 2):
        if shared := len(np.intersect1d(one.paths, other.paths)):
            report.append(f"{shared:,} images of {first} are in {second} too")
    return report


def _unseen_classes(splits: Splits, taxonomy: Taxonomy) -> list[str]:
    """Describe for each attribute the classes of val or test that train lacks."""
    evaluated = splits.val.images_per_class() + splits.test.images_per_class()
    unseen = (splits.train.images_per_class() == 0) & (evaluated > 0)
    report = []
    for attribute, part in zip(taxonomy, taxonomy.slices, strict=True):
        names = [c for c, new in zip(attribute.classes, unseen[part], strict=True) if new]
        if names:
            report.append(
                f"attribute {attribute.name!r}: {len(names)} classes of val or test are never seen "
                f"in training, but their queries count: {', '.join(names)}"
            )
    return report


def _lost_queries(
    records: Records, taxonomy: Taxonomy, protocol: Protocol
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the queries of each attribute, and those without a relevant image; both are (A,)."""
    attribute = taxonomy.attribute_of_class[records.class_ids]
    label = records.image_of_label, attribute
    has_relevant = others_with_class(records, taxonomy) > 0
    is_query = records.has_role(Role.QUERY)
    if protocol == "multi":
        asks = is_query[label]
        queries, lost = (
            np.bincount(attribute[labels], minlength=len(taxonomy))
            for labels in (asks, asks & ~has_relevant)
        )
        return queries, lost
    answered = np.zeros(is_query.shape, dtype=np.bool_)
    np.logical_or.at(answered, label, has_relevant)
    return is_query.sum(axis=0), (is_query & ~answered).sum(axis=0)
