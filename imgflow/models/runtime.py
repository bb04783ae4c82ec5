"""How models are to run."""

from dataclasses import dataclass
from typing import Literal

Precision = Literal["auto", "fp32", "bf16", "fp16"]

Compile = Literal["off", "auto"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """How models are to run.

    Attributes:
        device: auto, cpu, cuda, tensorrt, mps.
        strict: a device or precision that cannot be had is an error, not a fallback.
        precision: auto is the fastest that the model bears without visible loss on that device.
        compile: auto compiles networks on PyTorch where it pays: segmenters of one input size, on CUDA.
        threads: of one inference on the CPU; 0: one for each physical core.
    """

    device: str = "auto"
    strict: bool = False
    precision: Precision = "auto"
    threads: int = 0
    compile: Compile = "off"


DEFAULT_RUNTIME = Runtime()
