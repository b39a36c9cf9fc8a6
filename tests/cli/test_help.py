"""Every argument is explained where users look for it."""

import re
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

import m3net as package

Command = Callable[..., CompletedProcess[str]]

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
    assert {"--model.network.backbone", "--model.loss.margin", "--model.optimizer.lr"} <= {*found}
    assert {"--experiment", "--runs", "--data", "--trainer.max_epochs"} <= {*found}
    assert [name for name, words in found.items() if len(words.split()) < 3] == []
    assert not {"--model.labels", "--model.protocol"} & {*found}, "they come from the data"


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


def test_each_argument_of_a_sweep_is_explained(m3net: Command) -> None:
    done = m3net("sweep", "--help")
    assert done.returncode == 0
    found = explained(done.stdout)
    assert {"--local", "--trials", "--jobs", "--runs", "--seed"} <= {*found}
    assert [name for name, words in found.items() if len(words.split()) < 3] == []
    assert "'m3net sweep'" in " ".join(m3net("--help").stdout.split())


def test_the_help_names_commands_and_kinds_of_data(m3net: Command) -> None:
    done = m3net("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: m3net ")
    for command in ("train", "fit", "validate", "test", "predict"):
        assert re.search(rf"^    {command} +\w", done.stdout, flags=re.MULTILINE)
    assert all(name in m3net("fit", "--help").stdout for name in DATA)


def test_evaluation_help_needs_no_checkpoint(m3net: Command) -> None:
    for command in ("validate", "test", "predict"):
        done = m3net(command, "--help")
        assert done.returncode == 0
        assert "--ckpt_path" in done.stdout


def test_the_version_is_that_of_the_package(m3net: Command) -> None:
    done = m3net("--version")
    assert (done.returncode, done.stdout) == (0, f"m3net {package.__version__}\n")


@pytest.mark.parametrize(("words", "said"), [((), "subcommand"), (("learn",), "learn")])
def test_without_a_command_the_possible_ones_are_named(
    m3net: Command, words: tuple[str, ...], said: str
) -> None:
    done = m3net(*words)
    assert done.returncode == 2
    error = done.stderr.split("error:")[1]
    assert said in error
    assert "train" in error
    assert "Traceback" not in done.stderr
