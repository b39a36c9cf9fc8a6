"""Config files that come with m3net: found by name from any folder, listed, shown and copied."""

from pathlib import Path

import pytest
import yaml

import m3net as package
from m3net.base.packaged_configs import config_files, expand_config_names, find_config, summary
from m3net.errors import ConfigError
from tests.support.commands import CONFIGS, Command, Refusal


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_file_of_the_repository_has_a_name() -> None:
    assert sorted(config_files().values()) == sorted(CONFIGS.rglob("*.yaml"))
    assert find_config("m3net:data/catalogue.yaml") == CONFIGS / "data" / "catalogue.yaml"


def test_names_are_paths_behind_config_alone() -> None:
    file = str(CONFIGS / "model" / "m3net.yaml")
    argv = ["--config", "m3net:model/m3net", "-c=m3net:model/m3net.yaml", "--x=m3net:model/m3net"]
    assert expand_config_names(argv) == ["--config", file, f"-c={file}", argv[3]]
    assert expand_config_names(["--config", "configs/own.yaml"]) == ["--config", "configs/own.yaml"]


@pytest.mark.parametrize(
    "name", ["../pyproject", "data/../../pyproject", "/etc/passwd", "data", "", ".", "data/*"]
)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown config"):
        find_config(name)


def test_links_have_no_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").mkdir()
    secret = tmp_path / "secret" / "secret.yaml"
    secret.write_text("{}", encoding="utf-8")
    data = tmp_path / "m3net" / "configs" / "data"
    data.mkdir(parents=True)
    (data / "plain.yaml").write_text("{}", encoding="utf-8")
    (data / "file.yaml").symlink_to(secret)
    (data.parent / "folder").symlink_to(secret.parent)
    monkeypatch.setattr(package, "__file__", str(tmp_path / "m3net" / "__init__.py"))
    assert config_files() == {"data/plain": data / "plain.yaml"}


def test_an_installation_without_configs_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()  # of somebody else, beside what holds the package
    monkeypatch.setattr(package, "__file__", str(tmp_path / "lib" / "m3net" / "__init__.py"))
    with pytest.raises(ConfigError, match="has no config files"):
        config_files()


@pytest.mark.parametrize("command", ["train", "fit"])
def test_a_training_takes_names(m3net: Command, command: str) -> None:
    names = ["--config", "m3net:data/synthetic", "--config=m3net:model/m3net_c.yaml"]
    done = m3net(command, *names, "--print_config")
    assert done.returncode == 0, done.stderr
    settings = yaml.safe_load(done.stdout)
    assert settings["data"]["class_path"].endswith("SyntheticDataModule")
    assert settings["model"]["network"]["init_args"]["attribute_attention"] is False


def test_an_evaluation_of_vectors_takes_names(m3net: Command, refusal: Refusal) -> None:
    done = m3net("evaluate", "--embeddings=none.parquet", "--config", "m3net:data/fashionai")
    assert str(Path("data/fashionai").absolute()) in refusal(done)


def test_a_comparison_takes_names(m3net: Command) -> None:
    done = m3net("compare", "--config", "m3net:compare/quick", "--only=[]")
    assert done.returncode == 0, done.stderr
    assert "nothing is trained yet" in done.stdout


def test_a_sweep_takes_names(m3net: Command) -> None:
    done = m3net("sweep", "m3net:sweep/quick")
    assert done.returncode == 0, done.stderr
    assert f"wandb sweep {CONFIGS / 'sweep' / 'quick.yaml'}" in done.stdout
    assert "m3net sweep --local m3net:sweep/quick" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--config", "m3net:data/catalog"),
        ("evaluate", "--embeddings=none.parquet", "--config=m3net:data/catalog.yaml"),
        ("compare", "--config", "m3net:data/catalog"),
        ("sweep", "m3net:data/catalog"),
        ("configs", "show", "data/catalog"),
        ("configs", "copy", "catalogue", "here"),
    ],
)
def test_an_unknown_name_is_refused_with_near_ones(
    m3net: Command, refusal: Refusal, words: tuple[str, ...]
) -> None:
    sentence = refusal(m3net(*words))
    assert "unknown config" in sentence
    assert "did you mean m3net:data/catalogue" in sentence


def test_all_are_listed_with_what_they_are(m3net: Command) -> None:
    lines = m3net("configs").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [f"m3net:{name}" for name in config_files()]
    [line] = [line for line in lines if line.startswith("m3net:data/synthetic ")]
    assert line.endswith("  Drawn garments: nothing to download.")


@pytest.mark.parametrize("file", sorted(CONFIGS.rglob("*.yaml")), ids=lambda file: file.stem)
def test_each_file_says_what_it_is(file: Path) -> None:
    said = summary(file.read_text("utf-8"))
    assert len(said.split()) > 3
    assert said[-1] in ".:"


@pytest.mark.parametrize("name", ["data/darn", "data/darn.yaml", "m3net:data/darn"])
def test_one_is_shown(m3net: Command, name: str) -> None:
    assert m3net("configs", "show", name).stdout == (CONFIGS / "data/darn.yaml").read_text("utf-8")


def test_copies_are_whole_and_replace_nothing(
    m3net: Command, refusal: Refusal, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    assert m3net("configs", "copy", "data/darn", folder).stdout == f"{folder}/data/darn.yaml\n"
    copy = folder / "data" / "darn.yaml"
    copy.write_text("mine", encoding="utf-8")
    for name in ("data/darn", "all"):
        assert f"{copy} is there already" in refusal(m3net("configs", "copy", name, folder))
    assert copy.read_text("utf-8") == "mine"
    assert [*folder.rglob("*.yaml")] == [copy], "all or none"
    copy.unlink()
    copy.symlink_to(tmp_path / "nowhere.yaml")
    assert "is there already" in refusal(m3net("configs", "copy", "all", folder))
    copy.unlink()
    assert m3net("configs", "copy", "all", folder).returncode == 0
    for name, file in config_files().items():
        assert (folder / f"{name}.yaml").read_bytes() == file.read_bytes()


def test_a_folder_that_cannot_be_written_is_one_sentence(
    m3net: Command, refusal: Refusal, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = m3net("configs", "copy", "data/darn", tmp_path / "file")
    assert "set folder to another one" in refusal(done)
