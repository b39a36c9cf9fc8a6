"""The division of a catalogue into train, val and test, and of val and test into query and gallery.

Chance is a hash of the image itself, so that an image keeps its place whatever else the catalogue
holds and in whatever order: a photo that was trained on never turns up in a later test.
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
    """Give the three parts of a catalogue, with the role of each image.

    Splits and roles that the file gives are used; training images have no role. Where its splits
    lack val, images of train are given to val, so many that the two stand in the proportion that
    `fractions` asks for. An image has the same role for all attributes that it is annotated for,
    and none for the others; but where it carries no class of an attribute, it is never a query.

    Args:
        catalogue: What was read.
        fractions: Shares of train, val and test among the items; their sum is 1.
        seed: Another seed gives another division.
        query_fraction: Share of the queries among the images of val and test.

    Raises:
        ConfigError: The fractions are out of range.
        AnnotationError: The file gives splits but no train or no test, or roles but none for an
            image of val or test.
    """
    if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        remedy = "Set data.fractions to three numbers above 0 whose sum is 1."
        raise ConfigError(f"The images cannot be divided into {fractions}. {remedy}")
    if not 0 < query_fraction < 1:
        remedy = "Set data.query_fraction to a number between 0 and 1."
        raise ConfigError(f"Of the images, {query_fraction} cannot be queries. {remedy}")
    split = _split_of_images(catalogue, fractions, seed)
    records = catalogue.records
    if catalogue.columns.role is None:
        chance = chances(records.paths.tolist(), seed, purpose=b"role")
        role = np.where(chance < query_fraction, int(Role.QUERY), int(Role.GALLERY))[:, None]
        # Without a class, as a garment without details, there is nothing to ask for.
        labels = records.labels_per_attribute(catalogue.taxonomy.attribute_of_class)
        role = np.where(labels > 0, role, int(Role.GALLERY))
        records = replace(records, roles=(records.annotated * role).astype(np.uint8))
    else:
        _check_roles(catalogue, split)
    train, val, test = (
        records.select(np.flatnonzero(split == name)) for name in ("train", "val", "test")
    )
    # Nothing is asked of training images, whatever the file says of them.
    return Splits(train=replace(train, roles=np.zeros_like(train.roles)), val=val, test=test)


def check_splits(splits: Splits, taxonomy: Taxonomy, protocol: Protocol = "single") -> list[str]:
    """Say in words what a division asks for that cannot be learned or found.

    Args:
        splits: The three parts.
        taxonomy: Its attributes and classes.
        protocol: What a query is, and so what counts as one that nothing is relevant to.

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
    """Give each key a number in [0, 1) that depends on key, seed and purpose alone."""
    digests = [
        blake2b(f"{seed}:{key}".encode(), digest_size=8, person=purpose).digest() for key in keys
    ]
    # The upper 53 bits, as many as a float holds: a number rounded up to 1 would be in no split.
    return (np.frombuffer(b"".join(digests), dtype=">u8") >> 11) / 2.0**53


def _split_of_images(
    catalogue: Catalogue, fractions: tuple[float, float, float], seed: int
) -> NDArray[np.str_]:
    """Give (N,) str: the split of each image, from the file where it says and else by chance."""
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
    """Raise an error if the file leaves an annotated image of val or test without a role."""
    records = catalogue.records
    without = records.annotated.any(axis=1) & ~records.roles.any(axis=1) & (split != "train")
    if without.any():
        problem = f"no role in column {catalogue.columns.role!r} for an image of val or test"
        remedy = "Write query, gallery or both"
        raise rows_error(catalogue.file, records.rows[without].tolist(), problem, remedy)


def _shared_images(splits: Splits) -> list[str]:
    """Say how many images stand in two splits."""
    report = []
    for (first, one), (second, other) in combinations(splits.named().items(), 2):
        if shared := len(np.intersect1d(one.paths, other.paths)):
            report.append(f"{shared:,} images of {first} stand in {second} too")
    return report


def _unseen_classes(splits: Splits, taxonomy: Taxonomy) -> list[str]:
    """Say for each attribute which classes occur in val or test but not in train."""
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
    """Raise an error if an attribute has no query or no gallery image; both are (A,)."""
    for present, word in ((queries, "query"), (gallery, "gallery image")):
        if not present.all():
            lacking = ", ".join(repr(taxonomy.names[a]) for a in np.flatnonzero(~present))
            problem = f"The {name} split has no {word} of attribute {lacking}"
            remedy = "Add images, leave the attribute out, or set data.fractions"
            raise ConfigError(f"{problem}. {remedy}.")


def _lost_queries(
    records: Records, taxonomy: Taxonomy, protocol: Protocol
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count for each attribute the queries, and those that have nothing to find.

    Both are (A,).
    """
    image = np.repeat(np.arange(len(records)), np.diff(records.offsets))
    attribute = taxonomy.attribute_of_class[records.class_ids]
    role = records.roles[image, attribute]
    in_gallery = (role & Role.GALLERY) > 0
    sizes = np.bincount(records.class_ids[in_gallery], minlength=taxonomy.num_classes)
    # An image carries a class, and so may others of its product, which it does not find.
    group = records.groups(image)
    _, carried = np.unique(group * taxonomy.num_classes + records.class_ids, return_inverse=True)
    own = np.bincount(carried, weights=in_gallery)
    shared = sizes[records.class_ids] > own[carried]
    if protocol == "multi":
        asks = (role & Role.QUERY) > 0
        queries, lost = (
            np.bincount(attribute[labels], minlength=len(taxonomy))
            for labels in (asks, asks & ~shared)
        )
        return queries, lost
    found = np.zeros(records.roles.shape, dtype=np.bool_)
    found[image[shared], attribute[shared]] = True
    is_query = (records.roles & Role.QUERY) > 0
    return is_query.sum(axis=0), (is_query & ~found).sum(axis=0)
