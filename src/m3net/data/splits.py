"""Images divided into train, val and test, and those of val and test into query and gallery.

Every draw is a hash of the image's name. By `divide` an image keeps its split whatever else the
catalogue holds and in whatever order: a photo that was trained on is never in a later test. The
strata of `split_strata` and `draw_strata_roles` have exact shares instead: there, the split of an
image depends on the others of its class.
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

    Splits and roles of the file are used; training images have no role. Without a val split in the
    file, val takes images of train in the proportion of `fractions`. An image has one role for all
    attributes that it is annotated for, and none for the others; but without a class of an
    attribute, it is never a query.

    Args:
        catalogue: The catalogue.
        fractions: Shares of train, val and test among the items; their sum is 1.
        seed: Another seed divides otherwise.
        query_fraction: Share of the queries among the images of val and test.

    Raises:
        ConfigError: A fraction is out of range.
        AnnotationError: The file has splits but no train or no test, or roles but none for an image
            of val or test.
    """
    _check_fractions(fractions)
    _check_query_fraction(query_fraction)
    split = _split_of_images(catalogue, fractions, seed)
    records = catalogue.records
    if catalogue.columns.role is None:
        chance = chances(records.paths.tolist(), seed, purpose=b"role")
        role = np.where(chance < query_fraction, int(Role.QUERY), int(Role.GALLERY))[:, None]
        # Without a class, an image has nothing to ask for: a garment without details.
        labels = records.labels_per_attribute(catalogue.taxonomy.attribute_of_class)
        role = np.where(labels > 0, role, int(Role.GALLERY))
        records = replace(records, roles=(records.annotated * role).astype(np.uint8))
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
        seed: Another seed divides otherwise.

    Returns:
        (N,) int64, the part of each image.

    Raises:
        ConfigError: A fraction is out of range.
    """
    _check_fractions(fractions)
    rank = _rank_in_stratum(chances(records.paths.tolist(), seed, purpose=b"split"), stratum)
    return np.digitize(rank, np.cumsum(fractions)[:-1])


def draw_strata_roles(
    records: Records, stratum: NDArray[np.int64], query_fraction: float, seed: int
) -> NDArray[np.uint8]:
    """Make a share of each stratum queries, and the others gallery images.

    Args:
        records: The images of one split.
        stratum: (N,) int64, the class of each image.
        query_fraction: Share of the queries, between 0 and 1.
        seed: Another seed divides otherwise.

    Returns:
        (N, A) uint8, a `Role` for each image and attribute.

    Raises:
        ConfigError: The fraction is out of range.
    """
    _check_query_fraction(query_fraction)
    rank = _rank_in_stratum(chances(records.paths.tolist(), seed, purpose=b"role"), stratum)
    role = np.where(rank < query_fraction, int(Role.QUERY), int(Role.GALLERY))
    return (records.annotated * role[:, None]).astype(np.uint8)


def _rank_in_stratum(
    chance: NDArray[np.float64], stratum: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Rank each image within its stratum, evenly spread over (0, 1)."""
    order = np.lexsort((chance, stratum))
    _, first, sizes = np.unique(stratum[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(first, sizes)
    spread = np.empty(len(order))
    spread[order] = (rank + 0.5) / np.repeat(sizes, sizes)
    return spread


def _check_fractions(fractions: tuple[float, ...]) -> None:
    if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(
            f"The images cannot be divided into {fractions}. Set data.fractions to numbers above 0 "
            "whose sum is 1."
        )


def _check_query_fraction(query_fraction: float) -> None:
    if not 0 < query_fraction < 1:
        raise ConfigError(
            f"Of the images, {query_fraction} cannot be queries. Set data.query_fraction to a "
            "number between 0 and 1."
        )


def check_splits(splits: Splits, taxonomy: Taxonomy, protocol: Protocol = "single") -> list[str]:
    """Describe what splits ask for that cannot be learned or found.

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
    for name, records in (("train", splits.train), ("val", splits.val), ("test", splits.test)):
        if not len(records):
            remedy = "Add images to it, or set data.fractions or data.split_seed."
            raise ConfigError(f"The {name} split is empty. {remedy}")
    report = [*_shared_images(splits), *_unseen_classes(splits, taxonomy)]
    for name, records in (("val", splits.val), ("test", splits.test)):
        queries, lost = _lost_queries(records, taxonomy, protocol)
        gallery = np.any(records.roles & Role.GALLERY, axis=0)
        _check_both_roles(name, queries > 0, gallery, taxonomy)
        report += [
            f"{name}: {lost[a]} of {queries[a]} queries of attribute {attribute.name!r} have no "
            "relevant gallery image"
            for a, attribute in enumerate(taxonomy)
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
    """Count the images that two splits share."""
    report = []
    for (first, one), (second, other) in combinations(splits.named().items(), 2):
        if shared := len(np.intersect1d(one.paths, other.paths)):
            report.append(f"{shared:,} images of {first} stand in {second} too")
    return report


def _unseen_classes(splits: Splits, taxonomy: Taxonomy) -> list[str]:
    """Name for each attribute the classes in val or test that train lacks."""
    evaluated = splits.val.images_per_class() + splits.test.images_per_class()
    unseen = (splits.train.images_per_class() == 0) & (evaluated > 0)
    report = []
    for attribute, part in zip(taxonomy, taxonomy.slices, strict=True):
        names = [c for c, new in zip(attribute.classes, unseen[part], strict=True) if new]
        if names:
            report.append(
                f"attribute {attribute.name!r}: {len(names)} of the classes in val or test never "
                f"seen in training, their queries count: {', '.join(names)}"
            )
    return report


def _check_both_roles(
    name: str, queries: NDArray[np.bool_], gallery: NDArray[np.bool_], taxonomy: Taxonomy
) -> None:
    """Check that every attribute has queries and gallery images; both are (A,)."""
    for present, word in ((queries, "query"), (gallery, "gallery image")):
        if not present.all():
            lacking = ", ".join(repr(taxonomy.names[a]) for a in np.flatnonzero(~present))
            problem = f"The {name} split has no {word} of attribute {lacking}"
            remedy = "Add images, leave the attribute out, or set data.fractions"
            raise ConfigError(f"{problem}. {remedy}.")


def _lost_queries(
    records: Records, taxonomy: Taxonomy, protocol: Protocol
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the queries of each attribute, and those without a relevant image; both are (A,)."""
    image = np.repeat(np.arange(len(records)), np.diff(records.offsets))
    attribute = taxonomy.attribute_of_class[records.class_ids]
    role = records.roles[image, attribute]
    in_gallery = (role & Role.GALLERY) > 0
    sizes = np.bincount(records.class_ids[in_gallery], minlength=taxonomy.num_classes)
    # A query does not find its product, whose other images may carry the class too.
    product = records.product_of(image)
    _, pair = np.unique(product * taxonomy.num_classes + records.class_ids, return_inverse=True)
    of_product = np.bincount(pair, weights=in_gallery)
    has_relevant = sizes[records.class_ids] > of_product[pair]
    if protocol == "multi":
        asks = (role & Role.QUERY) > 0
        queries, lost = (
            np.bincount(attribute[labels], minlength=len(taxonomy))
            for labels in (asks, asks & ~has_relevant)
        )
        return queries, lost
    answered = np.zeros(records.roles.shape, dtype=np.bool_)
    answered[image[has_relevant], attribute[has_relevant]] = True
    is_query = (records.roles & Role.QUERY) > 0
    return is_query.sum(axis=0), (is_query & ~answered).sum(axis=0)
