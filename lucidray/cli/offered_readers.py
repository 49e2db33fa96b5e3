"""The readers that a service offers: the composer, and those that are named when it is started."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lucidray.cli.reader_options import choose_by_name, parse_reader_options
from lucidray.domain.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from lucidray.domain.protocols import Reader
    from lucidray.server.engine import ReaderChoice

# What each order says for itself: see `lucidray.store.order.Order`.
_OF_THE_ORDER = {"strategy", "temperature", "top_p", "max_tokens", "seed"}


def offered(names: Sequence[str], options: Sequence[str], device: str) -> "list[ReaderChoice]":
    """Return what a service offers, the composer first: it is the default, and sends nothing away.

    A reader with weights is loaded when it is first asked for. One that speaks to a server is made now, which costs
    nothing and sends nothing: a missing key or address shows before anybody waits for a report.

    Parameters
    ----------
    names : sequence of str
        Of `lucidray.readers.registry.READERS`, each once.
    options : sequence of str
        ``READER.NAME=VALUE``.
    device : str
        For readers that run on this machine.

    Raises
    ------
    UsageError
        There is no such reader, it cannot be offered, or an option makes no sense.
    MissingExtraError
        The optional part that it needs is not installed.
    """
    from lucidray.readers.registry import DEFAULT, FOR_TESTS, READERS

    wanted = list(dict.fromkeys(name for name in names if name != DEFAULT))
    for name in wanted:
        if name not in READERS or name == FOR_TESTS:
            others = ", ".join(other for other in READERS if other != FOR_TESTS)
            raise UsageError(f"--reader {name[:40]!r} cannot be offered; there are: {others}")
    given = parse_reader_options(options, wanted)
    return [_choice(DEFAULT, {}, device), *(_choice(name, given[name], device) for name in wanted)]


def _choice(name: str, given: dict[str, str], device: str) -> "ReaderChoice":
    from lucidray.readers.registry import READERS, missing_part, open_reader
    from lucidray.server.engine import ReaderChoice

    entry = READERS[name]
    if of_the_order := sorted(_OF_THE_ORDER & set(given)):
        raise UsageError(f"--reader-option {name}.{of_the_order[0]}: each order says that for itself")
    if entry.extra is not None and missing_part(entry):
        raise MissingExtraError(f"the reader {name}", entry.extra)
    options = choose_by_name(name, given).loading.get("reader_options", {})
    load = partial(open_reader, name, options, device)
    sends_data_away = False
    if entry.sends_data != "never":
        reader = load()
        sends_data_away, load = reader.used.data_left_machine, partial(_same, reader)
    prompts: Path | None = options.get("prompts")
    return ReaderChoice(name, load, entry.what, entry.licence, sends_data_away, entry.takes_prompt, prompts)


def _same(reader: "Reader") -> "Reader":
    return reader
