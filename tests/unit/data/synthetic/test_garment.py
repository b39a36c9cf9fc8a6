"""What garments are drawn by lot, and what their labels say."""

from collections import Counter
from collections.abc import Iterator

import pytest

from m3net.data.synthetic import TAXONOMY, Garment, sample_garment

NUM_GARMENTS = 2000
OF_UPPER = {"sleeve_length", "collar", "hem_length", "colour", "pattern", "details"}
APPLICABLE = {
    "top": OF_UPPER,
    "dress": OF_UPPER,
    "skirt": {"hem_length", "colour", "pattern", "details"},
    "trousers": {"trouser_length", "colour", "pattern", "details"},
}


@pytest.fixture(scope="module")
def garments() -> list[Garment]:
    return [sample_garment(seed=3, index=index) for index in range(NUM_GARMENTS)]


def label_pairs(garments: list[Garment]) -> Iterator[tuple[str, str]]:
    for garment in garments:
        for attribute, names in garment.labels().items():
            yield from ((attribute, name) for name in names)


def test_a_garment_depends_on_its_seed_and_index_alone() -> None:
    forwards = [sample_garment(5, index) for index in range(20)]
    backwards = [sample_garment(5, index) for index in reversed(range(20))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 20
    assert all(sample_garment(6, index) != forwards[index] for index in range(20))


def test_the_lots_of_garments_are_not_shifted_copies_between_seeds() -> None:
    first = {sample_garment(0, index) for index in range(50)}
    assert not any(sample_garment(1, index) in first for index in range(50))


def test_every_class_is_in_two_percent_of_the_garments(garments: list[Garment]) -> None:
    counts = Counter(label_pairs(garments))
    expected = {(a.name, name) for a in TAXONOMY for name in a.classes}
    assert counts.keys() == expected
    rare = {pair: count for pair, count in counts.items() if count < 0.02 * NUM_GARMENTS}
    assert not rare


def test_classes_have_a_long_tail(garments: list[Garment]) -> None:
    counts = Counter(label_pairs(garments))
    for attribute in TAXONOMY:
        of_attribute = [counts[attribute.name, name] for name in attribute.classes]
        assert 1.5 < max(of_attribute) / min(of_attribute) < 8


def test_an_attribute_is_annotated_where_it_applies_and_is_seen(garments: list[Garment]) -> None:
    hidden = {
        "nothing": set[str](),
        "scarf": {"neckline", "collar", "details"},
        "jacket": {"sleeve_length"},
        "bag": {"details"},
        "close_up": {"sleeve_length", "hem_length", "trouser_length", "details"},
    }
    for garment in garments:
        applicable = APPLICABLE[garment.piece.kind]
        if garment.piece.collar == "none":
            applicable = applicable | {"neckline"}
        assert set(garment.labels()) == applicable - hidden[garment.cover]


def test_single_label_attributes_have_one_class(garments: list[Garment]) -> None:
    for garment in garments:
        for attribute in TAXONOMY:
            names = garment.labels().get(attribute.name)
            if names is not None and not attribute.multi_label:
                assert len(names) == 1


def test_some_garments_have_no_details_and_some_have_several(garments: list[Garment]) -> None:
    counts = Counter(len(g.labels()["details"]) for g in garments if "details" in g.labels())
    assert counts[0] > 0.1 * NUM_GARMENTS
    assert counts[2] > 0.05 * NUM_GARMENTS


def test_few_garments_are_covered(garments: list[Garment]) -> None:
    covered = sum(garment.cover != "nothing" for garment in garments)
    assert 0.04 < covered / NUM_GARMENTS < 0.15


def test_the_companion_has_another_colour(garments: list[Garment]) -> None:
    for garment in garments:
        assert (garment.companion is None) == (garment.piece.kind == "dress")
        if garment.companion is not None:
            assert garment.companion.colour != garment.piece.colour
