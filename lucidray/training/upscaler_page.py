"""The upscaler's card as a page that people read."""

from typing import Any

Figure = dict[str, float]


def told(figure: Figure, digits: int = 2, *, sign: bool = False) -> str:
    """Write a value with its interval."""
    form = f"{{:{'+' if sign else ''}.{digits}f}}"
    return f"{form.format(figure['value'])} ({form.format(figure['low'])} to {form.format(figure['high'])})"


def page(card: dict[str, Any]) -> str:
    """Write `docs/model-cards/upscaler.md` from the card."""
    config = card["config"]
    lines = [
        f"# {card['name']} {card['version']}",
        "",
        "Written by `lucidray train upscaler`. Figures are means over held-out films, with 95 % intervals.",
        "",
        "Makes small films four times as wide and high. It gives what is to be added to a Lanczos interpolation: an",
        "untrained network is Lanczos, and what it makes up is its output and nothing else. What it adds is a guess",
        "that fits other people's films: it is no evidence of anything.",
        "",
        f"- Network: {config['blocks']} residual blocks of {config['channels']} channels and a pixel shuffle"
        " (EDSR, Lim et al., 2017; ESPCN, Shi et al., 2016), L1 loss, ONNX.",
        f"- SHA-256: `{card['onnx_sha256']}`",
        f"- Terms: {card['licence']}",
        f"- Films: {'; '.join(card['data'])}.",
        f"- Left out: {card['left_out']}.",
        f"- Manifest of films and splits: SHA-256 `{card['data_of_run']['sha256']}`",
        "",
        "| films | count |",
        "| --- | --- |",
        *(f"| {name} | {count:,} |" for name, count in card["data_of_run"]["films"].items()),
        "",
        "Split by patient, where patients are known; test films of the findings network are test films here.",
    ]
    if config.get("resized"):
        changes = "; ".join(
            f"from {one['from_steps']:,} to {one['to_steps']:,} at step {one['at_step']:,}" for one in config["resized"]
        )
        lines += ["", f"The number of steps was changed while the run was under way: {changes}."]
    lines += [
        "",
        "## Nearer to the film than Lanczos?",
        "",
        "Held-out films at four times the small side (area average), reduced by Pillow's bicubic to the small side,"
        " 8 bits, enlarged again. Films are resampled for the intervals.",
        "",
        "| films | small side | n | method | PSNR, dB | SSIM | gain over Lanczos, dB | gain, SSIM |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in card["fidelity"]:
        for name, figures in row["methods"].items():
            gain = told(figures["psnr_gain_db"], sign=True) if "psnr_gain_db" in figures else ""
            gain_ssim = told(figures["ssim_gain"], 3, sign=True) if "ssim_gain" in figures else ""
            lines.append(
                f"| {row['source']} | {row['small_px']} | {row['n']} | {name} | {told(figures['psnr_db'])} |"
                f" {told(figures['ssim'], 3)} | {gain} | {gain_ssim} |"
            )
    lines += [
        "",
        "jsrt comes from another country and scanner, and no film of it was trained on.",
        "",
        "## What the gate takes for a chest film, and whether the film is still itself",
        "",
        "Films brought to 224 px by the whole chain. The check reduces the result by area average and compares it with"
        " the small film.",
        "",
        "| films | method | n | taken for a chest film | PSNR of the check, dB | lowest | check passed |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in card["gate"]:
        lines.append(
            f"| {row['films']} | {row['method']} | {row['n']} | {told(row['taken_for_chest'])} |"
            f" {told(row['check_psnr_db'], 1)} | {row['check_psnr_db_lowest']:.1f} | {told(row['check_agrees'])} |"
        )
    lines += ["", "What the findings network makes of such films: [upscaling](../upscaling.md).", ""]
    return "\n".join(lines)
