"""The Python API says what `m3net predict` says, of photos in any form."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import m3net as package
from m3net.data.class_counts import ClassCounts
from m3net.data.datamodules import ImagesDataModule, LoadingConfig
from m3net.data.photos.reader import read_image
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.data.transforms import Transform
from m3net.errors import CheckpointError, ConfigError, ImageReadError
from m3net.models import AsenConfig, AsenPPConfig, AsenV2Config, M3NetConfig, NetworkConfig
from m3net.models.asen_pp import LocalConfig
from m3net.models.representations import Ranking
from m3net.serving import Model, Photos, load
from m3net.serving.model import Precision
from m3net.training.task import M3NetTask
from tests.support.commands import Command

TAXONOMY = Taxonomy(
    (
        Attribute("sleeve", ("short", "long", "none")),
        Attribute("details", ("zip", "belt"), multi_label=True),
    )
)
COUNTS = ClassCounts(TAXONOMY, positives=(2, 3, 4, 5, 6), annotated=(9, 9, 9, 9, 9))
FULL = M3NetConfig(
    backbone="test_resnet", pretrained=False, attention_dim=8, value_dim=8, class_dim=4
)
LOCAL = LocalConfig("test_resnet", size=32, start=0.0)
TINY: dict[str, Any] = {"backbone": "test_resnet", "pretrained": False, "attention_dim": 8}
ASEN = AsenConfig(**TINY, embedding_dim=8)
TWO_STAGES = AsenPPConfig(**TINY, embedding_dim=8, local=LOCAL)
NETWORKS: dict[str, tuple[NetworkConfig, Ranking]] = {
    "m3net": (FULL, "duet"),
    "m3net_a": (replace(FULL, class_attention=False), "class"),
    "m3net_c": (replace(FULL, attribute_attention=False), "posterior"),
    "asen": (ASEN, "attribute"),
    "asen_v2": (AsenV2Config(**TINY), "attribute"),
    "asen_pp": (TWO_STAGES, "posterior"),
}
SIZE = 48


@pytest.fixture(scope="module")
def photos(catalogue: Path) -> list[str]:
    return sorted(str(file) for file in (catalogue.parent / "images").iterdir())[:10]


@pytest.fixture(scope="module")
def listed(photos: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that lists the photos."""
    file = tmp_path_factory.mktemp("listed") / "photos.txt"
    file.write_text("\n".join(photos), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def model(trained: Path) -> Model:
    return package.load(trained, device="cpu")


def new_task(network: str, mirror: bool = False) -> M3NetTask:
    torch.manual_seed(0)
    config, ranking = NETWORKS[network]
    return M3NetTask(COUNTS, config, ranking=ranking, mirror=mirror)


def new_model(network: str) -> Model:
    return model_of(new_task(network), Transform(SIZE, "letterbox"))


def model_of(task: M3NetTask, transform: Transform, batch_size: int = 64) -> Model:
    task.retriever.transform = transform
    return Model(task.retriever, batch_size)


def columns_of(frame: pd.DataFrame, attribute: str) -> pd.DataFrame:
    own: object = frame[attribute]
    assert isinstance(own, pd.DataFrame)
    return own


def assert_close(
    ours: dict[str, NDArray[np.float32]], theirs: dict[str, NDArray[np.float32]]
) -> None:
    assert list(ours) == list(theirs)
    for name, values in ours.items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, theirs[name], atol=1e-6)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_vectors_and_classes_are_those_of_predict(
    m3net: Command,
    own_run: Path,
    listed: Path,
    photos: list[str],
    trained: Path,
    precision: Precision,
) -> None:
    """In batches of one size: sums of bfloat16 depend on it."""
    words = ("--data.images", listed, f"--trainer.precision={precision}")
    done = m3net("predict", "--ckpt_path", own_run, *words, "--data.loading.batch_size=4")
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(own_run / "predict")
    model = package.load(trained, device="cpu", batch_size=4, precision=precision)
    vectors, chances = model.embed(photos), model.classify(photos)
    assert list(vectors) == list(model.taxonomy.names) == ["sleeve_length", "details"]
    assert chances.index.tolist() == photos
    for name in model.taxonomy.names:
        own = table[table["attribute"] == name].set_index("image").loc[photos]
        np.testing.assert_allclose(vectors[name], np.stack(own["vector"].tolist()), atol=1e-6)
        expected = np.stack(own["probabilities"].tolist())
        np.testing.assert_allclose(chances[name], expected, atol=1e-6)
        best = columns_of(chances, name).idxmax(axis=1)
        assert best.tolist() == own["best_class"].tolist()


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("network", NETWORKS)
def test_each_network_says_what_lightning_predicts(
    listed: Path, photos: list[str], network: str, mirror: bool, tmp_path: Path
) -> None:
    task = new_task(network, mirror)
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        default_root_dir=tmp_path,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loading = LoadingConfig(image_size=SIZE, resize="crop", batch_size=10, num_workers=0)
    [batch] = trainer.predict(task, datamodule=ImagesDataModule(str(listed), loading)) or []
    model = model_of(task, Transform(SIZE, "crop"), batch_size=3)
    assert isinstance(batch, dict)
    expected = [own.numpy() for own in batch["embeddings"]]
    assert_close(model.embed(photos), dict(zip(("sleeve", "details"), expected, strict=True)))
    np.testing.assert_allclose(model.classify(photos), batch["probabilities"], atol=1e-6)


