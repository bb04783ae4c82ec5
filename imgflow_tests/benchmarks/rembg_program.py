"""rembg's command line in an environment of its own, with the very weights that imgflow uses."""

from dataclasses import dataclass
from pathlib import Path

from imgflow_tests.benchmarks.frame import Measured, Options, measure
from imgflow_tests.benchmarks.reference_environment import reference_environment

_MEGAPIXELS = 0.2
"""Of the photo that makes pymatting compile its kernels: large enough for rembg's band of 10 px to leave a product."""


@dataclass(frozen=True, slots=True)
class Rembg:
    """An installed rembg.

    Attributes:
        place: folder of its environment, weights and compiled kernels.
    """

    place: Path

    def run(self, photos: Path, out: Path, matting: bool) -> Measured:
        """`rembg p -m u2netp`, with `-a` for alpha matting: every photo of a folder to a PNG of the same stem."""
        options = ["-a"] if matting else []
        command = [str(self.place / "bin" / "rembg"), "p", "-m", "u2netp", *options, str(photos), str(out)]
        return measure(
            command, {"U2NET_HOME": str(self.place / "weights"), "NUMBA_CACHE_DIR": str(self.place / "numba")}
        )


def install_rembg(scratch: Path, model: Path, options: Options) -> Rembg | None:
    """rembg, ready to run at full speed; None, with a note, if it cannot be installed.

    Args:
        scratch: folder for the environment.
        model: u2netp.onnx.
    """
    place = scratch / "rembg-environment"
    try:
        options.note("installing rembg into an environment of its own")
        reference_environment(place, ["rembg[cpu,cli]"])
        weights = place / "weights"
        weights.mkdir()
        (weights / "u2netp.onnx").write_bytes(model.read_bytes())
        rembg = Rembg(place)
        _compile(rembg, scratch / "rembg-first")
    except (OSError, RuntimeError) as error:
        options.note(f"rembg is left out: {' '.join(str(error).split())[-300:]}")
        return None
    return rembg


def _compile(rembg: Rembg, folder: Path) -> None:
    """pymatting compiles its kernels at the first run."""
    from imgflow.samples import write_photos

    write_photos(folder / "sample", ["mug"], _MEGAPIXELS)
    (photo,) = (folder / "sample").rglob("*.jpg")
    photos = folder / "photos"
    photos.mkdir()
    photo.rename(photos / photo.name)
    rembg.run(photos, folder / "out", matting=True)
