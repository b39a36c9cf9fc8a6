"""Which metrics a command computes, and how, against loops over a small table and its vectors."""

import csv
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import pytest

from tests.support.commands import NO_GALLERY, Command, Refusal


@pytest.fixture(scope="module")
def shop() -> pd.DataFrame:
    """Photos of products, a few of each; nobody else has the colour of the last."""
    draw = np.random.default_rng(0)
    size = 90
    return pd.DataFrame(
        {
            "image": [f"{number}.jpg" for number in range(size)],
            "colour": [*draw.choice(["red", "green", "blue"], size - 1).tolist(), "gold"],
            "detail": [
                "|".join(draw.permutation(["zip", "bow", "cap"])[: 1 + n % 2]) for n in range(size)
            ],
            "split": np.array(["train", "val", "test"])[np.arange(size) // 30],
            "role": np.array(["query", "gallery", "both"])[np.arange(size) % 3],
            "item": [f"p{number}" for number in draw.integers(30, size=size)],
        }
    )


@pytest.fixture(scope="module")
def vectors(shop: pd.DataFrame) -> pd.DataFrame:
    """A random vector of each image and attribute."""
    draw = np.random.default_rng(1)
    parts = [
        pd.DataFrame(
            {
                "image": shop["image"],
                "attribute": name,
                "vector": list(draw.normal(size=(len(shop), 3)).astype(np.float32)),
            }
        )
        for name in ("colour", "detail")
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def evaluate(m3net: Command, shop: pd.DataFrame, vectors: pd.DataFrame, tmp_path: Path) -> Command:
    """Give a function that evaluates the vectors without looking at photos."""
    shop.to_csv(tmp_path / "shop.csv", index=False)
    vectors.to_parquet(tmp_path / "a.parquet")

    def run(*words: object) -> CompletedProcess[str]:
        data = ("--data=CatalogueDataModule", "--data.file", tmp_path / "shop.csv")
        columns = [f"--data.columns.{name}={name}" for name in ("split", "role")]
        columns.append("--data.columns.attributes=[colour,detail]")
        place = ("--embeddings", tmp_path / "a.parquet", "--runs", tmp_path / "runs")
        return m3net("evaluate", *data, *columns, *place, "--photos=false", *words)

    return run


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Where the first evaluation writes."""
    return tmp_path / "runs" / "evaluate" / "0" / "test"


def table(file: Path) -> list[dict[str, str]]:
    """Give the rows of a CSV file."""
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def relevance(
    shop: pd.DataFrame,
    vectors: pd.DataFrame,
    name: str,
    leave_out: str = "image",
    wanted: Mapping[str, list[str]] | None = None,
) -> dict[str, list[bool]]:
    """Give for each query of the test split what is relevant in its ranking.

    Relevant is what has a class that the query wants: one of its own, where nothing is said.
    """
    own = vectors[vectors["attribute"] == name].set_index("image")["vector"]
    rows = [row for row in shop.to_dict("records") if row["split"] == "test"]
    ranked = {}
    for query in rows:
        if query["role"] == "gallery":
            continue
        asked = set((wanted or {}).get(query["image"], query[name].split("|")))
        found = []
        for other in rows:
            if other["role"] != "query" and other[leave_out] != query[leave_out]:
                score = sum(
                    float(a) * float(b)
                    for a, b in zip(own[query["image"]], own[other["image"]], strict=True)
                )
                found.append((score, bool(asked & set(other[name].split("|")))))
        ranked[query["image"]] = [relevant for _, relevant in sorted(found, reverse=True)]
    return ranked


def naive(ranked: list[bool], cutoffs: tuple[int, ...]) -> dict[str, float]:
    """Give the metrics of one ranking, rank by rank."""
    total = sum(ranked)

    def precisions(k: int) -> list[float]:
        return [sum(ranked[: n + 1]) / (n + 1) for n in range(min(k, len(ranked))) if ranked[n]]

    def share(part: float, whole: float) -> float:
        return part / whole if whole else 0.0

    found = {
        "map_all": share(sum(precisions(len(ranked))), total),
        "r_precision": share(sum(ranked[:total]), total),
    }
    for k in cutoffs:
        hits = sum(ranked[:k])
        found |= {
            f"map_{k}": share(sum(precisions(k)), hits),
            f"map_{k}_by_min": share(sum(precisions(k)), min(k, total)),
            f"recall_{k}": share(hits, total),
            f"hit_rate_{k}": float(hits > 0),
            f"precision_{k}": hits / k,
        }
    return found


@pytest.mark.parametrize("fate", ["zero", "skip"])
def test_cutoffs_are_those_that_were_asked_for(
    evaluate: Command, written: Path, shop: pd.DataFrame, vectors: pd.DataFrame, fate: str
) -> None:
    done = evaluate("--metrics.cutoffs=[1,10]", f"--metrics.without_relevant={fate}")
    assert done.returncode == 0, done.stderr
    assert "Recall@10" in done.stdout
    said = {"zero": "they score 0 and count", "skip": "they are left out of all means"}[fate]
    assert f"1 queries have no relevant gallery image; {said}" in " ".join(done.stdout.split())
    for row in table(written / "scores.csv")[:2]:
        rankings = relevance(shop, vectors, row["attribute"])
        assert int(row["num_queries"]) == len(rankings) == 20
        terms = [naive(own, (1, 10)) for own in rankings.values() if fate == "zero" or any(own)]
        assert len(terms) == 20 - (fate == "skip") * (row["attribute"] == "colour")
        assert [*row][2:-3] == [*terms[0]]
        for name in terms[0]:
            expected = np.mean([own[name] for own in terms])
            assert float(row[name]) == pytest.approx(expected, abs=1e-6), name


@pytest.mark.parametrize(
    ("word", "named"),
    [("cutoffs=[10,10]", "cutoffs"), ("without_relevant=drop", "zero"), ("top_k=-1", "top_k")],
)
def test_settings_out_of_range_are_named(evaluate: Command, word: str, named: str) -> None:
    done = evaluate(f"--metrics.{word}")
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_is_tested_at_other_cutoffs_than_it_was_trained_with(
    m3net: Command, own_run: Path, trained: Path
) -> None:
    words = ("--model.metrics.cutoffs=[1,7]", "--model.metrics.top_k=0", "--details=true")
    done = m3net("test", "--ckpt_path", own_run, *words)
    assert done.returncode == 0, done.stderr
    rows, before = (table(run / "test" / "scores.csv") for run in (own_run, trained))
    assert [row["map_all"] for row in rows] == [row["map_all"] for row in before]
    for row in rows:
        # At the first rank all of them ask whether it is relevant.
        same = {float(row[name]) for name in ("map_1", "map_1_by_min", "hit_rate_1", "precision_1")}
        assert len(same) == 1
        assert float(row["hit_rate_7"]) >= float(row["hit_rate_1"])
    assert not {"map_100", "recall_100"} & rows[0].keys()
    assert [file.name for file in (own_run / "test").glob("*.png")] == ["attention.png"]
    queries, classes = (table(own_run / "test" / f"{name}.csv") for name in ("queries", "classes"))
    overall = rows[-2]
    assert len(queries) == int(overall["num_queries"])
    mean = np.mean([float(row["map_all"]) for row in queries])
    assert float(overall["map_all"]) == pytest.approx(mean)
    # A garment has one sleeve length, so that classes part its queries.
    sleeves = [row for row in classes if row["attribute"] == "sleeve_length"]
    assert sum(int(row["num_queries"]) for row in sleeves) == int(rows[0]["num_queries"])


@pytest.mark.parametrize("protocol", ["single", "multi"])
def test_details_are_those_of_each_query_and_class(
    evaluate: Command,
    written: Path,
    shop: pd.DataFrame,
    vectors: pd.DataFrame,
    protocol: str,
) -> None:
    done = evaluate(f"--data.protocol={protocol}", "--details=true", "--metrics.cutoffs=[3]")
    assert done.returncode == 0, done.stderr
    assert str(written / "queries.csv") in done.stdout
    queries, classes = (table(written / f"{name}.csv") for name in ("queries", "classes"))
    names = [*naive([True], (3,))]
    about = ["attribute", "class", "protocol"]
    counts = ["num_queries", "num_queries_without_relevant"]
    assert [*queries[0]] == ["image", *about, "num_relevant", *names]
    assert [*classes[0]] == [*about, *names, *counts]
    worn = shop.set_index("image")
    expected: dict[tuple[str, str], list[dict[str, float]]] = {}
    rows = iter(queries)
    for attribute in ("colour", "detail"):
        labels = sorted({one for own in shop[attribute] for one in own.split("|")})
        for image in shop["image"][(shop["split"] == "test") & (shop["role"] != "gallery")]:
            carried = sorted(worn.loc[image, attribute].split("|"))
            for asked in [[one] for one in carried] if protocol == "multi" else [carried]:
                row = next(rows)
                ranked = relevance(shop, vectors, attribute, wanted={image: asked})[image]
                terms = naive(ranked, (3,))
                found = [row[name] for name in ("image", "attribute", "class", "num_relevant")]
                assert found == [image, attribute, "|".join(asked), str(sum(ranked))]
                assert [float(row[name]) for name in terms] == pytest.approx([*terms.values()])
                for one in asked:
                    expected.setdefault((attribute, one), []).append(terms)
        for one in labels:
            expected.setdefault((attribute, one), [])
    assert next(rows, None) is None
    assert [(row["attribute"], row["class"]) for row in classes] == sorted(expected)
    for row in classes:
        own = expected[row["attribute"], row["class"]]
        assert int(row["num_queries"]) == len(own)
        lost = sum(terms["recall_3"] == terms["map_all"] == 0.0 for terms in own)
        assert int(row["num_queries_without_relevant"]) == lost
        for name in names:
            mean = np.mean([terms[name] for terms in own]) if own else np.nan
            assert float(row[name]) == pytest.approx(mean, nan_ok=True), name
        assert row["protocol"] == protocol


def test_images_of_the_product_of_a_query_are_left_out(
    evaluate: Command, written: Path, shop: pd.DataFrame, vectors: pd.DataFrame
) -> None:
    done = evaluate("--data.leave_out=product", "--data.columns.item=item")
    assert done.returncode == 0, done.stderr
    for row in table(written / "scores.csv")[:2]:
        ranked, alone = (
            relevance(shop, vectors, row["attribute"], leave_out) for leave_out in ("item", "image")
        )
        assert sum(map(len, ranked.values())) < sum(map(len, alone.values())) - 5
        terms = [naive(own, (100,)) for own in ranked.values()]
        for name in terms[0]:
            expected = np.mean([own[name] for own in terms])
            assert float(row[name]) == pytest.approx(expected, abs=1e-6), name
        without = sum(not any(own) for own in ranked.values())
        assert int(row["num_queries_without_relevant"]) == without


def test_products_can_be_left_out_only_where_they_are_known(
    evaluate: Command, refusal: Refusal
) -> None:
    sentence = refusal(evaluate("--data.leave_out=product"))
    assert "set data.columns.item, or data.leave_out=image" in sentence


def test_the_test_of_a_network_leaves_products_out(
    m3net: Command, own_run: Path, catalogue: Path, tmp_path: Path
) -> None:
    """Where all photos show one product, no query has anything to find."""
    frame = pd.read_csv(catalogue, dtype=str).assign(item="the same")
    frame["split"] = np.resize(["train", "val", "test"], len(frame))
    frame.to_csv(tmp_path / "shop.csv", index=False)
    place = ("--data.file", tmp_path / "shop.csv", "--data.root", catalogue.parent)
    columns = ("--data.columns.item=item", "--data.columns.split=split")
    lost = []
    for leave_out in ("product", "image"):
        words = (*place, *columns, f"--data.leave_out={leave_out}", NO_GALLERY)
        done = m3net("test", "--ckpt_path", own_run, *words)
        assert done.returncode == 0, done.stderr
        *_, row, _ = table(own_run / "test" / "scores.csv")
        lost.append(int(row["num_queries_without_relevant"]) / int(row["num_queries"]))
        assert (float(row["map_all"]) == 0.0) == (leave_out == "product")
    assert lost[0] == 1.0
    assert lost[1] < 0.5
