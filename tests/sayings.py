"""A stand-in for claims, and inputs and readings for the tests of what runs over many films."""

import re
from collections.abc import Sequence
from pathlib import Path

from readings import accepted_reading, refused_reading

from lucidray.batch.inputs import Item
from lucidray.domain.claim import Claim
from lucidray.domain.errors import InputError
from lucidray.domain.reading import Reading, Sentence
from lucidray.domain.vocabulary import LABELS


def extract(text: str) -> Sequence[Claim]:
    """Find the findings' names: after "no" absent, after "possible" uncertain; with the side and zone that follow."""
    claims = []
    for sentence in filter(None, (part.strip() for part in re.split(r"[.\n]", text.lower()))):
        for label in LABELS:
            if label.lower() in sentence and "not assessed" not in sentence:
                words = sentence.split()
                side = next((side for side in ("left", "right", "both") if side in words), None)
                zone = next((zone for zone in ("upper", "mid", "lower") if zone in words), None)
                polarity = "absent" if "no" in words else "uncertain" if "possible" in words else "present"
                claims.append(Claim(label=label, polarity=polarity, side=side, zone=zone, sentence=sentence))
    return claims


def film(folder: Path, name: str, content: str = "film") -> Path:
    """Write a file that stands for a film; what is in it, `read` knows."""
    path = folder / name
    path.write_text(content)
    return path


def items(folder: Path, count: int) -> list[Item]:
    """Make files and items `0.png`, `1.png` and so on."""
    return [Item(f"{number}.png", film(folder, f"{number}.png")) for number in range(count)]


def saying(text: str, name: str = "film.png") -> Reading:
    """Make a reading whose report is one sentence."""
    reading = accepted_reading(name=name)
    report = reading.report.model_copy(
        update={
            "findings": [Sentence(text=text, evidence=["overall"], verdict="supported")],
            "locations": [],
            "impression": [],
        }
    )
    return reading.model_copy(update={"report": report})


def read(item: Item) -> Reading:
    """Read a stand-in: `refused` and `broken` say so, `bug` is a fault of ours, anything else is the report."""
    if not item.path.exists():
        raise InputError(f"{item.path.name}: no such file")
    content = item.path.read_text()
    if content == "refused":
        return refused_reading(name=item.path.name)
    if content == "broken":
        raise InputError("the file is damaged")
    if content == "bug":
        raise ZeroDivisionError("surprise")
    return saying(content, item.path.name)
