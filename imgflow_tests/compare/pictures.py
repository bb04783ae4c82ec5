"""Pictures to compare, and a look into what the comparison writes."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgflow.photos.picture import Picture
from imgflow_tests.cli.calls import imgflow

Pixels = NDArray[np.uint8]


def disc(radius: float, width: int = 120, height: int = 90, colour: tuple[int, int, int] = (200, 40, 30)) -> Pixels:
    """A disc with a soft edge and a gradient inside, H x W x 4."""
    y, x = np.mgrid[:height, :width]
    alpha = np.clip(radius + 0.5 - np.hypot(x - (width - 1) / 2, y - (height - 1) / 2), 0, 1)
    rgb = np.broadcast_to(np.array(colour, np.float64), (height, width, 3)).copy()
    rgb[..., 2] += x / width * 60
    return np.dstack([rgb, alpha * 255]).round().astype(np.uint8)


def picture(rgba: Pixels) -> Picture:
    return Picture(np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]))


def save(path: Path, pixels: Pixels, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def compared(*arguments: object, code: int = 0) -> list[dict[str, Any]]:
    result = imgflow("compare", *arguments, "--json")
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


class Scripts(HTMLParser):
    """The scripts of a page by id, its attributes, and whether all that was opened was closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: dict[str, str] = {}
        self.links: list[str] = []
        self.open: list[str] = []
        self._id = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag not in ("meta", "link", "input", "img", "br"):
            self.open.append(tag)
        self._id = (named.get("id") or "code") if tag == "script" else ""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._id = ""

    def handle_data(self, data: str) -> None:
        if self._id:
            self.scripts[self._id] = self.scripts.get(self._id, "") + data


def read_page(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Data and pictures of a page, after a look at whether it stands on its own."""
    text = path.read_text(encoding="utf-8")
    parsed = Scripts(text)
    assert parsed.open == []
    assert parsed.links == []
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bfetch\(|XMLHttp|import\(", parsed.scripts["code"])
    assert "http:" not in text
    assert "https:" not in text
    assert "default-src 'none'" in text
    return json.loads(parsed.scripts["data"]), json.loads(parsed.scripts["pictures"])


def from_data_uri(uri: str) -> Pixels:
    kind, _, encoded = uri.partition(";base64,")
    assert kind == "data:image/webp"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
