"""Counts against a plain loop over images."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from m3net.base.protocol import Protocol
from m3net.data.attribute_counts import count_attributes
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Attribute, Taxonomy

TAXONOMY = Taxonomy(
    (
        Attribute("sleeve", ("short", "long", "none")),
        Attribute("detail", ("zip", "belt", "bow", "pocket"), multi_label=True),
    )
)


def drawn(seed: int, size: int = 60) -> Records:
    """Images with none, one or several classes of detail, some annotated without any."""
    rng = np.random.default_rng(seed)
    labels = [
        [int(rng.integers(3))] * bool(rng.random() < 0.8)
        + (3 + np.flatnonzero(rng.random(4) < 0.35)).tolist()
        for _ in range(size)
    ]
    annotated = np.array([[any(c < 3 for c in own), True] for own in labels])
    annotated[:5, 1] = [bool([c for c in own if c >= 3]) for own in labels[:5]]
    roles: NDArray[np.uint8] = rng.integers(4, size=(size, 2), dtype=np.uint8)
    return Records.build(
        [f"{i}.jpg" for i in range(size)], range(size), labels, annotated, roles * annotated, 7
    )


def is_another(records: Records, query: int, image: int) -> bool:
    """Say whether an image may be in the ranking of a query."""
    if records.products is None:
        return query != image
    return bool(records.products[query] != records.products[image])


def naive(records: Records, attribute: int, protocol: Protocol) -> list[tuple[int, int]]:
    """Give R and G of each query."""
    part = TAXONOMY.slices[attribute]
    own = [
        {c for c in records[i].class_ids if part.start <= c < part.stop}
        for i in range(len(records))
    ]
    found = []
    for query in range(len(records)):
        if not records.roles[query, attribute] & Role.QUERY:
            continue
        gallery = [
            i
            for i in range(len(records))
            if is_another(records, query, i) and records.roles[i, attribute] & Role.GALLERY
        ]
        asked = [{one} for one in sorted(own[query])] if protocol == "multi" else [own[query]]
        found += [(sum(bool(own[i] & classes) for i in gallery), len(gallery)) for classes in asked]
    return found


@pytest.mark.parametrize("products", [None, 25, 1])
@pytest.mark.parametrize("protocol", ["single", "multi"])
@pytest.mark.parametrize("seed", range(4))
def test_what_queries_can_find(seed: int, protocol: Protocol, products: int | None) -> None:
    records = drawn(seed)
    if products is not None:
        records = replace(records, products=np.random.default_rng(seed).integers(products, size=60))
    for attribute, counts in enumerate(count_attributes(records, TAXONOMY, protocol)):
        expected = naive(records, attribute, protocol)
        columns = zip(counts.relevant.tolist(), counts.found_among.tolist(), strict=True)
        assert list(columns) == expected
        assert counts.num_queries == len(expected)


def test_what_images_carry() -> None:
    records = drawn(7)
    sleeve, detail = count_attributes(records, TAXONOMY, "single")
    all_labels = [records[i].class_ids for i in range(len(records))]
    assert sleeve.images_per_class.tolist() == [
        sum(c in own for own in all_labels) for c in range(3)
    ]
    assert detail.classes == ("zip", "belt", "bow", "pocket")
    assert detail.labels_per_image.tolist() == [
        sum(c >= 3 for c in own)
        for own, annotated in zip(all_labels, records.annotated[:, 1], strict=True)
        if annotated
    ]
    assert detail.num_images == len(detail.labels_per_image)
    assert detail.num_gallery == np.count_nonzero(records.roles[:, 1] & Role.GALLERY)


def test_a_split_without_images_or_roles() -> None:
    empty = drawn(0).select(np.zeros(0, dtype=np.int64))
    for counts in count_attributes(empty, TAXONOMY, "multi"):
        assert (counts.num_images, counts.num_queries, counts.num_gallery) == (0, 0, 0)
