"""`m3net data verify`: whether a data set on disk is what its annotation files say."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from jsonargparse import ArgumentParser
from rich.progress import Progress, TaskID

from m3net.base.files import writing
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
from m3net.workflows.commands.datasets import parse_dataset

ABOUT = (
    "Check annotation files against their format and the published counts, and read every image. "
    "All problems are reported at once. Images found good are remembered in FOLDER/verify.journal, "
    "so that a check that was interrupted goes on. Exit code 1 says that there are problems."
)
_INSTEAD = "another one by --out"


def run(words: Sequence[str]) -> int:
    """Run the command and give its exit code: 0 where nothing is wrong, 1 where something is.

    Args:
        words: What stands after `m3net data verify`.

    Raises:
        M3NetError: The settings contradict one another, or the report cannot be written.
    """
    name, module, config = parse_dataset("verify", ABOUT, words, _add_options)
    folder: Path = config["out"]
    journal = folder / "verify.journal"
    with writing(folder, _INSTEAD):
        folder.mkdir(parents=True, exist_ok=True)
        if config["afresh"]:
            journal.unlink(missing_ok=True)
    state = _verify(name, module, config["images"], config["workers"], journal)
    report = folder / "verify.json"
    # Names are ASCII in it, and so nothing to a terminal.
    text = json.dumps(state.to_plain(), indent=2)
    with writing(report, _INSTEAD):
        write_new(report, f"{text}\n".encode())
    if config["json"]:
        print(text)  # noqa: T201 - what was asked for
    else:
        print_verification(state, Terminal(soft_wrap=True), report)
    return 0 if state.is_good else 1


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--images", type=bool, default=True, help="Read every image; false looks at files alone."
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="Processes that read images."
    )
    parser.add_argument("--afresh", action="store_true", help="Read images known to be good again.")
    parser.add_argument("--json", action="store_true", help="Print JSON instead of tables.")


def _verify(
    name: str, module: RetrievalDataModule, images: bool, workers: int, journal: Path
) -> Verification:
    """Check annotations, then images."""
    findings = Findings(keep_going=True)
    files = [FileState(str(file), _size(file)) for file in module.expected_files()]
    try:
        contents = module.read(findings)
    except M3NetError as error:
        findings.problem(error)
        problems = [*map(str, findings.problems)]
        return Verification(name, module.protocol, files, None, 0, 0, problems=problems)
    if module.missing == "drop" and contents.root is not None:
        # What the user wants left out is no problem.
        with findings.part():
            splits = present_only(contents.root, module.missing, findings, contents.splits)
            contents = replace(contents, splits=splits)
    with findings.part():
        findings.notes += check_splits(contents.splits, contents.taxonomy, module.protocol)
    findings.notes += similar_names(contents.taxonomy)
    unreadable = _read_images(contents, workers, journal) if images else {}
    found = [] if contents.root is None else images_below(contents.root)
    parts = contents.splits.named()
    listed = {path for part in parts.values() for path in part.paths.tolist()}
    if images and contents.root is not None:
        findings.notes += _duplicates(contents.root, listed)
    return Verification(
        dataset=name,
        protocol=module.protocol,
        files=files,
        image_root=None if contents.root is None else str(contents.root),
        images_found=len(found),
        images_unlisted=sum(os.path.relpath(f, contents.root) not in listed for f in found),
        splits=[
            _split_state(split, part, contents, module.protocol, unreadable.get(split))
            for split, part in parts.items()
        ],
        problems=[*map(str, findings.problems)],
        unreadable=[sentence for own in unreadable.values() for sentence in own],
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
    found: dict[str, list[str]] = {}
    with Progress(console=Terminal(stderr=True)) as progress:
        for split, part in contents.splits.named().items():
            task = progress.add_task(f"read {split}", total=len(part))
            advance = partial(_advance, progress, task)
            bad = find_unreadable(part, contents.reader, workers, journal, advance)
            found[split] = [sentence for _, sentence in bad]
    return found


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
        queries=sum(own.num_queries for own in counts),
        gallery=sum(own.num_gallery for own in counts),
        without_relevant=sum(int((own.relevant == 0).sum()) for own in counts),
        unreadable=None if unreadable is None else len(unreadable),
    )


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None
