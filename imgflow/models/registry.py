"""Finding models by name."""

from imgflow.errors import UsageError
from imgflow.models.known.onnx import ONNX
from imgflow.models.known.torch_restorers import RESTORERS, SUPER_IMAGE, VITMATTE
from imgflow.models.known.torch_segmenters import BIREFNET, INSPYRENET
from imgflow.models.model import Model, Purpose

MODELS: dict[str, Model] = {
    model.name: model for model in (*ONNX, *BIREFNET, *INSPYRENET, *RESTORERS, *SUPER_IMAGE, *VITMATTE)
}
"""Every model that imgflow knows, by name."""


def find_model(name: str, purpose: Purpose | None = None) -> Model:
    """The model of that name.

    Args:
        name: as in `imgflow models list`.
        purpose: what it is wanted for, for the message.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    if name not in MODELS:
        fit = sorted(model.name for model in MODELS.values() if purpose in (None, model.purpose))
        to = f" to {purpose}" if purpose else ""
        raise UsageError(f"There is no model {name!r}{to}. Known models{to}: {', '.join(fit)}.")
    return MODELS[name]
