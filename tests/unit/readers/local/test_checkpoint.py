"""Where weights come from, and what is said where they do not."""

import json
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("huggingface_hub", reason="needs lucidray[vlm]")
pytest.importorskip("torch", reason="needs lucidray[vlm]")

import huggingface_hub.constants
from huggingface_hub import errors

from lucidray.domain.errors import WeightsError
from lucidray.readers.local import checkpoint
from lucidray.readers.local.checkpoint import fetch, is_pinned

pytestmark = pytest.mark.extra
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "someone/model"


def a_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"0" * 1000)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no net."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no net here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return folder


def in_cache(cache: Path) -> Path:
    root = cache / "models--someone--model"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    return a_model(root / "snapshots" / COMMIT)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    found = fetch(str(a_model(tmp_path / "mine")))
    assert (found.name, found.version) == ("mine", "local")
    assert found.weight_bytes == 1000


def test_what_is_in_the_cache_is_taken_without_a_word_to_the_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = in_cache(cache)
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_: asked.append(arguments) or [])
    found = fetch(NAME)
    assert found.folder == snapshot
    assert (found.name, found.version) == (NAME, COMMIT)
    assert asked == []
    assert fetch(NAME, COMMIT).folder == snapshot


def test_a_download_that_was_stopped_is_not_taken_for_whole(cache: Path) -> None:
    snapshot = in_cache(cache)
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (snapshot / "model.safetensors").rename(snapshot / "model-00001-of-00002.safetensors")
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(WeightsError, match=r"not whole on this machine \(no model-00002.* the hub cannot be reached"):
        fetch(NAME)


def test_what_is_not_here_is_told_with_its_cure(cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"not on this machine, and the hub cannot be reached: .*hf download"):
        fetch(NAME)


def test_offline_mode_is_honoured(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, local_files_only: bool = False, **__: object) -> str:
        if local_files_only:
            raise errors.LocalEntryNotFoundError("not here")
        raise errors.OfflineModeIsEnabled("offline")

    monkeypatch.setattr(checkpoint, "snapshot_download", forbidden)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE forbids"):
        fetch(NAME)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "GatedRepoError",
            r"gated: accept the terms on https://huggingface.co/someone/model, then run `hf auth login`",
        ),
        ("RepositoryNotFoundError", "the hub knows no model someone/model"),
        ("RevisionNotFoundError", "has no revision 'v9'"),
        ("HfHubHTTPError", "refuses someone/model with status 500"),
    ],
)
def test_each_answer_of_the_hub_is_put_into_words(kind: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error_type = getattr(errors, kind)

    def refuse(*_: object, local_files_only: bool = False, **__: object) -> str:
        if local_files_only:
            raise errors.LocalEntryNotFoundError("not here")
        error = error_type.__new__(error_type)
        error.args = ("the hub's own words",)
        error.response = SimpleNamespace(status_code=500)
        raise error

    monkeypatch.setattr(checkpoint, "snapshot_download", refuse)
    with pytest.raises(WeightsError, match=words):
        fetch(NAME, "v9")


def test_old_weights_are_fetched_only_where_there_are_no_safe_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, patterns = tmp_path / COMMIT, []

    def download(
        *_: object, local_files_only: bool = False, allow_patterns: list[str] | None = None, **__: object
    ) -> str:
        if local_files_only:
            raise errors.LocalEntryNotFoundError("not here")
        patterns.append(allow_patterns)
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text("{}")
        if "pytorch_model*.bin" in allow_patterns:
            (folder / "pytorch_model.bin").write_bytes(b"0")
        return str(folder)

    monkeypatch.setattr(checkpoint, "snapshot_download", download)
    assert fetch(NAME).version == COMMIT
    assert len(patterns) == 2


@pytest.mark.parametrize("gone", ["config.json", "model.safetensors"])
def test_a_folder_with_a_hole_is_refused(tmp_path: Path, gone: str) -> None:
    folder = a_model(tmp_path / "mine")
    (folder / gone).unlink()
    with pytest.raises(WeightsError, match="holds no whole model"):
        fetch(str(folder))


@pytest.mark.parametrize("name", ["", "model", "a/b/c", "../x", "./nowhere/x", "someone/", "a b/c", "http://x/y"])
def test_what_is_no_name_is_refused_without_asking(name: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(cache, ignore_errors=True)
    monkeypatch.setattr(checkpoint, "snapshot_download", lambda *_, **__: pytest.fail("it asked the hub"))
    monkeypatch.chdir(cache.parent)
    with pytest.raises(WeightsError, match=r"no model|holds no whole model"):
        fetch(name)


def test_only_a_whole_commit_pins() -> None:
    assert is_pinned(COMMIT)
    assert not any(is_pinned(revision) for revision in (None, "main", COMMIT[:12], COMMIT.upper(), COMMIT + "0"))
