"""Counts of the published files: each difference is named, with both numbers."""

import numpy as np
import pytest

from m3net.data.annotations.darn import PUBLISHED as DARN
from m3net.data.annotations.deepfashion import MULTI, SINGLE
from m3net.data.annotations.fashionai import PUBLISHED as FASHIONAI
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.published_counts import Counts, check_counts
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.errors import AnnotationError

TAXONOMY = Taxonomy((Attribute("collar", ("a", "b")), Attribute("detail", ("x", "y"), True)))
RECORDS = Records.build(
    paths=["a.jpg", "b.jpg", "c.jpg"],
    rows=[1, 2, 3],
    labels=[[0], [1, 2, 3], [2]],
    annotated=np.array([[1, 0], [1, 1], [0, 1]], dtype=np.bool_),
    roles=np.array(
        [[Role.QUERY, 0], [Role.GALLERY, Role.QUERY | Role.GALLERY], [0, Role.GALLERY]],
        dtype=np.uint8,
    ),
    num_classes=4,
)
RIGHT = Counts(images=3, queries=(1, 1), gallery=(1, 2), labels=(2, 3))


def test_right_counts_and_unknown_ones_pass() -> None:
    findings = Findings()
    check_counts("shop", RIGHT, RECORDS, TAXONOMY, findings)
    check_counts("shop", Counts(), RECORDS, TAXONOMY, findings)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (Counts(images=1_234), "shop: 3 images, but the published files have 1,234"),
        (Counts(queries=(1, 2)), "shop: 1 queries of detail, but the published files have 2"),
        (
            Counts(gallery=(4, 2)),
            "shop: 1 gallery images of collar, but the published",
        ),
        (Counts(labels=(2, 2)), "shop: 3 labels of detail, but the published files have 2"),
    ],
)
def test_each_difference_has_both_numbers(counts: Counts, told: str) -> None:
    with pytest.raises(AnnotationError, match=r"Fetch .*data\.published=false") as caught:
        check_counts("shop", counts, RECORDS, TAXONOMY, Findings())
    assert str(caught.value).startswith(told)


def test_all_differences_are_found() -> None:
    findings = Findings(keep_going=True)
    wrong = Counts(images=4, queries=(2, 2), gallery=(2, 1), labels=(1, 1))
    check_counts("shop", wrong, RECORDS, TAXONOMY, findings)
    assert len(findings.problems) == 7


@pytest.mark.parametrize("counts", [FASHIONAI, DARN, SINGLE], ids=["fashionai", "darn", "single"])
@pytest.mark.parametrize("split", ["val", "test"])
def test_each_published_image_asks_or_can_be_found_once(
    counts: dict[str, Counts], split: str
) -> None:
    """One triple per image in the published files, so that the numbers must add up."""
    own = counts[split]
    assert own.queries is not None
    assert own.gallery is not None
    assert own.images == sum(own.queries) + sum(own.gallery)
    assert round(sum(own.gallery) / sum(own.queries), 1) == 4


def test_deepfashion_has_95_891_test_labels() -> None:
    """The published number of queries under the protocol by label."""
    assert sum(MULTI["test"].labels or ()) == 95_891
