"""The model hub: which commit a revision is, and what its files are.

Speaks the hub's HTTP API as its own clients do: HF_ENDPOINT names another hub, HF_TOKEN is shown to it, HF_HUB_OFFLINE
forbids asking it. A file that is kept by Git LFS is known by its SHA-256, a small one by its Git blob hash.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from imgflow.models.pulling.download import SourceError, open_in_time

ENDPOINT = "https://huggingface.co"

COMMIT = re.compile(r"[0-9a-f]{40}")

ANSWER_BYTES = 32 << 20
"""No honest listing is longer."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """What the hub says about a file.

    Attributes:
        size: bytes.
        sha256: 64 hex digits, of files kept by Git LFS; else empty.
        blob: 40 hex digits, Git's hash of a file that it keeps itself; else empty.
    """

    size: int
    sha256: str
    blob: str


@dataclass(frozen=True, slots=True)
class HubListing:
    """A repository at one commit.

    Attributes:
        commit: 40 hex digits.
        files: by their paths.
    """

    commit: str
    files: Mapping[str, HubFile]


def endpoint() -> str:
    """The hub's address."""
    return (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")


def headers() -> dict[str, str]:
    """What the hub must be shown: the user's token, if there is one."""
    token = os.environ.get("HF_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def file_url(repo: str, path: str, revision: str) -> str:
    """Where a file's content is."""
    return f"{endpoint()}/{quote(repo)}/resolve/{quote(revision, safe='')}/{quote(path)}"


def list_files(repo: str, revision: str) -> HubListing:
    """Asks the hub for a repository's commit and files.

    Raises:
        SourceError: the hub does not answer, does not let us in, or says something else.
    """
    url = f"{endpoint()}/api/models/{quote(repo)}/revision/{quote(revision, safe='')}?blobs=true"
    try:
        with open_hub(url) as answer:
            return _listing(json.loads(answer.read(ANSWER_BYTES)))
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"the hub's answer about {repo}@{revision} is not understood ({error!r})") from error


def open_hub(url: str) -> Any:
    """Opens an address of the hub.

    Raises:
        SourceError: it does not answer or refuses; the message says what to do.
    """
    check_online()
    try:
        return open_in_time(url, headers())
    except SourceError as error:
        raise explained(error) from error


def check_online() -> None:
    """Raises: SourceError: the user forbade the hub."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise SourceError("HF_HUB_OFFLINE forbids asking the hub")


def explained(error: SourceError) -> SourceError:
    """The error, with what to do about a refusal."""
    cause = error.__cause__
    if isinstance(cause, HTTPError) and cause.code in (401, 403):
        remedy = "its owner wants you to agree to its terms on its page" if headers() else "set HF_TOKEN"
        return SourceError(f"{error}: the hub shows this to known users only; {remedy}")
    if isinstance(cause, HTTPError) and cause.code == 404:
        return SourceError(f"{error}: the hub has no such repository, revision or file")
    return error


def _listing(told: Any) -> HubListing:
    commit = str(told["sha"])
    if not COMMIT.fullmatch(commit):
        raise ValueError(f"{commit!r} is no commit")
    return HubListing(commit, {str(file["rfilename"]): _file(file) for file in told["siblings"]})


def _file(told: Any) -> HubFile:
    lfs = told.get("lfs")
    if lfs:
        return HubFile(int(lfs["size"]), str(lfs["sha256"]).lower(), "")
    return HubFile(int(told.get("size") or 0), "", str(told.get("blobId") or ""))
