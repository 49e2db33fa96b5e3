"""A small network of timm, fitted from random weights on films of a few pixels: the first opinion of a study.

The run folder ends as a folder that `timm:FOLDER` takes: `card.json` and `weights.safetensors`, the weights of the best
epoch on the validation films. Everything that a run draws follows from seed, epoch and film, so that a resumed run ends
where the uninterrupted one would have.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import timm
import torch
from torch.nn import functional

from lucidray.domain.errors import ModelError, UsageError
from lucidray.evaluation.measures import auroc
from lucidray.models.model_card import CARD_NAME
from lucidray.models.preparation import Preparation

Pixels = npt.NDArray[np.float32]
Truth = npt.NDArray[np.bool_]
Report = Callable[[str], None]
OPERATING_POINT = 0.5
WEIGHTS_NAME = "weights.safetensors"


@dataclass(frozen=True)
class BaselineConfig:
    """Everything that decides a run; written to `config.json`.

    Attributes
    ----------
    architecture : str
        A name of timm; a network whose windows need it is built for `size`.
    size : int
        Side of the network's input, a multiple of 32; films are stretched to it.
    patience : int
        So many epochs without a lower validation loss end the run.
    """

    architecture: str = "maxvit_pico_rw_256"
    size: int = 64
    epochs: int = 5
    patience: int = 4
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    ema: float = 0.99
    smoothing: float = 0.05
    drop_path: float = 0.1
    seed: int = 0


@dataclass(frozen=True, eq=False)
class LabelledFilms:
    """Films of one size with their truth.

    Attributes
    ----------
    pixels : (N, h, w) float32 in [0, 1]
    truth : (N,) bool
    """

    pixels: Pixels
    truth: Truth


def preparation(size: int) -> Preparation:
    """Return how a film becomes the network's input, in training and after."""
    return Preparation((size, size), channels=1, fit="stretch", interpolation="bicubic", mean=(0.5,), std=(0.25,))


