"""Readers by name, over networks that are loaded once."""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

import numpy as np

from lucidray.api import Lucidray
from lucidray.batch.inputs import Item
from lucidray.batch.run import ReadItem
from lucidray.domain.errors import UsageError
from lucidray.domain.protocols import Reader, ReportRequest
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import Finding, Overall, Reading
from lucidray.domain.vocabulary import LABELS, finding_id
from lucidray.readers.composer import Composer

COMPOSER = "composer"
_REGISTRY = "lucidray.readers.registry"
_BLANK_SIDE_PX = 1024
_NOTHING_GIVEN = "nothing was looked for: the film is blank"


def open_reader(name: str, options: Mapping[str, Any]) -> Reader:
    """Open a reader by its name in the registry.

    Raises
    ------
    UsageError
        There is no such reader, or it knows no such option.
    ModelError
        It cannot be loaded.
    """
    if find_spec(_REGISTRY) is not None:
        return cast("Reader", import_module(_REGISTRY).open_reader(name, options))
    if name != COMPOSER:
        raise UsageError(f"there is no reader {name!r}; lucidray has {COMPOSER}")
    if options:
        raise UsageError(f"the reader {COMPOSER} has no option {', '.join(options)}")
    return Composer()


def parse_options(given: Sequence[str]) -> dict[str, Any]:
    """Turn ``name=value`` into a mapping; what is JSON (a number, true, null) is taken as that.

    Raises
    ------
    UsageError
        There is no ``=``, or no name before it.
    """
    options: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{text!r} is no option of a reader: write NAME=VALUE")
        try:
            options[name.strip().replace("-", "_")] = json.loads(value)
        except ValueError:
            options[name.strip().replace("-", "_")] = value
    return options


def reading_by(engine: Lucidray) -> ReadItem:
    """Return what reads one item of a batch."""

    def read(item: Item) -> Reading:
        return engine.read(
            item.path, symptoms=item.symptoms, name=item.path.name, age=item.age, sex=item.sex, view=item.view
        )

    return read


def head_of(engine: Lucidray, name: str, options: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return how films are read, as JSON values: rows of two ways of reading never share a journal."""
    parts = (engine.models.segmenter.used, engine.models.classifier.used, engine.models.reader.used)
    return {
        "reader": name,
        "reader_options": {key: str(value) for key, value in sorted(options.items())},
        "models": [[used.role, used.name, used.version, used.sha256] for used in parts],
        **settings,
    }


def ask_about_nothing(reader: Reader, language: str) -> str:
    """Return what a reader writes about a film that is one grey all over, with no finding given to it.

    The gate refuses such a film, so the reader is asked directly: whatever it claims, it has not seen.
    """
    film = Radiograph(np.full((_BLANK_SIDE_PX, _BLANK_SIDE_PX), 0.5, dtype=np.float32), name="blank", format="array")
    findings = [
        Finding(
            id=finding_id(label),
            label=label,
            probability=None,
            interval=None,
            threshold=None,
            status="unsupported",
            n_positive=0,
            prevalence=None,
            basis=_NOTHING_GIVEN,
        )
        for label in LABELS
    ]
    overall = Overall(
        probability=None, interval=None, threshold=None, status="unsupported", n_positive=0, prevalence=None
    )
    return reader.read(ReportRequest(film, findings, overall, [], None, language)).text
