"""Write docs/results.md from the result files in docs/results/ and from the cards of the shipped weights.

`python tools/results.py` writes it, `--check` only says whether it is in step. No figure is typed by hand but those of
other people's papers, each with its source.
"""

import json
import sys
from pathlib import Path
from typing import Any

from results_second_opinion import second_opinion

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
WEIGHTS = ROOT / "lucidray" / "models" / "weights"
PAGE = ROOT / "docs" / "results.md"
ANY = "Any abnormality"
FEW_BOXES = 5

HEAD = """# Results

Written by `make results` from the files in [results/](results/), which `make measure FILMS=path/to/films` makes with
the commands of [evaluation.md](evaluation.md). **Research use only, not for clinical diagnosis.**

Every figure is over films of patients that no training and no tuning saw, with its 95 % interval and the films behind
it. Films that the gate refused are not in it; how many these are is told. `nih` has films of 512 pixels a side,
`nih_small` of 128; both are NIH ChestX-ray14, whose labels were mined from reports, one in ten wrong. Published figures
stand beside ours to give a scale: **they are on other test sets, and no comparison.**
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD.strip(), _models()]
    findings = _read("findings")
    if findings is not None:
        parts += [_means(findings), _by_finding(findings), _groups(findings), _shortcuts(findings)]
    for name, write in (("localization", _localization), ("anatomy", _anatomy)):
        found = _read(name)
        if found is not None:
            parts.append(write(found))
    parts.append(_gate(_read("gate"), _read("gate-views")))
    parts.append(second_opinion(_read("second_opinion")))
    return "\n\n".join(part for part in parts if part) + "\n"


def _read(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _models() -> str:
    """Say which weights are shipped, and which result files were made with other ones."""
    hashes = {}
    for name in ("findings", "anatomy"):
        hashes[name] = json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))["onnx_sha256"]
    lines = [f"Shipped weights: findings `{hashes['findings'][:12]}…`, anatomy `{hashes['anatomy'][:12]}…`."]
    for name in ("findings", "localization", "anatomy", "gate", "gate-views"):
        found = _read(name)
        if found is None:
            lines.append(f"`results/{name}.json` is not there: its figures are missing below.")
            continue
        old = [one["role"] for one in found["model"] if one["sha256"] != hashes[one["role"]]]
        if old:
            lines.append(f"**`results/{name}.json` was made with earlier weights ({', '.join(old)}): measure again.**")
    return "\n\n".join(lines)


def _means(found: dict[str, Any]) -> str:
    films = found["films"]
    lines = [
        "## Findings",
        f"{films['assessed']:,} films of {found['patients']:,} patients assessed; {films['refused']} refused by"
        f" the gate, {films['unreadable']} unreadable, {films['missing']} missing.",
    ]
    rows = [
        (
            "mean AUROC within a source",
            "value",
            "findings",
            "films (patients)",
            "view alone",
            "shuffled",
            "always normal",
        )
    ]
    for source, mean in found["means"].items():
        auroc = mean["auroc"]
        rows.append(
            (
                f"`{source}`",
                _figure(auroc),
                f"{mean['told']} with {mean['at_least_positive']} or more positive films",
                f"{auroc['n']:,} ({auroc['n_patients']:,})",
                _plain(mean["view_alone_auroc"]),
                _plain(mean["shuffled_auroc"]),
                _plain(mean["always_normal_auroc"]),
            )
        )
    told = [f"- `{source}`: {', '.join(mean['findings'])}" for source, mean in found["means"].items()]
    lines += [_table(rows), "In the means:\n\n" + "\n".join(told), _published("findings")]
    return "\n\n".join(lines)


def _by_finding(found: dict[str, Any]) -> str:
    rows = [
        (
            "finding", "positive of films", "AUROC within sources", "AUPRC", "sensitivity at 90 % specificity",
            "specificity at 90 % sensitivity", "F1 at own threshold (best)", "ECE", "Brier", "view alone", "shuffled",
        )
    ]  # fmt: skip
    silent = []
    for name, one in found["findings"].items():
        figures = one["figures"]
        count = f"{one['n_positive']:,} of {one['n']:,}"
        if figures is None:
            rows.append((name, count, "too few films", *[""] * 8))
            continue
        if not one["has_probability"]:
            silent.append(name)
        f1 = f"{_figure(figures['f1'])} ({_plain(figures['f1_best']['value'])})" if "f1" in figures else ""
        rows.append(
            (
                name + ("" if one["has_probability"] else " †"),
                count,
                _figure(one["auroc_within_sources"] or figures["auroc"]),
                _figure(figures["auprc"]),
                _figure(figures["sensitivity_at_90_specificity"]),
                _figure(figures["specificity_at_90_sensitivity"]),
                f1,
                _figure(figures["ece"], 3) if "ece" in figures else "",
                _figure(figures["brier"], 3) if "brier" in figures else "",
                _plain(one["controls"]["view_alone_auroc"]),
                _plain(one["controls"]["shuffled_auroc"]),
            )
        )
    measured = [one for name, one in found["findings"].items() if name != ANY and one["figures"] is not None]
    shown = sum(one["has_probability"] for one in measured)
    lines = [
        "### Finding by finding",
        f"{len(measured)} of 14 findings have enough films to be measured; {shown} of 14 are supported and carry a"
        " probability, calibrated at the prevalence that each reading states.",
        _table(rows),
    ]
    if silent:
        lines.append(f"† {', '.join(silent)}: not supported. They rank as told here and are never shown in a reading.")
    lines.append("An answer of always normal has AUROC 0.50 and sensitivity 0, and so has a blank film's answer.")
    return "\n\n".join(lines)


def _groups(found: dict[str, Any]) -> str:
    """AUROC by source, view, sex and age, of what has enough films in two groups at least."""
    parts = ["### By source, view, sex and age"]
    for kind in ("source", "view", "sex", "age"):
        groups = sorted({group for one in found["findings"].values() for group in one.get("groups", {}).get(kind, {})})
        rows = [("AUROC", *groups)]
        for name, one in found["findings"].items():
            cells = []
            for group in groups:
                entry = one.get("groups", {}).get(kind, {}).get(group)
                shown = entry is not None and entry["auroc"] is not None
                cells.append(f"{_figure(entry['auroc'])}, {entry['n_positive']} of {entry['n']:,}" if shown else "")
            if any(cells):
                rows.append((name, *cells))
        if len(rows) > 1:
            parts.append(_table(rows))
    parts.append(
        "Empty: fewer than five films of either class. Children are of another hospital, and read by an output of"
    )
    parts[-1] += " their own."
    return "\n\n".join(parts)


def _shortcuts(found: dict[str, Any]) -> str:
    if not found.get("shortcuts"):
        return ""
    rows = [("path", "films", "median change", "95th percentile", "largest", "calls that change", "refused after")]
    for path, one in found["shortcuts"].items():
        spread = one["all"]
        rows.append(
            (
                path,
                f"{one['n']}",
                f"{spread['median']:.3f}",
                f"{spread['p95']:.3f}",
                f"{spread['max']:.3f}",
                _figure(one["calls_changed"], 3),
                f"{one['refused_after']}",
            )
        )
    return "\n\n".join(
        (
            "### The same film through another folder's path",
            "Each film resampled and recompressed as another folder's films are: by how much its probabilities move.",
            _table(rows),
        )
    )


def _localization(found: dict[str, Any]) -> str:
    keys = (
        "pointing",
        "iou_over_0.1",
        "iou_over_0.3",
        "iou_over_0.5",
        "iobb_over_0.1",
        "iobb_over_0.25",
        "iobb_over_0.5",
    )
    names = ("pointing game", "IoU > 0.1", "IoU > 0.3", "IoU > 0.5", "IoBB > 0.1", "IoBB > 0.25", "IoBB > 0.5")
    rows: list[tuple[str, ...]] = [("boxes", "boxes (films)", *names)]
    few = [f"{name} ({group['n']})" for name, group in found["groups"].items() if group["n"] < FEW_BOXES]
    for name, group in found["groups"].items():
        if group["n"] < FEW_BOXES:
            continue
        count = f"{group['n']} ({group['n_films']})"
        rows.append((name, count, *(_figure(group[key]) for key in keys)))
        rows.append(("*random box*", "", *(_plain(group[key]["random_box"]) for key in keys)))
        rows.append(("*usual place*", "", *(_plain(group[key]["usual_place"]) for key in keys)))
    left = ", ".join(f"{label} ({count})" for label, count in found["not_scored"].items())
    return "\n\n".join(
        (
            "## Where it points",
            "Drawn boxes against up to three regions of the finding, the best fit counting; intervals over films."
            " Neither baseline sees the film. Lung opacity: the maps of Infiltration, Pneumonia, Consolidation,"
            " Atelectasis and Edema as one.",
            _table(rows),
            *([f"In all boxes, and too few to stand alone: {', '.join(few)}."] if few else []),
            *([f"Without a map: {left}."] if left else []),
            _published("localization"),
        )
    )


def _published(kind: str) -> str:
    """Return what others report, on test sets of their own."""
    entries = json.loads((RESULTS / "published.json").read_text(encoding="utf-8"))[kind]
    rows = [("published, on other test sets", "value", "source")]
    return _table([*rows, *((one["what"], one["value"], one["source"]) for one in entries)])


def _anatomy(found: dict[str, Any]) -> str:
    rows: list[tuple[str, ...]] = [("films", "organ", "Dice", "IoU", "films measured")]
    ratios: list[tuple[str, ...]] = [
        ("films", "median error", "95th percentile", "bias", "limits of agreement", "films measured")
    ]
    for source, one in found["sources"].items():
        for organ, figures in one["organs"].items():
            rows.append(
                (
                    source,
                    organ.replace("_", " "),
                    _figure(figures["dice"], 3),
                    _figure(figures["iou"], 3),
                    f"{figures['dice']['n']}",
                )
            )
        ratio = one["cardiothoracic_ratio"]
        if ratio is not None:
            low, high = ratio["limits_of_agreement"]
            ratios.append(
                (
                    source,
                    _figure(ratio["median_error"], 3),
                    f"{ratio['p95_error']:.3f}",
                    _figure(ratio["bias"], 3),
                    f"{low:.3f} to {high:.3f}",
                    f"{ratio['n']}",
                )
            )
    return "\n\n".join(("## Anatomy", _table(rows), "Cardiothoracic ratio, found minus drawn:", _table(ratios)))


def _gate(*files: dict[str, Any] | None) -> str:
    names = ("made from test films", "published case reports")
    rows: list[tuple[str, ...]] = [("films", "kind", "accepted", "refused", "right reason", "films (patients)")]
    for name, found in zip(names, files, strict=True):
        for truth, one in (found or {"classes": {}})["classes"].items():
            what = "test films" if truth == "frontal" and name == names[0] else name
            count = f"{one['n']:,} ({one['n_patients']:,})"
            named = _figure(one["named"], 3) if "named" in one else ""
            rows.append(
                (what, truth.replace("_", " "), _figure(one["accepted"], 3), _figure(one["refused"], 3), named, count)
            )
    if len(rows) == 1:
        return ""
    return "\n\n".join(
        (
            "## Acceptance gate",
            "Wilson's intervals, films of one patient together. Of a mirrored film the gate warns, and reads it.",
            _table(rows),
        )
    )


def _figure(figure: dict[str, Any] | None, digits: int = 2) -> str:
    if figure is None:
        return "too few"
    return f"{figure['value']:.{digits}f} ({figure['low']:.{digits}f} to {figure['high']:.{digits}f})"


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _table(rows: list[tuple[str, ...]]) -> str:
    lines = [rows[0], tuple("---" for _ in rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> int:
    """Write the page, or check it."""
    text = page()
    if "--check" in sys.argv[1:]:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        if not same:
            print("docs/results.md is not in step with docs/results/: run make results", file=sys.stderr)  # noqa: T201
        return int(not same)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
