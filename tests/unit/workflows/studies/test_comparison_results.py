"""Scores and costs of trainings: in long form, or refused with the damaged file and the remedy."""

import json
from pathlib import Path

import pytest

from m3net.errors import CheckpointError
from m3net.workflows.studies.comparison_results import COSTS, read_results

SCORES = "attribute,protocol,num_queries,map\nNA,single,3,0.5\ncollar,single,2,\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder."""
    for part in ("validate", "test"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "scores.csv").write_text(SCORES, encoding="utf-8")
    (tmp_path / "config.yaml").write_text("model: {ranking: class}\n", encoding="utf-8")
    costs = json.dumps(dict.fromkeys(COSTS, 2))
    (tmp_path / "metrics.json").write_text(costs, encoding="utf-8")
    return tmp_path


def test_each_number_is_a_row(run: Path) -> None:
    rows = read_results({("a", 0): run}, {"a": []})
    scores = rows[rows.metric == "map"]
    assert list(zip(scores.split, scores.attribute, strict=True)) == [
        *(("val", "NA"), ("val", "collar"), ("test", "NA"), ("test", "collar"))
    ]
    assert scores.value.fillna(-1).tolist() == [0.5, -1, 0.5, -1]
    assert rows[rows.split == "train"].metric.tolist() == list(COSTS)
    assert {*rows.ranking} == {"class"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", "model: ["),
        ("config.yaml", "model: {}"),
        ("config.yaml", "model: {ranking: [class]}"),
        ("config.yaml", ""),
        ("metrics.json", "{"),
        ("metrics.json", "[]"),
        ("metrics.json", '{"parameters": 1}'),
        ("metrics.json", json.dumps(dict.fromkeys(COSTS, "many"))),
        ("metrics.json", json.dumps(dict.fromkeys(COSTS))),
        ("metrics.json", json.dumps(dict.fromkeys(COSTS, float("nan")))),
        ("metrics.json", json.dumps(dict.fromkeys(COSTS, 10**400))),
        ("test/scores.csv", ""),
        ("test/scores.csv", "attribute,map\ncollar,0.5\n"),
        ("test/scores.csv", "attribute,protocol,map\ncollar,single,good\n"),
        ("validate/scores.csv", "attribute,protocol,map\na,b,c,d,e\n"),
        ("validate/scores.csv", "\0"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(run: Path, name: str, content: str) -> None:
    (run / name).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError) as refused:
        read_results({("a", 0): run}, {"a": []})
    assert str(refused.value).startswith(f"{run / name} is not the {Path(name).name} of a run (")
    assert str(refused.value).endswith("restore it, or delete it to train again.")
