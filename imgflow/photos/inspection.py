"""What a picture file says of itself, for a person: `imgflow inspect`."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from imgflow.photos.limits import Limits
from imgflow.photos.source import SourceInfo, inspect
from imgflow.photos.stamp import Stamp, read_stamp


@dataclass(frozen=True, slots=True)
class Inspection:
    """A file's header, and imgflow's stamp if it has one."""

    source: SourceInfo
    stamp: Stamp | None

    def as_json(self) -> dict[str, Any]:
        """For `imgflow inspect --json`."""
        return {"file": asdict(self.source), "stamp": self.stamp.as_json() if self.stamp else None}

    def lines(self) -> Iterator[tuple[str, str]]:
        """Name and text of each thing that there is to tell."""
        source = self.source
        yield "file", f"{source.format}, {source.width} x {source.height}, {source.mode}, {source.bits} bits a channel"
        yield "colour", source.icc_profile or "no usable profile: taken as sRGB"
        yield from ((name, value) for name, value in asdict(source.metadata).items() if value)
        yield from (("warning", warning) for warning in source.warnings)
        if self.stamp is None:
            yield "made by", "no stamp of imgflow"
            return
        yield "made by", self.stamp.software
        yield "recipe", self.stamp.recipe
        for stage in self.stamp.stages:
            told = [f"{name}={_plain(value)}" for name, value in stage.parameters.items()]
            told += [f"with {name} ({weights})" for name, weights in stage.models.items()]
            code = f"version {stage.code}: " if stage.code else ""
            yield stage.stage, code + (", ".join(told) or "with parameters that are not known")


def inspect_file(data: bytes, limits: Limits) -> Inspection:
    """Looks into a file without decoding its pixels.

    Raises:
        PhotoError: it is no sound picture file.
    """
    return Inspection(inspect(data, limits), read_stamp(data, limits))


def _plain(value: Any) -> str:
    return "/".join(map(str, value)) or "nothing" if isinstance(value, list | tuple) else str(value)
