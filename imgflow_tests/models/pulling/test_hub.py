"""Models of the hub: their revision becomes a commit when they are pulled, and the lock file pins what was pulled."""

import dataclasses
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imgflow.errors import ModelUnavailableError
from imgflow.models import registry
from imgflow.models.model import HubSource, Model, ModelFile, UrlSource
from imgflow.models.pulling.lock_file import LockedFile, LockFile
from imgflow.models.store import ModelStore
from imgflow_tests.models.web import FileServer

WEIGHTS = bytes(range(256)) * 4000
CONFIG = b'{"model_type": "new"}'
FILES = {"model.safetensors": WEIGHTS, "config.json": CONFIG, "birefnet.py": b"raise SystemExit('run')"}
LARGE = frozenset({"model.safetensors"})


@pytest.fixture
def hub(web: FileServer, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", web.url("/").rstrip("/"))
    web.ranges = True
    return web


@pytest.fixture
def elsewhere() -> Iterator[FileServer]:
    """Another host, where a hub keeps large files."""
    with FileServer().running() as server:
        server.ranges = True
        yield server


@pytest.fixture
def new(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Model]:
    """Makes the model `new` known, of which imgflow has no hashes."""

    def add(revision: str = "main", **pins: str) -> Model:
        files = tuple(
            ModelFile(
                name, sources=(HubSource("maker/new", name, revision),), **({"md5": pins[name]} if name in pins else {})
            )
            for name in ("model.safetensors", "config.json")
        )
        model = Model("new", "segment", "birefnet", "MIT", True, "https://example.org/new", files, 1024)
        monkeypatch.setitem(registry.MODELS, "new", model)
        return model

    return add


def locked(store: ModelStore) -> dict[str, dict[str, str]]:
    return json.loads((store.root / "models.lock.json").read_text())["models"]["new"]


def test_a_pull_pins_commit_and_hashes(hub: FileServer, new: Callable[..., Model], store: ModelStore) -> None:
    commit = hub.publish("maker/new", FILES, LARGE)
    new()
    folder = store.pull("new")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    entries = locked(store)
    assert set(entries) == {"model.safetensors", "config.json"}
    for name, content in (("model.safetensors", WEIGHTS), ("config.json", CONFIG)):
        assert entries[name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert entries[name]["size"] == len(content)
        assert entries[name]["revision"] == commit
        assert "maker/new" in entries[name]["source"]
    model = store.find("new", "segment")
    assert model.size == len(WEIGHTS) + len(CONFIG)
    assert len(model.weights_hash) == 32
    assert [check.state for check in store.verify("new")] == ["ok", "ok"]


def test_a_load_asks_nobody(hub: FileServer, new: Callable[..., Model], store: ModelStore) -> None:
    hub.publish("maker/new", FILES, LARGE)
    new()
    store.pull("new")
    hub.seen.clear()
    for _ in range(3):
        ModelStore(store.root).ensure("new")
    assert not hub.seen


def test_code_is_never_pulled_and_never_run(hub: FileServer, new: Callable[..., Model], store: ModelStore) -> None:
    hub.publish("maker/new", FILES, LARGE)
    new()
    folder = store.pull("new")
    assert not list(folder.rglob("*.py"))
    assert not any(".py" in request.path for request in hub.seen)
    # Nor is what somebody puts there by hand.
    (folder / "birefnet.py").write_bytes(FILES["birefnet.py"])
    (folder / "config.json").write_bytes(CONFIG)
    ModelStore(store.root).ensure("new")
    assert not {"birefnet", "new.birefnet"} & set(sys.modules)
    assert [check.file for check in store.verify("new")] == ["model.safetensors", "config.json"]


def test_what_changed_on_the_hub_changes_nothing_here(
    hub: FileServer, new: Callable[..., Model], store: ModelStore
) -> None:
    """A damaged file is fetched again from the locked commit, though the branch has moved on."""
    first = hub.publish("maker/new", FILES, LARGE)
    new()
    folder = store.pull("new")
    before = store.find("new", "segment").weights_hash
    hub.publish("maker/new", {**FILES, "model.safetensors": WEIGHTS[::-1]}, LARGE)
    (folder / "model.safetensors").write_bytes(b"?" * len(WEIGHTS))
    hub.seen.clear()
    store.ensure("new")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert [request.path for request in hub.seen] == [f"/maker/new/resolve/{first}/model.safetensors"]
    assert store.find("new", "segment").weights_hash == before


def test_an_update_takes_the_newest_revision(hub: FileServer, new: Callable[..., Model], store: ModelStore) -> None:
    hub.publish("maker/new", FILES, LARGE)
    new()
    folder = store.pull("new")
    second = hub.publish("maker/new", {**FILES, "model.safetensors": WEIGHTS[::-1]}, LARGE)
    hub.seen.clear()
    store.pull("new", update=True)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS[::-1]
    assert {entry["revision"] for entry in locked(store).values()} == {second}
    assert not any("config.json" in request.path for request in hub.seen)  # it is as it was
    assert [check.state for check in store.verify("new")] == ["ok", "ok"]


def test_an_update_that_fails_mixes_no_revisions(hub: FileServer, new: Callable[..., Model], store: ModelStore) -> None:
    first = hub.publish("maker/new", FILES, LARGE)
    new()
    folder = store.pull("new")
    second = hub.publish("maker/new", {**FILES, "model.safetensors": WEIGHTS[::-1], "config.json": b"{}"}, LARGE)
    del hub.files[f"/maker/new/resolve/{second}/config.json"]
    with pytest.raises(ModelUnavailableError, match=r"config.json could not be had(.|\n)*404"):
        store.pull("new", update=True)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert {entry["revision"] for entry in locked(store).values()} == {first}
    store.ensure("new")


def test_the_lock_file_brings_the_same_files_to_another_machine(
    hub: FileServer, new: Callable[..., Model], store: ModelStore, tmp_path: Path
) -> None:
    hub.publish("maker/new", FILES, LARGE)
    new()
    store.pull("new")
    hub.publish("maker/new", {**FILES, "model.safetensors": WEIGHTS[::-1]}, LARGE)
    other = ModelStore(tmp_path / "other")
    other.root.mkdir()
    shutil.copy(store.root / "models.lock.json", other.root)
    assert (other.pull("new") / "model.safetensors").read_bytes() == WEIGHTS
    assert other.find("new", "segment").weights_hash == store.find("new", "segment").weights_hash


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_other_bytes_than_the_hub_promised_are_refused(
    hub: FileServer, new: Callable[..., Model], store: ModelStore, name: str
) -> None:
    commit = hub.publish("maker/new", FILES, LARGE)
    hub.files[f"/maker/new/resolve/{commit}/{name}"] = FILES[name][::-1]
    new()
    kind = "sha256" if name in LARGE else "blob"
    with pytest.raises(ModelUnavailableError, match=f"another hash, {kind}"):
        store.pull("new")
    assert not (store.root / "models.lock.json").exists()
    assert not (store.root / "new" / name).exists()


def test_a_token_is_shown_to_the_hub_alone(
    hub: FileServer,
    elsewhere: FileServer,
    new: Callable[..., Model],
    store: ModelStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Private files; the large one is at another host, which must not learn the token."""
    commit = hub.publish("maker/new", FILES, LARGE)
    hub.private |= set(hub.files)
    hub.moved[f"/maker/new/resolve/{commit}/model.safetensors"] = elsewhere.url("/large?signed")
    hub.moved[f"/maker/new/resolve/{commit}/config.json"] = "/renamed/config.json"  # a renamed repository: same host
    hub.files["/renamed/config.json"] = CONFIG
    hub.private.add("/renamed/config.json")
    elsewhere.files["/large?signed"] = WEIGHTS
    new()
    with pytest.raises(ModelUnavailableError, match=r"401.*set HF_TOKEN"):
        store.pull("new")
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert (store.pull("new") / "model.safetensors").read_bytes() == WEIGHTS
    assert {request.authorization for request in elsewhere.seen} == {""}
    monkeypatch.setenv("HF_TOKEN", "wrong")
    store.remove("new")
    with pytest.raises(ModelUnavailableError, match="agree to its terms"):
        store.pull("new")


def test_a_part_of_a_large_file_is_continued_behind_a_redirect(
    hub: FileServer, elsewhere: FileServer, new: Callable[..., Model], store: ModelStore
) -> None:
    commit = hub.publish("maker/new", FILES, LARGE)
    hub.moved[f"/maker/new/resolve/{commit}/model.safetensors"] = elsewhere.url("/large")
    elsewhere.files["/large"] = WEIGHTS
    elsewhere.broken.add("/large")
    new()
    with pytest.raises(ModelUnavailableError):
        store.pull("new")
    there = (store.root / "new" / ".model.safetensors.unfinished").stat().st_size
    elsewhere.broken.clear()
    store.pull("new")
    assert elsewhere.seen[-1].range == f"bytes={there}-"


def test_without_a_hub_it_says_what_to_put_where(
    hub: FileServer, new: Callable[..., Model], store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    new()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelUnavailableError) as caught:
        store.ensure("new")
    lines = str(caught.value).splitlines()
    assert "HF_HUB_OFFLINE forbids" in lines[1]
    assert str(store.root / "new" / "model.safetensors") in lines[-2]
    assert "https://example.org/new" in lines[-2]
    assert not hub.seen
    # Put there by hand it is taken, and pinned from then on.
    (store.root / "new").mkdir(exist_ok=True)
    for name in ("model.safetensors", "config.json"):
        (store.root / "new" / name).write_bytes(FILES[name])
    assert [check.state for check in store.verify("new")] == ["unpinned", "unpinned"]
    store.ensure("new")
    assert [check.state for check in store.verify("new")] == ["ok", "ok"]
    assert locked(store)["config.json"]["source"] == "put there by hand"
    (store.root / "new" / "config.json").write_bytes(b"{}")
    with pytest.raises(ModelUnavailableError, match="HF_HUB_OFFLINE"):
        store.ensure("new")


def test_answers_that_are_none(hub: FileServer, new: Callable[..., Model], store: ModelStore) -> None:
    new()
    api = "/api/models/maker/new/revision/main?blobs=true"
    for answer, why in (
        (b"<html>", "not understood"),
        (b'{"sha": "main", "siblings": []}', "is no commit"),
        (b'{"sha": "' + b"a" * 40 + b'", "siblings": []}', "no such file at aaaa"),
    ):
        hub.files[api] = answer
        with pytest.raises(ModelUnavailableError, match=why):
            store.pull("new")
    del hub.files[api]
    with pytest.raises(ModelUnavailableError, match="no such repository, revision or file"):
        store.pull("new")


def test_another_wish_of_the_table_makes_the_lock_void(
    hub: FileServer, new: Callable[..., Model], store: ModelStore
) -> None:
    hub.publish("maker/new", FILES, LARGE)
    new()
    store.pull("new")
    second = hub.publish("maker/new", {**FILES, "model.safetensors": WEIGHTS[::-1]}, LARGE, branch="v2")
    new("v2")
    assert [check.state for check in store.verify("new")] == ["unpinned", "unpinned"]
    store.remove("new")
    store.ensure("new")
    assert {entry["revision"] for entry in locked(store).values()} == {second}


def test_a_file_of_which_only_an_md5_is_known(
    web: FileServer, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files |= {"/right": WEIGHTS, "/wrong": WEIGHTS[::-1]}
    md5 = hashlib.md5(WEIGHTS).hexdigest()
    file = ModelFile("a.bin", size=len(WEIGHTS), md5=md5, sources=(UrlSource(web.url("/wrong")),))
    model = Model("new", "segment", "birefnet", "MIT", True, "", (file,), 1024)
    monkeypatch.setitem(registry.MODELS, "new", model)
    with pytest.raises(ModelUnavailableError, match="another hash, md5"):
        store.ensure("new")
    right = dataclasses.replace(file, sources=(UrlSource(web.url("/right")),))
    monkeypatch.setitem(registry.MODELS, "new", dataclasses.replace(model, files=(right,)))
    store.ensure("new")
    assert locked(store)["a.bin"]["sha256"] == hashlib.sha256(WEIGHTS).hexdigest()
    other = dataclasses.replace(right, md5="0" * 32)
    monkeypatch.setitem(registry.MODELS, "new", dataclasses.replace(model, files=(other,)))
    with pytest.raises(ModelUnavailableError, match="another hash, md5"):
        store.ensure("new")


def test_a_lock_file_that_is_damaged_is_told(hub: FileServer, new: Callable[..., Model], store: ModelStore) -> None:
    hub.publish("maker/new", FILES, LARGE)
    new()
    store.pull("new")
    for content in (
        "{",
        '{"version": 99, "models": {}}',
        '{"version": 1, "models": {"new": {"config.json": {"x": 1}}}}',
    ):
        (store.root / "models.lock.json").write_text(content)
        with pytest.raises(ModelUnavailableError, match=r"models.lock.json"):
            store.ensure("new")


def test_the_lock_file_also_tells_where_pinned_models_came_from(
    register: Callable[..., Model], web: FileServer, store: ModelStore
) -> None:
    from imgflow_tests.models.conftest import WEIGHTS as TINY

    web.files["/tiny.onnx"] = TINY
    register(UrlSource(web.url("/tiny.onnx")))
    store.ensure("tiny")
    (entry,) = store.lock.of("tiny").values()
    assert entry.source == web.url("/tiny.onnx")
    store.remove("tiny")
    assert store.lock.of("tiny") == {}


def test_many_at_once_lose_nothing_of_the_lock_file(store: ModelStore) -> None:
    store.root.mkdir()
    with ThreadPoolExecutor(8) as pool:
        entries = [(f"model {n % 4}", f"{n}.bin", LockedFile("a" * 64, n, "")) for n in range(40)]
        list(pool.map(lambda entry: LockFile(store.root).record(*entry), entries))
    assert all(store.lock.of(model)[name] == file for model, name, file in entries)
    assert [path.name for path in store.root.glob("*.new")] == []
