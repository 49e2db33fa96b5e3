"""The options that choose who writes the report, and how; one decorator for every command that reads films."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import click

from lucidray.domain.errors import UsageError

MAX_PRIOR_BYTES = 100_000
DEFAULT_STRATEGY = "zero-shot"


@dataclass(frozen=True)
class ReaderChoice:
    """Who writes, and how.

    Attributes
    ----------
    loading : dict
        Passed on to `lucidray.api.load`; empty where nobody was chosen.
    asked : dict
        Passed on to `Lucidray.read`, for every film.
    """

    loading: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)


def reader_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and hand them to the command as one argument, `reader`."""

    @wraps(command)
    def with_choice(*arguments: Any, **options: Any) -> Any:
        given = {name: options.pop(name) for name in _NAMES}
        return command(*arguments, reader=choose(**given), **options)

    for option in reversed(_OPTIONS):
        with_choice = option(with_choice)
    return with_choice


_OPTIONS = (
    click.option(
        "--reader",
        "reader_name",
        metavar="NAME",
        help="Who writes: composer (the default), medgemma, cxr-llava, encoder-decoder, openai, gemini, mlx.",
    ),
    click.option("--model", metavar="ID|DIR", help="Of the reader: a name on the hub or server, or a folder."),
    click.option("--adapter", metavar="DIR", help="LoRA adapter for the reader's model."),
    click.option("--base-url", metavar="URL", help="Of the reader's server, for example http://127.0.0.1:8000/v1."),
    click.option("--quantize", metavar="BITS", help="Of the reader's weights: 4bit, 8bit or none."),
    click.option(
        "--strategy", metavar="NAME", help="Prompt that the reader is asked with, for example findings-first."
    ),
    click.option(
        "--prompts",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Folder with your own prompts.",
    ),
    click.option(
        "--temperature", type=click.FloatRange(0, 5), metavar="T", help="0, the default, takes the likeliest."
    ),
    click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), metavar="P", help="1 by default."),
    click.option("--max-tokens", type=click.IntRange(1, 32768), metavar="N", help="Of the report; 768 by default."),
    click.option("--seed", type=click.IntRange(0, 2**31 - 1), metavar="N", help="0 by default."),
    click.option("--prior", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Earlier report."),
    click.option("--allow-remote-code", is_flag=True, default=None, help="Run the Python code that a model brings."),
    click.option("--revision", metavar="COMMIT", help="Of the reader's model on the hub."),
    click.option("--timeout", "timeout_s", type=click.FloatRange(1), metavar="S", help="Seconds for one report."),
)
_NAMES = (
    "reader_name",
    "model",
    "adapter",
    "base_url",
    "quantize",
    "strategy",
    "prompts",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "prior",
    "allow_remote_code",
    "revision",
    "timeout_s",
)
_GENERATION = ("temperature", "top_p", "max_tokens", "seed")


def choose(*, reader_name: str | None, prior: Path | None, strategy: str | None, **given: Any) -> ReaderChoice:
    """Check the options and put them together, before any model is loaded.

    Raises
    ------
    UsageError
        There is no such reader or strategy, the reader does not take an option, or the earlier report cannot be read.
    """
    from lucidray.readers.prompt import check_strategy
    from lucidray.readers.registry import DEFAULT, READERS, option_of

    name = reader_name or DEFAULT
    if name not in READERS:
        raise UsageError(f"no reader {name[:40]!r}; there are: {', '.join(READERS)}")
    set_ = {key: value for key, value in ({"strategy": strategy, "prior": prior} | given).items() if value is not None}
    if name == DEFAULT:
        if set_:
            raise UsageError(
                f"{option_of(min(set_))} is of no use to the composer: choose another reader with --reader"
            )
        return ReaderChoice()
    if name != "encoder-decoder":
        check_strategy(strategy or DEFAULT_STRATEGY, given["prompts"])
    from lucidray.domain.answer import Generation

    generation = {key: set_.pop(key) for key in _GENERATION if key in set_}
    loading = {
        "reader": name,
        "strategy": set_.pop("strategy", DEFAULT_STRATEGY),
        "generation": Generation(**generation),
    }
    asked = {"prior_text": _text(set_.pop("prior"))} if "prior" in set_ else {}
    return ReaderChoice(loading | {"reader_options": set_}, asked)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_PRIOR_BYTES:
            raise UsageError(f"{path} is too large for a report: at most {MAX_PRIOR_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"the earlier report {path} cannot be read: {reason}") from error
