"""What can be wrong with every text file and every path."""

from collections.abc import Callable
from pathlib import Path

from tests.support.broken.deepfashion import BOXES, CLOTH, MATRIX, PARTITION
from tests.support.broken.fashionai import LABELS, OTHER_LABELS
from tests.support.broken.spoiling import (
    UNREADABLE,
    Broken,
    content,
    edited,
    inserted,
    made_a_folder,
    made_unreadable,
    removed,
    replaced,
)

TEXTS = {
    "empty": (lambda _: b"", None, "Fetch"),
    "only blank lines": (lambda _: b"\n \n\n", None, "Fetch"),
    "carriage returns alone": (lambda text: b"\r".join(text.split()), 1, "Save"),
    "a zero byte": (lambda text: b"\0" + text, 1, "Save"),
    "UTF-16": (lambda text: text.decode().encode("utf-16"), 1, "Save"),
    "not UTF-8": (lambda text: b"\xe9" + text, 1, "Save"),
}
# Wherever lines of text are read, they may be broken in these ways.
PLAIN = {
    "fashionai": ("filenames_train.txt", "label_train.txt", "candidate_test.txt"),
    "fashionai-raw": (OTHER_LABELS,),
    "deepfashion": ("label_test.txt", CLOTH),
    "deepfashion-raw": (PARTITION,),
    "deepfashion-boxes": (BOXES,),
}
FILES = {
    **PLAIN,
    "deepfashion-raw": (PARTITION, MATRIX),
    "darn": ("filenames_valid.txt", "names.json"),
    "deepfashion-rebuilt": ("filenames_valid.txt", MATRIX),
}
OUTSIDE = {
    "climbs": "../img/a.jpg",
    "climbs on its way": "img/../../a.jpg",
    "is absolute": "/img/a.jpg",
    "is absolute in Windows": "C:\\img\\a.jpg",
    "starts with a backslash": "\\img\\a.jpg",
    "climbs with backslashes": "img\\..\\..\\a.jpg",
}


def texts() -> dict[str, dict[str, Broken]]:
    """Give text files that are none, for each data set."""
    found: dict[str, dict[str, Broken]] = {data: {} for data in FILES}
    for data, files in PLAIN.items():
        for file in files:
            for name, (change, row, remedy) in TEXTS.items():
                broken = Broken(content(file, change), file, row, remedy)
                found[data][f"{Path(file).name} is {name}"] = broken
            middle = Broken(inserted(file, 4, "  "), file, 4, "Delete")
            found[data][f"{Path(file).name} has a blank line in the middle"] = middle
    for data, files in FILES.items():
        for file in files:
            folder = Broken(made_a_folder(file), file, None, "Put")
            found[data][f"{Path(file).name} is a folder"] = folder
            if UNREADABLE.exists():
                secret = Broken(made_unreadable(file), file, None, "Mend")
                found[data][f"{Path(file).name} cannot be read"] = secret
            if file != OTHER_LABELS:  # a folder without labels is noted and passed over
                gone = Broken(removed(file), file, None, "Put")
                found[data][f"{Path(file).name} is missing"] = gone
    return found


def paths() -> dict[str, dict[str, Broken]]:
    """Give paths that leave the image root, for each data set."""
    found: dict[str, dict[str, Broken]] = {"darn": {}, "fashionai-raw": {}, "deepfashion-raw": {}}
    for name, path in OUTSIDE.items():
        broken = Broken(replaced("filenames_test.txt", 7, path), "filenames_test.txt", 7, "Write")
        found["darn"][f"a path that {name}"] = broken
        labels = Broken(edited(LABELS, 7, _starting(path, ",")), LABELS, 7, "Write")
        found["fashionai-raw"][f"a path that {name}"] = labels
        matrix = Broken(edited(MATRIX, 7, _starting(path, " ")), MATRIX, 7, "Write")
        found["deepfashion-raw"][f"a path that {name}"] = matrix
    return found


def _starting(path: str, separator: str) -> Callable[[str], str]:
    """Give a row another first cell."""
    return lambda line: f"{path}{separator}{line.split(separator, 1)[1]}"
