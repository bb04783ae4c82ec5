"""A comparison as a page for a browser: one file, with a folder of pictures beside it where that were too large."""

import base64
import io
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from imgflow.compare.comparison import Compared, Failed, Side, fit
from imgflow.compare.grounds import CHECKERBOARD, NAMED, Ground
from imgflow.compare.matching import Matched
from imgflow.errors import UsageError
from imgflow.photos.encode import encode_png
from imgflow.photos.picture import Picture
from imgflow.pipeline.files import cannot_write

EXTENSIONS = frozenset({".html", ".htm"})

MOST_INLINE = 24_000_000
"""Bytes of pictures up to which they are put into the page itself; more lie in a folder beside it."""
PREVIEW_SIDE = 1400
"""Longest side of what is shown before somebody zooms, pixels."""

_MOST_WEBP_PIXELS = 8_000_000
"""Larger cutouts become PNG: to write lossless WebP takes 30 bytes of memory a pixel."""
_OWN_FILE = re.compile(r"\d{4,}-[ab](-full)?\.(webp|jpg|png)")
_TYPES = {".webp": "image/webp", ".jpg": "image/jpeg", ".png": "image/png"}


class Page:
    """Takes compared pairs one by one, and writes the page and its pictures when all are there.

    Everything is written below a hidden name first, so that an older page stays whole until the new one is.
    """

    def __init__(self, out: Path, grounds: Sequence[Ground], titles: tuple[str, str]) -> None:
        self._out = out
        self._grounds = grounds
        self._titles = titles
        self._folder = pictures_folder(out)
        self._pairs: list[dict[str, Any]] = []
        self._hidden = out.with_name(f".imgflow-{secrets.token_hex(8)}")

    def __enter__(self) -> "Page":
        if self._folder.exists() and not _is_own(self._folder):
            raise UsageError(f"{self._folder} is in the way: it holds other things than an earlier page's pictures")
        try:
            self._hidden.mkdir(parents=True)
        except OSError as error:
            raise cannot_write(self._out, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._hidden, ignore_errors=True)

    def add(self, compared: Compared) -> None:
        """Writes the pair's pictures.

        Raises:
            UsageError: they cannot be written.
        """
        number = f"{len(self._pairs) + 1:04}"
        record = compared.as_json()
        try:
            for letter, side in (("a", compared.a), ("b", compared.b)):
                record[letter] |= self._write_pictures(f"{number}-{letter}", side)
        except OSError as error:
            raise cannot_write(self._out, error) from error
        record["place"] = [
            position / length for position, length in zip(compared.figures.place, record["compared_size"], strict=True)
        ]
        self._pairs.append(record)

    def finish(self, matched: Matched, failed: Sequence[Failed]) -> None:
        """Writes the page in place of an older one.

        Raises:
            UsageError: it cannot be written.
        """
        pictures = sorted(self._hidden.iterdir())
        inline = sum(path.stat().st_size for path in pictures) <= MOST_INLINE
        data = {
            "titles": self._titles,
            "grounds": [{"name": ground.name, "colour": ground.colour} for ground in _offered(self._grounds)],
            "pairs": self._pairs,
            "failed": [failure.as_json() for failure in failed],
            "only_a": [str(path) for path in matched.only_a],
            "only_b": [str(path) for path in matched.only_b],
            "folder": "" if inline else quote(self._folder.name) + "/",
        }
        page = self._hidden.with_suffix(".html")
        try:
            with page.open("w", encoding="utf-8") as file:
                file.writelines(_page(data, pictures if inline else []))
            shutil.rmtree(self._folder, ignore_errors=True)
            if not inline:
                self._hidden.replace(self._folder)
            page.replace(self._out)
        except OSError as error:
            raise cannot_write(self._out, error) from error
        finally:
            page.unlink(missing_ok=True)

    def _write_pictures(self, stem: str, side: Side) -> dict[str, str]:
        """Names of what is shown first, and of all pixels where that is not the same."""
        picture = side.picture
        longest = max(picture.width, picture.height)
        scale = min(1, PREVIEW_SIDE / longest)
        small = fit(picture, max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        preview = f"{stem}.webp"
        (self._hidden / preview).write_bytes(_lossless_webp(small))
        if longest <= PREVIEW_SIDE:
            return {"preview": preview, "full": preview}
        extension, data = _all_pixels(picture)
        full = f"{stem}-full{extension}"
        (self._hidden / full).write_bytes(data)
        return {"preview": preview, "full": full}


def pictures_folder(out: Path) -> Path:
    """Where the pictures of a page lie that is too large for one file."""
    return out.with_name(f"{out.stem}_files")


def _is_own(folder: Path) -> bool:
    return folder.is_dir() and all(_OWN_FILE.fullmatch(path.name) for path in folder.iterdir())


def _offered(grounds: Sequence[Ground]) -> list[Ground]:
    """The wanted grounds first, then the usual ones."""
    usual = [Ground(name, _colour(text)) for name, text in NAMED.items()] + [Ground(CHECKERBOARD, None)]
    return [*grounds, *(ground for ground in usual if ground.name not in {chosen.name for chosen in grounds})]


def _colour(text: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def _lossless_webp(picture: Picture) -> bytes:
    """No pixel that can be seen changes, so that the page's differences are those of the files."""
    file = io.BytesIO()
    pixels = picture.rgb if picture.alpha is None else picture.rgba
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=False, quality=30, method=1)
    return file.getvalue()


def _all_pixels(picture: Picture) -> tuple[str, bytes]:
    """A cutout's edges stay what they are; a photo without alpha may lose what no eye sees."""
    if picture.alpha is None:
        file = io.BytesIO()
        Image.fromarray(picture.rgb).save(file, "JPEG", quality=95, subsampling="4:4:4")
        return ".jpg", file.getvalue()
    if picture.width * picture.height <= _MOST_WEBP_PIXELS:
        return ".webp", _lossless_webp(picture)
    cleared = picture.rgb * (picture.alpha > 0)[..., None].astype(np.uint8)  # half the size
    return ".png", encode_png(Picture(cleared, picture.alpha))


def _page(data: dict[str, Any], pictures: Sequence[Path]) -> Iterator[str]:
    """The page in pieces, so that its pictures are in memory one by one."""
    template = files("imgflow.compare").joinpath("page.html").read_text(encoding="utf-8")
    before, between, after = re.split(r"@DATA@|@PICTURES@", template)
    yield before
    # A path may hold anything, even the end of a script.
    yield json.dumps(data).replace("<", "\\u003c")
    yield between + "{"
    for number, path in enumerate(pictures):
        encoded = base64.b64encode(path.read_bytes()).decode("ascii")
        yield f'{"," if number else ""}\n"{path.name}": "data:{_TYPES[path.suffix]};base64,{encoded}"'
    yield "}" + after
