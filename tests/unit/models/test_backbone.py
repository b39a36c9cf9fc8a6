"""Any timm network: the right stage, layout, normalisation and weights, or a clear error."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as tv

from m3net.boundary.typed import MismatchError, read_named, to_named
from m3net.errors import ConfigError, WeightsError
from m3net.models import AsenPPConfig, M3NetConfig, NetworkConfig
from m3net.models.asen_pp import LocalConfig
from m3net.models.backbone import Backbone

# A plain network, a transformer, one whose maps end with the channels, one with a stage before
# those that timm gives by default.
NAMES = ("test_resnet", "test_vit", "test_mambaout", "dla46_c")


@pytest.fixture(scope="module")
def images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (2, 3, 64, 96), generator=generator, dtype=torch.uint8)


def normalised(images: Tensor, name: str) -> Tensor:
    """Images as torchvision normalises them with timm's statistics."""
    statistics = timm.get_pretrained_cfg(name)
    assert statistics is not None
    found: Tensor = tv.normalize(images / 255, list(statistics.mean), list(statistics.std))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_map_is_that_of_the_whole_network_at_the_stride(name: str, images: Tensor) -> None:
    # In float32 some weights make maps so large that their rounding is seen.
    backbone = Backbone(name, stride=16).eval().double()
    found = backbone(images)
    assert found.shape == (2, backbone.channels, 4, 6)
    whole: Any = timm.create_model(name, features_only=True).eval().double()
    # timm names equal parts alike; the whole network has more.
    missing = whole.load_state_dict(backbone.net.state_dict(), strict=False)
    assert not missing.unexpected_keys
    deepest = [i for i, by in enumerate(whole.feature_info.reduction()) if by == 16][-1]
    expected = whole(normalised(images, name).double())[deepest]
    if name == "test_mambaout":
        expected = expected.permute(0, 3, 1, 2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_transformer_is_used_to_its_last_block() -> None:
    names = [name for name in Backbone("vit_tiny_patch16_224").state_dict() if "qkv.weight" in name]
    assert len(names) == 12


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_every_stride_of_a_network(stride: int, images: Tensor) -> None:
    whole: Any = timm.create_model("test_resnet", features_only=True)
    stages = whole.feature_info.get_dicts()
    (expected,) = (stage["num_chs"] for stage in stages if stage["reduction"] == stride)
    backbone = Backbone("test_resnet", stride).eval()
    assert backbone.channels == expected
    assert backbone(images).shape == (2, expected, 64 // stride, 96 // stride)


def pooled(features: Tensor, size: tuple[int, int]) -> Tensor:
    """The mean of all that each cell of a coarser map touches, cell by cell."""
    found = torch.empty(*features.shape[:2], *size)
    for row, column in product(range(size[0]), range(size[1])):
        (top, bottom), (left, right) = (
            (index * old // new, -((index + 1) * old // -new))
            for index, old, new in zip((row, column), features.shape[2:], size, strict=True)
        )
        found[:, :, row, column] = features[:, :, top:bottom, left:right].mean(dim=(2, 3))
    return found


# The second is of a network whose maps end with the channels; by the last size nothing divides.
@pytest.mark.parametrize(
    ("name", "beside", "size"),
    [
        ("test_resnet", (8, 32), (64, 96)),
        ("test_mambaout", (8, 32), (64, 96)),
        ("test_convnext", (32, 4), (64, 96)),
        ("test_resnet", (32, 2, 8), (72, 104)),
    ],
)
def test_maps_of_other_strides_are_joined_at_one_size(
    name: str, beside: tuple[int, ...], size: tuple[int, int]
) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (2, 3, *size), generator=generator, dtype=torch.uint8)
    backbone = Backbone(name, 16, beside).eval()
    whole: Any = timm.create_model(name, features_only=True).eval()
    missing = whole.load_state_dict(backbone.net.state_dict(), strict=False)
    assert not missing.unexpected_keys
    maps = dict(zip(whole.feature_info.reduction(), whole(normalised(images, name)), strict=True))
    if name == "test_mambaout":
        maps = {stride: features.permute(0, 3, 1, 2) for stride, features in maps.items()}
    main = maps[16]
    like = (main.shape[2], main.shape[3])
    if size == (64, 96):
        finer = {
            stride: F.avg_pool2d(maps[stride], 16 // stride) for stride in beside if stride < 16
        }
        coarser = nn.Upsample(scale_factor=2, mode="bilinear")(maps[32])
    else:
        finer = {stride: pooled(maps[stride], like) for stride in beside if stride < 16}
        coarser = tv.resize(maps[32], list(like), antialias=False)
    expected = torch.cat([main, *(finer.get(stride, coarser) for stride in beside)], dim=1)
    found = backbone(images)
    assert found.shape == (2, backbone.channels, *like)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_stride_beside_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"test_resnet has no features at stride 64; it has \["):
        Backbone("test_resnet", 16, (8, 64))
    # All blocks of a transformer have one stride, and there is nothing to put beside it.
    with pytest.raises(ConfigError, match=r"test_vit has no features at stride 8; it has \[16\]"):
        Backbone("test_vit", 16, (8,))


@pytest.mark.parametrize("beside", [(16,), (8, 8), (8, 32, 8)])
def test_a_stride_beside_itself_is_refused(beside: tuple[int, ...]) -> None:
    with pytest.raises(
        ConfigError, match=r"extra_strides is \[.*\]: .* which is 16, and each of them once"
    ):
        M3NetConfig(extra_strides=beside)


@pytest.mark.parametrize("beside", [(0,), (8, -32)])
def test_a_stride_beside_is_positive(beside: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"strides of model\.network must be positive"):
        M3NetConfig(extra_strides=beside)


def test_settings_of_a_network_survive_being_plain() -> None:
    config = AsenPPConfig(extra_strides=(32, 8), local=LocalConfig(size=64))
    plain = json.loads(json.dumps(to_named(config)))
    assert read_named(NetworkConfig, plain) == config  # type: ignore[type-abstract]
    del plain["init_args"]["extra_strides"]
    older = read_named(NetworkConfig, plain)  # type: ignore[type-abstract]
    assert older == replace(config, extra_strides=())


@pytest.mark.parametrize("path", ["Missing", "no_such.Missing", "m3net.models.Missing"])
def test_a_trusted_class_that_cannot_be_imported_is_named(path: str) -> None:
    with pytest.raises(MismatchError, match=f"class_path: '{path}'"):
        read_named(NetworkConfig, {"class_path": path}, [path])  # type: ignore[type-abstract]


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "resnet50"])
def test_pixels_are_normalised_as_torchvision_does(name: str, images: Tensor) -> None:
    backbone = Backbone(name)
    seen: list[Tensor] = []
    backbone.net.register_forward_pre_hook(lambda _, given: seen.extend(given))
    backbone(images)
    torch.testing.assert_close(seen[0], normalised(images, name))


