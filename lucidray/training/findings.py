"""The run that makes the findings network: fourteen findings, any abnormality, and pneumonia in a child.

What the labels are worth decides how they are used. They were mined from reports and about one in ten is wrong, so
targets are softened; an output that nobody read on a film is masked; and since how often a finding occurs differs
between folders only because of how they were collected, each folder's prevalence enters the loss as a known offset,
so that recognising the folder earns the network nothing.
"""

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F  # noqa: N812

from lucidray.domain.errors import UsageError
from lucidray.evaluation.measures import auroc
from lucidray.models.prepare import square
from lucidray.training.augment import augment
from lucidray.training.export import write_onnx
from lucidray.training.films import OUTPUTS, Films, film01, folder_offsets, gather
from lucidray.training.findings_card import finish
from lucidray.training.network import FindingsNetwork

Array = npt.NDArray[np.float32]

_CHECKPOINT_STEPS = 50
_PREFETCHED_BATCHES = 4
_COARSE_SHARE = {"adult_normal": 0.9}  # all normal at one resolution: it must not be told by its sharpness


@dataclass(frozen=True)
class Config:
    """Everything that decides a run; written to `config.json`."""

    epochs: int = 12
    size: int = 224
    seed: int = 0
    limit: int | None = None
    batch: int = 32
    learning_rate: float = 5e-4
    head_learning_rate: float = 2e-3
    weight_decay: float = 0.03
    warmup: float = 0.06
    ema: float = 0.997
    positive_target: float = 0.92
    negative_target: float = 0.01
    positive_weight_limit: float = 3.0
    frozen_blocks: int = 3

    def size_at(self, epoch: int) -> int:
        """Side of the films in `epoch`: the last third at full size, the rest at five sevenths of it."""
        small = max(64, round(self.size * 5 / 7 / 32) * 32)
        return self.size if epoch >= self.epochs - math.ceil(self.epochs / 3) else min(small, self.size)


Report = Callable[[str], None]


def masked_loss(
    logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor, positive_weight: torch.Tensor, config: Config
) -> torch.Tensor:
    """Mean softened cross-entropy over what is known; an unknown entry gives neither loss nor gradient.

    Parameters
    ----------
    logits, targets : (N, 16) float
        Answers, and 1 where the finding is there.
    known : (N, 16) bool
        Where anybody said so.
    positive_weight : (16,) float
        How much a positive film counts, for each output.
    config : Config
        Holds the softened targets.
    """
    soft = torch.where(targets > 0.5, config.positive_target, config.negative_target)
    loss = F.binary_cross_entropy_with_logits(logits, soft, pos_weight=positive_weight, reduction="none")
    return torch.where(known, loss, 0.0).sum() / known.sum().clamp(min=1)


def train(
    data_dir: Path,
    run_dir: Path,
    *,
    epochs: int = 12,
    size: int = 224,
    seed: int = 0,
    resume: bool = False,
    limit: int | None = None,
    device: str = "cpu",
    cache_dir: Path | None = None,
    report: Report | None = None,
) -> Path:
    """Train, calibrate, measure and export the findings network.

    Parameters
    ----------
    data_dir : Path
        The folder of training films.
    run_dir : Path
        Receives `config.json`, `metrics.jsonl`, `checkpoint.pt`, `findings.onnx` and `findings.json`.
    epochs : int
        Passes over the training films; the last third at full size.
    size : int
        Side of the films that the network reads, a multiple of 32.
    seed : int
        Decides the order of films, their variations and the head's first weights.
    resume : bool
        Go on from the checkpoint in `run_dir`; the result is that of a run that was never stopped.
    limit : int, optional
        Use few films only, to try things.
    device : str
        As PyTorch names it.
    cache_dir : Path, optional
        Where decoded films are kept; inside `run_dir` where not given.
    report : callable, optional
        Receives one line of progress at a time.

    Returns
    -------
    Path of the exported network.

    Raises
    ------
    InputError
        A folder of films is missing.
    UsageError
        `run_dir` holds another run, or nothing to resume; `limit` is too small.
    """
    config = Config(epochs=epochs, size=size, seed=seed, limit=limit)
    say = report or (lambda _: None)
    say("reading films")
    films = gather(data_dir, cache_dir or run_dir / "cache", limit)
    network = fit(films, run_dir, config, resume=resume, device=device, report=report)
    say("exporting, calibrating and measuring")
    onnx_path = run_dir / "findings.onnx"
    sha256 = write_onnx(network, size, onnx_path, ("logits", "maps"))
    finish(onnx_path, sha256, films, data_dir, asdict(config))
    return onnx_path


