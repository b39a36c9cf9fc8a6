import os
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from m3net.base.protocol import Protocol
from m3net.data.annotations.catalogue import Catalogue, CatalogueColumns, read_catalogue
from m3net.data.records import Records, Role, Splits
from m3net.data.splits import check_splits, divide
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.errors import AnnotationError, ConfigError

TAXONOMY = Taxonomy(
    (
        Attribute("sleeve", ("short", "long", "cap")),
        Attribute("detail", ("zip", "belt", "bow", "frill"), multi_label=True),
    )
)
NUM_IMAGES = 4000


def label(number: int) -> list[int]:
    """Give an image some classes: one or no sleeve, up to two details."""
    draw = np.random.default_rng(number)
    sleeve = draw.choice(3, size=draw.integers(0, 2)).tolist()
    detail = draw.choice([3, 4, 5, 6], size=draw.integers(0, 3), replace=False).tolist()
    return [*sleeve, *detail]


def make_catalogue(numbers: list[int], labels: list[list[int]] | None = None) -> Catalogue:
    """Give a catalogue of images whose every property follows from their numbers."""
    labels = [label(number) for number in numbers] if labels is None else labels
    paths = [f"fotoğraf/{number}.jpg" for number in numbers]
    annotated = np.array([[any(c < 3 for c in of), any(c >= 3 for c in of)] for of in labels])
    roles = np.zeros(annotated.shape, dtype=np.uint8)
    rows = list(range(2, len(numbers) + 2))
    return Catalogue(
        taxonomy=TAXONOMY,
        records=Records.build(paths, rows, labels, annotated, roles, TAXONOMY.num_classes),
        split=None,
        items=np.array(paths),
        file=Path("photos.csv"),
        columns=CatalogueColumns(),
    )


def places(splits: Splits) -> dict[str, tuple[str, list[int]]]:
    """Give each image's split and roles by its path."""
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    found = {
        str(path): (name, records.roles[i].tolist())
        for name, records in parts.items()
        for i, path in enumerate(records.paths)
    }
    assert len(found) == sum(len(records) for records in parts.values())
    return found


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return make_catalogue(list(range(NUM_IMAGES)))


def test_every_image_lands_in_one_split(catalogue: Catalogue) -> None:
    assert set(places(divide(catalogue))) == set(catalogue.records.paths.tolist())


def test_row_order_and_other_images_do_not_matter(catalogue: Catalogue) -> None:
    whole = places(divide(catalogue))
    shuffled = np.random.default_rng(0).permutation(NUM_IMAGES).tolist()
    assert places(divide(make_catalogue(shuffled))) == whole
    few = places(divide(make_catalogue(shuffled[:500])))
    assert few == {path: whole[path] for path in few}


def test_another_seed_gives_another_division(catalogue: Catalogue) -> None:
    one, two = places(divide(catalogue)), places(divide(catalogue, seed=1))
    agree = np.mean([one[path][0] == two[path][0] for path in one])
    # Independent draws agree with probability .7^2 + .1^2 + .2^2.
    assert abs(agree - 0.54) < 5 * sqrt(0.54 * 0.46 / NUM_IMAGES)


@pytest.mark.parametrize("fractions", [(0.7, 0.1, 0.2), (0.2, 0.3, 0.5)])
def test_proportions(catalogue: Catalogue, fractions: tuple[float, float, float]) -> None:
    splits = divide(catalogue, fractions, query_fraction=0.3)
    for records, fraction in zip((splits.train, splits.val, splits.test), fractions, strict=True):
        spread = sqrt(fraction * (1 - fraction) / NUM_IMAGES)
        assert abs(len(records) / NUM_IMAGES - fraction) < 5 * spread
    for records in (splits.val, splits.test):
        roles = records.roles[records.annotated]
        images = records.annotated.any(axis=1).sum()
        # Both attributes of an image share one draw.
        assert abs(np.mean(roles == Role.QUERY) - 0.3) < 5 * sqrt(2 * 0.3 * 0.7 / images)


