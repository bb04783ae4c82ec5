"""Reading a published state dict into a network that is built differently."""

import contextlib
import re
from collections.abc import Generator, Sequence
from pathlib import Path

import torch  # noqa: TID253 (imported only by the modules that load a network)
from torch import Tensor, nn  # noqa: TID253

from imgflow.errors import ModelUnavailableError
from imgflow.models.model import CHECKPOINTS, Model
from imgflow.models.pytorch.swin import position_bias

NAMED = 8
"""So many keys does an error name."""


class _AbsentError(Exception):
    """A key is not there."""


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a PyTorch checkpoint that holds nothing but tensors.

    Prefixes that torch.compile and DataParallel leave in front of every key are taken away.

    Raises:
        ModelUnavailableError: it cannot be read.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors, pickle and zip errors have no common base but Exception
        raise ModelUnavailableError(f"{path} cannot be loaded: {error}") from error
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ModelUnavailableError(f"{path} is no state dict: it holds more than named tensors.")
    return {re.sub(r"^(?:module\.|_orig_mod\.)+", "", key): tensor for key, tensor in state.items()}


class Published:
    """A published state dict that is used up piece by piece, while another one is made of it.

    What is missing in it is gathered, so that all of it can be told at once.

    Args:
        state: the published tensors; used up.
        unused: patterns of keys that inference does not need.
        dtype: of what is made. Sums and products are done in fp32.
    """

    def __init__(self, state: dict[str, Tensor], unused: Sequence[str], dtype: torch.dtype) -> None:
        self.made: dict[str, Tensor] = {}
        self._left = {key: value for key, value in state.items() if not re.search("|".join(unused), key)}
        state.clear()  # so that each tensor can go as soon as it is used
        self._missing: list[str] = []
        self._dtype = dtype

    def take(self, *keys: str) -> list[Tensor]:
        """These published tensors, fp32. Only inside `piece`."""
        missing = [key for key in keys if key not in self._left]
        if missing:
            self._missing += missing
            raise _AbsentError
        return [self._left.pop(key).float() for key in keys]

    @contextlib.contextmanager
    def piece(self) -> Generator[None]:
        """What is done inside is left out when a key is missing."""
        with contextlib.suppress(_AbsentError):
            yield

    def make(self, name: str, tensor: Tensor) -> None:
        """One parameter of the network."""
        self.made[name] = tensor.to(self._dtype)

    def conv(self, name: str, key: str, norm: str = "", bias: bool = True) -> None:
        """A convolution, with the batch normalisation after it folded in.

        Args:
            name: in the network.
            key: the published convolution's.
            norm: the published normalisation's; empty: there is none.
            bias: whether the published convolution has one.
        """
        with self.piece():
            weight, shift = self.folded(key, norm, bias)
            self.make(f"{name}.weight", weight)
            self.make(f"{name}.bias", shift)

    def folded(self, key: str, norm: str, bias: bool) -> tuple[Tensor, Tensor]:
        """Weight and bias of a convolution and the batch normalisation after it. Only inside `piece`."""
        norms = [f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")] if norm else []
        weight, *rest = self.take(f"{key}.weight", *([f"{key}.bias"] if bias else []), *norms)
        shift = rest.pop(0) if bias else weight.new_zeros(len(weight))
        if not norm:
            return weight, shift
        scale, offset, mean, variance = rest
        scale = scale / torch.sqrt(variance + 1e-5)
        return weight * scale.view(-1, 1, 1, 1), (shift - mean) * scale + offset

    def swin(self, name: str, key: str, network: nn.Module, window: int) -> None:
        """A backbone of swin.py.

        Args:
            name: prefix in the network.
            key: prefix of the published names.
            network: the backbone.
            window: side of its windows.
        """
        for own in network.state_dict():
            with self.piece():
                if own.endswith(".attn.bias"):
                    (table,) = self.take(f"{key}{own.removesuffix('bias')}relative_position_bias_table")
                    self.make(f"{name}{own}", position_bias(table, window))
                else:
                    (tensor,) = self.take(f"{key}{own}")
                    self.make(f"{name}{own}", tensor)

    def check(self, where: str) -> None:
        """That nothing is missing and nothing is left over.

        Args:
            where: name of the file, for the message.

        Raises:
            ModelUnavailableError: names the keys.
        """
        wrong = [
            f"{len(keys)} {what} ({', '.join(sorted(keys)[:NAMED])}{', …' if len(keys) > NAMED else ''})"
            for what, keys in (("missing", self._missing), ("unexpected", list(self._left)))
            if keys
        ]
        if wrong:
            raise ModelUnavailableError(f"{where} has not the published layout: {'; '.join(wrong)}.")

    def fill(self, network: nn.Module, where: str) -> None:
        """Puts what was made into the network, which may have been built on the meta device.

        Raises:
            ModelUnavailableError: a key is missing or unexpected, or a tensor has another shape.
        """
        self.check(where)
        try:
            network.load_state_dict(self.made, assign=True)
        except RuntimeError as error:
            raise ModelUnavailableError(f"{where} has not the published layout: {error}") from error
        network.requires_grad_(False).eval()


def weights_file(model: Model, folder: Path, usual: str) -> Path:
    """The file with the weights: the one of the model's files, or `usual` if it tells none.

    Raises:
        ModelUnavailableError: it is not there.
    """
    names = [file.name for file in model.files if file.name.endswith(CHECKPOINTS)] or [usual]
    path = folder / names[0]
    if not path.is_file():
        raise ModelUnavailableError(f"{folder} has no {names[0]}.")
    return path
