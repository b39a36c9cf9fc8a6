import json

import pytest

from m3net.data.taxonomy import Attribute, Taxonomy, similar_names

SLEEVE = Attribute("sleeve", ("short", "long"))
DETAIL = Attribute("detail", ("zip", "belt", "bow"), multi_label=True)
COLOUR = Attribute("colour", ("rød", "short"))
TAXONOMY = Taxonomy((SLEEVE, DETAIL, COLOUR))


def test_class_ids_count_through_all_attributes() -> None:
    pairs = [(a, c) for a in TAXONOMY.attributes for c in a.classes]
    assert TAXONOMY.num_classes == len(pairs) == 7
    for class_id, (attribute, name) in enumerate(pairs):
        assert TAXONOMY.class_id(attribute.name, name) == class_id
        assert TAXONOMY.class_name(class_id) == name
        place = int(TAXONOMY.attribute_of_class[class_id])
        assert TAXONOMY.attributes[place] is attribute
        ids = range(TAXONOMY.num_classes)[TAXONOMY.slices[place]]
        assert attribute.classes[ids.index(class_id)] == name


def test_unknown_class_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        TAXONOMY.class_id("sleeve", "zip")


def test_plain_form_survives_json() -> None:
    assert Taxonomy.from_plain(json.loads(json.dumps(TAXONOMY.to_plain()))) == TAXONOMY


@pytest.mark.parametrize("classes", [(), ("a", "a")])
def test_ambiguous_classes_are_refused(classes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="'sleeve'"):
        Attribute("sleeve", classes)


@pytest.mark.parametrize("attributes", [(), (SLEEVE, SLEEVE)])
def test_ambiguous_attributes_are_refused(attributes: tuple[Attribute, ...]) -> None:
    with pytest.raises(ValueError, match="distinct"):
        Taxonomy(attributes)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ((SLEEVE, DETAIL, COLOUR), []),
        ((SLEEVE, DETAIL), ["attribute 'colour' is missing"]),
        ((SLEEVE, DETAIL, COLOUR, Attribute("fit", ("x",))), ["attribute 'fit' is new"]),
        ((DETAIL, SLEEVE, COLOUR), ["attributes are in another order: detail, sleeve, colour"]),
        (
            (Attribute("sleeve", ("long", "short")), DETAIL, COLOUR),
            ["attribute 'sleeve': its classes are in another order"],
        ),
        (
            (Attribute("sleeve", ("short", "cap")), DETAIL, COLOUR),
            ["attribute 'sleeve': class 'long' is missing, class 'cap' is new"],
        ),
        (
            (Attribute("sleeve", ("short", "long"), multi_label=True), DETAIL, COLOUR),
            [
                "attribute 'sleeve': several classes per image in one, one class per image in "
                "the other"
            ],
        ),
    ],
)
def test_differences(other: tuple[Attribute, ...], words: list[str]) -> None:
    assert TAXONOMY.differences(Taxonomy(other)) == words


def test_names_that_look_the_same() -> None:
    classes = ("rød", "Rød", "caf\xe9", "cafe\u0301", "in visible", "in\u200b  visible ", "red")
    taxonomy = Taxonomy((Attribute("colour", classes), Attribute("Colour", ("x", "y"))))
    assert similar_names(taxonomy) == [
        "attributes 'colour' and 'Colour' look the same",
        r"attribute 'colour': classes 'r\xf8d' and 'R\xf8d' look the same",
        r"attribute 'colour': classes 'caf\xe9' and 'cafe\u0301' look the same",
        r"attribute 'colour': classes 'in visible' and 'in\u200b  visible ' look the same",
    ]
    assert similar_names(TAXONOMY) == []
