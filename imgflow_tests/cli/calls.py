"""Running the command in the tests' own process."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result
from PIL import Image

from imgflow.cli import main

RECORD = {"input", "output", "status", "error", "steps", "seconds"}
"""What `imgflow process --json` tells of a photo."""


def imgflow(*arguments: object) -> Result:
    """Run a command; whatever it meets, it shows no traceback and ends with an exit code of ours."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def process(*arguments: object, code: int = 0) -> list[dict[str, Any]]:
    """`imgflow process … --json` without any model; returns the records."""
    result = imgflow("process", *arguments, "--json", "--steps", "denoise")
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def small_photo(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path