def fit(
    films: Films,
    run_dir: Path,
    config: Config,
    *,
    resume: bool = False,
    device: str = "cpu",
    report: Report | None = None,
) -> FindingsNetwork:
    """Run the training loop and return the averaged network."""
    say = report or (lambda _: None)
    checkpoint = run_dir / "checkpoint.pt"
    if resume != checkpoint.exists():
        raise UsageError(f"{checkpoint} {'does not exist' if resume else 'exists: resume it or choose another folder'}")
    run_dir.mkdir(parents=True, exist_ok=True)
    run = _Run(films, config, device)
    if resume:
        _check_same(json.loads((run_dir / "config.json").read_text(encoding="utf-8")), asdict(config))
        run.load(torch.load(checkpoint, map_location=device, weights_only=True))
    else:
        run.start()
        (run_dir / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n")
    while run.step < run.total:
        epoch = run.step // run.epoch_steps
        for batch in run.batches(epoch, run.step % run.epoch_steps):
            loss = run.learn(*batch)
            if run.step % _CHECKPOINT_STEPS == 0:
                run.save(checkpoint)
                say(f"epoch {epoch + 1} of {config.epochs}, step {run.step} of {run.total}, loss {loss:.3f}")
        figures = run.validate(config.size_at(epoch))
        with (run_dir / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": epoch + 1, "loss": run.mean_loss, **figures}) + "\n")
        run.save(checkpoint)
        shown = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
        say(f"epoch {epoch + 1} of {config.epochs} on validation films: {shown or 'too few positives'}")
    return run.average


def _check_same(before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        raise UsageError(
            f"the run was started with other settings ({', '.join(changed)}); resume it with the same ones"
        )


class _Run:
    """The state of a run: everything that a checkpoint holds, and what follows from the films."""

    def __init__(self, films: Films, config: Config, device: str) -> None:
        self.films, self.config, self.device = films, config, torch.device(device)
        train = films.of("train")
        self.train = train[films.known[train].any(axis=1)]
        self.validation = films.of("validation")
        offsets, self.prevalence = folder_offsets(films, self.train)
        self.offsets = torch.from_numpy(offsets)
        weight = np.sqrt((1 - self.prevalence) / self.prevalence).clip(1.0, config.positive_weight_limit)
        self.positive_weight = torch.from_numpy(weight).to(self.device)
        self.epoch_steps = math.ceil(len(self.train) / config.batch)
        self.total = self.epoch_steps * config.epochs
        self.step = 0
        self.mean_loss = math.nan
        torch.manual_seed(config.seed)
        self.network = FindingsNetwork(len(OUTPUTS), frozen_blocks=config.frozen_blocks)
        self.average = FindingsNetwork(len(OUTPUTS), frozen_blocks=config.frozen_blocks)

    def start(self) -> None:
        """Begin at ImageNet, with the statistics of films."""
        trunk = self.network.trunk
        trunk.load_imagenet()
        rng = np.random.default_rng([self.config.seed, 0])
        rows = rng.permutation(self.train)[:512]
        size = self.config.size_at(0)
        trunk.adapt(torch.stack([self._input(int(row), size, 0) for row in part]) for part in np.array_split(rows, 8))
        trunk.fold()
        self.network.set_priors(torch.from_numpy(self.prevalence))
        self.average.trunk.fold()
        self.average.load_state_dict(self.network.state_dict())
        self._place()

    def load(self, saved: dict[str, Any]) -> None:
        self.network.trunk.fold()
        self.average.trunk.fold()
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self._place()
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.mean_loss = saved["step"], saved["mean_loss"]

    def save(self, path: Path) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "mean_loss": self.mean_loss,
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def _place(self) -> None:
        self.network.to(self.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.average.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
        for name, parameter in self.network.named_parameters():
            if parameter.requires_grad:
                groups.setdefault((name.startswith("trunk"), parameter.ndim > 1), []).append(parameter)
        config = self.config
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": parameters,
                    "peak": config.learning_rate if in_trunk else config.head_learning_rate,
                    "weight_decay": config.weight_decay if is_weight else 0.0,
                }
                for (in_trunk, is_weight), parameters in groups.items()
            ]
        )

    def _input(self, row: int, size: int, epoch: int) -> torch.Tensor:
        rng = np.random.default_rng([self.config.seed, epoch, row])
        share = _COARSE_SHARE.get(self.films.rows[row].source, 0.6)
        return torch.from_numpy(augment(self.films.cache[row], size, rng, coarse_share=share))[None]

    def batches(self, epoch: int, skip: int) -> Iterator[tuple[npt.NDArray[np.int64], torch.Tensor]]:
        """Rows and films of each batch of `epoch` from batch `skip` on; made ahead in a thread, decided by the seed."""
        order = np.random.default_rng([self.config.seed, epoch, 2**31]).permutation(self.train)
        parts = np.array_split(order, self.epoch_steps)[skip:]
        size = self.config.size_at(epoch)

        def make(rows: npt.NDArray[np.int64]) -> torch.Tensor:
            return torch.stack([self._input(int(row), size, epoch) for row in rows])

        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting: list[Future[torch.Tensor]] = [pool.submit(make, part) for part in parts[:_PREFETCHED_BATCHES]]
            for place, part in enumerate(parts):
                film = waiting.pop(0).result()
                if place + _PREFETCHED_BATCHES < len(parts):
                    waiting.append(pool.submit(make, parts[place + _PREFETCHED_BATCHES]))
                yield part, film

    def learn(self, rows: npt.NDArray[np.int64], film: torch.Tensor) -> float:
        """Take one step; returns the loss."""
        config = self.config
        rate = _one_cycle(self.step / self.total, config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        # Dropout follows from the step, so that a resumed run drops what the uninterrupted one would have.
        torch.manual_seed(config.seed * 1_000_003 + self.step)
        logits, _ = self.network(film.to(self.device, memory_format=torch.channels_last))
        targets = torch.from_numpy(self.films.targets[rows]).to(self.device)
        known = torch.from_numpy(self.films.known[rows]).to(self.device)
        offsets = self.offsets[torch.from_numpy(rows)].to(self.device)
        loss = masked_loss(logits + offsets, targets, known, self.positive_weight, config)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.step += 1
        keep = min(config.ema, self.step / (self.step + 9))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.network.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        value = float(loss.detach())
        self.mean_loss = value if math.isnan(self.mean_loss) else 0.98 * self.mean_loss + 0.02 * value
        return value

    def validate(self, size: int) -> dict[str, float]:
        """Mean AUROC within each folder on validation films, over outputs with at least 8 positives."""
        logits = predict(self.average, self.films, self.validation, size)[0]
        sources = np.array([self.films.rows[row].source for row in self.validation])
        targets, known = self.films.targets[self.validation] > 0.5, self.films.known[self.validation]
        figures = {}
        for source in ("nih", "nih_small", "paediatric"):
            scores = []
            for output in range(len(OUTPUTS)):
                inside = (sources == source) & known[:, output]
                if targets[inside, output].sum() >= 8:
                    scores.append(auroc(targets[inside, output], logits[inside, output].astype(np.float64)))
            if scores:
                figures[f"auroc_{source}"] = float(np.mean(scores))
        return figures


def _one_cycle(place: float, warmup: float) -> float:
    """Share of the peak learning rate at `place` in [0, 1) of the run."""
    if place < warmup:
        return (place + 1e-3) / (warmup + 1e-3)
    return 0.5 + 0.5 * math.cos(math.pi * (place - warmup) / (1 - warmup))


def predict(
    network: FindingsNetwork, films: Films, rows: npt.NDArray[np.int64], size: int, batch: int = 64
) -> tuple[Array, Array]:
    """Read films as they are read at inference.

    Returns
    -------
    logits : (N, 16) float32
    maps : (N, 16, size/16, size/16) float32
    """
    logits, maps = [], []
    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(rows), batch):
            part = [square(film01(films.cache[int(row)]), size) for row in rows[start : start + batch]]
            film = torch.from_numpy(np.stack(part))[:, None].to(device, memory_format=torch.channels_last)
            answer = network(film)
            logits.append(answer[0].cpu().numpy())
            maps.append(answer[1].cpu().numpy())
    return np.concatenate(logits), np.concatenate(maps)
