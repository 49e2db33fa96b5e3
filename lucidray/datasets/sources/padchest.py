"""PadChest: the table of 160,000 films with labels and places sentence by sentence, and PadChest-GR's boxes.

The Spanish reports are published stemmed ("derram pleural derech"): no text for a reader to learn from. The report in
the manifest is composed in English from the labels and places that PadChest gives for each sentence
(`padchest_report.py`). Films of PadChest-GR (`grounded_reports_*.json`, given as a box file) have sentences that were
translated and checked by people: these are taken instead, with their boxes.

Bustos et al., Medical Image Analysis 66 (2020) 101797; Castro et al., NEJM AI 2 (2025), PadChest-GR
"""

import ast
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from lucidray.datasets.entry import DrawnBox, Entry, Gathered, Inputs, read_entries
from lucidray.datasets.manifest import Split
from lucidray.datasets.sources.padchest_report import Sentence, compose
from lucidray.domain.errors import InputError
from lucidray.evaluation.label_files.padchest import english, load_names, without_side
from lucidray.evaluation.label_files.rows import Row, Table, beside
from lucidray.evaluation.label_files.table import parse_split

_PLACE = "loc "
# Views that are neither frontal nor lateral films of the chest: ribs, and what PadChest itself takes out.
_OTHER_VIEWS = {"COSTAL": "a film of the ribs", "EXCLUDE": "PadChest excludes it"}


def gather(inputs: Inputs) -> Gathered:
    """Read the table, compose the reports, and take in what PadChest-GR knows better."""
    gathered = read_entries(inputs, "padchest")
    reports: dict[str, str] = {}
    left_out: dict[str, str] = {}
    places: Counter[str] = Counter()
    ambiguous = 0
    for path in inputs.labels:
        for row in Table(path):
            image = row["ImageID"]
            if row["Projection"].upper() in _OTHER_VIEWS:
                left_out[image] = _OTHER_VIEWS[row["Projection"].upper()]
                continue
            said = sentences(row)
            places.update(place for one in said for place in one.unmapped)
            ambiguous += any(one.ambiguous for one in said)
            reports[image] = compose(said)
    gathered.left_out.update(left_out[e.label.image] for e in gathered.entries if e.label.image in left_out)
    gathered.entries = [
        replace(entry, report=reports.get(entry.label.image, ""))
        for entry in gathered.entries
        if entry.label.image not in left_out
    ]
    gathered.unmapped.update(places)
    gathered.notes.append(
        "reports are composed in English from PadChest's labels and places; what it does not label they do not say"
    )
    if ambiguous:
        gathered.notes.append(
            f"{ambiguous:,} films have a sentence whose places cannot be told apart: its findings have no side or zone"
        )
    for path in inputs.boxes:
        _ground(gathered, path)
    return gathered


def sentences(row: Row) -> list[Sentence]:
    """Bring the labels and places of a row together, sentence by sentence.

    Physicians' rows are lists of lists, one a sentence. The network's rows are one flat list, in which labels stand
    before the places of their sentence: only the last label before a place is sure to be of that sentence.
    """
    try:
        listed = ast.literal_eval(row.get("LabelsLocalizationsBySentence") or "[]")
        labels = ast.literal_eval(row["Labels"])
    except (ValueError, SyntaxError):
        return []
    if not isinstance(listed, list) or not isinstance(labels, list):
        return []
    flat = [english(str(name)) for name in listed if not isinstance(name, list)]
    groups = [[english(str(name)) for name in part] for part in listed if isinstance(part, list)]
    found = [_sentence(group) for group in groups] + _cut(flat)
    known = {english(str(name)) for name in labels}
    # "normal" of a sentence is about that sentence alone, and so are its places; of the row, it is about the film.
    kept = []
    for one in found:
        own = tuple(label for label in one.labels if label in known)
        if own:
            kept.append(one if own == one.labels else Sentence(own, unmapped=one.unmapped))
    said = {label for one in kept for label in one.labels}
    # A label that no sentence holds is still one.
    return [*kept, *(Sentence((name,)) for name in sorted(known - said - {""}))]


