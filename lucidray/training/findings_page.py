"""The model card of the findings network as a page, written from `findings.json` and from nothing else."""

from typing import Any

_HEAD = """# Model card: {name} {version}

**Research use only, not for clinical diagnosis.** Written by `lucidray train findings` from `findings.json`.

## What it is
{members} EfficientNet-Lite0 trunks, each with a head of sixteen evidence maps ({map_size} x {map_size}), for films
stretched to {input_size} x {input_size}; their maps are averaged. An output's logit is log(mean(exp(r * map))) / r,
with a fixed r for each output: the map is the whole explanation of the logit. Fourteen findings of NIH ChestX-ray14,
"Any abnormality", and "Pneumonia in a child", which was trained on children of one to five years and is the only output
meant for children.

SHA-256 of `findings.onnx`: `{onnx_sha256}`.

## What it learnt from
{sources}

{counts}

Split by patient, by a hash of the patient's id. {near_repeats_dropped} normal films that nearly repeat a held-out film
were dropped. Labels of NIH ChestX-ray14 were mined from reports and about one in ten is wrong; so is the truth that the
figures below compare with. {runs}

## How well it ranks
Test patients only; 95 % intervals over resampled patients. A positive film is compared with the negative films of its
own folder. "View alone" is the AUROC of knowing only whether the film is AP; "shuffled" gives each film another film's
answer. Most films of `nih_small` have 128 pixels a side, those of `nih` have 512.

| finding | positive / films | AUROC | `nih` | `nih_small` | PA | AP | view alone | shuffled | ECE |
|---|---|---|---|---|---|---|---|---|---|
{ranking}

{means}

An answer of "always normal" has an AUROC of 0.5 and a sensitivity of 0.

## What its probabilities mean
probability = sigmoid(a * logit + b), fitted on validation patients; the slope a is drawn towards the slope that all
outputs share ({shared_slope:.2f}) by a normal prior with a quarter of it as standard deviation, and b is moved to the
prevalence below. **At another prevalence the probabilities are wrong.** The threshold calls twice as many
validation films as have the finding at that prevalence, or as many where it is common. It keeps false alarms few, and
where a finding is rare it misses most films that have it: a film below the threshold is not a film without the finding.
Sensitivity and specificity are those on test patients; the last column is the probability for a film without content.

| finding | prevalence | threshold | sensitivity | specificity | blank film |
|---|---|---|---|---|---|
{calibration}

## What it does not claim
{unsupported}

## Where it points
{pointing}

Regions are cut at: {cut}. The cut was chosen on {cut_boxes} boxes of training and validation films.

## Limits
One hospital, adults (and a few older children) of 1992 to 2015; children from another one. Sides, devices, fractures
and everything that is not among the fourteen labels are not read. Small nodules and small pneumothoraces are invisible
at the size of most training films. Sick people are filmed AP: compare the PA and AP columns before believing the first.
The children's films with and without pneumonia were collected as two groups; that they are told apart so well says
more about the groups than about children in a waiting room. Where the hottest place of a map is no better than the
usual place in the table above, the map is a reason to look and not a finding's position.
"""


def page(card: dict[str, Any]) -> str:
    """Write the page.

    Parameters
    ----------
    card : dict
        The content of `findings.json`.

    Returns
    -------
    str
        Markdown.
    """
    training, outputs = card["training"], card["outputs"]
    unsupported = [
        f"- **{entry['name']}**: {entry['unsupported_reason']}." for entry in outputs if not entry["supported"]
    ]
    return _HEAD.format(
        **{key: card[key] for key in ("name", "version", "map_size", "input_size", "onnx_sha256", "shared_slope")},
        **{key: training[key] for key in ("near_repeats_dropped",)},
        sources="\n".join(f"- {source}" for source in training["data"]),
        members=len(training["members"]),
        runs=_runs(training["members"]),
        counts=_counts(training["splits"]),
        ranking="\n".join(_ranking_row(entry) for entry in outputs),
        means="\n".join(_mean_line(folder, mean) for folder, mean in card["means"].items()),
        calibration="\n".join(_calibration_row(entry) for entry in outputs),
        unsupported="\n".join(unsupported) or "Every output met the bar.",
        pointing=_pointing(card["pointing"]),
        cut="{definition}, x = {value}, y = {part_of_peak}".format(**card["region_cut"]),
        cut_boxes=card["region_cut"]["boxes"],
    )


