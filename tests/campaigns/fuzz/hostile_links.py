"""Run folders with links, hard links, pipes and folders where files belong."""

import json
import os
from contextlib import suppress
from pathlib import Path

from hypothesis import strategies as st

from m3net.base.files import make_folder, write_text
from m3net.base.lock import Lock
from m3net.boundary.links import check_run_folder
from m3net.experiments.csv_logger import RunCSVLogger
from m3net.experiments.run import Run
from m3net.training.resume import Start, finish, prepare
from tests.campaigns.fuzz.hostile import LIMITS, to_json
from tests.campaigns.fuzz.target import Target


def links(folder: Path, outside: Path) -> Target:
    """Return what writes into a run folder with links and pipes where files belong.

    Args:
        folder: Takes the run folder.
        outside: Things that nobody may touch.
    """
    names = (
        *("test", "test/scores.csv", "test/.scores.csv.part", "test/galleries", "checkpoints"),
        *(
            "checkpoints/last.ckpt",
            "checkpoints/.last.ckpt.part",
            "metrics.csv",
            ".lock",
            "predict",
        ),
        *(
            "metrics.json",
            ".metrics.json.part",
            "finished.json",
            "config.yaml",
            "rankings",
            "wandb",
        ),
        *("deep/er/link", "nonfinite.csv", "wandb-id.txt", ".metrics.csv.part"),
    )
    targets = (
        *("../outside", "../outside/kept.txt", "../outside/new.txt", "..", "/etc", "/etc/hostname"),
        *("/dev/zero", "/dev/full", ".", "test", "loop", str(outside), str(outside / "deep")),
        *("../../outside", "metrics.csv", "../run-of-links/test", "/usr"),
    )
    kinds = ("link", "link", "link", "hard", "pipe", "folder", "file")
    plans = st.lists(
        st.tuples(st.sampled_from(names), st.sampled_from(kinds), st.sampled_from(targets)),
        min_size=1,
        max_size=4,
    ).map(to_json)
    run = folder / "run-of-links"

    def use(file: Path) -> None:
        """Lay what the plan says, and write as a test and a training that is resumed do."""
        _clear(run)
        (run / "checkpoints").mkdir(parents=True)
        (run / "test").mkdir()
        for name, kind, target in json.loads(file.read_text(encoding="utf-8")):
            # An earlier link may lead away from here.
            if os.path.realpath((run / name).parent).startswith(os.path.realpath(run)):
                with suppress(OSError):
                    _lay(run / name, kind, target, outside)
        before = _listing(outside)
        try:
            check_run_folder(run)
            make_folder(run / "test" / "galleries")
            for name in ("test/scores.csv", "metrics.json", "checkpoints/best.ckpt"):
                write_text(run / name, "new")
            Lock(Run(run).lock)
            logger = RunCSVLogger(str(run))
            logger.log_metrics({"loss": 1.0}, 1)
            logger.save()
            prepare(run, Start(None, None))
            finish(run, "fit", {"trainer": LIMITS}, 3)
        finally:
            assert _listing(outside) == before

    return Target(
        "hostile: links", 71, folder / "plan.json", [b"[]"], use, drawn=plans, inside=folder
    )


def _lay(place: Path, kind: str, target: str, outside: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    _clear(place)
    if kind == "link":
        place.symlink_to(target)
    elif kind == "hard":
        place.hardlink_to(outside / "kept.txt")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.write_text("loss,step\n0.5,0\n", encoding="utf-8")


def _clear(place: Path) -> None:
    """Remove a file or a folder by full names, which tell where it lies."""
    if place.is_dir() and not place.is_symlink():
        for inner in place.iterdir():
            _clear(inner)
        place.rmdir()
    else:
        place.unlink(missing_ok=True)


def _listing(folder: Path) -> dict[str, str]:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(file): file.read_text(encoding="utf-8") for file in files}