def test_photos_may_have_any_form(model: Model, photos: list[str], tmp_path: Path) -> None:
    arrays = [read_image(photo, None) for photo in photos]
    images = [Image.open(photo) for photo in photos]
    for place, photo in enumerate(photos):
        (tmp_path / f"{place}.png").symlink_to(photo)
    expected = model.embed(photos)
    forms: list[Photos] = [
        [Path(photo) for photo in photos],
        arrays,
        np.stack(arrays),
        images,
        (image.convert("RGBA") for image in images),
        [*photos[:3], *arrays[3:6], *images[6:]],
        tmp_path,
        str(tmp_path),
    ]
    for form in forms:
        assert_close(model.embed(form), expected)
    single: list[Photos] = [photos[0], Path(photos[0]), arrays[0], images[0]]
    for form in single:
        assert_close(model.embed(form), {name: own[:1] for name, own in expected.items()})


def test_one_attribute_may_be_asked_for(model: Model, photos: list[str]) -> None:
    found = model.embed(iter(photos), attribute="details")
    np.testing.assert_array_equal(found, model.embed(photos)["details"])


def test_classes_are_named_and_rows_are_the_photos(photos: list[str]) -> None:
    frame = new_model("m3net").classify([*photos[:2], read_image(photos[2], None)])
    assert frame.index.tolist() == [*photos[:2], 2]
    pairs = [(attribute.name, name) for attribute in TAXONOMY for name in attribute.classes]
    names = ("attribute", "class")
    pd.testing.assert_index_equal(frame.columns, pd.MultiIndex.from_tuples(pairs, names=names))
    np.testing.assert_allclose(columns_of(frame, "sleeve").sum(axis=1), 1, atol=1e-6)
    assert (columns_of(frame, "details").sum(axis=1) != 1).all()
    belt = frame["details", "belt"].tolist()
    np.testing.assert_array_equal(belt, columns_of(frame, "details").to_numpy()[:, 1])
    np.testing.assert_array_equal(belt, frame.to_numpy()[:, 4])


@pytest.mark.parametrize(
    ("network", "kinds"),
    [
        ("m3net", "both"),
        ("m3net_a", "attributes"),
        ("m3net_c", "classes"),
        ("asen_pp", "attributes"),
    ],
)
def test_attention_is_that_of_the_network(photos: list[str], network: str, kinds: str) -> None:
    model = new_model(network)
    found = model.attention(photos[0])
    assert found.image.shape == (SIZE, SIZE, 3)
    image = torch.from_numpy(found.image.transpose(2, 0, 1)[None].copy())
    with torch.no_grad():
        outputs = new_task(network).retriever.eval().network(image)
    assert list(found.attributes) == ([] if kinds == "classes" else ["sleeve", "details"])
    for place, own in enumerate(found.attributes.values()):
        np.testing.assert_allclose(own, outputs.attribute_attention[0, place], atol=1e-6)
    assert list(found.classes) == ([] if kinds == "attributes" else ["sleeve", "details"])
    if found.classes:
        assert list(found.classes["details"]) == ["zip", "belt"]
        belt = found.classes["details"]["belt"]
        np.testing.assert_allclose(belt, outputs.class_attention[0, 4], atol=1e-6)
        assert belt.sum() == pytest.approx(1, abs=1e-5)