def test_an_image_has_one_role_where_annotated(catalogue: Catalogue) -> None:
    for records in (divide(catalogue).val, divide(catalogue).test):
        np.testing.assert_array_equal(records.roles > 0, records.annotated)
        for roles in records.roles:
            assert len({*roles.tolist()} - {0}) <= 1


def test_images_of_an_item_stay_together(catalogue: Catalogue) -> None:
    items = np.array([f"item {number // 7}" for number in range(NUM_IMAGES)])
    found = places(divide(replace(catalogue, items=items)))
    for item in set(items.tolist()):
        paths = catalogue.records.paths[items == item].tolist()
        assert len({found[path][0] for path in paths}) == 1
    assert {split for split, _ in found.values()} == {"train", "val", "test"}


def with_splits(catalogue: Catalogue, words: list[str]) -> Catalogue:
    split = np.array([words[number % len(words)] for number in range(NUM_IMAGES)])
    return replace(catalogue, split=split, columns=CatalogueColumns(split="fold"))


def test_splits_of_the_file_are_used(catalogue: Catalogue) -> None:
    given = with_splits(catalogue, ["train", "val", "test"])
    assert given.split is not None
    splits = divide(given)
    for name, records in (("train", splits.train), ("val", splits.val), ("test", splits.test)):
        assert records.paths.tolist() == catalogue.records.paths[given.split == name].tolist()


def test_val_is_taken_from_train_where_the_file_has_none(catalogue: Catalogue) -> None:
    given = with_splits(catalogue, ["train", "train", "train", "test"])
    splits = divide(given, (0.6, 0.2, 0.2))
    assert splits.test.paths.tolist() == catalogue.records.paths[given.split == "test"].tolist()
    drawn = len(splits.train) + len(splits.val)
    assert drawn == NUM_IMAGES * 3 // 4
    assert abs(len(splits.val) / drawn - 0.25) < 5 * sqrt(0.25 * 0.75 / drawn)


@pytest.mark.parametrize(("words", "lacking"), [(["train", "val"], "test"), (["test"], "train")])
def test_a_file_that_lacks_a_split(catalogue: Catalogue, words: list[str], lacking: str) -> None:
    match = rf"photos\.csv: column 'fold' gives no image to {lacking}\. Mark some"
    with pytest.raises(AnnotationError, match=match):
        divide(with_splits(catalogue, words))


def test_roles_of_the_file_are_used(catalogue: Catalogue) -> None:
    drawn = np.random.default_rng(1).integers(1, 4, size=(NUM_IMAGES, 1), dtype=np.uint8)
    records = replace(catalogue.records, roles=catalogue.records.annotated * drawn)
    given = replace(catalogue, records=records, columns=CatalogueColumns(role="role"))
    expected = dict(zip(records.paths.tolist(), records.roles.tolist(), strict=True))
    for path, (split, roles) in places(divide(given)).items():
        assert roles == ([0, 0] if split == "train" else expected[path])


def test_a_missing_role_matters_in_val_and_test_only() -> None:
    catalogue = make_catalogue([0, 1, 2, 3], [[0], [0], [], [0, 3]])
    roles = np.array([[0, 0], [1, 0], [0, 0], [2, 2]], dtype=np.uint8)
    columns = CatalogueColumns(split="fold", role="role")
    given = replace(
        catalogue,
        records=replace(catalogue.records, roles=roles),
        columns=columns,
        split=np.array(["train", "val", "test", "test"]),
    )
    divide(given)
    wrong = replace(given, split=np.array(["val", "train", "test", "test"]))
    with pytest.raises(AnnotationError, match=r"photos\.csv, row 2: no role in column 'role'"):
        divide(wrong)


