"""The section of docs/results.md on small films: from docs/results/second_opinion.json, which the study writes."""

from typing import Any

INTRO = (
    "A baseline fitted on 28-px films misreads some of the test films. All of them, upscaled to 224 px, are read by"
    " others: who is right? Verdicts are taken from claims; doubt, silence, a refusal and no answer count as wrong."
    " Films that the baseline misread flatter any second reader, so that all films count, and the controls stand in the"
    " same table."
)
GROUPS = ("misread", "matched sample", "all films")


def second_opinion(found: dict[str, Any] | None) -> str:
    """Return the section; empty where the study was not run."""
    if found is None:
        return ""
    counts = found["counts"]
    parts = [
        "## Small films, and the second opinion",
        INTRO,
        f"`{found['command']}`; seed {found['seed']}, {found['resamples']:,} resamples, {found['films_asked']};"
        f" {counts['all films']['films']} test films of `{found['data']['file']}`,"
        f" {counts['all films']['present']} with {found['finding'].lower()}.",
        _baseline(found),
        "Published figures are on the official test films, which these are not: to give a scale, and no comparison."
        if not found["official_counts"]
        else "",
        _gate(found),
    ]
    for mode, title in (
        ("gate in force", "As a user gets it: what the gate refuses is not read"),
        ("past the gate", "Past the gate: what the readers say all the same"),
    ):
        parts += [f"### {title}", _readers(found, mode)]
    parts.append("### What it says, and what it does not\n\n" + "\n".join(f"- {note}" for note in found["notes"]))
    return "\n\n".join(part for part in parts if part)


def _baseline(found: dict[str, Any]) -> str:
    first = found["baseline"]
    rows = [("baseline, on the films as they are", "accuracy", "AUROC", "sensitivity", "specificity", "films")]
    figures = first["figures"]
    told = [_figure(figures[name], 3) for name in ("accuracy", "auroc", "sensitivity", "specificity")]
    epochs = f", {first['epochs_run']} epochs" if first["epochs_run"] else ""
    rows.append((f"**{first['name']}**{epochs}", *told, f"{figures['accuracy']['n']}"))
    for one in found["published"]:
        ranked = "" if one["auroc"] is None else f"{one['auroc']:.3f}"
        rows.append((f"*{one['what']}* ({one['source']})", f"{one['accuracy']:.3f}", ranked, "", "", "624"))
    return _table(rows)


def _gate(found: dict[str, Any]) -> str:
    rows = [("upscaling", "steps, px", "refused by the gate", f"with {found['finding'].lower()}", "without", "reasons")]
    for name, one in found["gate"].items():
        by = one["refused_by_truth"]
        reasons = ", ".join(f"{code} {count}" for code, count in one["codes"].items())
        steps = " to ".join(str(side) for side in found["chain_px"][name])
        rows.append(
            (name, steps, _figure(one["refused"]), _figure(by.get("present")), _figure(by.get("absent")), reasons)
        )
    return _table(rows)


def _readers(found: dict[str, Any], mode: str) -> str:
    rows = [
        (
            "reader, upscaling", *(f"{name} ({found['counts'][name]['films']})" for name in GROUPS), "sensitivity",
            "specificity", "AUROC", "shuffled", "not decided", "difference from the baseline", "McNemar, Holm", "kappa",
        )
    ]  # fmt: skip
    for one in found["opinions"]:
        if one["mode"] != mode:
            continue
        every = one["groups"].get("all films")
        held = one["against_baseline"]
        open_ = {
            word: sum(every["said"][kind][word] for kind in ("present", "absent")) if every else 0
            for word in ("undecided", "silent", "refused", "failed")
        }
        test = held["test"] if held else None
        mark = "*" if one["exposure"] in ("saw", "unknown") else ""
        rows.append(
            (
                f"{one['reader']}, {one['upscaling']}{mark}",
                *(_figure(one["groups"][name]["accuracy"]) if name in one["groups"] else "" for name in GROUPS),
                _figure(every["sensitivity"]) if every else "",
                _figure(every["specificity"]) if every else "",
                _figure(one["auroc"]) if one["auroc"] else "",
                f"{every['shuffled']:.2f}" if every else "",
                ", ".join(f"{word} {count}" for word, count in open_.items() if count),
                _signed(held["difference"]) if held else "",
                _p(held["p_holm"]) if held else "",
                _figure(test["kappa"]) if test and test["kappa"] else "",
            )
        )
    for control in found["controls"]:
        cells = [f"{control['accuracy'][name]:.2f}" if name in control["accuracy"] else "" for name in GROUPS]
        rows.append((f"*{control['name']}*", *cells, *[""] * 8))
    return (
        _table(rows)
        + "\n\n\\* saw these children in training or cannot exclude it, or nobody says what it was trained on."
    )


def _figure(figure: dict[str, Any] | None, digits: int = 2) -> str:
    if figure is None:
        return ""
    if figure["low"] is None or figure["high"] is None:
        return f"{figure['value']:.{digits}f}"
    return f"{figure['value']:.{digits}f} ({figure['low']:.{digits}f} to {figure['high']:.{digits}f})"


def _signed(figure: dict[str, Any]) -> str:
    return f"{figure['value']:+.2f} ({figure['low']:+.2f} to {figure['high']:+.2f})"


def _p(value: float | None) -> str:
    return "" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _table(rows: list[tuple[str, ...]]) -> str:
    lines = [rows[0], tuple("---" for _ in rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