def _runs(members: list[dict[str, Any]]) -> str:
    told = "; ".join(
        f"{run['epochs']} epochs, seed {run['seed']}, {run['mirror_share']:.0%} of the films shown mirrored"
        for run in members
    )
    return f"Members: {len(members)} ({told})."


def _counts(splits: dict[str, Any]) -> str:
    folders = list(next(iter(splits.values()))["folders"])
    lines = [
        f"| split | films | patients | {' | '.join(f'`{name}`' for name in folders)} |",
        "|---" * (3 + len(folders)) + "|",
    ]
    for split, count in splits.items():
        inside = " | ".join(str(count["folders"][name]) for name in folders)
        lines.append(f"| {split} | {count['films']} | {count['patients']} | {inside} |")
    return "\n".join(lines)


def _ranking_row(entry: dict[str, Any]) -> str:
    folders, views = entry["auroc_by_folder"], entry["auroc_by_view"]
    cells = [
        f"{entry['n_positive']} / {entry['n']}",
        _figure(entry["auroc"]),
        _figure(folders.get("nih")),
        _figure(folders.get("nih_small")),
        _figure(views.get("PA")),
        _figure(views.get("AP")),
        _figure(entry["control_view_alone"]),
        _figure(entry["control_shuffled_films"]),
        _figure(entry["ece"], digits=3),
    ]
    return f"| {entry['name']} | {' | '.join(cells)} |"


def _mean_line(folder: str, mean: dict[str, Any]) -> str:
    verdict = "reached" if mean["value"] >= mean["floor"] else "**not reached**"
    return (
        f"- `{folder}`: mean AUROC {_figure(mean)} over {len(mean['findings'])} findings "
        f"({', '.join(mean['findings'])}), {mean['n']} films of {mean['patients']} patients; "
        f"view alone {mean['control_view_alone']:.2f}, shuffled {mean['control_shuffled_films']:.2f}. "
        f"The bar of {mean['floor']:.2f} was {verdict}."
    )


def _calibration_row(entry: dict[str, Any]) -> str:
    keys = ("prevalence", "threshold", "sensitivity", "specificity", "control_blank_film")
    cells = [entry[key] for key in keys]
    return f"| {entry['name']} | {' | '.join('none' if cell is None else f'{cell:.3f}' for cell in cells)} |"


def _pointing(groups: dict[str, Any]) -> str:
    if not groups:
        return "There were no boxes on test films."
    lines = [
        "Boxes of radiologists on test films. RSNA's Lung Opacity is held against the union of the maps of",
        'Infiltration, Pneumonia, Consolidation, Atelectasis and Edema. "Usual place" answers, the film unseen, with',
        "the place that most boxes of the same kind on other films cover, and with the box nearest to all of them;",
        '"random" is a box of usual size anywhere on the film.',
        "",
        "| boxes | n | measure | maps | usual place | random |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in groups.items():
        for key, measure in (
            ("pointing_game", "pointing game"),
            *((f"overlap_over_{least}", f"IoU > {least}") for least in (0.1, 0.3, 0.5)),
        ):
            cells = [_figure(group[key]), _figure(group[f"{key}_usual_place"]), f"{group[f'{key}_random']:.2f}"]
            lines.append(f"| {name} | {group[key]['n']} | {measure} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _figure(figure: dict[str, Any] | None, digits: int = 2) -> str:
    if figure is None:
        return "too few"
    return f"{figure['value']:.{digits}f} ({figure['low']:.{digits}f} to {figure['high']:.{digits}f})"
