"""What the findings network makes of films that were small, as a page that people read."""

from typing import Any

from lucidray.training.films import OUTPUTS

Figure = dict[str, float] | None


def told(figure: Figure) -> str:
    """Write an AUROC with its interval and the number of positive films."""
    if figure is None:
        return "not measured"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def page(card: dict[str, Any]) -> str:
    """Write `docs/model-cards/upscaled.md` from the card."""
    entries = card["entries"]
    sides = sorted({entry["side_px"] for entry in entries})
    lines = [
        "# The findings network on films that were small",
        "",
        "Written by `lucidray train measure-upscaler`. Whole test films are reduced to the side (Pillow's bicubic, 8",
        "bits), upscaled to 224 px and read. Calibration is fitted on validation and measured on test patients;",
        "intervals are 95 %, patients resampled; AUROC compares films of one folder only. A finding is supported at a",
        "size by the rules of the [findings card](findings.md): 25 positive test films, and an AUROC over 0.6 at its",
        "lower end.",
        "",
        f"Findings network: SHA-256 `{card['findings_sha256']}`; with another one these calibrations are not",
        "used, and an upscaled film gets no probability.",
        "",
        "| side | method | test films | findings supported | mean AUROC of these | the same films whole |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for entry in entries:
        on = entry["measured"]
        small, whole = (f"{on[name]:.3f}" if on[name] is not None else "none" for name in ("auroc", "auroc_whole"))
        lines.append(
            f"| {on['side_px']} | {entry['method']} | {on['films']:,} | {on['findings']} of 14 | {small} | {whole} |"
        )
    for side in sides:
        here = [entry for entry in entries if entry["side_px"] == side]
        names = [entry["method"] for entry in here]
        lines += [
            "",
            f"## {side} px",
            "",
            "| output | positive of n | whole films | " + " | ".join(f"{name} | ECE, {name}" for name in names) + " |",
            "| --- | --- | --- | " + " | ".join("--- | ---" for _ in names) + " |",
        ]
        for name in OUTPUTS:
            cells = [_cells(entry["outputs"][name]) for entry in here]
            one = here[0]["outputs"][name]
            lines.append(
                f"| {name} | {one['n_positive']} of {one['n']} | {told(card['whole'][name])} | {' | '.join(cells)} |"
            )
    lines += [
        "",
        "Bold: supported at that size. ECE: expected calibration error after calibration on small films, and in",
        "brackets that of the calibration of whole films there. Controls: shuffled films give an AUROC of",
        f"{_shuffled(entries)}; always-normal gives 0.5 by definition; the view alone is in the findings card.",
        "",
    ]
    return "\n".join(lines)


def _cells(output: dict[str, Any]) -> str:
    auroc = told(output["auroc"])
    shown = f"**{auroc}**" if output["supported"] else auroc
    if output["ece"] is None:
        return f"{shown} | -"
    return f"{shown} | {output['ece']['value']:.3f} ({output['ece_uncalibrated_again']:.3f})"


def _shuffled(entries: list[dict[str, Any]]) -> str:
    values = [
        output["control_shuffled_films"]["value"]
        for entry in entries
        for output in entry["outputs"].values()
        if output.get("control_shuffled_films")
    ]
    return f"{sum(values) / len(values):.2f} on average over {len(values)} outputs" if values else "not measured"