@pytest.mark.parametrize("fractions", [(0.7, 0.1, 0.1), (1.0, 0.0, 0.0), (1.2, -0.4, 0.2)])
def test_impossible_fractions(catalogue: Catalogue, fractions: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError, match=r"data\.fractions is .*: set numbers above 0"):
        divide(catalogue, fractions)


@pytest.mark.parametrize("query_fraction", [0.0, 1.0, float("nan")])
def test_impossible_query_fraction(catalogue: Catalogue, query_fraction: float) -> None:
    with pytest.raises(ConfigError, match=r"data\.query_fraction is .*: set it"):
        divide(catalogue, query_fraction=query_fraction)


def naive_lost(
    records: Records, taxonomy: Taxonomy, attribute: int, protocol: Protocol = "single"
) -> tuple[int, int]:
    """Count queries and queries without a relevant gallery image, pair by pair."""
    ids = set(range(taxonomy.num_classes)[taxonomy.slices[attribute]])
    carried = [ids & {*records[i].class_ids} for i in range(len(records))]
    roles = records.roles[:, attribute].tolist()
    queries = [(i, carried[i]) for i, role in enumerate(roles) if role & 1]
    if protocol == "multi":
        queries = [(i, {label}) for i, labels in queries for label in labels]
    gallery = [i for i, role in enumerate(roles) if role & 2]
    shown = list(range(len(records))) if records.products is None else records.products.tolist()
    lost = [
        q
        for q, asked in queries
        if not any(shown[g] != shown[q] and carried[g] & asked for g in gallery)
    ]
    return len(queries), len(lost)


@pytest.mark.parametrize("products", [None, 6])
@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_lost_queries_against_a_loop(protocol: Protocol, products: int | None) -> None:
    draw = np.random.default_rng(5)
    for _ in range(30):
        parts = []
        for _ in range(3):
            numbers = draw.choice(NUM_IMAGES, size=14, replace=False).tolist()
            # The first image gives each attribute the query and the gallery image it must have.
            labels = [[0, 3], *(label(number) for number in numbers[1:])]
            records = make_catalogue(numbers, labels).records
            role = draw.integers(1, 4, size=(14, 1), dtype=np.uint8)
            role[0] = 3
            shown = None if products is None else draw.integers(products, size=14)
            parts.append(replace(records, roles=records.annotated * role, products=shown))
        expected = []
        for name, records in (("val", parts[1]), ("test", parts[2])):
            for a, attribute in enumerate(TAXONOMY):
                queries, lost = naive_lost(records, TAXONOMY, a, protocol)
                if lost:
                    start = f"{name}: {lost} of {queries} queries of attribute"
                    expected.append(f"{start} {attribute.name!r} ")
        report = check_splits(Splits(*parts), TAXONOMY, protocol)
        report = [line for line in report if "queries of" in line]
        assert len(report) == len(expected)
        for line, start in zip(report, expected, strict=True):
            assert line.startswith(start)


def by_hand(train: list[list[int]], val: list[list[int]], test: list[list[int]]) -> Splits:
    """Give splits whose images are queries and gallery at once."""
    parts = []
    for first, labels in zip((0, 100, 200), (train, val, test), strict=True):
        records = make_catalogue([first + place for place in range(len(labels))], labels).records
        parts.append(replace(records, roles=records.annotated * np.uint8(3)))
    return Splits(*parts)


def test_classes_that_training_never_sees_are_reported() -> None:
    splits = by_hand([[0, 3]], [[0, 4], [0, 4]], [[1, 5], [1, 5], [2, 3], [2, 3]])
    report = check_splits(splits, TAXONOMY)
    assert len(report) == 2
    assert report[0].startswith("attribute 'sleeve': 2 classes of val or test")
    assert report[0].endswith("long, cap")
    assert report[1].startswith("attribute 'detail': 2 classes of val or test")
    assert report[1].endswith("belt, bow")


def test_nothing_to_report() -> None:
    assert check_splits(by_hand([[0, 3]], [[0, 3]] * 2, [[0, 3]] * 2), TAXONOMY) == []


