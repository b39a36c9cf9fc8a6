"""Run folders are numbered."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from m3net.experiments.run import Run


def test_runs_of_an_experiment_are_counted(tmp_path: Path) -> None:
    root = tmp_path / "not" / "there"
    assert [Run.create(root, "a").folder for _ in range(3)] == [
        root / "a" / str(n) for n in range(3)
    ]
    assert Run.create(root, "b").folder == root / "b" / "0"
    assert (root / "b" / "0").is_dir()


def test_a_number_is_never_given_again_below_the_highest(tmp_path: Path) -> None:
    for name in ("2", "10", "best of 99", "011x"):
        (tmp_path / "a" / name).mkdir(parents=True)
    (tmp_path / "a" / "99").touch()
    assert Run.create(tmp_path, "a").folder == tmp_path / "a" / "100"


def test_runs_that_start_together_get_folders_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        folders = list(pool.map(lambda _: Run.create(tmp_path, "a").folder, range(40)))
    assert sorted(int(folder.name) for folder in folders) == list(range(40))
