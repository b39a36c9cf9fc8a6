"""FashionAI, by its index files and by the competition's own."""

from tests.support.broken.spoiling import Broken, edited, removed, repeated, replaced
from tests.support.fake.fashionai import FOLDERS

LABELS, OTHER_LABELS = (f"{folder}/Annotations/label.csv" for folder in FOLDERS)


def label(line: str, row: int = 4) -> Broken:
    """Put a line into FashionAI's training labels."""
    return Broken(replaced("label_train.txt", row, line), "label_train.txt", row, "Write")


def asks(line: str) -> Broken:
    """Put a line into FashionAI's validation queries."""
    return Broken(replaced("query_valid.txt", 4, line), "query_valid.txt", 4, "Write")


def marks(own: str) -> Broken:
    """Put marks of sleeve_length, which has 9, into row 5 of label.csv."""
    row = f"Images/sleeve_length_labels/a.jpg,sleeve_length_labels,{own}"
    return Broken(replaced(LABELS, 5, row), LABELS, 5, "Write")


CASES: dict[str, dict[str, Broken]] = {
    "fashionai": {
        "an index beyond the list": label("162 0 0")._replace(remedy="Fetch"),
        "an attribute beyond the last": label("3 8 0"),
        "a value beyond the last": label("3 0 6"),
        "a negative number": label("3 -1 0"),
        "letters": label("3 skirt 0"),
        "a decimal number": label("3 0 1.0"),
        "a number of ten digits": label("1234567890 0 0"),
        "commas": label("3,0,1"),
        "an attribute without a value": label("3 0 1 2"),
        "an index without a label": label("3"),
        "a label twice in a line": label("3 0 1 0 1")._replace(remedy="Leave"),
        "two classes of one attribute": label("3 0 1 0 2")._replace(remedy="Leave"),
        "an index with two lines": Broken(
            repeated("label_train.txt", 5), "label_train.txt", -1, "Leave"
        ),
        "a query without a value": asks("3 0"),
        "a query with another column": asks("3 0 1 1"),
        "a query beyond the list": asks("162 0 0")._replace(remedy="Fetch"),
        "a query of an attribute beyond the last": asks("3 8 0"),
        "a query of a value beyond the last": asks("3 0 6"),
        "a query that stands there twice": Broken(
            repeated("query_test.txt", 3), "query_test.txt", -1, "Leave"
        ),
        "an image that is query and candidate": Broken(
            repeated("candidate_test.txt", 3, "query_test.txt"), "candidate_test.txt", -1, "Leave"
        ),
    },
    "fashionai-raw": {
        "no label.csv at all": Broken(removed(LABELS, OTHER_LABELS), "label.csv", None, "Put"),
        "two cells": Broken(
            edited(LABELS, 5, lambda line: line.rsplit(",", 1)[0]), LABELS, 5, "Write"
        ),
        "four cells": Broken(edited(LABELS, 5, lambda line: f"{line},n"), LABELS, 5, "Write"),
        "an unknown attribute": Broken(
            edited(LABELS, 5, lambda line: f"{line.split(',')[0]},hem_labels,ynn"),
            *(LABELS, 5, "Write"),
        ),
        "a row without a path": Broken(
            edited(LABELS, 5, lambda line: f",{line.split(',', 1)[1]}"), LABELS, 5, "Write"
        ),
        "too few marks": marks("nnnnynnn"),
        "too many marks": marks("nnnnynnnnn"),
        "no y": marks("nnnnmnnnn"),
        "two y": marks("nnnnynnny"),
        "a strange letter": marks("nnnnynnnx"),
        "capital letters": marks("NNNNYNNNN"),
        "no marks": marks(""),
        "an image that is listed twice": Broken(repeated(LABELS, 5), LABELS, -1, "Leave"),
    },
}
