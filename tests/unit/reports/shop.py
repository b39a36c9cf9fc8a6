"""A few photos of one colour each, with classes of two attributes whose names try the page."""

import numpy as np
from numpy.typing import NDArray

from m3net.data.dataset import RetrievalDataset
from m3net.data.records import Record, Records, Role
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.data.transforms import Transform
from m3net.reports.album import Album

TAXONOMY = Taxonomy(
    (
        Attribute("a [cm]", ("short", 'lo"ng', "<i>mid</i>")),
        Attribute("b / <b>", ("zip", "it's & bow"), multi_label=True),
    )
)


def shade(record: Record) -> NDArray[np.uint8]:
    return np.full((40, 30, 3), 5 * int(record.path.split("<")[0]), np.uint8)


def album_of(count: int) -> Album:
    """Return photos; each carries a class of the first attribute, most one or two of the second."""
    details: list[tuple[int, ...]] = [(), (3,), (4,), (3, 4), (3,)]
    labels = [(place % 3, *details[place % 5]) for place in range(count)]
    roles = np.full((count, 2), Role.GALLERY, np.uint8)
    roles[: count // 4] = Role.QUERY
    records = Records.build(
        [f"{place}<x>.png" for place in range(count)],
        range(count),
        labels,
        np.ones((count, 2), np.bool_),
        roles,
        TAXONOMY.num_classes,
    )
    return Album(RetrievalDataset(records, shade, Transform(32, "stretch")), TAXONOMY)
