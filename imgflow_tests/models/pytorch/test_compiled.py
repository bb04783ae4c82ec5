"""Networks are compiled where that is asked for, in one piece, and run as they are where it fails, which is told."""

import threading
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from imgflow.errors import DeviceMemoryError
from imgflow.models.model import Model, ModelFile
from imgflow.models.pytorch import compiled
from imgflow.models.pytorch.birefnet.deformable import DeformableConv
from imgflow.models.pytorch.birefnet.network import BiRefNet
from imgflow.models.pytorch.compiled import OPTIONS, CompiledNetwork, compiled_if_wanted
from imgflow.models.pytorch.placement import Placement
from imgflow.models.pytorch.segmenter import InputSize, TorchSegmenter
from imgflow.models.pytorch.swin import SwinSize
from imgflow.models.runtime import Runtime
from imgflow.pipeline.from_settings import runtime_of
from imgflow.settings import Settings

MODEL = Model("tiny", "segment", "birefnet", "MIT", True, "", (ModelFile("weights.pth", "0" * 64, 1, ()),))
CPU = Placement("cpu", "fp32", None)
SQUARE = InputSize(64, 64)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the compiler but the code that it makes: that needs a C++ compiler here, and minutes."""
    monkeypatch.setattr(compiled, "OPTIONS", {"cpu": {"backend": "aot_eager", "dynamic": False}})
    torch._dynamo.reset()


class Bright(nn.Module):
    """The product is what is bright. Counts how often Python has run it, and in which threads."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.ones(1))
        self.threads: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_compiling():
            self.threads.append(threading.get_ident())
        return x.mean(1, keepdim=True) * self.own * 3


def photo() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (50, 70, 3), np.uint8)


def segmenter(network: nn.Module, size: InputSize = SQUARE, **runtime: Any) -> TorchSegmenter:
    return TorchSegmenter(MODEL, network, CPU, size, Runtime(device="cpu", **runtime))


def test_a_compiled_segmenter_answers_the_same_and_says_so() -> None:
    network = Bright()
    plain, asked = segmenter(network), segmenter(network, compile="auto")
    expected = plain(photo())
    network.threads.clear()
    for _ in range(3):
        assert np.abs(asked(photo()) - expected).max() < 1e-6
    assert len(network.threads) == 1, "after the first call Python does not run the network any more"
    assert (plain.precision, asked.precision, asked.fallback) == ("fp32", "fp32 compiled", None)


def test_all_calls_are_made_in_one_thread_of_its_own() -> None:
    network = Bright()
    asked = segmenter(network, compile="auto")
    seen: list[float] = []

    def work() -> None:
        seen.append(float(np.abs(asked(photo()) - plain).max()))

    plain = segmenter(network)(photo())
    network.threads.clear()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4 and max(seen) < 1e-6
    assert len(set(network.threads)) == 1 and threading.get_ident() not in network.threads


def test_a_compiler_that_fails_is_a_fallback_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(graph: Any, inputs: Any) -> Any:
        raise OSError("no C compiler is here")

    monkeypatch.setattr(compiled, "OPTIONS", {"cpu": {"backend": broken}})
    network = Bright()
    asked = segmenter(network, compile="auto")
    for _ in range(2):
        assert np.array_equal(asked(photo()), segmenter(network)(photo()))
    assert asked.precision == "fp32"
    assert asked.fallback is not None and asked.fallback.startswith(
        "tiny was to be compiled, but BackendCompilerFailed"
    )
    assert "no C compiler is here" in asked.fallback


def test_a_network_at_fault_raises_its_own_error_and_exhausted_memory_stays_what_it_is() -> None:
    class Failing(Bright):
        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise self.error

    for error, expected in (
        (RuntimeError("sizes do not match"), RuntimeError),
        (torch.OutOfMemoryError("CUDA out of memory"), DeviceMemoryError),
    ):
        asked = segmenter(Failing(error), compile="auto")
        with pytest.raises(expected, match=str(error)):
            asked(photo())
        assert asked.fallback is None


@pytest.mark.parametrize(
    ("wish", "device", "fixed", "is_compiled"),
    [
        ("auto", "cuda", True, True),
        ("auto", "cuda", False, False),
        ("auto", "cpu", True, False),
        ("auto", "mps", True, False),
        ("off", "cuda", True, False),
    ],
)
def test_what_is_compiled(
    wish: Any, device: str, fixed: bool, is_compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "OPTIONS", OPTIONS)
    made = compiled_if_wanted("tiny", Bright(), Placement(device, "fp16", None), Runtime(compile=wish), fixed)
    assert isinstance(made, CompiledNetwork) == is_compiled


def test_variants_of_many_sizes_are_not_compiled() -> None:
    assert segmenter(Bright(), InputSize(512, 512, dynamic=True), compile="auto").precision == "fp32"


def test_birefnet_is_compiled_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where torchvision computes the deformable convolutions: with one break, it would be no one graph."""
    monkeypatch.setattr(DeformableConv, "by_bands", DeformableConv.by_torchvision)
    torch.manual_seed(1)
    network = BiRefNet(SwinSize(8, (2, 2, 2, 2), (1, 1, 1, 1), 7)).requires_grad_(False).eval()
    for parameter in network.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.1)
    picture = torch.randn(1, 3, 64, 96).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected = network(picture)
        made = torch.compile(network, backend="eager", dynamic=False, fullgraph=True)
        assert expected.std() > 0.01
        assert torch.allclose(made(picture), expected, rtol=1e-4, atol=1e-4)


def test_the_setting_reaches_the_models() -> None:
    assert runtime_of(Settings()).compile == "off"  # type: ignore[call-arg]
    assert runtime_of(Settings(compile="auto")).compile == "auto"  # type: ignore[call-arg]
