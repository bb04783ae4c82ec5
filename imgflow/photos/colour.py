"""Any colour Pillow decodes to sRGB, 8 bit, with straight alpha."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Alpha = NDArray[np.uint8] | None

MODES = frozenset({
    "1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB",
    "I;16", "I;16B", "I;16L", "I;16N",
})  # fmt: skip
"""Pillow's modes that are taken in."""

_STRAIGHT = {"La": "LA", "RGBa": "RGBA", "P": "RGB", "PA": "RGBA", "1": "L", "YCbCr": "RGB", "RGBX": "RGB"}
"""What the modes that cannot be used as they are become first."""

_PROFILE_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}
"""Colour space of an ICC profile that fits a mode."""

# lcms leaves black-point compensation out where ICC.1 says that it does not apply.
_INTENT, _FLAGS = ImageCms.Intent.PERCEPTUAL, ImageCms.Flags.BLACKPOINTCOMPENSATION


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """A small sRGB ICC profile, the same bytes every time (lcms writes the time of day into it)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes((0x07, 0xEA, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))  # 2026-01-01
    profile[84:100] = bytes(16)  # the checksum over the profile, which may be left out
    return bytes(profile)


def split_alpha(im: Image.Image) -> tuple[Image.Image, Alpha]:
    """A decoded picture's colours in mode L, RGB, CMYK or LAB, and its alpha (H x W, uint8) if it has one."""
    key = im.info.get("transparency")
    if im.mode == "P" and key is not None:
        im = im.convert("RGBA")
    if im.mode in ("L", "RGB", "1") and key is not None:
        alpha = key_alpha(np.asarray(im.convert("L") if im.mode == "1" else im), key)
        return _without_key(im), alpha
    im = im.convert(_STRAIGHT[im.mode]) if im.mode in _STRAIGHT else im
    if im.mode in ("LA", "RGBA"):
        return im.convert(im.mode[:-1]), np.array(im.getchannel("A"))
    return im, None


def key_alpha(samples: NDArray[Any], key: object) -> NDArray[np.uint8]:
    """Alpha of a picture where one colour (PNG tRNS, GIF) stands for transparent.

    Args:
        samples: H x W or H x W x C.
        key: one number or C numbers, in the samples' own range.
    """
    same = samples == np.asarray(key)
    same = same.all(axis=2) if samples.ndim == 3 else same
    return np.where(same, 0, 255).astype(np.uint8)


def to_srgb(im: Image.Image, icc: bytes | None) -> tuple[NDArray[np.uint8], str | None, tuple[str, ...]]:
    """Colours in sRGB.

    Args:
        im: mode L, RGB, CMYK or LAB.
        icc: its ICC profile, if it has one.

    Returns:
        H x W x 3 uint8; the name of the profile that was used; what was odd about the profile.
    """
    name, warnings = None, ()
    transform = None
    if icc is not None:
        try:
            name, mode, transform = _transform(icc, im.mode)
            im = im if im.mode == mode else im.convert(mode)
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            name, warnings = None, (f"the colour profile cannot be used ({error}): taken as sRGB",)
    if im.mode == "LAB" and transform is None:
        transform = _lab_transform()
    if transform is not None:
        im = ImageCms.applyTransform(im, transform)  # type: ignore[assignment]
    if im.mode != "RGB":
        im = im.convert("RGB")
    return _pixels(im), name, warnings


def profile_name(icc: bytes | None) -> str | None:
    """The description in an ICC profile; None without a readable one."""
    if not icc or len(icc) < 128:
        return None
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip() or "unnamed"
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


@lru_cache(maxsize=16)
def _transform(icc: bytes, mode: str) -> tuple[str, str, ImageCms.ImageCmsTransform | None]:
    """Name of a profile, mode it wants, and the transform to sRGB; None where that would change nothing."""
    if len(icc) < 128:
        raise ValueError("it is empty" if not icc else "it is too short")
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    core: Any = profile.profile  # its type stub is wrong
    space = core.xcolor_space.strip()
    if mode == "L" and space == "RGB":
        mode = "RGB"
    if space != _PROFILE_SPACES[mode]:
        raise ValueError(f"it is for {space}, the picture is {mode}")
    target = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    transform = ImageCms.buildTransform(profile, target, mode, "RGB", _INTENT, _FLAGS)
    return profile_name(icc) or "unnamed", mode, None if mode == "RGB" and _changes_nothing(transform) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a grid of colours stays within one level: most photos carry some variant of sRGB."""
    levels = np.linspace(0, 255, 12).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(12, -1, 3)
    changed = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform)).astype(int)
    return int(np.abs(changed - grid).max()) <= 1


def _pixels(im: Image.Image) -> NDArray[np.uint8]:
    """An RGB picture as H x W x 3 uint8; strip by strip, which is three times as fast as all at once."""
    rgb = np.empty((im.height, im.width, 3), np.uint8)
    for top in range(0, im.height, 256):
        bottom = min(top + 256, im.height)
        rgb[top:bottom] = np.asarray(im.crop((0, top, im.width, bottom)))
    return rgb


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    target = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    return ImageCms.buildTransform(lab, target, "LAB", "RGB", _INTENT, _FLAGS)


def _without_key(im: Image.Image) -> Image.Image:
    """The picture in mode L or RGB without its transparent colour, which Pillow would try to convert along."""
    im = im.copy()
    im.info.pop("transparency", None)
    return im.convert("L") if im.mode == "1" else im
