"""An environment for a package that imgflow is compared with, beside imgflow's own."""

import subprocess
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path


def reference_environment(place: Path, requirements: Sequence[str]) -> Path:
    """Make it in the folder `place`: it sees every package of the running Python, so that both sides compute with the
    same PyTorch and ONNX Runtime, and pip adds only what is missing (or wanted in another version, which only this
    environment then sees).

    Returns:
        Its Python.

    Raises:
        RuntimeError: pip fails; with its last words.
    """
    venv.create(place)
    python = place / "bin" / "python"
    site_packages = next(place.glob("lib/python3*/site-packages"))
    # `addsitedir` and not a bare path: editable installs are found through .pth files of their own.
    (site_packages / "beside.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{' '.join(requirements)} cannot be installed: {last_words(error.stderr)}") from error
    except (subprocess.TimeoutExpired, OSError) as error:
        raise RuntimeError(f"{' '.join(requirements)} cannot be installed: {error}") from error
    return python


def last_words(text: str, length: int = 200) -> str:
    """The last line that is not empty, shortened from the front."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return lines[-1][-length:] if lines else ""
