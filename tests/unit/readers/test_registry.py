"""Readers by name: what is said where one cannot be opened. Needs no optional part."""

import builtins
import re
import subprocess
import sys
from pathlib import Path

import pytest
from report_requests import request

from lucidray.domain.errors import MissingExtraError, ModelError, UsageError
from lucidray.domain.protocols import Reader
from lucidray.readers import registry
from lucidray.readers.composer import Composer
from lucidray.readers.registry import DEFAULT, READERS, open_reader, option_of

ROOT = Path(__file__).parents[3]
ISSUED = {"composer", "medgemma", "cxr-llava", "encoder-decoder", "openai", "gemini", "mlx", "fake"}


def test_every_reader_is_listed() -> None:
    assert set(READERS) == ISSUED


def test_the_default_is_the_composer() -> None:
    reader = open_reader(DEFAULT)
    assert isinstance(reader, Composer)
    assert isinstance(reader, Reader)
    assert reader.read(request()).report is not None


def test_no_vision_language_model_claims_to_have_run_on_its_weights() -> None:
    assert {name for name, entry in READERS.items() if entry.ran_on_real_weights is None} == {"composer", "fake"}
    assert not any(entry.ran_on_real_weights for entry in READERS.values())


def test_only_readers_that_ask_a_server_send_data() -> None:
    assert {name for name, entry in READERS.items() if entry.sends_data != "never"} == {"openai", "gemini"}
    assert READERS["gemini"].sends_data == "always"


def test_an_unknown_reader_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no reader 'gpt'; there are: composer, medgemma"):
        open_reader("gpt")


def test_an_option_that_a_reader_does_not_take_is_refused() -> None:
    with pytest.raises(UsageError, match=r"composer takes no --device; its options: none"):
        open_reader("composer", {"device": "cpu"})
    assert isinstance(open_reader("composer", {"device": None}), Composer)
    assert option_of("timeout_s") == "--timeout"


def test_the_device_of_the_reading_is_the_readers_unless_it_was_given_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Local(Composer):
        def __init__(self, device: str = "auto") -> None:
            self.device = device

    monkeypatch.setattr("lucidray.readers.composer.Composer", Local)
    assert open_reader("composer", device="cpu").device == "cpu"
    assert open_reader("composer", {"device": "cuda"}, device="cpu").device == "cuda"
    assert open_reader("composer").device == "auto"
    monkeypatch.undo()
    assert isinstance(open_reader("composer", device="cpu"), Composer)


@pytest.mark.parametrize("name", [name for name, entry in READERS.items() if entry.extra])
def test_a_missing_part_names_its_cure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = READERS[name]
    outside = ("torch", "transformers", "huggingface_hub", "psutil", "httpx", "mlx", "mlx_vlm")
    for module in [
        module for module in sys.modules if module.startswith(("lucidray.readers.local.", "lucidray.readers.remote."))
    ]:
        monkeypatch.delitem(sys.modules, module)
    real = builtins.__import__

    def without(module: str, *arguments: object, **options: object) -> object:
        if module.split(".", maxsplit=1)[0] in outside:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return real(module, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=rf"the reader {name} needs .*pip install 'lucidray\[{entry.extra}\]'"):
        open_reader(name, {"model": "m"})


def test_libraries_that_do_not_fit_together_are_told_apart_from_missing_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        cause = RuntimeError("operator torchvision::nms does not exist\nmore")
        raise ModuleNotFoundError("Could not import module 'AutoProcessor'.") from cause

    monkeypatch.setattr(registry, "import_module", fail)
    with pytest.raises(ModelError, match="do not fit together: operator torchvision::nms does not exist") as caught:
        open_reader("medgemma")
    assert not isinstance(caught.value, MissingExtraError)
    assert "\n" not in str(caught.value)


def test_the_table_is_right_about_where_things_are() -> None:
    for name, entry in READERS.items():
        if name == "fake":
            continue
        path = ROOT / (entry.module.replace(".", "/") + ".py")
        assert re.search(rf"^class {entry.factory}\b", path.read_text(), re.MULTILINE), name


def test_extras_of_the_table_are_extras_of_the_package() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {entry.extra for entry in READERS.values() if entry.extra} <= set(extras)


def test_opening_the_composer_costs_nobody_a_library() -> None:
    heavy = "{'torch', 'transformers', 'httpx', 'huggingface_hub', 'mlx_vlm'} & set(sys.modules)"
    opened = "import sys; from lucidray.readers.registry import open_reader; open_reader('composer')"
    code = f"{opened}; sys.exit(len({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_the_docs_name_every_reader_with_its_terms() -> None:
    page = (ROOT / "docs" / "readers.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip().strip("`"): line for line in page.splitlines() if line.startswith("| `")}
    for name, entry in READERS.items():
        assert name in rows, name
        assert entry.licence in rows[name], name
        if entry.extra:
            assert f"`{entry.extra}`" in rows[name], name