def fit(
    train: LabelledFilms,
    validation: LabelledFilms,
    run_dir: Path,
    config: BaselineConfig,
    *,
    data: Mapping[str, Any],
    finding: str = "Pneumonia",
    resume: bool = False,
    threads: int = 0,
    device: str = "cpu",
    report: Report | None = None,
) -> Path:
    """Fit the network and write the folder that `timm:FOLDER` takes.

    Parameters
    ----------
    train, validation : LabelledFilms
        Learned from, and used to choose the epoch.
    run_dir : Path
        Receives `config.json`, `data.json`, `metrics.jsonl`, `checkpoint.pt`, event files where TensorBoard is there,
        and at the end `card.json` and `weights.safetensors`.
    data : mapping
        What the films are, for `data.json` and the card: JSON values, among them `sources`, a list of words.
    resume : bool
        Go on from the checkpoint.

    Raises
    ------
    UsageError
        The folder holds another run, or none to resume.
    ModelError
        timm has no such architecture, or cannot build it for this size.
    """
    say = report or (lambda _: None)
    checkpoint = run_dir / "checkpoint.pt"
    if resume != checkpoint.exists():
        raise UsageError(f"{checkpoint} {'does not exist' if resume else 'exists: resume it or choose another folder'}")
    run_dir.mkdir(parents=True, exist_ok=True)
    if threads > 0:
        torch.set_num_threads(threads)
    run = _Run(train, validation, config, torch.device(device))
    if resume:
        check_run(run_dir, config, data)
        run.load(torch.load(checkpoint, map_location=device, weights_only=True))
    else:
        _write(run_dir / "config.json", asdict(config))
        _write(run_dir / "data.json", dict(data))
    events = _events(run_dir)
    started, first = time.monotonic(), run.epoch
    while not run.over:
        figures = run.one_epoch()
        with (run_dir / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
        run.save(checkpoint)
        if events is not None:
            for name, value in figures.items():
                if name != "epoch":
                    events.add_scalar(name, value, run.epoch)
        left = (time.monotonic() - started) / (run.epoch - first) * (config.epochs - run.epoch)
        say(
            f"epoch {run.epoch} of {config.epochs}: loss {figures['loss']:.3f}, on validation films loss"
            f" {figures['validation_loss']:.3f}, AUROC {figures['validation_auroc']:.3f}, accuracy"
            f" {figures['validation_accuracy']:.3f}; at most {left / 60:.0f} min left"
        )
    if events is not None:
        events.close()
    _export(run_dir, run, config, data, finding)
    return run_dir


class _Run:
    """The state of a run: what a checkpoint holds, and what follows from the films."""

    def __init__(
        self, train: LabelledFilms, validation: LabelledFilms, config: BaselineConfig, device: torch.device
    ) -> None:
        self.config, self.device = config, device
        prepare = preparation(config.size)
        self.films, self.truth = _prepared(train, prepare), torch.from_numpy(train.truth.astype(np.float32))
        self.seen, self.seen_truth = _prepared(validation, prepare), validation.truth
        self.network = build(config.architecture, config.size, config.drop_path, config.seed).to(device)
        self.average = build(config.architecture, config.size, 0.0, config.seed).to(device).eval()
        self.average.load_state_dict(self.network.state_dict())
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        )
        self.steps = math.ceil(len(self.films) / config.batch)
        self.epoch, self.best_epoch, self.best_loss = 0, 0, math.inf
        self.best = {name: value.clone() for name, value in self.average.state_dict().items()}

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or too many of them brought nothing."""
        return self.epoch >= self.config.epochs or self.epoch - self.best_epoch >= self.config.patience

    def one_epoch(self) -> dict[str, float]:
        """Pass once over the films; returns what was measured."""
        config = self.config
        rng = np.random.default_rng([config.seed, self.epoch])
        order = rng.permutation(len(self.films))
        self.network.train()
        losses = []
        for place, rows in enumerate(np.array_split(order, self.steps)):
            step = self.epoch * self.steps + place
            for group in self.optimizer.param_groups:
                group["lr"] = config.learning_rate * one_cycle(step / (config.epochs * self.steps), config.warmup)
            # What is dropped follows from the step, so that a resumed run drops the same.
            torch.manual_seed(config.seed * 1_000_003 + step)
            films = varied(self.films[rows], rng).to(self.device)
            truth = self.truth[rows].to(self.device)
            soft = truth * (1 - config.smoothing) + config.smoothing / 2
            loss = functional.binary_cross_entropy_with_logits(self.network(films)[:, 0], soft)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
            self.optimizer.step()
            self._follow(min(config.ema, (step + 1) / (step + 10)))
            losses.append(float(loss.detach()))
        self.epoch += 1
        logits = self.logits(self.seen)
        validation_loss = float(np.mean(np.logaddexp(0.0, np.where(self.seen_truth, -logits, logits))))
        if validation_loss < self.best_loss:
            self.best_loss, self.best_epoch = validation_loss, self.epoch
            self.best = {name: value.clone() for name, value in self.average.state_dict().items()}
        return {
            "epoch": self.epoch,
            "loss": float(np.mean(losses)),
            "validation_loss": validation_loss,
            "validation_auroc": auroc(self.seen_truth, logits),
            "validation_accuracy": float(np.mean((logits >= 0) == self.seen_truth)),
        }

    def logits(self, films: torch.Tensor) -> npt.NDArray[np.float64]:
        """Score films with the averaged network."""
        with torch.inference_mode():
            parts = torch.split(films, self.config.batch)
            said = [self.average(part.to(self.device))[:, 0].double().cpu() for part in parts]
        return torch.cat(said).numpy()

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def load(self, saved: dict[str, Any]) -> None:
        """Take up a checkpoint."""
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.best = saved["best"]
        self.epoch, self.best_epoch, self.best_loss = saved["epoch"], saved["best_epoch"], saved["best_loss"]

    def _follow(self, keep: float) -> None:
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.network.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
            for kept, new in zip(self.average.buffers(), self.network.buffers(), strict=True):
                kept.copy_(new)


def build(architecture: str, size: int, drop_path: float = 0.0, seed: int = 0) -> torch.nn.Module:
    """Make a network of timm with random weights, one channel and one output.

    Raises
    ------
    ModelError
        timm has no such architecture, or it cannot be built for this size.
    """
    if architecture not in timm.list_models():
        raise ModelError(f"timm {timm.__version__} has no architecture {architecture!r}")
    config = timm.get_pretrained_cfg(architecture, allow_unregistered=True)
    options: dict[str, Any] = {}
    if config is not None and config.fixed_input_size:
        options["img_size"] = (size, size)
    torch.manual_seed(seed)
    try:
        network: torch.nn.Module = timm.create_model(
            architecture, pretrained=False, num_classes=1, in_chans=1, drop_path_rate=drop_path, **options
        )
        with torch.inference_mode():  # some sizes can be built and not run
            network.eval()(torch.zeros(1, 1, size, size))
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"timm cannot build {architecture} for {size} pixels: {reason}") from error
    return network


def varied(films: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Move, turn, scale, mirror and shade films a little.

    Parameters
    ----------
    films : (N, 1, h, w) float32
    rng : Generator
        Decides everything.

    Returns
    -------
    (N, 1, h, w) float32
    """
    n = len(films)
    angle = np.deg2rad(rng.uniform(-8.0, 8.0, n))
    scale = np.exp(rng.uniform(-0.1, 0.1, (n, 2)))
    mirrored = np.where(rng.random(n) < 0.5, -1.0, 1.0)
    shift = rng.uniform(-0.12, 0.12, (n, 2))
    matrix = np.zeros((n, 2, 3), dtype=np.float32)
    matrix[:, 0, 0], matrix[:, 0, 1] = np.cos(angle) * scale[:, 0] * mirrored, -np.sin(angle) * scale[:, 1]
    matrix[:, 1, 0], matrix[:, 1, 1] = np.sin(angle) * scale[:, 0] * mirrored, np.cos(angle) * scale[:, 1]
    matrix[:, :, 2] = shift
    grid = functional.affine_grid(torch.from_numpy(matrix), list(films.shape), align_corners=False)
    moved = functional.grid_sample(films, grid, padding_mode="border", align_corners=False)
    gain = torch.from_numpy(np.exp(rng.uniform(-0.2, 0.2, (n, 1, 1, 1))).astype(np.float32))
    lift = torch.from_numpy(rng.uniform(-0.3, 0.3, (n, 1, 1, 1)).astype(np.float32))
    return moved * gain + lift