def test_images_stay_as_they_are(images: Tensor) -> None:
    before = images.clone()
    Backbone("test_resnet")(images)
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    ("name", "near"),
    [("resnte50", "resnet50"), ("ResNet18", "resnet18"), ("convnext-atto", "convnext_atto")],
)
def test_a_misspelt_name_brings_near_names(name: str, near: str) -> None:
    with pytest.raises(ConfigError) as error:
        Backbone(name)
    assert repr(name) in str(error.value)
    assert near in str(error.value).split("Near: ")[1].rstrip(".").split(", ")


def test_an_unknown_tag_is_named() -> None:
    with pytest.raises(ConfigError, match=r"resnet18\.of_nobody"):
        Backbone("resnet18.of_nobody")


@pytest.mark.parametrize("stride", [1, 7, 64])
def test_an_impossible_stride_brings_the_possible_ones(stride: int) -> None:
    with pytest.raises(ConfigError, match=rf"stride {stride}; it has \[2, 4, 8, 16, 32\]"):
        Backbone("test_resnet", stride)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_mambaout"])
def test_weights_of_a_file_are_taken_over(name: str, tmp_path: Path, images: Tensor) -> None:
    trained: Any = timm.create_model(name).eval()
    torch.save(trained.state_dict(), tmp_path / "weights.pth")
    backbone = Backbone(name).eval()
    backbone.load_pretrained(tmp_path / "weights.pth")
    taken = backbone.state_dict()
    # timm writes some names of parts with "_" for "." and puts "model." before others.
    given = {key.replace(".", "_"): weight for key, weight in trained.state_dict().items()}
    for key, weight in taken.items():
        plain = key.removeprefix("net.").removeprefix("model.").replace(".", "_")
        assert torch.equal(weight, given[plain]), key
    features = trained.forward_intermediates(normalised(images, name), intermediates_only=True)
    same = [f for f in features if f.shape == backbone(images).shape]
    torch.testing.assert_close(backbone(images), same[-1], rtol=1e-4, atol=1e-4)


def test_weights_of_a_file_are_taken_over_for_all_strides(tmp_path: Path, images: Tensor) -> None:
    trained: Any = timm.create_model("test_resnet").eval()
    torch.save(trained.state_dict(), tmp_path / "weights.pth")
    backbone = Backbone("test_resnet", 16, (32,)).eval()
    backbone.load_pretrained(tmp_path / "weights.pth")
    *_, main, deeper = trained.forward_intermediates(
        normalised(images, "test_resnet"), intermediates_only=True
    )
    expected = torch.cat([main, nn.Upsample(scale_factor=2, mode="bilinear")(deeper)], dim=1)
    torch.testing.assert_close(backbone(images), expected, rtol=1e-4, atol=1e-4)


def weights_file(folder: Path, kind: str) -> Path:
    """A file that no test_resnet can be loaded from."""
    if kind.startswith("junk"):
        (folder / kind).write_bytes(b"no weights")
    elif kind == "empty.pth":
        (folder / kind).touch()
    elif kind == "other.pth":
        torch.save(timm.create_model("test_vit").state_dict(), folder / kind)
    elif kind == "wider.pth":
        torch.save(timm.create_model("resnet10t").state_dict(), folder / kind)
    elif kind == "part.pth":
        weights = timm.create_model("test_resnet").state_dict()
        del weights["layer2.0.conv1.weight"]
        torch.save(weights, folder / kind)
    return folder / kind


KINDS = ["absent", "junk.safetensors", "junk.pth", "empty.pth", "other.pth", "wider.pth"]


@pytest.mark.parametrize("kind", [*KINDS, "part.pth"])
def test_a_file_without_the_weights_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    file = weights_file(tmp_path, kind)
    backbone = Backbone("test_resnet")
    before = {name: weight.clone() for name, weight in backbone.state_dict().items()}
    with pytest.raises(WeightsError) as error:
        backbone.load_pretrained(file)
    assert str(file) in str(error.value)
    assert all(torch.equal(weight, before[name]) for name, weight in backbone.state_dict().items())


def test_without_a_network_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The settings behind HF_HUB_OFFLINE and HF_HOME, which are read once, at import.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError) as error:
        Backbone("test_resnet").load_pretrained()
    for word in ("test_resnet", "weights_file", "pretrained=false", "HF_HOME"):
        assert word in str(error.value)


def test_a_network_without_pretrained_weights_says_so() -> None:
    assert not timm.is_model_pretrained("ghostnet_050")
    with pytest.raises(WeightsError, match=r"ghostnet_050.*pretrained=false"):
        Backbone("ghostnet_050").load_pretrained()
