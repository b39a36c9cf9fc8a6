"""The network against loops over classes, and what each of its three forms has."""

from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m3net.errors import ConfigError
from m3net.models import M3NetConfig
from m3net.models.m3net import M3Net
from m3net.models.network import MAX_VECTOR
from m3net.models.outputs import Outputs
from m3net.models.representations import Ranking, represent

SIZES = (2, 3, 1)
ATTRIBUTE_OF_CLASS = (0, 0, 1, 1, 1, 2)
FULL = M3NetConfig(
    backbone="test_resnet", attention_dim=16, value_dim=8, class_dim=6, pretrained=False
)
FORMS = {
    "M3-Net": FULL,
    "M3-Net_a": replace(FULL, class_attention=False),
    "M3-Net_c": replace(FULL, attribute_attention=False),
}


def build(form: str) -> M3Net:
    """A network whose every weight is drawn, even those that start as zeros or ones."""
    torch.manual_seed(0)
    net = M3Net(FORMS[form], SIZES).eval()
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
    for weight in (net.classifier, net.bias):
        nn.init.normal_(weight)
    return net


@pytest.fixture(scope="module")
def images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (3, 3, 64, 96), generator=generator, dtype=torch.uint8)


def normalise(states: Tensor, net: M3Net) -> Tensor:
    """Layer norm of one vector, by hand."""
    centred = states - states.mean()
    return centred / (centred.square().mean() + 1e-5).sqrt() * net.norm.weight + net.norm.bias


def loop_over_classes(net: M3Net, images: Tensor) -> tuple[Tensor, Tensor]:
    """Phi and logits, one class of one image at a time."""
    features = net.backbone(images)
    keys = net.keys(features)
    attributes = classes = None
    if net.config.attribute_attention:
        attributes = net.attribute_net(features, keys)[0]
    if net.config.class_attention:
        queries = net.prior if attributes is None else net.attribute_net.queries()
        classes = net.class_net(features, keys, queries)[0]
    phi, logits = [], []
    for b in range(len(images)):
        for m, a in enumerate(ATTRIBUTE_OF_CLASS):
            state = torch.zeros(8)
            if attributes is not None:
                state = state + net.refine.weight @ attributes[b, a] + net.refine.bias
            if classes is not None:
                state = state + classes[b, m]
            state = normalise(state, net)
            phi.append(state @ net.transform[m])
            logits.append((state * net.classifier[m]).sum() + net.bias[m])
    return torch.stack(phi).view(len(images), 6, 6), torch.stack(logits).view(len(images), 6)


@pytest.mark.parametrize("form", FORMS)
def test_phi_and_logits_equal_a_loop_over_classes(form: str, images: Tensor) -> None:
    net = build(form)
    outputs: Outputs = net(images)
    phi, logits = loop_over_classes(net, images)
    torch.testing.assert_close(outputs.phi, phi)
    torch.testing.assert_close(outputs.logits, logits)


def tensors(outputs: Outputs) -> dict[str, Tensor]:
    """What a network returned, by name."""
    return outputs.by_name()


@pytest.mark.parametrize("form", FORMS)
def test_gradients_equal_those_of_a_loop_over_classes(form: str, images: Tensor) -> None:
    net = build(form)
    heads = [p for name, p in net.named_parameters() if not name.startswith("backbone")]
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(shape, generator=generator) for shape in ((3, 6, 6), (3, 6))]
    outputs: Outputs = net(images)
    found = torch.autograd.grad((outputs.vectors, outputs.logits), heads, weights)
    expected = torch.autograd.grad(loop_over_classes(net, images), heads, weights)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_outputs_are_there_or_none_and_of_their_shape(form: str, images: Tensor) -> None:
    outputs: Outputs = build(form)(images)
    channels = build(form).backbone.channels
    assert outputs.phi is not None
    assert outputs.phi.shape == (3, 6, 6)
    assert outputs.logits.shape == (3, 6)
    if form == "M3-Net_c":
        assert outputs.attributes is None
        assert outputs.attribute_attention is None
    else:
        assert outputs.attributes is not None
        assert outputs.attribute_attention is not None
        assert outputs.attributes.shape == (3, 3, channels)
        assert outputs.attribute_attention.shape == (3, 3, 4, 6)
    if form == "M3-Net_a":
        assert outputs.class_attention is None
    else:
        assert outputs.class_attention is not None
        assert outputs.class_attention.shape == (3, 6, 4, 6)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_has_the_parts_it_needs_and_no_others(form: str) -> None:
    parts = {name.split(".")[0] for name, _ in build(form).named_parameters()}
    common = {"backbone", "keys", "norm", "transform", "classifier", "bias"}
    own = {
        "M3-Net": {"attribute_net", "refine", "class_net"},
        "M3-Net_a": {"attribute_net", "refine"},
        "M3-Net_c": {"class_net", "prior"},
    }
    assert parts == common | own[form]


@pytest.mark.parametrize("form", FORMS)
def test_attention_maps_sum_to_one(form: str, images: Tensor) -> None:
    outputs: Outputs = build(form)(images)
    for attention in (outputs.attribute_attention, outputs.class_attention):
        if attention is not None:
            total = attention.sum(dim=(2, 3))
            torch.testing.assert_close(total, torch.ones_like(total))


def test_attention_maps_lie_on_the_image_as_it_lies() -> None:
    # The attention of an image turned by 180 degrees is the attention, turned: with 1 x 1 kernels
    # for a backbone each position is seen alone.
    net = build("M3-Net")
    net.backbone.net = _Patches(net.backbone.channels)
    images = torch.randint(256, (2, 3, 32, 64), dtype=torch.uint8)
    maps, turned = (net(shown).class_attention for shown in (images, images.flip(2, 3)))
    assert maps.shape == (2, 6, 2, 4)
    torch.testing.assert_close(turned, maps.flip(2, 3))


