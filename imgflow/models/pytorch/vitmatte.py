"""ViTMatte: Yao et al., "ViTMatte: Boosting Image Matting with Pretrained Plain Vision Transformers", Information
Fusion 2024, in transformers' own implementation; no code comes with the weights.

Its attention takes memory and time with the square of the pixels, so that a photo as a whole is out of the question
above 2 megapixels. Of the ways to bound that, this is what is done and why:

* Only tiles that touch the unknown band are run, at full resolution, since fine hair and rims are what the network is
  for; a reduced picture would lose them, and most of a product photo is certain anyway.
* Each tile sees an eighth of its side beyond what is kept, and neighbours fade into each other: with global attention
  no finite context makes two tiles agree exactly.
* A tile deep inside a wide unknown area (glass, smoke) sees nothing certain and cannot know what it looks at. Such
  tiles take the alpha of the whole area at reduced size instead, brought up along the picture's edges (see
  `guided_filter.py`). Wide areas are smooth, so little is lost.
"""

import contextlib
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgflow.errors import DeviceMemoryError, ModelUnavailableError
from imgflow.models.base import check_rgb
from imgflow.models.exhaustion import memory_errors
from imgflow.models.model import Model
from imgflow.models.pytorch.guided_filter import guided_up
from imgflow.models.pytorch.placement import Placement, place, weight_bytes
from imgflow.models.pytorch.tiling import Span, Tiling
from imgflow.models.runtime import Runtime

if TYPE_CHECKING:
    from torch import Tensor

TILE = 1024
"""Pixels. One head's attention then takes 64 MB in fp32; `small` has 6 heads, `base` 12."""

LEAST_TILE = 256

TRAINED_SIDE = 512
"""Pixels of a training picture: smaller crops are avoided where the photo is larger."""

ALIGN = 32
"""Pixels: patches of 16, and what the image processor fills up to."""

LEAST_CERTAIN = 0.02
"""Share of certain pixels that a tile needs to stand for itself."""

PRECISIONS = ("fp32", "bf16")
"""Without fp16, whose range nobody has vouched for in this network."""


def load(model: Model, folder: Path, runtime: Runtime) -> "VitMatte":
    """As `imgflow.models.families.LOADERS` says: config.json, preprocessor_config.json and model.safetensors (or
    pytorch_model.bin, which is read as data only).
    """
    return VitMatte(model, folder, place(model.name, runtime, PRECISIONS))