def test_images_of_two_splits_are_reported() -> None:
    splits = by_hand([[0, 3]] * 3, [[0, 3]] * 2, [[0, 3]] * 2)
    shown = splits.test.paths.copy()
    shown[0] = splits.train.paths[2]
    broken = replace(splits, test=replace(splits.test, paths=shown))
    assert check_splits(broken, TAXONOMY) == ["1 images of train are in test too"]


@pytest.mark.parametrize("empty", ["train", "val", "test"])
def test_an_empty_split(empty: str) -> None:
    splits = by_hand([[0, 3]], [[0, 3]] * 2, [[0, 3]] * 2)
    nothing = splits.train.select(np.array([], dtype=np.int64))
    with pytest.raises(ConfigError, match=rf"The {empty} split is empty\. Add images"):
        check_splits(replace(splits, **{empty: nothing}), TAXONOMY)


@pytest.mark.parametrize(("role", "word"), [(Role.QUERY, "gallery image"), (Role.GALLERY, "query")])
def test_a_split_without_one_of_the_roles(role: Role, word: str) -> None:
    splits = by_hand([[0, 3]], [[0, 3]] * 2, [[0, 3]] * 2)
    roles = splits.test.roles.copy()
    roles[:, 1] = role
    broken = replace(splits, test=replace(splits.test, roles=roles))
    with pytest.raises(ConfigError, match=rf"test split has no {word} of attribute 'detail'\. Add"):
        check_splits(broken, TAXONOMY)


def test_a_query_without_a_class_asks_for_no_label() -> None:
    splits = by_hand([[0, 3]], [[0, 3]] * 2, [[0, 3]] * 2)
    records = make_catalogue([200, 201, 202], [[0, 3], [0, 3], [0]]).records
    # Of the details, only the image without any is a query.
    roles = np.array([[3, 2], [3, 2], [3, 1]], dtype=np.uint8)
    broken = replace(splits, test=replace(records, roles=roles))
    assert len(check_splits(broken, TAXONOMY)) == 1
    with pytest.raises(ConfigError, match=r"test split has no query of attribute 'detail'\. Add"):
        check_splits(broken, TAXONOMY, "multi")


def test_real_catalogue() -> None:
    folder = os.environ.get("M3NET_FASHION_PRODUCTS")
    if folder is None:
        pytest.skip("M3NET_FASHION_PRODUCTS does not name a folder with products.csv and images/")
    catalogue = read_catalogue(Path(folder) / "products.csv", CatalogueColumns())
    splits = divide(catalogue)
    sizes = np.array([len(splits.train), len(splits.val), len(splits.test)])
    fractions = np.array([0.7, 0.1, 0.2])
    total = sizes.sum()
    assert total == len(catalogue.records)
    assert (abs(sizes / total - fractions) < 5 * np.sqrt(fractions * (1 - fractions) / total)).all()
    report = check_splits(splits, catalogue.taxonomy)
    for a, name in enumerate(catalogue.taxonomy.names):
        _, lost = naive_lost(splits.test, catalogue.taxonomy, a)
        told = [line for line in report if line.startswith("test: ") and repr(name) in line]
        assert [int(line.split()[1]) for line in told] == ([lost] if lost else [])


def test_an_image_without_a_class_is_never_a_query() -> None:
    labels = [[0], [0, 3], []] * 100
    catalogue = make_catalogue(list(range(300)), labels)
    everything = np.ones_like(catalogue.records.annotated)
    catalogue = replace(catalogue, records=replace(catalogue.records, annotated=everything))
    test = divide(catalogue, query_fraction=0.5).test
    asked = 0
    for image in range(len(test)):
        carried = test[image].class_ids
        if not any(class_id >= 3 for class_id in carried):
            assert test.roles[image, 1] == Role.GALLERY
        else:
            assert test.roles[image, 1] == test.roles[image, 0]
            asked += test.roles[image, 1] == Role.QUERY
    assert asked > 0