class _Patches(nn.Module):
    """Mean colour of each 16 x 16 patch, as many channels as asked for."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lift = nn.Conv2d(3, channels, kernel_size=1)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        return [self.lift(F.avg_pool2d(pixels, 16))]


@pytest.mark.parametrize("form", FORMS)
def test_one_backbone_pass_serves_all_attributes(form: str, images: Tensor) -> None:
    net = M3Net(FORMS[form], sizes=[5] * 20)
    seen: list[tuple[int, ...]] = []
    stem = next(part for part in net.backbone.modules() if isinstance(part, nn.Conv2d))
    stem.register_forward_hook(lambda _, given, __: seen.append(given[0].shape))
    net(images)
    assert seen == [images.shape]


@pytest.mark.parametrize("form", FORMS)
def test_gradients_reach_every_parameter(form: str, images: Tensor) -> None:
    net = build(form).train()
    outputs: Outputs = net(images)
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(())
    for value in (outputs.vectors, outputs.logits):
        total = total + (value * torch.randn(value.shape, generator=generator)).sum()
    total.backward()  # type: ignore[no-untyped-call]  # torch's gap
    without = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("form", FORMS)
def test_bfloat16_gives_float32_near_full_precision(form: str, images: Tensor) -> None:
    net = build(form)
    exact: Outputs = net(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half: Outputs = net(images)
    for name, value in tensors(exact).items():
        found = getattr(half, name)
        assert found.dtype == torch.float32
        off = (found - value).norm() / value.norm()
        assert 0 < off < 0.05, name


def test_an_image_is_seen_alike_in_any_company(images: Tensor) -> None:
    net = build("M3-Net")
    together: Outputs = net(images)
    alone: Outputs = net(images[1:2])
    for name, value in tensors(together).items():
        torch.testing.assert_close(getattr(alone, name), value[1:2], rtol=1e-4, atol=1e-5)


def test_a_new_network_gives_every_class_even_odds(images: Tensor) -> None:
    outputs: Outputs = M3Net(FULL, SIZES)(images)
    assert not outputs.logits.any()


@pytest.mark.parametrize("form", FORMS)
def test_no_ranking_vector_exceeds_the_limit(form: str) -> None:
    # The sizes of DeepFashion with ResNet-50: 230 classes at most, 1024 channels.
    sizes = (156, 218, 180, 216, 230)
    net = M3Net(replace(FORMS[form], backbone="resnet50", class_dim=64), sizes)
    assert net.backbone.channels == 1024
    outputs = Outputs(
        attributes=None if form == "M3-Net_c" else torch.ones(1, 5, 1024),
        phi=torch.ones(1, 1000, net.vector_dim),
        logits=torch.zeros(1, 1000),
        vectors=torch.empty(0),
    )
    rankings: tuple[Ranking, ...] = get_args(Ranking)
    if form == "M3-Net_c":
        rankings = ("class", "posterior")
    lengths = [
        max(own.shape[1] for own in represent(outputs, torch.ones(1, 1000), sizes, ranking))
        for ranking in rankings
    ]
    # One more number for each class would not fit.
    assert MAX_VECTOR - 230 < max(lengths) <= MAX_VECTOR


def test_small_taxonomies_keep_the_size_that_is_asked_for() -> None:
    assert M3Net(FULL, SIZES).vector_dim == FULL.class_dim


def test_a_backbone_too_wide_is_refused() -> None:
    with pytest.raises(ConfigError, match="4096"):
        M3Net(FULL, sizes=[5000])


@pytest.mark.parametrize(
    "change",
    [
        {"attribute_attention": False, "class_attention": False},
        {"stride": 0},
        {"attention_dim": 0},
        {"value_dim": -1},
        {"class_dim": 0},
        {"dropout": -0.1},
        {"dropout": 1.0},
    ],
)
def test_settings_that_make_no_network_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"model\.network"):
        replace(FULL, **change)


def test_dropout_leaves_out_its_share_in_training_and_nothing_else(images: Tensor) -> None:
    plain = build("M3-Net")
    net = M3Net(replace(FULL, dropout=0.25), SIZES).eval()
    net.load_state_dict(plain.state_dict())
    expected: Outputs = plain(images)
    assert torch.equal(net(images).logits, expected.logits)
    assert torch.equal(net(images).vectors, expected.vectors)
    net.dropout.train()
    # Each class's matrix gives the vector itself.
    with torch.no_grad():
        net.transform.copy_(torch.eye(8)[:, :6])
        plain.transform.copy_(net.transform)
        torch.manual_seed(0)
        own = net(images[:1].expand(2000, -1, -1, -1))
        whole = plain(images[:1])
    gone = own.phi == 0
    # 2,000 x 36 tosses, of which 0.25 fall; six standard deviations.
    assert abs(gone.float().mean().item() - 0.25) < 6 * (0.25 * 0.75 / gone.numel()) ** 0.5
    torch.testing.assert_close(own.phi[~gone], (whole.phi / 0.75).expand_as(own.phi)[~gone])
    # The logit is linear in what is left, and right in the mean.
    spread = own.logits.std(dim=0) / 2000**0.5
    assert ((own.logits.mean(dim=0) - whole.logits[0]).abs() < 6 * spread).all()


def test_weights_alone_rebuild_the_network(images: Tensor) -> None:
    net = build("M3-Net")
    again = M3Net(FULL, SIZES).eval()
    again.load_state_dict(net.state_dict())
    for name, value in tensors(net(images)).items():
        assert torch.equal(getattr(again(images), name), value)
