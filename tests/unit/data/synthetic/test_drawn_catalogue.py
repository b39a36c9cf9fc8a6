"""Records, reader and files of many garments."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from m3net.data.synthetic import (
    TAXONOMY,
    SyntheticReader,
    draw,
    sample_garment,
    synthetic_records,
    write_catalogue,
)
from m3net.errors import ConfigError


def test_records_say_what_the_garments_are() -> None:
    records = synthetic_records(num_images=60, seed=1)
    assert len(records) == 60
    assert not records.roles.any()
    assert records.num_classes == TAXONOMY.num_classes
    for index in range(60):
        record, shown = records[index], sample_garment(1, index).labels()
        assert record.row == index
        assert record.path == f"synthetic/{index:06}.png"
        assert {TAXONOMY.names[attribute] for attribute in record.annotated} == set(shown)
        carried = [TAXONOMY.class_name(class_id) for class_id in record.class_ids]
        assert carried == [name for names in shown.values() for name in names]


def test_a_longer_catalogue_begins_like_a_shorter_one() -> None:
    short, long = synthetic_records(10, seed=4), synthetic_records(30, seed=4)
    np.testing.assert_array_equal(long.select(np.arange(10)).class_ids, short.class_ids)


def test_classes_belong_to_annotated_attributes() -> None:
    records = synthetic_records(num_images=300, seed=2)
    for index in range(300):
        record = records[index]
        attributes = set(TAXONOMY.attribute_of_class[list(record.class_ids)].tolist())
        assert attributes <= set(record.annotated)


def test_records_are_made_without_drawing() -> None:
    start = time.process_time()
    synthetic_records(num_images=1000, seed=0)
    drawing_would_take = 1000 * 0.001
    assert time.process_time() - start < drawing_would_take


def test_the_reader_draws_the_garment_of_a_record_wherever_it_stands() -> None:
    records = synthetic_records(num_images=9, seed=6)
    read = SyntheticReader(seed=6, size=64)
    picked = records.select(np.array([7, 2]))
    np.testing.assert_array_equal(read(picked[0]), draw(sample_garment(6, 7), 64))
    np.testing.assert_array_equal(read(picked[1]), read(records[2]))


def test_a_written_catalogue_reads_back(tmp_path: Path) -> None:
    table = write_catalogue(tmp_path / "shop", num_images=40, size=64, seed=5)
    assert table == tmp_path / "shop" / "catalogue.csv"
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    assert list(frame.columns) == ["image", *TAXONOMY.names]
    records = synthetic_records(num_images=40, seed=5)
    for index, row in frame.iterrows():
        cells = row.drop("image").to_dict()
        class_ids = [
            TAXONOMY.class_id(str(attribute), name)
            for attribute, cell in cells.items()
            for name in cell.split("|")
            if cell
        ]
        assert tuple(class_ids) == records[int(str(index))].class_ids
        with Image.open(table.parent / row["image"]) as image:
            pixels = np.asarray(image)
        np.testing.assert_array_equal(pixels, draw(sample_garment(5, int(str(index))), 64))


def test_a_failing_call_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="5 pixels"):
        write_catalogue(tmp_path / "shop", num_images=4, size=5, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_no_catalogue(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from m3net.data.synthetic import write_catalogue; "
        "write_catalogue(Path(sys.argv[1]), num_images=100000, size=64, seed=0)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "shop")]) as process:
        while process.poll() is None and not any(tmp_path.rglob("000002.png")):
            time.sleep(0.05)
        process.kill()
    assert any(tmp_path.rglob("000002.png"))
    assert not (tmp_path / "shop").exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("keep me")
    with pytest.raises(ConfigError, match="choose another folder"):
        write_catalogue(tmp_path, num_images=1, size=64, seed=0)
    assert list(tmp_path.iterdir()) == [mine]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    assert write_catalogue(tmp_path / "shop", num_images=1, size=64, seed=0).is_file()
