"""FashionAI: eight attributes of design and length; each image is annotated for one.

Reference:
    Zou, Kong, Wong, Wang, Liu, Cao: "FashionAI: A Hierarchical Dataset for Fashion Understanding",
    CVPR Workshops 2019.

License:
    Terms of the Tianchi competition, by registration; images may not be passed on.

The competition's folders each hold `Annotations/label.csv` without a header, one row per image:
"Images/<attribute>_labels/<name>.jpg,<attribute>_labels,nnnynm". The marks stand for the classes in
order: y is the class, m a class that is right as well, n the others.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.image_labels import ImageLabels, ImageList
from m3net.data.annotations.published_counts import Counts
from m3net.data.annotations.text_rows import TextRows
from m3net.data.records import Records
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.errors import DatasetNotFoundError

Maybe = Literal["keep", "drop"]

LABEL_FILE = Path("Annotations", "label.csv")
_VISIBLE = {
    "skirt_length": "Short, Knee, Midi, Ankle, Floor",
    "sleeve_length": "Sleeveless, Cup, Short, Elbow, 3/4, Wrist, Long, Extra Long",
    "coat_length": "High Waist, Regular, Long, Micro, Knee, Midi, Ankle & Floor",
    "pant_length": "Short, Mid, 3/4, Cropped, Full",
    "collar_design": "Shirt, Peter Pan, Puritan, Rib",
    "lapel_design": "Notched, Collarless, Shawl, Plus Size Shawl",
    "neckline_design": (
        "Strapless, Deep V, Straight, V, Square, Off Shoulder, Round, Sweetheart, One Shoulder"
    ),
    "neck_design": "Turtle, Ruffle Semi-High, Low Turtle, Draped",
}
TAXONOMY = Taxonomy(
    tuple(
        Attribute(name, ("Invisible", *visible.split(", "))) for name, visible in _VISIBLE.items()
    )
)
_IDS = {f"{name}_labels": index for index, name in enumerate(TAXONOMY.names)}
_SIZES = dict(zip(_IDS, TAXONOMY.sizes, strict=True))
PUBLISHED = {
    "train": Counts(images=144_335),
    "val": Counts(
        images=18_000,
        queries=(439, 596, 515, 419, 356, 330, 668, 277),
        gallery=(1_786, 2_436, 2_073, 1_701, 1_393, 1_240, 2_649, 1_122),
    ),
    "test": Counts(
        images=18_000,
        queries=(422, 623, 535, 422, 341, 289, 703, 265),
        gallery=(1_703, 2_383, 2_088, 1_722, 1_401, 1_269, 2_734, 1_100),
    ),
}


def label_folders(root: Path, findings: Findings) -> list[str]:
    """Return the folders below `root` with an `Annotations/label.csv`, sorted; "" for `root`.

    Folders of images without labels are noted, such as the test folders of the competition.

    Raises:
        DatasetNotFoundError: No folder has the file.
    """
    folders = sorted(file.parent.parent.name for file in root.glob(f"*/{LABEL_FILE}"))
    if (root / LABEL_FILE).is_file():
        folders = ["", *folders]
    if not folders:
        missing = root / "*" / LABEL_FILE
        raise DatasetNotFoundError.at("annotation file", missing, "data.annotations")
    images = sorted(folder.parent.name for folder in root.glob("*/Images"))
    if unlabelled := [name for name in images if name not in folders]:
        findings.note(f"not read, without {LABEL_FILE}: {', '.join(unlabelled)}")
    return folders


def read_raw(root: Path, folders: Sequence[str], maybe: Maybe, findings: Findings) -> Records:
    """Read the images of the competition's folders, one folder after the other.

    Args:
        root: Folder of the competition's folders.
        folders: Names of folders that hold `Annotations/label.csv` and `Images/`.
        maybe: Whether to "keep" or "drop" images with a second class that is right as well.
        findings: Collects problems, and the number of images that were dropped.
    """
    tables = []
    for folder in folders:
        table = pd.DataFrame(columns=["path", "attribute", "marks"], dtype=object)
        with findings.part():
            table = _read_labels(root, folder, maybe, findings)
        tables.append(table)
    table = pd.concat(tables)
    columns = [np.arange(len(table)), table["attribute"].map(_IDS), table["marks"].str.find("y")]
    file = AnnotationFile(root / LABEL_FILE, findings)
    labels = ImageLabels(file, table.index.to_numpy(), *np.asarray(columns, dtype=np.int64))
    return replace(
        ImageList(file, table["path"].tolist()).join(labels, TAXONOMY),
        rows=labels.rows,
        files=tuple(str(root / folder / LABEL_FILE) for folder in folders),
        file_ids=np.repeat(np.arange(len(tables), dtype=np.uint8), [*map(len, tables)]),
    )


def _read_labels(root: Path, folder: str, maybe: Maybe, findings: Findings) -> pd.DataFrame:
    """Read path, attribute and marks of each image of a folder, indexed by line."""
    file = AnnotationFile(root / folder / LABEL_FILE, findings)
    lines = enumerate(file.lines(), 1)
    cells = {row: [cell.strip() for cell in line.split(",")] for row, line in lines}
    rows = TextRows.of_cells(file, cells, ("path", "attribute", "marks"))
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
        findings.note(f"{file.path}: {several.sum():,} images with a second class (m) are left out")
        rows.table = rows.table[~several]
    return rows.table.assign(path=f"{folder}/" * bool(folder) + rows["path"])
