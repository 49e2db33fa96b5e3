"""Several runs of the findings network made into one file: the committee that is shipped."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from lucidray.domain.errors import InputError, UsageError
from lucidray.training.export import write_onnx
from lucidray.training.films import OUTPUTS, gather
from lucidray.training.findings_card import finish
from lucidray.training.network import Committee, FindingsNetwork

_MAY_DIFFER = {"seed", "mirror_share", "epochs"}


def join(
    data_dir: Path,
    run_dirs: Sequence[Path],
    out: Path,
    *,
    cache_dir: Path | None = None,
    report: Callable[[str], None] | None = None,
) -> Path:
    """Average the maps of finished runs, then calibrate, measure and export as one network.

    Parameters
    ----------
    data_dir : Path
        The folder of training films.
    run_dirs : sequence of Path
        Each with the `config.json` and the `checkpoint.pt` of a run.
    out : Path
        Receives `findings.onnx`, `findings.json` and `findings.md`.
    cache_dir : Path, optional
        Where decoded films are kept; inside `out` where not given.
    report : callable, optional
        Receives one line of progress at a time.

    Returns
    -------
    Path of the exported network.

    Raises
    ------
    InputError
        A folder holds no run.
    UsageError
        The runs differ in more than seed, epochs and mirroring.
    """
    say = report or (lambda _: None)
    loaded = [_load(folder) for folder in run_dirs]
    configs = [config for config, _ in loaded]
    _check_alike(configs)
    size, limit = int(configs[0]["size"]), configs[0]["limit"]
    say("reading films")
    films = gather(data_dir, cache_dir or out / "cache", limit)
    say("exporting, calibrating and measuring")
    onnx_path = out / "findings.onnx"
    committee = Committee([network for _, network in loaded])
    sha256 = write_onnx(committee, size, onnx_path, ("logits", "maps"))
    run = {"size": size, "sharpness": committee.sharpness.tolist(), "members": configs}
    finish(onnx_path, sha256, films, data_dir, run)
    return onnx_path


def _load(run_dir: Path) -> tuple[dict[str, Any], FindingsNetwork]:
    config_path, checkpoint = run_dir / "config.json", run_dir / "checkpoint.pt"
    if not config_path.exists() or not checkpoint.exists():
        raise InputError(f"{run_dir} holds no run of train findings")
    config = json.loads(config_path.read_text(encoding="utf-8"))
    network = FindingsNetwork(len(OUTPUTS), frozen_blocks=config["frozen_blocks"])
    network.trunk.fold()
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["average"])
    return config, network.eval()


def _check_alike(configs: Sequence[dict[str, Any]]) -> None:
    first = configs[0]
    differ = {key for other in configs[1:] for key in first.keys() | other.keys() if first.get(key) != other.get(key)}
    if differ - _MAY_DIFFER:
        raise UsageError(
            f"the runs differ in {', '.join(sorted(differ - _MAY_DIFFER))}: only seed, epochs and mirroring may"
        )
