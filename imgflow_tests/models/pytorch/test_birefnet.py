"""BiRefNet with weights of the published layout, against the public implementation."""

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402

from imgflow.errors import DeviceMemoryError, ModelUnavailableError  # noqa: E402
from imgflow.models.model import Model, ModelFile  # noqa: E402
from imgflow.models.pytorch.birefnet.deformable import BAND, DeformableConv  # noqa: E402
from imgflow.models.pytorch.birefnet.network import BiRefNet  # noqa: E402
from imgflow.models.pytorch.birefnet.segmenter import load  # noqa: E402
from imgflow.models.pytorch.birefnet.weights import Layout, build, recognise  # noqa: E402
from imgflow.models.pytorch.placement import Placement  # noqa: E402
from imgflow.models.pytorch.published import read_state  # noqa: E402
from imgflow.models.pytorch.segmenter import InputSize, TorchSegmenter, scaled  # noqa: E402
from imgflow.models.pytorch.swin import SIZES  # noqa: E402
from imgflow.models.runtime import Runtime  # noqa: E402
from imgflow_tests.models import test_present  # noqa: E402
from imgflow_tests.models.pytorch.test_swin import Shapes, made_up, noise, published_swin  # noqa: E402

WIDTH, HEIGHT = 160, 96
"""Of the golden input."""


