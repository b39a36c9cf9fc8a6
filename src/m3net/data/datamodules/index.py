"""What the data sets with index files share: one split, held against the published counts."""

from collections.abc import Mapping
from pathlib import Path

from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import read_evaluation, read_train
from m3net.data.annotations.published import Counts, check_counts
from m3net.data.records import Records, SplitName
from m3net.data.taxonomy import Taxonomy

JPEG = frozenset({"jpeg"})
"""The format of all photos of these data sets; a file of another is a placeholder."""


def read_index_split(
    name: str,
    folder: Path,
    taxonomy: Taxonomy,
    published: Mapping[str, Counts],
    split: SplitName,
    findings: Findings,
) -> Records:
    """Read one split.

    Args:
        name: Of the data set, for errors.
        folder: Holds the index files.
        taxonomy: Attributes and classes.
        published: Counts of each split; empty where the files do not claim to be published.
        split: Which split.
        findings: Takes problems and notes.

    Raises:
        M3NetError: A file is missing or wrong.
    """
    if split == "train":
        records = read_train(folder, taxonomy, findings)
    else:
        records = read_evaluation(folder, split, taxonomy, findings)
    if split in published:
        check_counts(f"{name} {split}", published[split], records, taxonomy, findings)
    return records
