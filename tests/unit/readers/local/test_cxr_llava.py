"""CXR-LLaVA's backend against a local repository in its layout: code of others runs only where it is allowed."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs lucidray[vlm]")
pytest.importorskip("accelerate", reason="needs lucidray[vlm]")
torch = pytest.importorskip("torch", reason="needs lucidray[vlm]")

from tiny_models import asked, marked_film

from lucidray.domain.errors import OutOfMemoryError, ReaderTimeoutError, UsageError, WeightsError
from lucidray.readers.local.cxr_llava import CxrLlava

pytestmark = pytest.mark.extra
STUB = Path(__file__).parents[3] / "stubs" / "cxr_llava"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the hub's: configuration with `auto_map`, Python files, weights."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("CXR-LLAVA-stand-in")
    for name in ("configuration", "modeling"):
        (folder / f"{name}.py").write_text((STUB / f"{name}.py").read_text())
    config = {
        "model_type": "cxr_llava_stand_in",
        "architectures": ["StandInModel"],
        "auto_map": {"AutoConfig": "configuration.StandInConfig", "AutoModel": "modeling.StandInModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    weights = {"layer.weight": torch.zeros(4, 4), "layer.bias": torch.zeros(4)}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def modules_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """transformers copies the code that it runs: not into the home of whoever runs the tests."""
    import transformers.dynamic_module_utils as dynamic

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamic, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        patch.setattr(sys, "path", list(sys.path))
        yield
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        del sys.modules[name]


@pytest.fixture
def reader(repository: Path, modules_cache: None) -> CxrLlava:
    return CxrLlava(str(repository), allow_remote_code=True, device="cpu")


def test_its_code_runs_only_where_it_is_allowed(repository: Path, modules_cache: None) -> None:
    before = {name for name in sys.modules if "modeling" in name}
    with pytest.raises(UsageError, match="--allow-remote-code"):
        CxrLlava(str(repository), device="cpu")
    assert {name for name in sys.modules if "modeling" in name} == before


@pytest.mark.parametrize("revision", [None, "main", "v2", "0123456", "g" * 40])
def test_code_from_the_hub_has_to_be_pinned(revision: str | None) -> None:
    with pytest.raises(UsageError, match="40 hexadecimal digits"):
        CxrLlava(allow_remote_code=True, revision=revision, device="cpu")


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_side_of_a_marker_is_the_film_s_side(reader: CxrLlava, side: str) -> None:
    answer = reader.read(asked(marked_film(side)))
    assert f"a marker on the {side}" in answer.text
    assert answer.token_confidence is None
    assert answer.boxes == ()


def test_it_is_asked_in_its_own_way(reader: CxrLlava) -> None:
    reader.read(asked(marked_film("left"), strategy="role", symptoms="cough"))
    seen = reader._model.seen
    system, user = seen["chat"]
    assert system["role"] == "system"
    assert "thoracic radiologist" in system["content"]
    assert user["content"].startswith("<image>\n")
    assert user["content"].count("<image>") == 1
    assert "cough" in user["content"]
    assert seen["temperature"] == 0
    # Its own processor wants 8 bits in 512 pixels.
    assert seen["image"].size == (512, 512)
    assert np.asarray(seen["image"]).max() == 255


def test_without_a_role_it_gets_the_system_message_that_it_was_taught_with(reader: CxrLlava) -> None:
    reader.read(asked(marked_film("left")))
    assert reader._model.seen["chat"][0]["content"].startswith("You are a helpful radiologist.")


def test_chance_is_decided_by_the_seed(reader: CxrLlava) -> None:
    reader.read(asked(marked_film("left")))
    first = reader._model.seen["chance"]
    torch.rand(5)
    reader.read(asked(marked_film("left")))
    assert torch.equal(first, reader._model.seen["chance"])


def test_its_own_faults_are_put_into_words(reader: CxrLlava) -> None:
    with pytest.raises(OutOfMemoryError, match="does not fit"):
        reader.read(asked(marked_film("left"), symptoms="fail"))
    with pytest.raises(ReaderTimeoutError, match="wrote nothing"):
        reader.read(asked(marked_film("left"), symptoms="silence"))


def test_another_interface_is_refused(repository: Path, tmp_path: Path, modules_cache: None) -> None:
    import shutil

    folder = tmp_path / "other-interface"
    shutil.copytree(repository, folder)
    code = (folder / "modeling.py").read_text().replace("generate_cxr_repsonse", "generate_something_else")
    (folder / "modeling.py").write_text(code)
    with pytest.raises(WeightsError, match="not the interface of CXR-LLaVA"):
        CxrLlava(str(folder), allow_remote_code=True, device="cpu")