def published_birefnet(name: str) -> Shapes:
    """Key and shape of every tensor of the published layout, without index buffers and counters."""
    c1, c2, c3, c4 = (SIZES[name].channels * 2**n for n in range(1, 5))
    shapes = published_swin(name, "bb.")
    shapes |= _block("squeeze_module.0", c1 + c2 + c3 + c4, c4)
    for number, grid, out in ((5, 32, c4), (4, 16, c4), (3, 8, c3), (2, 4, c2), (1, 1, c1)):
        shapes |= _conv(f"decoder.ipt_blk{number}.conv1", 3 * grid**2, 64, 3)
        shapes |= _conv(f"decoder.ipt_blk{number}.conv_out", 64, out // 8, 3)
    shapes |= _block("decoder.decoder_block4", c4 + c4 // 8, c3)
    shapes |= _block("decoder.decoder_block3", c3 + c4 // 8, c2)
    shapes |= _block("decoder.decoder_block2", c2 + c3 // 8, c1)
    shapes |= _block("decoder.decoder_block1", c1 + c2 // 8, c1 // 2)
    shapes |= _conv("decoder.conv_out1.0", c1 // 2 + c1 // 8, 1, 1)
    for level, channels in ((4, c3), (3, c2), (2, c1)):
        shapes |= _conv(f"decoder.lateral_block{level}.conv", channels, channels, 1)
        shapes |= _conv(f"decoder.conv_ms_spvn_{level}", channels, 1, 1)
        shapes |= _conv(f"decoder.gdt_convs_{level}.0", channels, 16, 3)
        shapes |= _norm(f"decoder.gdt_convs_{level}.1", 16)
        shapes |= _conv(f"decoder.gdt_convs_pred_{level}.0", 16, 1, 1)
        shapes |= _conv(f"decoder.gdt_convs_attn_{level}.0", 16, 1, 1)
    return shapes


def _block(key: str, channels: int, out: int) -> Shapes:
    shapes = _conv(f"{key}.conv_in", channels, 64, 3) | _norm(f"{key}.bn_in", 64)
    shapes |= _conv(f"{key}.conv_out", 64, out, 3) | _norm(f"{key}.bn_out", out)
    for branch, kernel in (("aspp1", 1), ("aspp_deforms.0", 1), ("aspp_deforms.1", 3), ("aspp_deforms.2", 7)):
        conv = f"{key}.dec_att.{branch}.atrous_conv"
        shapes |= _conv(f"{conv}.offset_conv", 64, 2 * kernel**2, kernel)
        shapes |= _conv(f"{conv}.modulator_conv", 64, kernel**2, kernel)
        shapes |= {f"{conv}.regular_conv.weight": (256, 64, kernel, kernel)}
        shapes |= _norm(f"{key}.dec_att.{branch}.bn", 256)
    shapes |= {f"{key}.dec_att.global_avg_pool.1.weight": (256, 64, 1, 1)}
    shapes |= _norm(f"{key}.dec_att.global_avg_pool.2", 256)
    shapes |= {f"{key}.dec_att.conv1.weight": (64, 1280, 1, 1)} | _norm(f"{key}.dec_att.bn1", 64)
    return shapes


def _conv(key: str, channels: int, out: int, kernel: int) -> Shapes:
    return {f"{key}.weight": (out, channels, kernel, kernel), f"{key}.bias": (out,)}


def _norm(key: str, channels: int) -> Shapes:
    return {f"{key}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def golden_photo() -> NDArray[np.uint8]:
    return np.rint((noise(HEIGHT * WIDTH * 3, 1) + 1) * 127.5).astype(np.uint8).reshape(HEIGHT, WIDTH, 3)


# Logits of the public implementation (models/birefnet.py at commit 25cb930, swin_v1_t; for wg_hg_c with the patches as
# before commit 5198d3f) for `golden_photo`, normalised, with `made_up` weights: every 1024th of 96 x 160.
GOLDEN: Mapping[str, tuple[float, ...]] = {
    "wg_hg_c": (
        -0.307447,
        -0.502434,
        -0.571892,
        -1.260991,
        -0.869258,
        -0.470001,
        -0.014678,
        -0.779668,
        0.449464,
        -0.575895,
        0.231662,
        -0.067086,
        0.073967,
        0.831487,
        -0.415629,
    ),
    "c_hg_wg": (
        -0.188562,
        -0.382008,
        -0.598972,
        -1.343584,
        -0.827937,
        -0.335446,
        0.157499,
        -0.817929,
        0.389621,
        -0.735101,
        0.243371,
        -0.322656,
        0.086830,
        1.050459,
        -0.395353,
    ),
}


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return made_up(published_birefnet("swin_t"))


@pytest.fixture(scope="module")
def folder(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in the hub's layout."""
    folder = tmp_path_factory.mktemp("BiRefNet_lite")
    counted = {key.replace("running_var", "num_batches_tracked"): torch.tensor(7) for key in state if "_var" in key}
    save_file(state | counted, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"_name_or_path": "ZhengPeng7/BiRefNet_lite"}))
    yield folder
    (folder / "model.safetensors").unlink()


def described(**options: Any) -> Model:
    options = {"size": (WIDTH, HEIGHT), **options}
    files = (ModelFile("model.safetensors", "0" * 64, 1, ()),)
    return Model("lite", "segment", "birefnet", "MIT", True, "", files, options=options)


@pytest.mark.parametrize("order", ["wg_hg_c", "c_hg_wg"])
def test_the_logits_are_those_of_the_public_implementation(folder: Path, order: str) -> None:
    segmenter = load(described(patch_order=order), folder, Runtime(device="cpu", threads=1))
    seen = segmenter(golden_photo()).astype(np.float64)
    assert seen.shape == (HEIGHT, WIDTH)
    logits = np.log(seen / (1 - seen)).flatten()[::1024]
    assert logits == pytest.approx(GOLDEN[order], abs=1e-4)
    assert (segmenter.device, segmenter.precision, segmenter.fallback) == ("cpu", "fp32", None)
    assert segmenter.memory > 150e6


def test_the_orders_of_patches_differ_visibly() -> None:
    differences = np.abs(np.subtract(GOLDEN["wg_hg_c"], GOLDEN["c_hg_wg"]))
    assert differences.max() > 0.05, "the golden numbers could not tell one order from the other"


@pytest.mark.parametrize("order", ["wg_hg_c", "c_hg_wg"])
def test_the_check_of_real_weights_finds_their_order(order: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the truth is what these weights give in one order, that one is told; see test_present.py."""
    right = load(described(patch_order=order), folder, Runtime(device="cpu"))(golden_photo())
    scene = SimpleNamespace(photo=golden_photo(), alpha=right)
    monkeypatch.setattr(test_present, "render", lambda *_, **__: scene)
    assert test_present.errors_by_order(described(patch_order="c_hg_wg"), folder, ["any"])[0] == order


def test_bf16_comes_close_and_an_order_taken_from_config_json_is_a_fallback(folder: Path) -> None:
    segmenter = load(described(), folder, Runtime(device="cpu", threads=1, precision="bf16"))
    seen = segmenter(golden_photo())
    assert segmenter.precision == "bf16"
    assert "wg_hg_c is assumed" in str(segmenter.fallback)
    expected = 1 / (1 + np.exp(-np.asarray(GOLDEN["wg_hg_c"])))
    assert seen.flatten()[::1024] == pytest.approx(expected, abs=0.01)


def test_checkpoints_of_half_precision_and_with_prefixes_are_read(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save({"module._orig_mod.conv.weight": torch.ones(2, dtype=torch.float16)}, tmp_path / "model.pth")
    assert list(read_state(tmp_path / "model.pth")) == ["conv.weight"]
    halved = {key: tensor.half() for key, tensor in state.items()}
    network = build(halved, Layout("swin_t", "c_hg_wg"), torch.float32, "here")
    found, expected = network.lateral3.weight, state["decoder.lateral_block3.conv.weight"]
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() < 1e-3


def test_checkpoints_with_code_in_them_are_refused(tmp_path: Path) -> None:
    torch.save({"conv.weight": Path("/")}, tmp_path / "model.pth")
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        read_state(tmp_path / "model.pth")


@pytest.mark.parametrize(
    "key", ["bb.layers.2.blocks.3.attn.qkv.bias", "decoder.decoder_block2.dec_att.bn1.running_mean"]
)
def test_missing_and_unexpected_keys_are_named(state: dict[str, torch.Tensor], key: str) -> None:
    changed = {k: v for k, v in state.items() if k != key} | {"decoder.conv_new.weight": torch.zeros(1)}
    with pytest.raises(ModelUnavailableError) as raised:
        build(changed, Layout("swin_t", "wg_hg_c"), torch.float32, "here")
    assert key in str(raised.value)
    assert "decoder.conv_new.weight" in str(raised.value)


def test_a_tensor_of_another_shape_is_named(state: dict[str, torch.Tensor]) -> None:
    changed = state | {"decoder.lateral_block3.conv.weight": torch.zeros(384, 380, 1, 1)}
    with pytest.raises(ModelUnavailableError, match=r"lateral3\.weight"):
        build(changed, Layout("swin_t", "wg_hg_c"), torch.float32, "here")


def test_what_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"has no model\.safetensors"):
        load(described(), tmp_path, Runtime(device="cpu", threads=1))
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        load(described(), tmp_path, Runtime(device="cpu", threads=1))
    save_file({"conv.weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelUnavailableError, match="swin_l"):
        load(described(), tmp_path, Runtime(device="cpu", threads=1))


@pytest.mark.parametrize("name", list(SIZES))
def test_a_folder_tells_what_it_holds(name: str, tmp_path: Path) -> None:
    tensors = {key: torch.empty(shape, device="meta") for key, shape in published_birefnet(name).items()}
    for published, order in (("", "c_hg_wg"), ("BiRefNet_HR-matting", "c_hg_wg"), ("BiRefNet", "wg_hg_c")):
        if published:
            (tmp_path / "config.json").write_text(json.dumps({"_name_or_path": f"ZhengPeng7/{published}"}))
        found = recognise(tensors, {}, tmp_path)
        assert (found.backbone, found.patch_order) == (name, order)
        assert f"{order} is assumed" in str(found.assumed)
        assert published in str(found.assumed)
    told = recognise(tensors, {"patch_order": "c_hg_wg", "backbone": name}, tmp_path)
    assert told == Layout(name, "c_hg_wg")
    with pytest.raises(ModelUnavailableError, match="wg_hg_c"):
        recognise(tensors, {"patch_order": "upside_down"}, tmp_path)
    with pytest.raises(ModelUnavailableError, match=name):
        recognise(tensors, {"backbone": "resnet50"}, tmp_path)


def test_an_assumed_patch_order_is_a_fallback() -> None:
    placement = Placement("cpu", "fp32", None)
    segmenter = TorchSegmenter(described(), Green(), placement, InputSize(512, 512), assumed="the order is assumed")
    assert segmenter.fallback == "the order is assumed"


@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_deformable_convolution_by_bands_is_that_of_torchvision(kernel: int) -> None:
    pytest.importorskip("torchvision.ops")
    torch.manual_seed(kernel)
    height, width = 49, 51
    assert height * width > BAND, "more than one band is worth a test"
    conv = DeformableConv(5, 6, kernel).requires_grad_(False)
    torch.nn.init.normal_(conv.weight)
    torch.nn.init.normal_(conv.bias)
    x = torch.randn(1, 5, height, width)
    offset = torch.randn(1, 2 * kernel**2, height, width) * 4  # far beyond the border, too
    strength = torch.rand(1, kernel**2, height, width) * 2
    with torch.inference_mode():
        expected = conv.by_torchvision(x, offset, strength)
        for picture in (x, x.contiguous(memory_format=torch.channels_last)):
            assert (conv.by_bands(picture, offset, strength) - expected).abs().max() < 1e-4
        halves = [each.bfloat16() for each in (x, offset, strength)]
        found = [method(*halves).float() for method in (conv.bfloat16().by_bands, conv.bfloat16().by_torchvision)]
        assert (found[0] - found[1]).abs().max() < 0.02 * expected.abs().max()


def test_deformable_convolution_sees_nothing_where_a_place_is_no_number() -> None:
    conv = DeformableConv(1, 1, 1).requires_grad_(False)
    torch.nn.init.ones_(conv.weight)
    torch.nn.init.zeros_(conv.bias)
    torch.nn.init.zeros_(conv.position.weight)
    conv.position.bias.copy_(torch.tensor([float("nan"), 0.0, 0.0]))
    with torch.inference_mode():
        assert conv(torch.ones(1, 1, 4, 4)).eq(0).all()


class Green(torch.nn.Module):
    """A network for which the product is what is green. Remembers the sizes it was given."""

    def __init__(self, fails: str = "") -> None:
        super().__init__()
        self.sizes: list[tuple[int, int]] = []
        self.fails = fails
        self.own = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.is_contiguous(memory_format=torch.channels_last)
        if self.fails:
            raise RuntimeError(self.fails)
        self.sizes.append((x.shape[3], x.shape[2]))
        return (x[:, 1:2] - x[:, :1]) * 10


def segmenter(network: torch.nn.Module, size: InputSize) -> TorchSegmenter:
    return TorchSegmenter(described(), network, Placement("cpu", "fp32", None), size)


def photo(width: int, height: int) -> NDArray[np.uint8]:
    """A green rectangle in the upper left third of a red ground."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 0] = 200
    rgb[: height // 3, : width // 3] = (0, 200, 0)
    return rgb


@pytest.mark.parametrize(("width", "height"), [(300, 200), (200, 300), (1500, 1000), (1, 1)])
def test_the_answer_lies_where_the_product_is(width: int, height: int) -> None:
    seen = segmenter(Green(), InputSize(512, 512))(photo(width, height))
    assert seen.shape == (height, width)
    assert seen.dtype == np.float32
    truth = np.zeros((height, width), bool)
    truth[: height // 3, : width // 3] = True
    assert seen.min() >= 0
    assert seen.max() <= 1
    wrong = (seen > 0.5) != truth
    assert wrong.mean() < 0.01


def test_a_photo_that_may_not_be_written_to_or_is_turned_is_read_right() -> None:
    rgb = photo(300, 200)
    rgb.flags.writeable = False
    turned = np.rot90(rgb)
    asked = segmenter(Green(), InputSize(512, 512))
    assert np.abs(asked(turned) - np.rot90(asked(rgb))).mean() < 0.01


def test_scaling_is_that_of_pillow() -> None:
    rgb = (noise(700 * 900 * 3, 2).reshape(700, 900, 3) * 127 + 128).astype(np.uint8)
    expected = np.asarray(Image.fromarray(rgb).resize((352, 288), Image.Resampling.BILINEAR), np.int16)
    found = scaled(rgb, (288, 352))[0].permute(1, 2, 0).numpy().astype(np.int16)
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize(
    ("size", "photo_size", "expected"),
    [
        (InputSize(1024, 1024), (4000, 3000), (1024, 1024)),
        (InputSize(2560, 1440), (4000, 3000), (2560, 1440)),
        (InputSize(2560, 1440), (3000, 4000), (1440, 2560)),
        (InputSize(1024, 1024, dynamic=True), (4000, 3000), (1184, 896)),
        (InputSize(1024, 1024, dynamic=True), (3000, 4000), (896, 1184)),
        (InputSize(1024, 1024, dynamic=True), (500, 500), (1024, 1024)),
        (InputSize(1024, 1024, dynamic=True), (9000, 300), (2304, 256)),
    ],
)
def test_the_network_sees_the_size_of_its_variant(
    size: InputSize, photo_size: tuple[int, int], expected: tuple[int, int]
) -> None:
    height, width = size.of(*photo_size)
    assert (width, height) == expected
    assert width % 32 == height % 32 == 0


def test_shrinking_halves_the_input_down_to_512_and_is_told() -> None:
    network = Green()
    asked = segmenter(network, InputSize(2560, 1440))
    assert asked.fallback is None
    assert asked.shrink()
    assert "1280 x 704" in str(asked.fallback)
    assert "2560 x 1440" in str(asked.fallback)
    assert not asked.shrink()
    asked(photo(300, 200))
    assert network.sizes == [(1280, 704)]
    square = segmenter(network, InputSize(2048, 2048))
    assert [square.shrink() for _ in range(3)] == [True, True, False]
    assert "512 x 512" in str(square.fallback)


def test_exhausted_memory_has_one_name() -> None:
    asked = segmenter(Green(fails="DefaultCPUAllocator: can't allocate memory"), InputSize(512, 512))
    with pytest.raises(DeviceMemoryError):
        asked(photo(30, 20))


def test_threads_get_their_own_answers() -> None:
    asked = segmenter(Green(), InputSize(512, 512))
    photos = [np.roll(photo(300, 200), n * 40, axis=1) for n in range(4)]
    expected = [asked(each) for each in photos]
    found: dict[int, NDArray[np.float32]] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: asked(photos[n % 4])}))  # type: ignore[misc]
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[n], expected[n % 4]) for n in range(12))


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_photo_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="uint8"):
        segmenter(Green(), InputSize(512, 512))(wrong)


def test_the_network_is_made_without_memory_for_weights_that_are_loaded_anyway() -> None:
    with torch.device("meta"):
        network = BiRefNet(SIZES["swin_l"])
    assert sum(each.numel() for each in network.parameters()) > 200e6
