"""How a batch asks: what reads one of its films, what decides a row, and what a reader says of a blank film."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from lucidray.api import Lucidray
from lucidray.batch.inputs import Item
from lucidray.batch.run import ReadItem
from lucidray.domain.protocols import Reader, ReportRequest
from lucidray.domain.radiograph import Radiograph
from lucidray.domain.reading import Finding, Overall, Reading
from lucidray.domain.vocabulary import LABELS, finding_id
from lucidray.readers.prompt import template_hash
from lucidray.readers.registry import DEFAULT, READERS

_BLANK_SIDE_PX = 1024
_NOTHING_GIVEN = "nothing was looked for: the film is blank"


def reading_by(engine: Lucidray) -> ReadItem:
    """Return what reads one item of a batch."""

    def read(item: Item) -> Reading:
        return engine.read(
            item.path, symptoms=item.symptoms, name=item.path.name, age=item.age, sex=item.sex, view=item.view
        )

    return read


def head_of(engine: Lucidray, loading: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return how films are read, as JSON values: rows of two ways of reading never share a journal.

    Parameters
    ----------
    engine : Lucidray
    loading : mapping
        What was chosen of the reader, as `lucidray.api.load` takes it: `reader`, `strategy`, `generation`,
        `reader_options`; empty for the composer.
    settings : mapping
        What else decides a row; JSON values.

    Raises
    ------
    UsageError
        There is no such strategy.
    """
    models = engine.models
    drawing = () if models.localizer is None else (models.localizer.used,)
    parts = (models.segmenter.used, models.classifier.used, *drawing, models.reader.used)
    options = loading.get("reader_options", {})
    name = loading.get("reader", DEFAULT)
    strategy = loading.get("strategy")
    # The prompt itself: a file of one's own may change under its name.
    prompt = template_hash(strategy, options.get("prompts")) if strategy and READERS[name].takes_prompt else None
    return {
        "reader": name,
        "reader_options": {key: str(value) for key, value in sorted(options.items())},
        "strategy": strategy,
        "prompt_sha256": prompt,
        "generation": asdict(loading["generation"]) if "generation" in loading else None,
        "models": [[one.role, one.name, one.version, one.sha256, one.calibration_sha256, one.device] for one in parts],
        **settings,
    }


def ask_about_nothing(reader: Reader, language: str, loading: Mapping[str, Any] | None = None) -> str:
    """Return what a reader writes about a film that is one grey all over, with no finding given to it.

    The gate refuses such a film, so the reader is asked directly: whatever it claims, it has not seen. Of `loading`
    (see `head_of`) the strategy and how the model writes hold here too.
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
    asked = {name: value for name, value in (loading or {}).items() if name in {"strategy", "generation"}}
    return reader.read(ReportRequest(film, findings, overall, [], None, language, **asked)).text
