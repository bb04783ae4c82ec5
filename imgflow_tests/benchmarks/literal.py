"""The literal pipeline, the reference of the benchmarks: `python -m ….literal PHOTOS OUT MODEL.onnx`.

What the five services did, step by step and without second thoughts: non-local means, the LAB shadow rule, u2netp as
rembg runs it, a band of 20 pixels around the mask solved by closed-form matting, PNG level 6.
"""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Bytes = NDArray[np.uint8]

STRENGTH = 0.5
"""Of denoising: 0 to 1 means h from 3 to 15."""

BAND = 20
"""Pixels to either side of the mask's edge that matting decides."""


def denoise(rgb: Bytes) -> Bytes:
    """Non-local means with windows of 7 and 21 pixels."""
    h = 3 + 12 * STRENGTH
    return np.asarray(cv2.fastNlMeansDenoisingColored(rgb, None, h, h, 7, 21), np.uint8)


def remove_shadow(rgb: Bytes) -> Bytes:
    """Lift whatever is darker than max(0.65 * mean, 30), by at most 1.8 times, blended over sigma 20."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    lightness = lab[..., 0]
    mask = (lightness < max(0.65 * lightness.mean(), 30)).astype(np.uint8)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))
    mask = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, ellipse), cv2.MORPH_OPEN, ellipse)
    if mask.min() == mask.max():
        return rgb
    gain = min(lightness[mask == 0].mean() / max(lightness[mask == 1].mean(), 1), 1.8)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 20)
    lab[..., 0] = np.clip(lightness * (1 + (gain - 1) * soft), 0, 255)
    return np.asarray(cv2.cvtColor(lab.astype(np.uint8), cv2.COLOR_LAB2RGB), np.uint8)


def segment(session: Any, rgb: Bytes) -> Bytes:
    """u2netp's mask, stretched to 0..255 and enlarged to the photo."""
    picture = Image.fromarray(rgb)
    small = np.asarray(picture.resize((320, 320), Image.Resampling.LANCZOS), np.float32)
    small = small / max(small.max(), 1e-6)
    small = (small - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    batch = small.transpose(2, 0, 1)[None].astype(np.float32)
    mask = session.run(None, {session.get_inputs()[0].name: batch})[0][0, 0]
    mask = (mask - mask.min()) / (mask.max() - mask.min())
    enlarged = Image.fromarray((mask * 255).astype(np.uint8)).resize(picture.size, Image.Resampling.LANCZOS)
    return np.asarray(enlarged)


def refine(rgb: Bytes, mask: Bytes) -> Bytes:
    """Closed-form matting in the band around the mask's edge."""
    from pymatting import estimate_alpha_cf

    alpha = estimate_alpha_cf(rgb / 255.0, trimap(mask))
    return np.asarray(np.clip(alpha * 255, 0, 255), np.uint8)


def trimap(mask: Bytes) -> NDArray[np.float64]:
    """1 where the product is sure, 0 where the ground is, 0.5 in the band."""
    subject = (mask > 127).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1, 2 * BAND + 1))
    regions = np.full(mask.shape, 0.5)
    regions[cv2.erode(subject, disc) == 1] = 1
    regions[cv2.dilate(subject, disc) == 0] = 0
    return regions


def cut_out(session: Any, photo: Path, result: Path) -> None:
    """All steps on one file."""
    rgb = np.asarray(ImageOps.exif_transpose(Image.open(photo)).convert("RGB"))
    rgb = remove_shadow(denoise(rgb))
    alpha = refine(rgb, segment(session, rgb))
    Image.fromarray(np.dstack([rgb, alpha])).save(result, "PNG", compress_level=6)


def main() -> None:
    """Cut out every file of a folder."""
    import onnxruntime

    photos, out, model = map(Path, sys.argv[1:4])
    out.mkdir(parents=True, exist_ok=True)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    for photo in sorted(photos.iterdir()):
        cut_out(session, photo, out / f"{photo.stem}.png")


if __name__ == "__main__":
    main()
