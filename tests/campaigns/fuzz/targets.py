"""The readers, each with whole files to break and a way to read what came of them."""

import io
import os
import zlib
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors.torch import save_file

from m3net.data.annotations import darn as darn_reader
from m3net.data.annotations import deepfashion as deepfashion_reader
from m3net.data.annotations import deepfashion_tables, fashionai, index_files
from m3net.data.annotations.catalogue import CatalogueColumns, read_catalogue
from m3net.data.annotations.findings import Findings
from m3net.data.embeddings.embedding_files import read_embeddings
from m3net.data.photos.journal import Journal
from m3net.data.photos.listing import list_images
from m3net.data.photos.reader import read_image
from m3net.errors import ConfigError
from m3net.workflows.arguments import build_parser, parse
from m3net.workflows.commands.compare import compare as compare_systems
from m3net.workflows.studies.comparison import Comparison
from m3net.workflows.studies.sweep_file import read_sweep
from tests.campaigns.fuzz.hostile_data import hostile_data
from tests.campaigns.fuzz.hostile_runs import hostile_runs
from tests.campaigns.fuzz.job_files import job_files
from tests.campaigns.fuzz.run_files import run_folder
from tests.campaigns.fuzz.target import Target, one_file
from tests.support.commands import CONFIGS
from tests.support.fake import darn, deepfashion
from tests.support.fake import fashionai as fake_fashionai

MOST_PIXELS = 4_000_000
CATALOGUE = (
    "image,split,role,item,sleeve,collar\n"
    "a.jpg,train,,p1,long,\nb/ø.jpg,val,query,p2,short|wide,round\n"
    '"c, d.jpg",test,both,p3,"lo""ng",shirt\ne.png,train,gallery,p4,,round\n'
)


