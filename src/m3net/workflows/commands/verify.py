"""`m3net data verify`: whether a data set on disk is what its annotation files say."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from json import dumps
from pathlib import Path

from rich.progress import Progress, TaskID

from m3net.base.files import make_folder, writing
from m3net.base.protocol import Protocol
from m3net.base.terminal import Terminal
from m3net.boundary.links import write_new
from m3net.data.annotations.findings import Findings
from m3net.data.attribute_counts import count_attributes
from m3net.data.datamodules import RetrievalDataModule
from m3net.data.datamodules.retrieval_datamodule import Contents, present_only
from m3net.data.photos.check import find_unreadable
from m3net.data.photos.duplicates import find_duplicates
from m3net.data.photos.listing import images_below
from m3net.data.photos.reader import FileReader
from m3net.data.records import Records
from m3net.data.splits import check_splits
from m3net.data.taxonomy import similar_names
from m3net.errors import M3NetError
from m3net.reports.verification import FileState, SplitState, Verification, print_verification
from m3net.workflows.commands.datasets import run_on_dataset


def run(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    return run_on_dataset(verify, argv)


def verify(
    dataset: RetrievalDataModule,
    name: str,
    out: Path = Path(),
    images: bool = True,
    workers: int = os.cpu_count() or 1,
    afresh: bool = False,
    json: bool = False,
) -> int:
    """Check annotation files against their format and the published counts, and read every image.

    All problems are reported at once. Good images are remembered in FOLDER/verify.journal, so that
    an interrupted check resumes. Exit code 1 says that there are problems. Problems call a setting
    such as --root by its full name, data.root.

    Args:
        dataset: What is checked.
        name: Shown for it.
        out: Folder to write to.
        images: Read every image; false checks annotation files alone.
        workers: Processes that read images.
        afresh: Read images known to be good again.
        json: Print JSON instead of tables.

    Raises:
        M3NetError: The settings contradict one another, or the report cannot be written.
    """
    journal, report = out / "verify.journal", out / "verify.json"
    make_folder(out, setting="out")
    with writing(journal, setting="out"):
        if afresh:
            journal.unlink(missing_ok=True)
    state = _verify(name, dataset, images, workers, journal)
    # ASCII: escaped names cannot harm a terminal.
    text = dumps(state.to_plain(), indent=2)
    with writing(report, setting="out"):
        write_new(report, f"{text}\n".encode())
    if json:
        print(text)  # noqa: T201 - the output that was asked for
    else:
        print_verification(state, Terminal(soft_wrap=True), report)
    return 0 if state.is_good else 1


def _verify(
    name: str, dataset: RetrievalDataModule, images: bool, workers: int, journal: Path
) -> Verification:
    """Check annotations, then images."""
    findings = Findings(keep_going=True)
    files = [FileState(str(file), _size(file)) for file in dataset.expected_files()]
    try:
        contents = dataset.read(findings)
    except M3NetError as error:
        findings.problem(error)
        problems = [*map(str, findings.problems)]
        return Verification(name, dataset.protocol, files, None, 0, 0, problems=problems)
    if dataset.missing == "drop" and contents.root is not None:
        # A missing image that the user wants dropped is no problem.
        with findings.part():
            splits = present_only(contents.root, dataset.missing, findings, contents.splits)
            contents = replace(contents, splits=splits)
    with findings.part():
        findings.notes += check_splits(contents.splits, contents.taxonomy, dataset.protocol)
    findings.notes += similar_names(contents.taxonomy)
    unreadable = _read_images(contents, workers, journal) if images else {}
    files_found = [] if contents.root is None else images_below(contents.root)
    parts = contents.splits.named()
    listed = {path for part in parts.values() for path in part.paths.tolist()}
    if images and contents.root is not None:
        findings.notes += _duplicates(contents.root, listed)
    return Verification(
        dataset=name,
        protocol=dataset.protocol,
        files=files,
        image_root=None if contents.root is None else str(contents.root),
        images_found=len(files_found),
        images_unlisted=sum(
            os.path.relpath(file, contents.root) not in listed for file in files_found
        ),
        splits=[
            _split_state(split, part, contents, dataset.protocol, unreadable.get(split))
            for split, part in parts.items()
        ],
        problems=[*map(str, findings.problems)],
        unreadable=[sentence for sentences in unreadable.values() for sentence in sentences],
        notes=findings.notes,
    )


def _duplicates(root: Path, paths: set[str]) -> list[str]:
    """Return a note if photos have the same bytes under several names."""
    groups = find_duplicates(root, paths)
    if not groups:
        return []
    shown = "; ".join(" and ".join(map(repr, group[:3])) for group in groups[:5])
    number = sum(map(len, groups)) - len(groups)
    return [f"{number:,} images hold the same bytes as another under a different name: {shown}"]


def _read_images(contents: Contents, workers: int, journal: Path) -> dict[str, list[str]]:
    """Return one sentence per unreadable image of each split."""
    if not isinstance(contents.reader, FileReader):
        return {}
    unreadable: dict[str, list[str]] = {}
    with Progress(console=Terminal(stderr=True)) as progress:
        for split, part in contents.splits.named().items():
            task = progress.add_task(f"read {split}", total=len(part))
            advance = partial(_advance, progress, task)
            bad = find_unreadable(part, contents.reader, workers, journal, advance)
            unreadable[split] = [sentence for _, sentence in bad]
    return unreadable


def _advance(progress: Progress, task: TaskID, number: int) -> None:
    progress.update(task, completed=number)


def _split_state(
    name: str,
    records: Records,
    contents: Contents,
    protocol: Protocol,
    unreadable: Sequence[str] | None,
) -> SplitState:
    counts = count_attributes(records, contents.taxonomy, protocol)
    return SplitState(
        name=name,
        images=len(records),
        labels=len(records.class_ids),
        queries=sum(attribute.num_queries for attribute in counts),
        gallery=sum(attribute.num_gallery for attribute in counts),
        without_relevant=sum(int((attribute.relevant == 0).sum()) for attribute in counts),
        unreadable=None if unreadable is None else len(unreadable),
    )


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None