class VitMatte:
    """An `AlphaMatter` (see base.py).

    Args:
        model: the registry's row.
        folder: a directory as published on the model hub.
        placement: where it runs.

    Raises:
        ModelUnavailableError: the folder cannot be loaded, or weights are missing in it.
        DeviceMemoryError: the network does not fit.
    """

    def __init__(self, model: Model, folder: Path, placement: Placement) -> None:
        from imgflow.models.pytorch.patch_projection import PatchProjection

        network, self._processor = _read(model.name, folder)
        with memory_errors(model.name, placement.device):
            self._network = network.eval().to(placement.device, placement.dtype)
        embeddings = self._network.backbone.embeddings
        embeddings.projection = PatchProjection(embeddings.projection)
        self.name = model.name
        self.weights_hash = model.weights_hash
        self.memory = weight_bytes(self._network)
        self.device = placement.device
        self.precision = placement.precision
        self.tiling = _tiling(TILE)
        self._placement = placement
        self._lock = threading.Lock()

    @property
    def fallback(self) -> str | None:
        """What was wanted and is not so: device, precision, or size of the tiles."""
        smaller = f"tiles of {TILE} pixels were wanted, but memory was enough for {self.tiling.tile} only"
        reasons = [self._placement.fallback, smaller if self.tiling.tile < TILE else None]
        return "; ".join(reason for reason in reasons if reason) or None

    def shrink(self) -> bool:
        """Halves the tile: a quarter of the memory, less context."""
        if self.tiling.tile // 2 < LEAST_TILE:
            return False
        self.tiling = _tiling(self.tiling.tile // 2)
        return True

    def __call__(self, rgb: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `AlphaMatter.__call__`.

        Raises:
            ValueError: the arrays have other shapes or types.
            DeviceMemoryError: the device has not enough memory for one tile.
        """
        import torch

        check_rgb(rgb)
        if trimap.shape != rgb.shape[:2] or trimap.dtype != np.uint8:
            raise ValueError(f"trimap must be {rgb.shape[:2]} uint8, not {trimap.shape} {trimap.dtype}")
        alpha = (trimap == 255).astype(np.float32)
        unknown = (trimap != 0) & (trimap != 255)
        if not unknown.any():
            return alpha
        with self._lock, memory_errors(self.name, self.device), torch.inference_mode():
            area = _area(rgb, np.where(unknown, np.uint8(128), trimap), _box(unknown, self.tiling.pad))
            found = self._matte(area)
        rows, columns = area.where
        inside = unknown[rows, columns]
        alpha[rows, columns][inside] = found[: inside.shape[0], : inside.shape[1]][inside]
        return alpha

    def _matte(self, area: "_Area") -> NDArray[np.float32]:
        """Alpha of an area whose sides are multiples of ALIGN; only where it is unknown does it mean anything."""
        import torch

        tiling, coarse = self.tiling, None
        height, width = area.trimap.shape
        total = torch.zeros((height, width), device=self.device)
        weight = torch.zeros_like(total)
        for row in tiling.spans(height):
            for column in tiling.spans(width):
                seen = (slice(row.low, row.high), slice(column.low, column.high))
                share = np.outer(_share(row, height, tiling.pad), _share(column, width, tiling.pad))
                unknown = area.trimap[seen] == 128
                if not unknown[share > 0].any():
                    continue
                if unknown.mean() <= 1 - LEAST_CERTAIN or unknown.size == area.trimap.size:
                    made = self._run(area.rgb[seen], area.trimap[seen])
                else:
                    coarse = self._coarse(area) if coarse is None else coarse
                    made = torch.from_numpy(coarse[seen]).to(self.device)
                shares = torch.from_numpy(share).to(self.device)
                total[seen] += made * shares
                weight[seen] += shares
        return (total / weight.clamp_(min=1e-6)).cpu().numpy()

    def _run(self, rgb: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> "Tensor":
        """H x W, float32, on the device."""
        import torch

        picture = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).to(self.device)
        known = torch.from_numpy(np.ascontiguousarray(trimap)).to(self.device)
        values = self._processor(images=picture, trimaps=known, return_tensors="pt")["pixel_values"]
        alphas = self._network(pixel_values=values.to(self.device, self._placement.dtype)).alphas
        return alphas[0, 0, : trimap.shape[0], : trimap.shape[1]].float()

    def _coarse(self, area: "_Area") -> NDArray[np.float32]:
        """Alpha of the whole area from one tile, H x W."""
        import cv2

        height, width = area.trimap.shape
        factor = min(1.0, self.tiling.tile / max(height, width))
        size = (max(ALIGN, int(width * factor) // ALIGN * ALIGN), max(ALIGN, int(height * factor) // ALIGN * ALIGN))
        small = np.asarray(cv2.resize(area.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        trimap = np.asarray(cv2.resize(area.trimap, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        return guided_up(self._run(small, trimap).cpu().numpy(), small, area.rgb)


@dataclass(frozen=True, slots=True)
class _Area:
    """The part of a photo that is worked on, filled up to multiples of ALIGN; `where` it is in the photo."""

    rgb: NDArray[np.uint8]
    trimap: NDArray[np.uint8]
    where: tuple[slice, slice]


def _area(rgb: NDArray[np.uint8], trimap: NDArray[np.uint8], where: tuple[slice, slice]) -> _Area:
    part, known = rgb[where], trimap[where]
    more = [(0, -side % ALIGN) for side in known.shape]
    return _Area(np.pad(part, [*more, (0, 0)], mode="reflect"), np.pad(known, more, mode="reflect"), where)


def _box(unknown: NDArray[np.bool_], pad: int) -> tuple[slice, slice]:
    """Rows and columns of the unknown pixels, with context, from multiples of ALIGN."""
    slices: list[slice] = []
    for axis, side in ((1, unknown.shape[0]), (0, unknown.shape[1])):
        found = np.flatnonzero(unknown.any(axis=axis))
        first, last = int(found[0]), int(found[-1]) + 1
        more = max(pad, (TRAINED_SIDE - (last - first)) // 2)
        slices.append(slice(max(first - more, 0) // ALIGN * ALIGN, min(-(-(last + more) // ALIGN) * ALIGN, side)))
    return slices[0], slices[1]


def _tiling(tile: int) -> Tiling:
    return Tiling(tile, tile // 8, ALIGN)


def _share(span: Span, side: int, fade: int) -> NDArray[np.float32]:
    """How much of each pixel that a tile sees is taken from it: 1 within, falling to 0 around the edges of its core."""
    at = np.arange(span.low, span.high, dtype=np.float32) + 0.5
    rising = np.clip((at - span.start) / fade + 0.5, 0, 1) if span.start > 0 else np.ones_like(at)
    falling = np.clip((span.stop - at) / fade + 0.5, 0, 1) if span.stop < side else np.ones_like(at)
    return (rising * falling).astype(np.float32)


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Without transformers' progress bar, which would end up in the log of a worker."""
    from transformers.utils import logging

    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()


def _read(name: str, folder: Path) -> tuple[Any, Any]:
    """The network and its image processor; transformers is not allowed to look anywhere else."""
    from transformers import VitMatteForImageMatting, VitMatteImageProcessor

    try:
        with memory_errors(name, "cpu"), _quiet():
            read: Any = VitMatteForImageMatting.from_pretrained
            network, report = read(folder, local_files_only=True, output_loading_info=True)
            processor = VitMatteImageProcessor.from_pretrained(folder, local_files_only=True)
    except DeviceMemoryError:
        raise
    except Exception as error:  # a damaged folder can fail in any way
        raise ModelUnavailableError(f"{name}: {folder} cannot be loaded: {error}") from error
    # transformers makes up weights that are missing and goes on.
    wrong = sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])})
    if wrong:
        raise ModelUnavailableError(f"{name}: {folder} lacks {len(wrong)} weights, {wrong[0]} among them.")
    return network, processor
