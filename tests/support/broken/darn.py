"""DARN, by its index files and a file with the names of its classes."""

import json

from tests.support.broken.spoiling import Broken, Spoil, content, deleted, lines

LENGTHS = [f"length {number}" for number in range(7)]


def names(changed: object) -> Spoil:
    """Write another names file."""
    return content("names.json", lambda _: json.dumps(changed).encode())


CASES: dict[str, dict[str, Broken]] = {
    "darn": {
        "an image that is neither query nor candidate": Broken(
            deleted("query_test.txt", 1), "filenames_test.txt", 1, "Fetch"
        ),
        "a list without its last lines": Broken(
            lines("filenames_train.txt", lambda old: old[:-3]), "label_train.txt", 88, "Fetch"
        ),
        "names that are no JSON": Broken(
            content("names.json", lambda text: text[:-2]), "names.json", None, "Write"
        ),
        "names that are not UTF-8": Broken(
            content("names.json", lambda _: b'{"\xe9": 1}'), "names.json", None, "Write"
        ),
        "names in a list": Broken(names([LENGTHS]), "names.json", None, "Write"),
        "too few names": Broken(
            names({"clothes length": LENGTHS[1:]}), "names.json", None, "Write"
        ),
        "a name twice": Broken(
            names({"clothes length": [*LENGTHS[1:], LENGTHS[1]]}), "names.json", None, "Write"
        ),
        "names of an unknown attribute": Broken(
            names({"hem": LENGTHS}), "names.json", None, "Write"
        ),
    },
}
