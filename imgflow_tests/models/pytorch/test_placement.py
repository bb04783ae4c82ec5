"""Where a model on PyTorch runs and in which precision: as asked, or told, or refused."""

from collections.abc import Sequence

import pytest
import torch

from imgflow.errors import DeviceUnavailableError
from imgflow.models.pytorch.placement import place
from imgflow.models.runtime import Runtime

ALL = ("fp32", "bf16", "fp16")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize("device", ["cuda", "tensorrt", "mps"])
def test_a_device_that_is_not_there_is_told_or_refused(no_gpu: None, device: str) -> None:
    placement = place("net", Runtime(device=device), ALL)
    wanted = "cuda" if device == "tensorrt" else device
    assert (placement.device, placement.precision) == ("cpu", "fp32")
    assert str(placement.fallback).startswith(f"{wanted} was wanted, but PyTorch")
    with pytest.raises(DeviceUnavailableError, match=r"IMGFLOW_STRICT_DEVICE=false"):
        place("net", Runtime(device=device, strict=True), ALL)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("bears", "precision"), [(ALL, "fp16"), (("fp32", "bf16"), "bf16"), (("fp32",), "fp32"), (("fp16",), "fp16")]
)
def test_auto_takes_the_gpu_and_the_fastest_precision_that_the_model_bears(
    bears: Sequence[str], precision: str
) -> None:
    placement = place("net", Runtime(strict=True), bears)
    assert (placement.device, placement.precision, placement.fallback) == ("cuda", precision, None)


def test_on_the_cpu_half_precision_is_only_what_was_asked_for(no_gpu: None) -> None:
    assert place("net", Runtime(), ALL).precision == "fp32"
    asked = place("net", Runtime(precision="bf16", strict=True), ALL)
    assert (asked.precision, asked.dtype, asked.fallback) == ("bf16", torch.bfloat16, None)


def test_a_precision_that_cannot_be_had_is_told_or_refused(no_gpu: None) -> None:
    assert "fp16 was wanted, but net on cpu bears fp32, bf16" in str(
        place("net", Runtime(precision="fp16"), ALL).fallback
    )
    with pytest.raises(DeviceUnavailableError, match="IMGFLOW_PRECISION=auto"):
        place("net", Runtime(precision="fp16", strict=True), ALL)