def with_sums(png: bytes) -> bytes:
    """Give a PNG whose chunks all have the right sums, as far as they can be told apart."""
    place, repaired = 8, bytearray(png)
    while place + 12 <= len(repaired):
        end = place + 8 + int.from_bytes(repaired[place : place + 4], "big")
        if end + 4 > len(repaired):
            break
        repaired[end : end + 4] = zlib.crc32(repaired[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(repaired)


def targets(folder: Path) -> list[Target]:
    """Write whole data sets into an empty folder and give all readers."""
    return [
        *_images(folder),
        *_catalogues(folder),
        *_embeddings(folder),
        *_index_files(folder),
        *_fashionai(folder),
        *_deepfashion(folder),
        *_lists(folder),
        *run_folder(folder / "run"),
        *job_files(folder / "jobs"),
        *_hostile(folder / "hostile"),
    ]


def _hostile(folder: Path) -> list[Target]:
    """Lay things that nobody may touch beside what the readers read."""
    outside = folder / "outside"
    (outside / "deep").mkdir(parents=True)
    for name in ("kept.txt", "deep/kept.txt", "best.ckpt"):
        (outside / name).write_text("kept", encoding="utf-8")
    os.mkfifo(outside / "pipe")
    return [*hostile_runs(folder, outside), *hostile_data(folder, outside)]


def _images(folder: Path) -> list[Target]:
    rows, columns = np.mgrid[0:24, 0:32]
    picture = Image.fromarray(
        np.stack([rows * 9, columns * 7, rows + columns], axis=2).astype(np.uint8)
    )
    turned = picture.getexif()
    turned[0x0112] = 6

    def encode(image: Image.Image, kind: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    def read(file: Path) -> None:
        pixels = read_image(file, None, max_pixels=MOST_PIXELS)
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert 0 < pixels.shape[0] * pixels.shape[1] <= MOST_PIXELS

    small = {
        "jpeg": [
            encode(picture, "JPEG", exif=turned),
            encode(picture, "JPEG", progressive=True),
            encode(picture.convert("CMYK"), "JPEG"),
            encode(picture.convert("L"), "JPEG"),
        ],
        "png": [
            encode(picture, "PNG"),
            encode(picture.convert("RGBA"), "PNG"),
            encode(picture.convert("P"), "PNG"),
            encode(picture.convert("I;16"), "PNG"),
            encode(picture, "PNG", save_all=True, append_images=[picture.rotate(90)]),
        ],
        "webp": [
            encode(picture, "WEBP"),
            encode(picture, "WEBP", lossless=True),
            encode(picture, "WEBP", save_all=True, append_images=[picture.rotate(90)]),
        ],
        "bmp": [encode(picture, "BMP"), encode(picture.convert("P"), "BMP")],
        "tiff": [
            encode(picture, "TIFF"),
            encode(picture, "TIFF", compression="tiff_lzw"),
            encode(picture.convert("CMYK"), "TIFF"),
        ],
        "gif": [encode(picture, "GIF"), encode(picture, "PPM"), encode(picture, "JPEG2000")],
    }
    shares = {"jpeg": 200, "png": 90, "webp": 100, "bmp": 50, "tiff": 60, "gif": 40}
    return [
        Target(f"image: {kind}", shares[kind], folder / f"case.{kind}", corpus, read)
        for kind, corpus in small.items()
    ] + [Target("image: png, sums right", 60, folder / "sums.png", small["png"], read, with_sums)]


def _catalogues(folder: Path) -> list[Target]:
    columns = CatalogueColumns(split="split", role="role", item="item")
    table = pd.read_csv(io.StringIO(CATALOGUE), dtype=str)
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    plain = b"collar,image,split,role,item\nx,a.jpg,train,,1\ny,b.jpg,test,both,2\n"

    def read(file: Path) -> None:
        read_catalogue(file, columns)

    return [
        Target("catalogue: csv", 40, folder / "case.csv", [CATALOGUE.encode(), plain], read),
        Target("catalogue: parquet", 30, folder / "case.parquet", [buffer.getvalue()], read),
    ]


def _embeddings(folder: Path) -> list[Target]:
    names = ["a.jpg", "b.jpg", "c.jpg"]
    vectors = np.arange(12, dtype=np.float32).reshape(3, 4)
    rows = {"image": names, "attribute": "collar", "vector": list(vectors)}
    buffer = io.BytesIO()
    pd.DataFrame(rows).to_parquet(buffer, index=False)
    tensors = folder / "whole.safetensors"
    save_file({"collar": torch.tensor(vectors)}, tensors, {"images": '["a.jpg", "b.jpg", "c.jpg"]'})

    def read(file: Path) -> None:
        read_embeddings(file, {"collar": names}, folder)

    return [
        Target("embeddings: parquet", 30, folder / "vectors.parquet", [buffer.getvalue()], read),
        Target(
            "embeddings: safetensors",
            40,
            folder / "case.safetensors",
            [tensors.read_bytes()],
            read,
        ),
    ]


def _index_files(folder: Path) -> list[Target]:
    root = folder / "darn"
    darn.write_index(root, num_train=20, per_attribute=2)
    taxonomy = darn_reader.numbered_taxonomy()

    def train(_: Path) -> None:
        index_files.read_train(root, taxonomy, Findings())

    def test(_: Path) -> None:
        index_files.read_evaluation(root, "test", taxonomy, Findings())

    names = root / "names.json"
    known = b'{"clothes length": ["a", "b", "c", "d", "e", "f", "g"]}'
    return [
        one_file("DARN, FashionAI: filenames", 30, root / "filenames_train.txt", train),
        one_file("DARN, FashionAI: labels", 30, root / "label_train.txt", train),
        one_file("DARN, FashionAI: queries", 30, root / "query_test.txt", test),
        Target("DARN: names.json", 20, names, [known], darn_reader.read_names),
    ]


def _fashionai(folder: Path) -> list[Target]:
    root = folder / "fashionai"
    fake_fashionai.write_raw(root, per_class=1)
    found = fashionai.label_folders(root, Findings())

    def read(_: Path) -> None:
        fashionai.read_raw(root, found, "keep", Findings())

    return [one_file("FashionAI: label.csv", 40, root / found[0] / fashionai.LABEL_FILE, read)]


def _deepfashion(folder: Path) -> list[Target]:
    root = folder / "deepfashion"
    deepfashion.write_deepfashion(root, num_train=5, per_type=1)
    own = {file.name: file for file in root.rglob("*.txt")}
    classes = deepfashion_reader.read_classes(own["list_attr_cloth.txt"], Findings())
    paths = (root / "filenames_test.txt").read_text(encoding="utf-8").split()
    return [
        one_file(
            "DeepFashion: attributes",
            10,
            own["list_attr_cloth.txt"],
            lambda file: deepfashion_reader.read_classes(file, Findings()),
        ),
        one_file(
            "DeepFashion: matrix",
            30,
            own["list_attr_img.txt"],
            lambda _: deepfashion_reader.read_all(root, classes, Findings()),
        ),
        one_file(
            "DeepFashion: labels",
            30,
            own["label_test.txt"],
            lambda _: deepfashion_reader.read_labels(root, "test", classes, Findings()),
        ),
        one_file(
            "DeepFashion: partition",
            20,
            own["list_eval_partition.txt"],
            lambda _: deepfashion_tables.read_partition(root, Findings()),
        ),
        one_file(
            "DeepFashion: boxes",
            15,
            own["list_bbox.txt"],
            lambda _: deepfashion_tables.read_boxes(root, paths, Findings()),
        ),
    ]


def _lists(folder: Path) -> list[Target]:
    journal = b'{"journal": "photos"}\n["a.jpg", 3, 4]\n["b/\xc3\xb8.jpg", 5]\n'
    configs = [sorted((CONFIGS / name).glob("*.yaml")) for name in ("compare", "sweep")]
    compared, swept = ([file.read_bytes() for file in files] for files in configs)

    def compare(file: Path) -> None:
        parser = build_parser(compare_systems, flat=Comparison)
        parser.add_argument("--config", action="config")
        try:
            with redirect_stderr(io.StringIO()):
                parse(parser, ["--config", str(file)])
        except SystemExit as stop:  # the parser refuses the settings
            raise ConfigError(f"{file}: refused") from stop

    return [
        Target("compare: config", 5, folder / "compare.yaml", compared, compare),
        Target("sweep: file", 20, folder / "sweep.yaml", swept, read_sweep),
        Target("predict: list", 10, folder / "list.txt", [b"a.jpg\nb/c d.jpg\n"], list_images),
        Target(
            "prepare: journal",
            20,
            folder / "journal",
            [journal],
            lambda file: Journal(file, "photos").__exit__(None, None, None),
        ),
    ]
