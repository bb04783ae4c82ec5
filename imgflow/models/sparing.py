"""What is done when a device's memory is exhausted, before a photo fails."""

from collections.abc import Callable
from typing import Any, cast

from imgflow.errors import DeviceMemoryError, PhotoError
from imgflow.models.base import LoadedModel


class Sparing:
    """A model that is called again with more memory free, or with less to do, when its device's memory is exhausted.

    Args:
        model: what is called; everything else is asked of it.
        make_room: unloads all other models.
    """

    def __init__(self, model: LoadedModel, make_room: Callable[[], None]) -> None:
        self._model = model
        self._make_room = make_room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, *pictures: Any) -> Any:
        """As the model.

        Raises:
            PhotoError: `out_of_memory`, although everything else is unloaded and the model cannot work in less.
        """
        call = cast(Callable[..., Any], self._model)
        has_room = False
        while True:
            try:
                return call(*pictures)
            except DeviceMemoryError as error:
                if has_room and not self._model.shrink():
                    raise PhotoError("out_of_memory", str(error)) from error
            if not has_room:
                self._make_room()
                has_room = True
