"""FashionAI: eight attributes of design and length, one of them annotated on each image.

Reference:
    Zou, Kong, Wong, Wang, Liu, Cao: "FashionAI: A Hierarchical Dataset for Fashion Understanding",
    CVPR Workshops 2019.

License:
    Terms of the Tianchi competition, by registration; images may not be passed on.

The competition's folders each hold `Annotations/label.csv` without a header, one row per image:
"Images/<attribute>_labels/<name>.jpg,<attribute>_labels,nnnynm". The marks stand for the classes in
order: y is the class, m a class that would be right as well, n the others.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import OPTION
from m3net.data.annotations.labels import Labels, join_labels
from m3net.data.annotations.published import Counts
from m3net.data.annotations.rows import Rows
from m3net.data.annotations.text import read_lines
from m3net.data.records import Records
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.errors import DatasetNotFoundError

Maybe = Literal["keep", "drop"]

LABEL_FILE = Path("Annotations", "label.csv")
TAXONOMY = Taxonomy(
    tuple(
        Attribute(name, ("Invisible", *visible))
        for name, visible in (
            ("skirt_length", ("Short", "Knee", "Midi", "Ankle", "Floor")),
            (
                "sleeve_length",
                ("Sleeveless", "Cup", "Short", "Elbow", "3/4", "Wrist", "Long", "Extra Long"),
            ),
            (
                "coat_length",
                ("High Waist", "Regular", "Long", "Micro", "Knee", "Midi", "Ankle & Floor"),
            ),
            ("pant_length", ("Short", "Mid", "3/4", "Cropped", "Full")),
            ("collar_design", ("Shirt", "Peter Pan", "Puritan", "Rib")),
            ("lapel_design", ("Notched", "Collarless", "Shawl", "Plus Size Shawl")),
            (
                "neckline_design",
                (
                    *("Strapless", "Deep V", "Straight", "V", "Square"),
                    *("Off Shoulder", "Round", "Sweetheart", "One Shoulder"),
                ),
            ),
            ("neck_design", ("Turtle", "Ruffle Semi-High", "Low Turtle", "Draped")),
        )
    )
)
_IDS = {f"{name}_labels": place for place, name in enumerate(TAXONOMY.names)}
_SIZES = dict(zip(_IDS, TAXONOMY.sizes, strict=True))
PUBLISHED = {
    "train": Counts(images=144_335),
    "val": Counts(
        images=18_000,
        queries=(439, 596, 515, 419, 356, 330, 668, 277),
        candidates=(1_786, 2_436, 2_073, 1_701, 1_393, 1_240, 2_649, 1_122),
    ),
    "test": Counts(
        images=18_000,
        queries=(422, 623, 535, 422, 341, 289, 703, 265),
        candidates=(1_703, 2_383, 2_088, 1_722, 1_401, 1_269, 2_734, 1_100),
    ),
}


def label_folders(root: Path, findings: Findings) -> list[str]:
    """Give the folders below `root` that hold `Annotations/label.csv`, sorted; "" for itself.

    Args:
        root: Where to look.
        findings: Takes a note of folders that hold images alone, as those of the competition's
            tests without their answers.

    Raises:
        DatasetNotFoundError: There is none.
    """
    found = sorted(file.parent.parent for file in root.glob(f"*/{LABEL_FILE}"))
    folders = [folder.name for folder in found]
    if (root / LABEL_FILE).is_file():
        folders = ["", *folders]
    if not folders:
        raise DatasetNotFoundError.at("annotation file", root / "*" / LABEL_FILE, OPTION)
    images = sorted(folder.parent.name for folder in root.glob("*/Images"))
    if bare := [name for name in images if name not in folders]:
        findings.note(f"not read, for want of {LABEL_FILE}: {', '.join(bare)}")
    return folders


def read_raw(root: Path, folders: Sequence[str], maybe: Maybe, findings: Findings) -> Records:
    """Give the images of the competition's folders, one folder after the other.

    Args:
        root: Holds the folders.
        folders: Names of folders that hold `Annotations/label.csv` and `Images/`.
        maybe: Whether to "keep" or "drop" images for which another class would be right as well.
        findings: Takes problems, and notes how many images were dropped.

    Raises:
        M3NetError: A file is missing or wrong.
    """
    tables = []
    for folder in folders:
        own = pd.DataFrame(columns=["path", "attribute", "marks"], dtype=object)
        with findings.part():
            own = _read_labels(root, folder, maybe, findings)
        tables.append(own)
    table = pd.concat(tables)
    columns = [np.arange(len(table)), table["attribute"].map(_IDS), table["marks"].str.find("y")]
    labels = Labels(root / LABEL_FILE, table.index.to_numpy(), *np.asarray(columns, dtype=np.int64))
    roles = np.zeros((len(table), len(TAXONOMY)), dtype=np.uint8)
    records = join_labels(labels.file, table["path"].tolist(), labels, roles, TAXONOMY)
    return replace(
        records,
        rows=labels.rows,
        files=tuple(str(root / folder / LABEL_FILE) for folder in folders),
        file_ids=np.repeat(np.arange(len(tables), dtype=np.uint8), [len(own) for own in tables]),
    )


def _read_labels(root: Path, folder: str, maybe: Maybe, findings: Findings) -> pd.DataFrame:
    """Give path, attribute and marks of each image of a folder, with its row for index."""
    file = root / folder / LABEL_FILE
    lines = read_lines(file, OPTION)
    rows = Rows(file, [line.split(",") for line in lines], ("path", "attribute", "marks"), findings)
    known = f"Write one of {', '.join(_IDS)}"
    rows.refuse(~rows["attribute"].isin(list(_IDS)), "attribute", "unknown", known)
    rows.refuse_paths()
    rows.refuse(rows["path"].duplicated(), "path", "listed again", "Leave one row for each image")
    right = rows["marks"].str.fullmatch("[nm]*y[nm]*")
    right &= rows["marks"].str.len() == rows["attribute"].map(_SIZES)
    remedy = "Write y, n or m for each class of the attribute, y once"
    rows.refuse(~right, "marks", "not the marks of its attribute", remedy)
    several = rows["marks"].str.contains("m")
    if maybe == "drop" and several.any():
        findings.note(f"{file}: {several.sum():,} images with a second class (m) are left out")
        rows.table = rows.table[~several]
    return rows.table.assign(path=f"{folder}/" * bool(folder) + rows["path"])
