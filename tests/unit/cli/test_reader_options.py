"""Who writes: the options of `lucidray read`, checked before any model is loaded."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucidray.api import Lucidray
from lucidray.cli.reader_options import choose_by_name, parse_reader_options
from lucidray.domain.answer import Generation
from lucidray.domain.errors import UsageError
from lucidray.domain.vocabulary import LABELS
from lucidray.models.fake import FakeClassifier, FakeSegmenter
from lucidray.pipeline import Models, Request
from lucidray.readers.composer import Composer


class Spy(Composer):
    """A composer that remembers what it was asked."""

    def __init__(self) -> None:
        self.requests = []

    def read(self, request):
        self.requests.append(request)
        return super().read(request)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> dict:
    """What `load` was asked for, with a reader that remembers; `film.png` to read."""
    seen: dict = {"reader": Spy()}

    def load(
        *,
        weights,
        threads,
        language,
        fix_orientation,
        limits,
        classifier,
        localizer,
        device,
        calibration,
        prevalence,
        upscale,
        **reader,
    ):
        seen["asked"], seen["device"] = reader, device
        models = Models(FakeSegmenter(), FakeClassifier(dict.fromkeys(LABELS, 0.1)), seen["reader"])
        rest = {name: reader[name] for name in ("strategy", "generation") if name in reader}
        return Lucidray(models, Request(language=language, limits=limits, **rest))

    monkeypatch.setattr("lucidray.api.load", load)
    y, x = np.indices((320, 256)) / 320
    Image.fromarray((127 + 100 * np.sin(7 * x) * np.cos(5 * y)).astype(np.uint8)).save("film.png")
    return seen


def test_nobody_chosen_changes_nothing(run, loaded) -> None:
    assert run("read", "film.png").code == 0
    assert loaded["asked"] == {}
    request = loaded["reader"].requests[0]
    assert (request.strategy, request.prior_text, request.generation) == ("zero-shot", None, Generation())


def test_every_option_arrives(run, loaded, tmp_path: Path) -> None:
    Path("prior.txt").write_text("Normal chest.\n", encoding="utf-8")
    result = run(
        *("read", "film.png", "--reader", "medgemma", "--model", "google/medgemma-4b-it", "--adapter", "lora"),
        *("--device", "cpu", "--quantize", "4bit", "--strategy", "findings-first", "--temperature", "0.5"),
        *("--top-p", "0.9", "--max-tokens", "99", "--seed", "3", "--prior", "prior.txt", "--revision", "v1"),
        *("--timeout", "60"),
    )
    assert result.code == 0, result.err
    assert loaded["asked"] == {
        "reader": "medgemma",
        "strategy": "findings-first",
        "generation": Generation(0.5, 0.9, 99, 3),
        "reader_options": {
            "model": "google/medgemma-4b-it",
            "adapter": "lora",
            "quantize": "4bit",
            "revision": "v1",
            "timeout_s": 60.0,
        },
    }
    assert loaded["device"] == "cpu"
    request = loaded["reader"].requests[0]
    assert request.prior_text == "Normal chest.\n"
    assert request.strategy == "findings-first"
    assert request.generation == Generation(0.5, 0.9, 99, 3)


def test_a_server_and_prompts_of_ones_own(run, loaded) -> None:
    Path("prompts").mkdir()
    Path("prompts/mine.txt").write_text("Write {language}.")
    result = run(
        *("read", "film.png", "--reader", "openai", "--base-url", "http://127.0.0.1:1/v1", "--model", "m"),
        *("--prompts", "prompts", "--strategy", "mine"),
    )
    assert result.code == 0, result.err
    assert loaded["asked"]["reader_options"] == {
        "base_url": "http://127.0.0.1:1/v1",
        "model": "m",
        "prompts": Path("prompts"),
    }


def test_code_of_others_is_allowed_by_a_flag_only(run, loaded) -> None:
    run("read", "film.png", "--reader", "cxr-llava")
    assert "allow_remote_code" not in loaded["asked"]["reader_options"]
    run("read", "film.png", "--reader", "cxr-llava", "--allow-remote-code")
    assert loaded["asked"]["reader_options"]["allow_remote_code"] is True


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--reader", "gpt"], "no reader 'gpt'; there are: composer, medgemma"),
        (["--temperature", "1"], "--temperature is of no use to the composer: choose another reader"),
        (["--reader", "composer", "--model", "m"], "--model is of no use to the composer"),
        (["--reader", "medgemma", "--strategy", "magic"], "no prompt strategy 'magic'; there are: findings-first"),
        (["--reader", "medgemma", "--prompts", "nowhere"], "is no folder of prompts"),
        (["--reader", "medgemma", "--prior", "nowhere.txt"], "earlier report nowhere.txt cannot be read"),
        (["--reader", "medgemma", "--max-tokens", "0"], "--max-tokens"),
        (["--reader", "medgemma", "--top-p", "0"], "--top-p"),
    ],
)
def test_wrong_use_is_told_before_anything_is_loaded(run, loaded, options: list[str], words: str) -> None:
    result = run("read", "film.png", *options)
    assert result.code == 2
    assert words in result.err
    assert "asked" not in loaded


def test_an_earlier_report_that_is_no_text_is_refused(run, loaded) -> None:
    Path("prior.txt").write_bytes(b"\xff\xfe\x00")
    assert "it is not UTF-8" in run("read", "film.png", "--reader", "medgemma", "--prior", "prior.txt").err
    Path("prior.txt").write_bytes(b"a" * 200_000)
    assert "too large for a report" in run("read", "film.png", "--reader", "medgemma", "--prior", "prior.txt").err


def test_load_takes_a_name_or_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    from lucidray import api

    monkeypatch.setattr(api, "EmbeddedSegmenter", lambda *_: FakeSegmenter())
    monkeypatch.setattr(api, "open_classifier", lambda *_, **__: FakeClassifier(dict.fromkeys(LABELS, 0.1)))
    spy = Spy()
    film = (np.indices((320, 256)).sum(0) % 97 / 97).astype(np.float32)
    api.load(reader=spy, strategy="role", generation=Generation(seed=4)).read(film, prior_text="Normal.")
    assert spy.requests[0].strategy == "role"
    assert spy.requests[0].generation.seed == 4
    assert spy.requests[0].prior_text == "Normal."
    assert api.load(reader="composer").read(film).provenance.models[-1].name == "composer"
    with pytest.raises(UsageError, match="no reader"):
        api.load(reader="gpt")
    with pytest.raises(UsageError, match="takes no --model"):
        api.load(reader="composer", reader_options={"model": "m"})


def test_the_device_of_the_models_is_the_readers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from lucidray.readers import registry

    opened = []

    def build(*, model: str = "m", device: str = "auto") -> Spy:
        opened.append((model, device))
        return Spy()

    module = type("Module", (), {"MedGemma": staticmethod(build), "Composer": Composer})
    monkeypatch.setattr(registry, "import_module", lambda _: module)
    registry.open_reader("medgemma", {"model": "n"}, "cpu")
    registry.open_reader("medgemma", {"device": "mps"}, "cpu")
    registry.open_reader("medgemma")
    assert opened == [("n", "cpu"), ("m", "mps"), ("m", "auto")]
    assert isinstance(registry.open_reader("composer", None, "cpu"), Composer)


def test_an_option_with_a_reader_before_the_dot_is_read_as_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("Write {language}.")
    given = ["a.temperature=0.5", "a.prompts=" + str(tmp_path), "a.strategy=mine", "a.allow-remote-code=true"]
    options = parse_reader_options([*given, "a.side_px=512", "a.timeout=7"], ["a", "b"])
    assert options["b"] == {}
    choice = choose_by_name("medgemma", options["a"])
    assert choice.loading["generation"] == Generation(temperature=0.5)
    assert choice.loading["strategy"] == "mine"
    assert choice.loading["reader_options"] == {
        "prompts": tmp_path,
        "allow_remote_code": True,
        "side_px": 512,
        "timeout_s": 7.0,
    }
    for wrong in ({"temperature": "9"}, {"allow_remote_code": "perhaps"}, {"prior": "a.txt"}, {"strategy": "magic"}):
        with pytest.raises(UsageError):
            choose_by_name("medgemma", wrong)
    assert choose_by_name("composer", {}).loading == {}
    with pytest.raises(UsageError, match="of no use to the composer"):
        choose_by_name("composer", {"model": "m"})
