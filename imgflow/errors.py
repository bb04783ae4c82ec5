"""Every error imgflow raises on purpose, in one hierarchy, and the table of photo error codes.

Three families, because three different people act on them:

* `PhotoError`: something about one photo. It is recorded for that photo and never stops the others.
* `UsageError`: a mistake in what the user asked for (recipe, settings, key). Shown without a traceback.
* `InfrastructureError`: the store, the catalog or a model source is away. Retried, then fails the run.
"""

from typing import NamedTuple


class PhotoErrorCode(NamedTuple):
    """What a photographer is told for one code, and whether trying the same photo again can help."""

    sentence: str
    remedy: str
    refused: bool
    """True: the verdict is about the file itself and stays the same until the file or the recipe changes."""


PHOTO_ERRORS: dict[str, PhotoErrorCode] = {
    # -- the file cannot be taken in -------------------------------------------------------------------------------
    "empty_file": PhotoErrorCode("The file is empty.", "Copy or upload it again.", True),
    "not_an_image": PhotoErrorCode("This is not a picture.", "Check that the right file was sent.", True),
    "unsupported_format": PhotoErrorCode(
        "This picture format is not supported.", "Save it as JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIC.", True
    ),
    "unsupported_mode": PhotoErrorCode(
        "The way this file stores its pixels is not supported.", "Save it with 8 or 16 bits a channel.", True
    ),
    "truncated": PhotoErrorCode(
        "The file ends before the picture does.", "The transfer was cut short: copy or upload it again.", True
    ),
    "corrupt": PhotoErrorCode("The picture data is damaged.", "Export or copy it again from the original.", True),
    "animated": PhotoErrorCode("The file holds several pictures or an animation.", "Save the one wanted frame.", True),
    "too_many_pixels": PhotoErrorCode(
        "The picture has more pixels than allowed.", "Scale it down, or raise IMGFLOW_MAX_PIXELS.", True
    ),
    "too_small": PhotoErrorCode(
        "The picture is too small to be cut out.", "Send a larger picture, or lower IMGFLOW_MIN_SIDE.", True
    ),
    "too_large": PhotoErrorCode(
        "The file or one of its sides is larger than allowed.",
        "Send a smaller file, or raise IMGFLOW_MAX_BYTES or IMGFLOW_MAX_SIDE.",
        True,
    ),
    "too_elongated": PhotoErrorCode(
        "The picture is far longer in one direction than in the other.", "Crop it, or raise IMGFLOW_MAX_ASPECT.", True
    ),
    "unreadable": PhotoErrorCode("The file cannot be opened.", "Check that it exists and that it may be read.", False),
    # -- a stage cannot do its work --------------------------------------------------------------------------------
    "no_foreground": PhotoErrorCode(
        "No product was found in the picture.",
        "Send a photo that shows it, with more contrast or light, or try another segmenter (matte.model).",
        True,
    ),
    "missing_input": PhotoErrorCode(
        "The object this stage starts from is gone from the store.",
        "Run the earlier stages of this batch again.",
        False,
    ),
    "fell_back": PhotoErrorCode(
        "Another model, method, device or size than the recipe's first would have been used.",
        "Make the first one available, or set strict: false in the recipe.",
        False,
    ),
    "out_of_memory": PhotoErrorCode(
        "There was not enough memory for this photo.", "Scale it down, or run on a larger machine.", False
    ),
    "crashed": PhotoErrorCode(
        "The process died twice while working on this photo.", "Look at the run's log; run it alone with force.", False
    ),
    "internal": PhotoErrorCode(
        "imgflow failed on this photo in a way it should not.", "Please report it with the photo and the log.", False
    ),
}
"""Table of photo error codes. `refused` photos are kept in `rejected/`; the others are tried again by the refresh."""


class ImgflowError(Exception):
    """Base of every error that imgflow raises on purpose."""


class PhotoError(ImgflowError):
    """One photo cannot be taken in or worked on.

    Args:
        code: a key of `PHOTO_ERRORS`.
        detail: what is special about this photo ("12 of 48 KB decoded"); it goes between sentence and remedy.

    Raises:
        KeyError: if `code` is not in the table (a mistake in imgflow).
    """

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        self.refused = PHOTO_ERRORS[code].refused
        super().__init__(code, detail)

    @property
    def message(self) -> str:
        """The sentence, the detail and the remedy, for a person."""
        known = PHOTO_ERRORS[self.code]
        parts = [known.sentence, f"({self.detail})" if self.detail else "", known.remedy]
        return " ".join(part for part in parts if part)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class PhotoReplacedError(ImgflowError):
    """A newer version of the photo has come; its own batch works on it."""


class UsageError(ImgflowError):
    """The user asked for something that cannot be: shown as one line, exit code 2."""


class RecipeError(UsageError):
    """A recipe is wrong; the message names file, line and field."""


class SettingsError(UsageError):
    """A setting (IMGFLOW_* variable or .env line) is wrong; the message names it."""


class BadKeyError(UsageError):
    """A store key that is refused (it would leave the prefix, or no store can hold it)."""


class InfrastructureError(ImgflowError):
    """Something the photos need is away: worth trying again later, no photo's fault."""


class StoreUnavailableError(InfrastructureError):
    """The store does not answer, refuses the credentials, or is full."""


class ObjectDeniedError(StoreUnavailableError):
    """This object may not be read; the store is there, and others may be."""


class ObjectNotFoundError(ImgflowError):
    """No object has this key in the store."""


class CatalogUnavailableError(InfrastructureError):
    """The catalog database does not answer or is of a newer version than this imgflow."""


class ModelUnavailableError(InfrastructureError):
    """A model's weights could not be had from any source, or do not have the pinned hash."""


class DeviceUnavailableError(InfrastructureError):
    """The device that was asked for is not there and falling back is not allowed."""


class DeviceMemoryError(InfrastructureError):
    """A device has not enough memory for a model or for what it computes. `Models` makes room and tries again."""


class WorkerLostError(InfrastructureError):
    """No resident worker could be started, or none took the step."""
