"""What the documentation shows of the Python API runs as it stands there, beside a real run."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.commands import ROOT, Command


@pytest.fixture
def place(
    m3net: Command,
    own_run: Path,
    catalogue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder that the pages speak of, as the current one."""
    photos = sorted((catalogue.parent / "images").iterdir())[:8]
    (tmp_path / "photos").mkdir()
    names = ["query.jpg", "other.jpg", *(f"photos/{place}.jpg" for place in range(6))]
    for name, photo in zip(names, photos, strict=True):
        (tmp_path / name).symlink_to(photo)
    (tmp_path / "runs" / "shop").mkdir(parents=True)
    (tmp_path / "runs" / "shop" / "0").symlink_to(own_run)
    monkeypatch.chdir(tmp_path)
    done = m3net("predict", "--ckpt_path", "runs/shop/0", "--data.images=photos")
    assert done.returncode == 0, done.stderr
    return tmp_path


def run_page(name: str) -> dict[str, Any]:
    """Run a page's Python from its first line to its last, and give what is then known."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
    known: dict[str, Any] = {}
    exec("\n".join(blocks), known)  # noqa: S102 - pages of our own
    return known


def test_the_page_of_the_api_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = run_page("docs/api.md")
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ["1", "2", "3", "4", "5"]
    assert {line.split()[1] for line in printed} <= {f"photos/{place}.jpg" for place in range(6)}
    assert known["scores"].shape == (2, 2)
    assert known["attention"].attributes["details"].sum() == pytest.approx(1, abs=1e-5)
    assert len(known["details"]) == len(list((place / "photos").iterdir()))


@pytest.mark.usefixtures("place")
def test_the_example_of_the_readme_runs() -> None:
    gallery = run_page("README.md")["gallery"]
    found = gallery.search("query.jpg", attribute="sleeve_length", top_k=5)
    assert isinstance(found, pd.DataFrame)
    assert len(found) == 5