def one_cycle(done: float, warmup: float) -> float:
    """Return the share of the peak rate after `done` of the run: a rise over `warmup`, then half a cosine."""
    if done < warmup:
        return max(done / warmup, 0.01)
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def _prepared(films: LabelledFilms, prepare: Preparation) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([prepare.apply(film)[0] for film in films.pixels]))


def _export(run_dir: Path, run: _Run, config: BaselineConfig, data: Mapping[str, Any], finding: str) -> None:
    import hashlib

    from safetensors.torch import save_file

    path = run_dir / WEIGHTS_NAME
    part = path.with_name(path.name + ".part")
    save_file({name: value.contiguous().cpu() for name, value in run.best.items()}, part)
    part.replace(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    prepare = preparation(config.size)
    card = {
        "name": f"{config.architecture}-{config.size}px",
        "version": sha256[:12],
        "licence": "as the films that it was fitted on",
        "file": WEIGHTS_NAME,
        "sha256": sha256,
        "architecture": config.architecture,
        "input": {
            "size": list(prepare.size),
            "channels": prepare.channels,
            "fit": prepare.fit,
            "interpolation": prepare.interpolation,
            "mean": list(prepare.mean),
            "std": list(prepare.std),
        },
        "output": {"kind": "logits", "labels": [finding], "operating_points": {finding: OPERATING_POINT}},
        "adults_only": False,
        "training": {"data": list(data["sources"])},
    }
    _write(run_dir / CARD_NAME, card)


def _events(run_dir: Path) -> Any:
    """Open TensorBoard's event file; None where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        return None
    return SummaryWriter(str(run_dir))


def check_run(run_dir: Path, config: BaselineConfig, data: Mapping[str, Any]) -> None:
    """Make sure that a folder holds a run with these settings on these films.

    Raises
    ------
    UsageError
        It does not.
    """
    try:
        before = json.loads((run_dir / "config.json").read_text(encoding="utf-8"))
        films = json.loads((run_dir / "data.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{run_dir} holds no run that can be gone on with: {error}") from error
    _check_same(before, asdict(config))
    if films != dict(data):
        raise UsageError(f"{run_dir} holds a run on other films: choose another folder")


def _check_same(before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        raise UsageError(
            f"the run was started with other settings ({', '.join(changed)}); resume it with the same ones"
        )


def _write(path: Path, value: Any) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
