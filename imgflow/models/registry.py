"""Finding models by name."""

from imgflow.errors import UsageError
from imgflow.models.known.onnx import ONNX
from imgflow.models.known.torch_restorers import RESTORERS, SUPER_IMAGE, VITMATTE
from imgflow.models.known.torch_segmenters import BIREFNET, INSPYRENET
from imgflow.models.model import Model

MODELS: dict[str, Model] = {
    model.name: model for model in (*ONNX, *BIREFNET, *INSPYRENET, *RESTORERS, *SUPER_IMAGE, *VITMATTE)
}
"""Every model that imgflow knows, by name."""


def find_model(name: str) -> Model:
    """The model of that name.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    if name not in MODELS:
        raise UsageError(f"There is no model {name!r}. Known models: {', '.join(sorted(MODELS))}.")
    return MODELS[name]
