"""Every argument is explained where users look for it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import m3net as package
from m3net.workflows.registry import COMMANDS, DATA_COMMANDS
from tests.support.commands import ROOT, Command, Refusal

DATA = ["CatalogueDataModule", "SyntheticDataModule", "ImagesDataModule"]


def explained(text: str) -> dict[str, str]:
    """Give the explanation of each argument, without its type and default."""
    parts = re.split(r"^  (--[\w.]+)", text, flags=re.MULTILINE)[1:]
    found = {}
    for name, rest in zip(parts[::2], parts[1::2], strict=True):
        # The names of values stand before the explanation: on the same line after one blank.
        words = rest.split("\n\n")[0]
        words = re.split(r" {2,}|\n", words, maxsplit=1)[1]
        words = " ".join(words.split())
        found[name] = re.sub(r"\((required, )?type: .*\)$", "", words).strip()
    return found


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.parametrize("command", ["train", "fit"])
def test_each_argument_of_a_training_is_explained(m3net: Command, command: str) -> None:
    done = m3net(command, "--help")
    assert done.returncode == 0
    found = explained(done.stdout)
    assert {"--model.network", "--model.loss", "--model.optimizer.lr"} <= {*found}
    assert {"--experiment", "--runs", "--data", "--trainer.max_epochs"} <= {*found}
    assert [name for name, words in found.items() if len(words.split()) < 3] == []
    assert not {"--model.labels", "--model.protocol"} & {*found}, "they come from the data"


@pytest.mark.parametrize(
    ("setting", "kind", "argument"),
    [
        *(("network", kind, "backbone") for kind in ("M3NetConfig", "AsenConfig", "AsenV2Config")),
        ("network", "AsenPPConfig", "local.start"),
    ],
)
def test_each_argument_of_a_network_is_explained(
    m3net: Command, setting: str, kind: str, argument: str
) -> None:
    done = m3net("fit", f"--model.{setting}.help", kind)
    assert done.returncode == 0
    found = explained(done.stdout)
    assert f"--model.{setting}.{argument}" in found
    assert [name for name, words in found.items() if len(words.split()) < 3] == []


@pytest.mark.parametrize("data", DATA)
def test_each_argument_of_the_data_is_explained(m3net: Command, data: str) -> None:
    done = m3net("fit", "--data.help", data)
    assert done.returncode == 0
    found = explained(done.stdout)
    assert {"--data.loading.batch_size", "--data.loading.resize"} <= {*found}
    assert [name for name, words in found.items() if len(words.split()) < 3] == []


def test_each_argument_of_an_evaluation_of_vectors_is_explained(m3net: Command) -> None:
    done = m3net("evaluate", "--help")
    assert done.returncode == 0
    found = explained(done.stdout)
    assert {"--embeddings", "--data", "--split", "--runs", "--experiment"} <= {*found}
    assert [name for name, words in found.items() if len(words.split()) < 3] == []
    assert all(name in done.stdout for name in ("CatalogueDataModule", "SyntheticDataModule"))


@pytest.mark.parametrize("command", ["verify", "stats"])
def test_each_setting_of_a_checked_data_set_is_explained(m3net: Command, command: str) -> None:
    done = m3net("data", command, "catalogue", "--help")
    assert done.returncode == 0
    found = explained(done.stdout)
    assert {"--root", "--columns.image", "--columns.multi_label", "--out"} <= {*found}
    assert [name for name, words in found.items() if len(words.split()) < 3] == []
    assert "data.root" in done.stdout


def test_each_argument_of_a_sweep_is_explained(m3net: Command) -> None:
    done = m3net("sweep", "--help")
    assert done.returncode == 0
    found = explained(done.stdout)
    assert {"--local", "--trials", "--jobs", "--runs", "--seed"} <= {*found}
    assert [name for name, words in found.items() if len(words.split()) < 3] == []


def test_the_help_names_commands(m3net: Command) -> None:
    done = m3net("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: m3net ")
    for command in COMMANDS:
        assert re.search(rf"^  (\w+, )*{command}\b.*  \w", done.stdout, flags=re.MULTILINE)


def test_the_help_of_data_names_commands(m3net: Command) -> None:
    done = m3net("data", "--help")
    assert done.returncode == 0
    for name, command in DATA_COMMANDS.items():
        assert f"  {name} {command.arguments}" in done.stdout
        assert command.sentence in done.stdout


def test_the_readme_lists_all_commands_with_what_they_do() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (`m3net .*`) \| (.*) \|$", text, flags=re.MULTILINE)
    listed = {
        name: re.sub(r" \(\[.*\]\(.*\)\)$", "", said).replace("`", "")
        for names, said in rows
        for name in re.findall(r"`m3net ([a-z ]+)`", names)
    }
    known = COMMANDS | {f"data {name}": command for name, command in DATA_COMMANDS.items()}
    del known["data"]
    assert listed == {name: command.sentence for name, command in known.items()}


def test_the_help_of_a_training_names_kinds_of_data(m3net: Command) -> None:
    assert all(name in m3net("fit", "--help").stdout for name in DATA)


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        (["--help"], "torch"),
        (["--version"], "torch"),
        (["synthesize", "shop", "--num_images=1"], "torch"),
        (["configs"], "torch"),
        (["data", "prepare", "--help"], "lightning"),
    ],
)
def test_what_needs_no_network_does_not_wait_for_its_libraries(
    tmp_path: Path, words: list[str], spared: str
) -> None:
    """They take seconds to import."""
    code = (
        "import atexit, sys; from m3net.__main__ import main;"
        f"atexit.register(lambda: print({spared!r} in sys.modules)); sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"


def test_evaluation_help_needs_no_checkpoint(m3net: Command) -> None:
    for command in ("validate", "test", "predict"):
        done = m3net(command, "--help")
        assert done.returncode == 0
        assert "--ckpt_path" in done.stdout


def test_the_version_is_that_of_the_package(m3net: Command) -> None:
    done = m3net("--version")
    assert (done.returncode, done.stdout) == (0, f"m3net {package.__version__}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "m3net needs a command"), (("learn",), "m3net knows no command 'learn'")],
)
def test_without_a_command_the_possible_ones_are_named(
    m3net: Command, refusal: Refusal, words: tuple[str, ...], said: str
) -> None:
    sentence = refusal(m3net(*words))
    assert said in sentence
    assert all(command in sentence for command in COMMANDS)