def test_the_ranking_may_be_another_than_that_of_the_training(
    trained: Path, photos: list[str]
) -> None:
    model = package.load(trained, device="cpu", ranking="posterior")
    expected = model.classify(photos)["details"].to_numpy()
    np.testing.assert_array_equal(model.embed(photos, "details"), expected)


def test_a_checkpoint_of_an_older_version_is_loaded(
    trained: Path, tmp_path: Path, photos: list[str], model: Model
) -> None:
    contents = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    for name in ("metrics", "mirror", "protocol"):
        del contents["hyper_parameters"][name]
    torch.save(contents, tmp_path / "old.ckpt")
    assert_close(package.load(tmp_path / "old.ckpt").embed(photos), model.embed(photos))
    del contents["datamodule_hyper_parameters"]
    torch.save(contents, tmp_path / "bare.ckpt")
    with pytest.raises(
        CheckpointError, match=r"bare\.ckpt: .* does not say how photos are prepared"
    ):
        package.load(tmp_path / "bare.ckpt")


def test_a_checkpoint_of_a_newer_version_is_named(trained: Path, tmp_path: Path) -> None:
    contents = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    contents["hyper_parameters"]["network"]["init_args"]["sharpness"] = 2
    torch.save(contents, tmp_path / "new.ckpt")
    with pytest.raises(CheckpointError, match=r"new\.ckpt: .* another version .*sharpness"):
        package.load(tmp_path / "new.ckpt")
    with pytest.raises(CheckpointError, match=f"not found: {tmp_path / 'none'}"):
        package.load(tmp_path / "none")


def test_a_near_match_of_an_unknown_attribute_is_named(model: Model, photos: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"unknown attribute 'Detail'; did you mean 'details'\?"):
        model.embed(photos, attribute="Detail")
    with pytest.raises(ConfigError, match=r"'colour'\. Available: sleeve_length, details"):
        model.gallery(photos, attributes=["colour"])


def test_a_photo_that_cannot_be_used_is_named(model: Model, photos: list[str]) -> None:
    with pytest.raises(ImageReadError, match=r"cannot read image none\.jpg: No such file"):
        model.embed([*photos, "none.jpg"])
    with pytest.raises(ImageReadError, match="image 1 is an array of float64"):
        model.classify([read_image(photos[0], None), np.zeros((4, 4, 3))])  # type: ignore[list-item]
    with pytest.raises(ImageReadError, match="image 0 is of type int"):
        model.classify(7)  # type: ignore[arg-type]


def test_no_photo_or_too_many_are_refused(model: Model, tmp_path: Path, photos: list[str]) -> None:
    with pytest.raises(ConfigError, match="no photo"):
        model.embed([])
    with pytest.raises(ConfigError, match=f"the folder {tmp_path} holds no image"):
        model.classify(tmp_path)
    with pytest.raises(ConfigError, match="attention looks at one photo"):
        model.attention(photos)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"device": "cuda:99"}, "the device 'cuda:99' cannot be used"),
        ({"device": "toaster"}, "the device 'toaster' cannot be used"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"precision": "16"}, "precision is '16': choose"),
        ({"ranking": "colour"}, "ranking=colour needs vectors"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    trained: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        package.load(trained, **given)


def test_the_package_is_light_until_a_network_is_asked_for() -> None:
    """Neither torch nor anything else from outside of Python's own library comes with it."""
    code = (
        "import sys; own = set(sys.modules); import m3net;"
        "found = {name.split('.')[0] for name in set(sys.modules) - own};"
        "print(*found - sys.stdlib_module_names, 'load' in dir(m3net))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["m3net", "True"]
    assert package.load is load
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        _ = package.lode