def _cut(names: list[str]) -> list[Sentence]:
    """Cut the network's flat list."""
    found: list[Sentence] = []
    labels: list[str] = []
    places: list[str] = []
    for name in [*names, ""]:
        if name.startswith(_PLACE):
            places.append(name)
            continue
        if places or not name:
            found += [_sentence([label]) for label in labels[:-1]]
            found += [_sentence([*labels[-1:], *places])] if labels else []
            labels, places = [], []
        labels.append(name)
    return found


def _sentence(names: list[str]) -> Sentence:
    """Make a sentence of its labels and places; where the places do not agree for several labels, they say nothing."""
    known = load_names().places
    labels, sides, zones, unmapped = [], set(), set(), []
    for name in names:
        if name.startswith(_PLACE):
            if name not in known:
                unmapped.append(name)
            side, zone = known.get(name, (None, None))
            sides |= {side} if side else set()
            zones |= {zone} if zone else set()
            continue
        label, side = without_side(name)
        labels.append(english(label))
        sides |= {side} if side else set()
    alone = len(labels) == 1
    ambiguous = not alone and (len(sides - {"both"}) > 1 or len(zones) > 1)
    side = "both" if "both" in sides or len(sides) > 1 else next(iter(sides), None)
    zone = next(iter(zones)) if len(zones) == 1 else None
    if not alone and len(sides) > 1:
        side = None
    return Sentence(tuple(dict.fromkeys(labels)), side, zone, tuple(unmapped), ambiguous)


def _ground(gathered: Gathered, path: Path) -> None:
    """Take in PadChest-GR: sentences in English with the boxes of what they say, and its own split."""
    try:
        studies = json.loads(path.read_text(encoding="utf-8"))
        grounded = {study["ImageID"]: _grounded(study) for study in studies}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name} is no grounded_reports file of PadChest-GR: {error}") from error
    splits = _splits(path)
    entries: list[Entry] = []
    for entry in gathered.entries:
        found = grounded.pop(entry.label.image, None)
        if found is None:
            entries.append(entry)
            continue
        report, boxes, unmapped = found
        gathered.unmapped.update(unmapped)
        split = splits.get(entry.label.image, entry.split)
        entries.append(replace(entry, report=report or entry.report, boxes=boxes, split=split))
    gathered.entries = entries
    gathered.formats.append((path.name, "PadChest-GR"))
    if grounded:
        gathered.notes.append(f"{path.name}: {len(grounded):,} films are not in the label file")


def _grounded(study: dict[str, Any]) -> tuple[str, tuple[DrawnBox, ...], list[str]]:
    findings = load_names().findings
    text, boxes, unmapped = [], [], []
    for one in study["findings"]:
        sentence = " ".join(str(one.get("sentence_en") or "").split())
        text += [sentence] if sentence else []
        drawn = [*(one.get("boxes") or []), *(one.get("extra_boxes") or [])]
        labels = [english(str(name)) for name in one.get("labels") or []]
        for name in labels if drawn else ():
            unmapped += [] if name in findings else [f"box of {name}"]
            for finding in findings.get(name, ()):
                for box in drawn:
                    left, top, right, bottom = (float(edge) for edge in box)
                    boxes.append(DrawnBox(finding, (left, top, right, bottom), (1.0, 1.0), sentence))
    return ("FINDINGS: " + " ".join(text) if text else ""), tuple(dict.fromkeys(boxes)), unmapped


def _splits(path: Path) -> dict[str, Split]:
    table = beside(path, "master_table.csv")
    if table is None:
        return {}
    found = {row.get("ImageID"): parse_split(row.get("split")) for row in Table(table)}
    return {image: split for image, split in found.items() if image and split is not None}
