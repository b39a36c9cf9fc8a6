"""timm's families as extractors: nothing is computed, trained or kept that no map depends on."""

from collections import defaultdict
from typing import Any

import pytest
import timm
import torch
from timm.models import model_entrypoint
from torch import Tensor

from m3net.errors import ConfigError
from m3net.models import AsenPPConfig
from m3net.models.asen_pp import LocalConfig
from m3net.models.backbone import Backbone
from m3net.models.extractor import usual_size

CANNOT = {
    # It looks at the values of the pixels, which images on "meta" do not have, and its smallest
    # model has 167 million parameters.
    "gemma4_vit",
}
SMALL = ("test_", "nano", "atto", "pico", "xxs", "xxtiny", "tiny", "_t", "_s", "small", "b0")
"""Parts of the names of small models; those of the first parts are smaller."""


def by_size(name: str) -> tuple[int, int, str]:
    """Order models roughly by their number of layers."""
    return next((i for i, part in enumerate(SMALL) if part in name), len(SMALL)), len(name), name


def families() -> dict[str, str]:
    """Return a small model of each module of timm."""
    names: dict[str, list[str]] = defaultdict(list)
    for name in timm.list_models():
        names[model_entrypoint(name).__module__.rpartition(".")[2]].append(name)
    return {family: min(group, key=by_size) for family, group in sorted(names.items())}


FAMILIES = families()


def build(name: str) -> Backbone:
    """A backbone without memory, at stride 16 if it has that, else at its last stride."""
    with torch.device("meta"):
        try:
            return Backbone(name)
        except ConfigError:
            net: Any = timm.create_model(name, features_only=True)
            return Backbone(name, net.feature_info.reduction()[-1])


def images(size: int, device: str = "meta") -> Tensor:
    return torch.zeros(2, 3, size, size, dtype=torch.uint8, device=device)


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - CANNOT))
def test_every_trained_parameter_gets_a_gradient(family: str) -> None:
    backbone = build(FAMILIES[family])
    backbone(images(usual_size(FAMILIES[family]))).sum().backward()
    trained = {name for name, weight in backbone.named_parameters() if weight.requires_grad}
    reached = {name for name, weight in backbone.named_parameters() if weight.grad is not None}
    assert trained == reached


@pytest.mark.parametrize("name", ["test_efficientnet", "mobilenetv3_small_050", "pit_ti_224"])
def test_stages_behind_the_last_one_are_cut_off(name: str) -> None:
    with torch.device("meta"):
        whole: Any = timm.create_model(name, features_only=True, feature_cls="getter")
    assert sum(p.numel() for p in build(name).parameters()) < 0.7 * sum(
        p.numel() for p in whole.parameters()
    )
    assert all(weight.requires_grad for weight in build(name).parameters())


# timm's former wrappers named the weights in three ways.
OLD = ["test_efficientnet", "mobilenetv3_small_050", "pit_ti_224", "xception41p"]


def old_weights(name: str) -> tuple[Any, dict[str, Tensor]]:
    """Return the whole network as timm wraps it, and its weights as 0.1.0 saved them."""
    whole: Any = timm.create_model(name, features_only=True)
    stage = whole.feature_info.reduction().index(16)
    net: Any = timm.create_model(name, features_only=True, out_indices=(stage,)).eval()
    return net, {f"net.{key}": weight.clone() for key, weight in net.state_dict().items()}


@pytest.mark.parametrize("name", OLD)
def test_weights_with_unused_stages_are_loaded_without_them(name: str) -> None:
    net, weights = old_weights(name)
    backbone = Backbone(name).eval()
    backbone.load_state_dict(weights)
    pixels = images(usual_size(name), "cpu") + torch.arange(2, dtype=torch.uint8).view(2, 1, 1, 1)
    (expected,) = net((pixels - backbone.mean) / backbone.std)
    torch.testing.assert_close(backbone(pixels), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("key", ["net.foo", "net.blocks.9.0.conv_pw.weight", "net.model.foo"])
def test_weights_of_no_stage_are_refused(key: str) -> None:
    _, weights = old_weights("test_efficientnet")
    with pytest.raises(RuntimeError, match=f'Unexpected key.*"{key}"'):
        Backbone("test_efficientnet").load_state_dict(weights | {key: torch.zeros(1)})


def test_missing_weights_are_refused() -> None:
    _, weights = old_weights("test_efficientnet")
    del weights["net.conv_stem.weight"]
    with pytest.raises(RuntimeError, match=r"Missing key.*conv_stem\.weight"):
        Backbone("test_efficientnet").load_state_dict(weights)


# Each says in another way that the size does not fit.
@pytest.mark.parametrize(
    ("name", "size", "fitting"),
    [
        ("test_coatnet", 96, 160),  # a broadcast that fails
        ("gcvit_xxtiny", 64, 224),  # a view that fails
        ("levit_128s", 96, 224),
        ("vitamin_small_224", 96, 224),
        ("test_vit_relpos", 96, 160),  # an assertion
        ("inception_v3", 16, 96),  # a kernel larger than the image
    ],
)
def test_a_size_that_does_not_fit_brings_sizes_that_do(name: str, size: int, fitting: int) -> None:
    with pytest.raises(ConfigError) as error:
        build(name)(images(size))
    text = str(error.value)
    assert f"{name} does not take images of {size} x {size} px: set data.loading.image_size" in text
    assert str(fitting) in text


def test_the_size_of_crops_is_another_setting() -> None:
    config = AsenPPConfig(
        "test_resnet", local=LocalConfig(backbone="test_coatnet", size=96, start=0)
    )
    network = config.build((2,))
    with pytest.raises(ConfigError, match=r"96 x 96 px: set model\.network\.local\.size to .* 160"):
        network(images(64, "cpu"))


def test_other_errors_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = Backbone("test_resnet")
    monkeypatch.setattr(backbone.net, "forward", lambda _: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        backbone(images(64, "cpu"))
