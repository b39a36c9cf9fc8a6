"""A run folder or a checkpoint from somebody else: what its files name is not done."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.hostile.audit import MODULE
from tests.support.hostile.guard import Guard, Outcome
from tests.support.hostile.runs import copy_run, put, shell, spoil_checkpoints, spoil_config

EVALUATIONS = ("test", "validate", "predict", "report")
ELSEWHERE = "elsewhere"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with things that nobody may touch, beside one for run folders."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "runs").mkdir()
    (folder / ELSEWHERE / "deep").mkdir(parents=True)
    for name in ("a.txt", "best.ckpt", "deep/b.txt"):
        (folder / ELSEWHERE / name).write_text("kept", encoding="utf-8")
    (folder / f"{MODULE}.py").write_text("open('proof', 'w')\n", encoding="utf-8")
    return folder


@pytest.fixture
def untouched(place: Path) -> Iterator[None]:
    """See that nothing outside of the run folders has changed."""
    before = listing(place)
    yield
    assert listing(place) == before


def listing(place: Path) -> dict[str, bytes]:
    """All files that lie in no run folder."""
    found = {
        str(file): file.read_bytes()
        for folder in (place, place / ELSEWHERE)
        for file in folder.glob("**/*" if folder.name == ELSEWHERE else "*")
        if file.is_file()
    }
    return {name: content for name, content in found.items() if "__pycache__" not in name}


def words(command: str, run: Path, catalogue: Path, settings: Path) -> list[object]:
    """What is typed to use a run."""
    if command == "report":
        return ["report", run]
    if command == "resume":
        return ["train", "--resume", run]
    if command == "fit":
        return ["fit", "--config", settings, "--ckpt_path", run, "--runs", run.parent / "new"]
    images = ["--data.images", catalogue.parent / "images"] if command == "predict" else []
    return [command, "--ckpt_path", run, *images]


Attack = Callable[[list[tuple[str, Path]]], list[Outcome]]


@pytest.fixture
def attack(place: Path, catalogue: Path, settings: Path, untouched: None, guard: Guard) -> Attack:
    """Give a function that uses run folders, each by a command, in one guarded process."""
    del untouched

    def run(cases: list[tuple[str, Path]]) -> list[Outcome]:
        given = [words(command, folder, catalogue, settings) for command, folder in cases]
        return guard.run(given, inside=[place / "runs"], cwd=place)

    return run


@pytest.fixture
def copies(trained: Path, place: Path) -> Callable[[], Path]:
    """Give a function that makes a new copy of a run that was interrupted."""
    numbers = iter(range(1000))

    def copy() -> Path:
        folder = place / "runs" / f"{os.getpid()}-{len(list((place / 'runs').iterdir()))}"
        return copy_run(trained, folder.with_name(f"{folder.name}-{next(numbers)}"))

    return copy


@pytest.mark.promise("checkpoint-values")
def test_classes_that_a_checkpoint_names_are_not_built(
    attack: Attack, copies: Callable[[], Path], place: Path
) -> None:
    """No pickle is in it: plain values, which jsonargparse would build into a process."""
    proof = place / "proof"
    spots = ("positives", "annotated", "taxonomy")
    commands = (*EVALUATIONS, "fit", "resume")
    cases = [
        (
            command,
            spoil_checkpoints(copies(), put("hyper_parameters.labels.positives", shell(proof))),
        )
        for command in commands
    ]
    cases += [
        ("test", spoil_checkpoints(copies(), put(f"hyper_parameters.{spot}", shell(proof))))
        for spot in (
            *(f"labels.{own}" for own in spots),
            *("network", "network.init_args.backbone", "network.init_args.weights_file"),
            *("network.class_path", "loss.center", "loss.center.class_path"),
            *("optimizer", "ranking", "metrics.cutoffs", "protocol"),
        )
    ]
    cases += [
        ("predict", spoil_checkpoints(copies(), put("datamodule_hyper_parameters.loading", own)))
        for own in (shell(proof), {"image_size": shell(proof)})
    ]
    for (_, run), outcome in zip(cases, attack(cases), strict=True):
        assert str(run) in outcome.sentence
    assert not proof.exists()


@pytest.mark.promise("run-classes")
def test_settings_of_a_run_name_no_class_but_m3nets_own(
    attack: Attack, copies: Callable[[], Path], place: Path
) -> None:
    proof = place / "proof"
    bar = "lightning.pytorch.callbacks.RichProgressBar"
    named: list[tuple[str, object]] = [
        (
            "trainer.callbacks",
            [{"class_path": bar, "init_args": {"console_kwargs": {"file": shell(proof)}}}],
        ),
        ("trainer.callbacks", shell(proof)),
        ("trainer.callbacks", ["subprocess.Popen"]),
        ("trainer.callbacks", "subprocess.Popen"),
        (
            "trainer.logger",
            {"class_path": "logging.FileHandler", "init_args": {"filename": str(proof)}},
        ),
        ("trainer.plugins", [shell(proof)]),
        ("trainer.profiler", shell(proof)),
        ("trainer.strategy", shell(proof)),
        ("trainer.accelerator", shell(proof)),
        ("model.network", shell(proof)),
        ("model.network.class_path", "subprocess.Popen"),
        ("model.loss.center", shell(proof)),
        ("model.loss.center.class_path", f"{MODULE}.Class"),
        ("model.metrics", shell(proof)),
        ("data", shell(proof)),
        ("data.init_args.columns", shell(proof)),
        ("data.init_args.loading", shell(proof)),
        ("data.dict_kwargs", {"more": shell(proof)}),
        ("checkpoint", shell(proof)),
        ("checkpoint.monitor", shell(proof)),
        ("seed_everything", shell(proof)),
        ("data.class_path", f"{MODULE}.DataModule"),
        ("data.class_path", "lightning.LightningDataModule"),
        ("data.class_path", "m3net.data.datamodules.retrieval_datamodule.RetrievalDataModule"),
    ]
    cases = [("resume", spoil_config(copies(), put(*own))) for own in named]
    cases += [
        (command, spoil_config(copies(), put(*own)))
        for own in named
        if own[0].startswith("data")
        for command in ("test", "report")
    ]
    for (_, run), outcome in zip(cases, attack(cases), strict=True):
        assert str(run / "config.yaml") in outcome.sentence
    assert not proof.exists()


@pytest.mark.promise("run-paths")
def test_values_that_look_like_paths_are_not_opened(
    attack: Attack, copies: Callable[[], Path], place: Path
) -> None:
    """A text where settings belong would be taken for the path of a config, and shown."""
    secret = place / "runs" / "secret.yaml"
    secret.write_text("password: open sesame\n", encoding="utf-8")
    spots = (
        *("data", "data.init_args", "data.init_args.columns", "data.init_args.loading", "model"),
        *(
            "model.network",
            "model.network.init_args",
            "model.loss",
            "model.optimizer",
            "model.metrics",
        ),
        *("trainer", "trainer.logger", "trainer.callbacks", "trainer.plugins", "trainer.profiler"),
        *("checkpoint", "seed_everything", "rankings", "nonfinite", "report"),
    )
    cases = [("resume", spoil_config(copies(), put(spot, str(secret)))) for spot in spots]
    cases += [
        ("test", spoil_config(copies(), put(spot, str(secret))))
        for spot in spots
        if spot.startswith("data")
    ]
    cases += [
        ("test", spoil_checkpoints(copies(), put(f"hyper_parameters.{spot}", str(secret))))
        for spot in ("labels", "network", "network.init_args", "loss", "optimizer", "metrics")
    ]
    for outcome in attack(cases):
        assert "sesame" not in outcome.out + outcome.err
        assert outcome.sentence


@pytest.mark.promise("run-writes", "checkpoint-state")
def test_nothing_outside_of_the_run_is_deleted_or_written(
    attack: Attack, copies: Callable[[], Path], place: Path
) -> None:
    def keeper(run: Path, path: str, dirpath: str | None = None) -> Path:
        def spoil(contents: Any) -> None:  # noqa: ANN401 - of a checkpoint
            for state in contents["callbacks"].values():
                if "best_k_models" in state:
                    state["dirpath"] = dirpath or state["dirpath"]
                    full = f"{state['dirpath']}/{path}"
                    state["best_k_models"] = {full: torch.tensor(-1.0)}
                    state["best_model_path"] = state["kth_best_model_path"] = full
                    state["best_model_score"] = state["kth_value"] = torch.tensor(-1.0)

        return spoil_checkpoints(run, spoil)

    outside = place / ELSEWHERE
    cases = [
        ("resume", keeper(copies(), f"../../../{ELSEWHERE}")),
        ("resume", keeper(copies(), f"../../../{ELSEWHERE}/best.ckpt")),
        ("resume", keeper(copies(), "deep", dirpath=str(outside))),
        ("resume", keeper(copies(), "..", dirpath=str(outside / "deep"))),
        ("resume", spoil_config(copies(), put("checkpoint.filename", f"../../../{ELSEWHERE}/new"))),
        ("resume", spoil_config(copies(), put("checkpoint.filename", str(outside / "new")))),
        ("resume", spoil_config(copies(), put("checkpoint.filename", "{epoch:999999999d}"))),
        ("resume", spoil_config(copies(), put("trainer.model_registry", "own/model"))),
        (
            "resume",
            spoil_config(
                copies(),
                put(
                    "trainer.callbacks",
                    {
                        "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
                        "init_args": {"dirpath": str(outside), "filename": "new"},
                    },
                ),
            ),
        ),
    ]
    for outcome in attack(cases):
        assert outcome.sentence


@pytest.mark.promise("run-writes")
def test_places_of_a_run_that_moved_are_its_own(
    attack: Attack, copies: Callable[[], Path], place: Path
) -> None:
    """What it says of where it lies is not believed, and not followed."""
    run, outside = copies(), str(place / ELSEWHERE)
    spoil_config(run, put("trainer.max_epochs", 2))
    for name in ("trainer.default_root_dir", "checkpoint.dirpath", "runs"):
        spoil_config(run, put(name, outside))
    spoil_config(run, put("trainer.logger.init_args.save_dir", outside))
    [outcome] = attack([("resume", run)])
    assert (outcome.code, outcome.notes) == (0, []), outcome.err


@pytest.mark.promise("run-writes")
@pytest.mark.parametrize("command", ["test", "resume"])
def test_links_that_leave_the_run_are_not_followed(
    attack: Attack, copies: Callable[[], Path], place: Path, trained: Path, command: str
) -> None:
    outside = place / ELSEWHERE
    links = {
        "checkpoints": trained / "checkpoints",
        "checkpoints/best.ckpt": trained / "checkpoints" / "best.ckpt",
        "test": outside,
        "test/gallery.png": outside / "a.txt",
        "test/galleries": outside / "deep",
        "test/.scores.csv.part": outside / "a.txt",
        "test/new.txt": outside / "new.txt",
        "checkpoints/.best.ckpt.part": outside / "best.ckpt",
        "metrics.csv": outside / "a.txt",
        ".lock": outside / "new.txt",
        "predict/part-0.parquet": outside / "a.txt",
        "wandb": outside,
        "rankings": Path("../.."),
    }
    cases = []
    for name, target in links.items():
        run = copies()
        file = run / name
        if file.is_dir():
            shutil.rmtree(file)
        file.parent.mkdir(exist_ok=True)
        file.unlink(missing_ok=True)
        file.symlink_to(target)
        cases.append((command, run))
    for (_, run), name, outcome in zip(cases, links, attack(cases), strict=True):
        assert f"{run / name} leads out of the run folder" in outcome.sentence


@pytest.mark.promise("run-writes")
def test_names_that_files_share_with_others_are_given_up(
    attack: Attack, copies: Callable[[], Path], place: Path
) -> None:
    """A hard link looks like any file; what is written replaces it."""
    run, outside = copies(), place / ELSEWHERE
    shutil.rmtree(run / "test")
    (run / "test" / "galleries").mkdir(parents=True)
    (run / "predict").mkdir()
    names = ("scores.csv", "scores.json", "gallery.png", "attention.png", "report.html")
    for name in ("predict/part-0.parquet", *(f"test/{own}" for own in names)):
        os.link(outside / "a.txt", run / name)
    os.link(outside / "a.txt", run / "test" / "galleries" / "details.png")
    for outcome in attack([("test", run), ("predict", run)]):
        assert (outcome.code, outcome.notes) == (0, []), outcome.err


@pytest.mark.promise("run-bounds")
def test_pipes_and_devices_do_not_hold_a_command(
    attack: Attack, copies: Callable[[], Path]
) -> None:
    cases = []
    for name in (".lock", "metrics.csv", "metrics.json", "finished.json", "test/scores.csv"):
        run = copies()
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)
        cases += [("test", run), ("resume", run)]
    run = copies()
    (run / "config.yaml").unlink()
    os.mkfifo(run / "config.yaml")
    cases.append(("resume", run))
    for outcome in attack(cases):
        assert outcome.sentence


@pytest.mark.promise("run-classes")
def test_a_class_that_is_trusted_by_name_is_built(
    copies: Callable[[], Path], place: Path, guard: Guard
) -> None:
    stopping = {
        "class_path": "lightning.pytorch.callbacks.EarlyStopping",
        "init_args": {"monitor": "val/map_all", "mode": "max"},
    }
    run = spoil_config(copies(), put("trainer.callbacks", [stopping]))
    spoil_config(run, put("trainer.max_epochs", 2))
    trust = f"--trust={stopping['class_path']}"
    commands = [["train", "--resume", run, *own] for own in ([], ["--trust=other.Class"], [trust])]
    refused, other, trusted = guard.run(commands, inside=[place / "runs"], cwd=place)
    assert refused.sentence.endswith(f"add {trust}.")
    assert other.sentence.endswith(f"add {trust}.")
    assert (trusted.code, trusted.notes) == (0, []), trusted.err
