"""Labels against triples checked and joined in plain loops."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.image_labels import ImageLabels, ImageList
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.errors import AnnotationError

TAXONOMY = Taxonomy(
    (Attribute("collar", ("a", "b")), Attribute("detail", ("x", "y", "z"), multi_label=True))
)
NUM_IMAGES = 4
Triple = tuple[int, int, int]


def labels_of(triples: list[Triple], findings: Findings) -> ImageLabels:
    columns = np.array(triples, dtype=np.int64).reshape(-1, 3).T
    file = AnnotationFile(Path("label.txt"), findings)
    return ImageLabels(file, np.arange(1, len(triples) + 1), *columns)


def images_of(findings: Findings) -> ImageList:
    paths = [f"{image}.jpg" for image in range(NUM_IMAGES)]
    return ImageList(AnnotationFile(Path("names.txt"), findings), paths)


def good_ones(triples: list[Triple]) -> list[Triple]:
    """Give the labels that are right, one by one."""
    kept: list[Triple] = []
    known = [(i, a, v) for i, a, v in triples if i < NUM_IMAGES and a < 2 and v < (2, 3)[a]]
    for label in dict.fromkeys(known):
        if label[1] == 1 or not any(label[:2] == other[:2] for other in kept):
            kept.append(label)
    return kept


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 3)), max_size=15))
def test_good_labels_are_kept_and_joined(triples: list[Triple]) -> None:
    findings = Findings(keep_going=True)
    images = images_of(findings)
    labels = images.check_labels(labels_of(triples, findings), TAXONOMY)
    expected = good_ones(triples)
    columns = (labels.image.tolist(), labels.attribute.tolist(), labels.value.tolist())
    assert [*zip(*columns, strict=True)] == expected
    assert bool(findings.problems) == (expected != triples)
    records = images.join(labels, TAXONOMY, images.roles(labels, TAXONOMY, 2))
    assert not images.join(labels, TAXONOMY).roles.any()
    for image in range(NUM_IMAGES):
        own = [(attribute, value) for place, attribute, value in expected if place == image]
        assert records[image].path == f"{image}.jpg"
        assert records[image].row == image + 1
        assert records[image].class_ids == tuple(sorted(2 * a + v for a, v in own))
        assert records[image].annotated == tuple(sorted({a for a, _ in own}))
        assert records.roles[image].tolist() == [2 * any(a == k for a, _ in own) for k in (0, 1)]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ((4, 0, 0), "'4 0 0': its index is beyond the 4 images of names.txt"),
        ((0, 2, 0), "'0 2 0': there are 2 attributes, numbered from 0"),
        ((0, 0, 2), "'0 0 2': its value is out of the range of the attribute"),
        ((1, 1, 2), "'1 1 2': listed before"),
        ((2, 0, 0), "'2 0 0': a second class of an attribute that has one per image"),
    ],
)
def test_each_wrong_label_is_named(wrong: Triple, told: str) -> None:
    labels = labels_of([(1, 1, 2), (2, 0, 1), (1, 1, 0), wrong], Findings())
    with pytest.raises(AnnotationError, match=r"label\.txt, row 4: label ") as caught:
        images_of(Findings()).check_labels(labels, TAXONOMY)
    assert told in str(caught.value)
