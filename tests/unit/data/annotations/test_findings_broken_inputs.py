"""Broken annotation files: each gives one sentence with file, row and remedy.

It is the same sentence when the first problem stops and among all problems where a whole data set
is checked.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from m3net.data.annotations.findings import Findings
from m3net.data.datamodules import (
    DARNDataModule,
    DeepFashionDataModule,
    FashionAIDataModule,
    RetrievalDataModule,
)
from m3net.errors import DatasetNotFoundError, M3NetError
from tests.support.broken import darn as broken_darn
from tests.support.broken import deepfashion as broken_deepfashion
from tests.support.broken import everywhere
from tests.support.broken import fashionai as broken_fashionai
from tests.support.broken.spoiling import Broken
from tests.support.fake import darn, deepfashion, fashionai

MODULES: dict[str, Callable[[str], RetrievalDataModule]] = {
    "fashionai": lambda root: FashionAIDataModule(root, published=False),
    "fashionai-raw": lambda root: FashionAIDataModule(root, layout="raw"),
    "darn": lambda root: DARNDataModule(
        root, names_file=str(Path(root, "names.json")), published=False
    ),
    "deepfashion": lambda root: DeepFashionDataModule(root, published=False),
    "deepfashion-single": lambda root: DeepFashionDataModule(
        root, protocol="single", published=False
    ),
    "deepfashion-raw": lambda root: DeepFashionDataModule(root, layout="raw", published=False),
    "deepfashion-rebuilt": lambda root: DeepFashionDataModule(
        root, train_list="rebuilt", published=False
    ),
    "deepfashion-boxes": lambda root: DeepFashionDataModule(root, crop_margin=0.1, published=False),
}
KINDS = (
    *(everywhere.texts(), everywhere.paths()),
    *(broken_fashionai.CASES, broken_darn.CASES, broken_deepfashion.CASES),
)
ALL = {
    f"{data}: {name}": (data, broken)
    for kind in KINDS
    for data, own in kind.items()
    for name, broken in own.items()
}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The data sets as they should be, without their images: no image is looked at."""
    place = tmp_path_factory.mktemp("whole")
    fashionai.write_index(place / "fashionai", per_class=3)
    fashionai.write_raw(place / "fashionai-raw", per_class=10)
    darn.write_index(place / "darn")
    named = json.dumps({"clothes length": broken_darn.LENGTHS})
    (place / "darn" / "names.json").write_text(named, encoding="utf-8")
    deepfashion.write_deepfashion(place / "deepfashion")
    for photo in place.glob("**/*.jpg"):
        photo.unlink()
    return {data: place / data for data in ("fashionai", "fashionai-raw", "darn", "deepfashion")}


def copied(roots: dict[str, Path], data: str, folder: Path) -> RetrievalDataModule:
    """Copy a data set into a folder and open it there."""
    whole = roots.get(data) or roots[data.split("-", maxsplit=1)[0]]
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    return MODULES[data](str(folder))


@pytest.mark.parametrize("data", MODULES)
def test_whole_files_have_no_problem(roots: dict[str, Path], tmp_path: Path, data: str) -> None:
    findings = Findings(keep_going=True)
    splits = copied(roots, data, tmp_path).read(findings).splits
    assert findings.problems == []
    assert all(len(part) for part in splits.named().values())


@pytest.mark.parametrize(("data", "broken"), ALL.values(), ids=ALL)
def test_a_broken_file_is_named_with_row_and_remedy(
    roots: dict[str, Path], tmp_path: Path, data: str, broken: Broken
) -> None:
    module = copied(roots, data, tmp_path)
    broken.spoil(tmp_path)
    with pytest.raises(M3NetError) as caught:
        _ = module.contents
    told = str(caught.value)
    assert "\n" not in told
    assert f". {broken.remedy} " in told
    if isinstance(caught.value, DatasetNotFoundError):
        assert f"/{Path(broken.file).name}. Put" in told
    else:
        file, row = tmp_path / broken.file, broken.row
        if row == -1:
            row = len(file.read_bytes().splitlines())
        assert told.startswith(f"{file}: " if row is None else f"{file}, row {row}: ")
    findings = Findings(keep_going=True)
    module.read(findings)
    assert str(findings.problems[0]) == told


def test_there_are_many_cases() -> None:
    assert len(ALL) > 40
    assert {data for data, _ in ALL.values()} == {*MODULES}
