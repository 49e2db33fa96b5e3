"""Every reader by its name: what it is, what it needs, where the film goes, and how to open it.

A backend is imported when it is opened, so that nobody pays for another one's libraries. There is no default but the
composer, and no reader ever takes another one's place.
"""

import inspect
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from lucidray.domain.errors import MissingExtraError, ModelError, UsageError
from lucidray.domain.protocols import Reader

DEFAULT = "composer"
# Top-level modules that an extra brings; a missing other one is a fault of the installation.
_BROUGHT_BY_EXTRAS = frozenset(
    {
        "torch",
        "transformers",
        "accelerate",
        "peft",
        "bitsandbytes",
        "huggingface_hub",
        "psutil",
        "httpx",
        "mlx",
        "mlx_vlm",
    }
)
# What has to be importable for each extra.
_NEEDED = {"vlm": ("torch", "transformers", "psutil"), "remote": ("httpx",), "mlx": ("mlx", "mlx_vlm")}
FOR_TESTS = "fake"  # opened by its name, and offered to nobody


class Entry(NamedTuple):
    """A reader that can be opened.

    Attributes
    ----------
    module, factory : str
        Where it is, and what builds it.
    what : str
    licence : str
        Of the weights, or of what else decides.
    extra : str or None
        Optional part of lucidray that it needs.
    gated : bool
        Whether terms have to be accepted before its weights can be fetched.
    sends_data : str
        Whether the film leaves the machine: "never", "always", or what it depends on.
    ran_on_real_weights : bool or None
        Whether this project ever ran it on the weights that it is for; None where there are none.
    takes_prompt : bool
        Whether it is asked in words.
    """

    module: str
    factory: str
    what: str
    licence: str
    extra: str | None = None
    gated: bool = False
    sends_data: str = "never"
    ran_on_real_weights: bool | None = False
    takes_prompt: bool = True


READERS: dict[str, Entry] = {
    "composer": Entry(
        "lucidray.readers.composer",
        "Composer",
        "rules that write from the findings",
        "Apache-2.0",
        ran_on_real_weights=None,
        takes_prompt=False,
    ),
    "medgemma": Entry(
        "lucidray.readers.local.medgemma",
        "MedGemma",
        "MedGemma and other models that take a picture and a chat, with or without a LoRA adapter",
        "Health AI Developer Foundations terms",
        extra="vlm",
        gated=True,
    ),
    "cxr-llava": Entry(
        "lucidray.readers.local.cxr_llava",
        "CxrLlava",
        "CXR-LLaVA v2, whose code comes from the hub",
        "CC BY-NC 4.0, Llama 2 terms",
        extra="vlm",
    ),
    "encoder-decoder": Entry(
        "lucidray.readers.local.encoder_decoder",
        "EncoderDecoder",
        "any VisionEncoderDecoderModel checkpoint",
        "the checkpoint's",
        extra="vlm",
        takes_prompt=False,
    ),
    "openai": Entry(
        "lucidray.readers.remote.openai",
        "OpenAI",
        "any OpenAI-compatible server: vLLM, Ollama, llama.cpp, LM Studio",
        "the served model's",
        extra="remote",
        sends_data="to the server named; it leaves the machine unless that is this machine",
    ),
    "gemini": Entry(
        "lucidray.readers.remote.gemini",
        "Gemini",
        "Google's Gemini",
        "Google's terms of service",
        extra="remote",
        sends_data="always",
    ),
    "mlx": Entry(
        "lucidray.readers.local.mlx",
        "Mlx",
        "MedGemma on Apple silicon, through mlx-vlm",
        "Health AI Developer Foundations terms",
        extra="mlx",
        gated=True,
    ),
    "fake": Entry(
        "lucidray.readers.fake",
        "FakeReader",
        "says what it is told to, for tests",
        "Apache-2.0",
        ran_on_real_weights=None,
    ),
}


def missing_part(entry: Entry) -> str:
    """Return what is missing on this machine before a reader can be opened, with the cure; empty where nothing is."""
    missing = [name for name in _NEEDED.get(entry.extra or "", ()) if find_spec(name) is None]
    return f"without {', '.join(missing)}: pip install 'lucidray[{entry.extra}]'" if missing else ""


def open_reader(name: str, options: Mapping[str, Any] | None = None, device: str | None = None) -> Reader:
    """Build a reader, loading its weights where it has any.

    Parameters
    ----------
    name : str
        One of `READERS`.
    options : mapping, optional
        Of that reader, by the names of its parameters; those that are None count as not given.
    device : str, optional
        For a reader that runs on this machine and lets it be chosen; one among the options goes first.

    Raises
    ------
    UsageError
        There is no such reader, or it does not take an option.
    MissingExtraError
        A library that it needs is not installed; the message names the cure.
    ModelError
        See the reader.
    """
    if name not in READERS:
        raise UsageError(f"no reader {name[:40]!r}; there are: {', '.join(READERS)}")
    entry = READERS[name]
    given = {key: value for key, value in (options or {}).items() if value is not None}
    try:
        build = getattr(import_module(entry.module), entry.factory)
        # Libraries import parts of themselves when they are used.
        _check_options(name, build, given)
        if device is not None and "device" in inspect.signature(build).parameters:
            given = {"device": device} | given
        reader: Reader = build(**given)
    except ImportError as error:
        raise _explained(error, name, entry) from error
    return reader


def _check_options(name: str, build: Any, given: Mapping[str, Any]) -> None:
    taken = inspect.signature(build).parameters
    for key in given:
        if key not in taken:
            others = ", ".join(option_of(other) for other in taken) or "none"
            raise UsageError(f"the reader {name} takes no {option_of(key)}; its options: {others}")


def option_of(parameter: str) -> str:
    """Return the option of the command line that fills a reader's parameter."""
    return "--" + parameter.removesuffix("_s").replace("_", "-")


def _explained(error: ImportError, name: str, entry: Entry) -> ModelError:
    module = (error.name or "").split(".")[0]
    if entry.extra is not None and module in _BROUGHT_BY_EXTRAS and isinstance(error, ModuleNotFoundError):
        return MissingExtraError(f"the reader {name}", entry.extra)
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    short = str(cause).strip().split("\n", 1)[0][:200]
    return ModelError(f"the reader {name} cannot be loaded, as its libraries do not fit together: {short}")
