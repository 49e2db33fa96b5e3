"""The run that makes the findings network: fourteen findings, any abnormality, and pneumonia in a child.

What the labels are worth decides how they are used. They were mined from reports and about one in ten is wrong, so a
target is the probability that the finding is there (`label_noise`); an output that nobody read on a film is masked; and
since how often a finding occurs differs between folders only because of how they were collected, each folder's
prevalence enters the loss as a known offset, so that recognising the folder earns the network nothing.

Beside the labels the network learns where evidence may lie (inside the chest, and inside the boxes of radiologists
where there are some) and, from the same features, age and sex, which are known of most films and hardly ever wrong.
"""

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from lucidray.domain.errors import UsageError
from lucidray.evaluation.measures import auroc
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.models.prepare import square
from lucidray.training.augment import augment
from lucidray.training.export import write_onnx
from lucidray.training.films import OUTPUTS, Films, film01, folder_offsets, gather
from lucidray.training.findings_card import finish
from lucidray.training.findings_losses import BoxPlaces, box_loss, chest_loss, masked_loss, person_loss, person_of
from lucidray.training.label_noise import soft_targets
from lucidray.training.network import FindingsNetwork, pool
from lucidray.training.places import Places, find_places

Array = npt.NDArray[np.float32]

_CHECKPOINT_STEPS = 50
_PREFETCHED_BATCHES = 4
_COARSE_SHARE = {"adult_normal": 0.9}  # all normal at one resolution: it must not be told by its sharpness


@dataclass(frozen=True)
class Config:
    """Everything that decides a run; written to `config.json`."""

    epochs: int = 20
    size: int = 224
    seed: int = 0
    limit: int | None = None
    batch: int = 32
    learning_rate: float = 5e-4
    head_learning_rate: float = 2e-3
    weight_decay: float = 0.03
    warmup: float = 0.06
    ema: float = 0.997
    positive_weight_limit: float = 3.0
    frozen_blocks: int = 3
    mirror_share: float = 0.5
    box_weight: float = 0.5
    chest_weight: float = 0.05
    person_weight: float = 0.1
    box_repeats: int = 3

    def size_at(self, epoch: int) -> int:
        """Side of the films in `epoch`: the last third at full size, the rest at five sevenths of it."""
        small = max(64, round(self.size * 5 / 7 / 32) * 32)
        return self.size if epoch >= self.epochs - math.ceil(self.epochs / 3) else min(small, self.size)


Report = Callable[[str], None]


class Batch(NamedTuple):
    """Films with the places where evidence may lie; `again` marks those that are shown for their boxes only."""

    rows: npt.NDArray[np.int64]
    film: torch.Tensor
    chest: torch.Tensor
    boxes: list[BoxPlaces]
    again: torch.Tensor


def train(
    data_dir: Path,
    run_dir: Path,
    *,
    epochs: int = 20,
    size: int = 224,
    seed: int = 0,
    mirror_share: float = 0.5,
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
    mirror_share : float
        How often a film is shown with left and right exchanged.
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
    config = Config(epochs=epochs, size=size, seed=seed, mirror_share=mirror_share, limit=limit)
    say = report or (lambda _: None)
    say("reading films")
    cache = cache_dir or run_dir / "cache"
    films = gather(data_dir, cache, limit)
    say("segmenting films")
    segmenter = EmbeddedSegmenter()
    places = find_places(data_dir, films.rows, films.cache, cache, lambda film: segmenter.segment(film)[0].masks)
    network = fit(films, places, run_dir, config, resume=resume, device=device, report=report)
    say("exporting, calibrating and measuring")
    onnx_path = run_dir / "findings.onnx"
    sha256 = write_onnx(network, size, onnx_path, ("logits", "maps"))
    sharpness = network.sharpness.tolist()
    finish(onnx_path, sha256, films, data_dir, {"size": size, "sharpness": sharpness, "members": [asdict(config)]})
    return onnx_path


def fit(
    films: Films,
    places: Places,
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
    run = _Run(films, places, config, device)
    if resume:
        _check_same(json.loads((run_dir / "config.json").read_text(encoding="utf-8")), asdict(config))
        run.load(torch.load(checkpoint, map_location=device, weights_only=True))
    else:
        run.start()
        (run_dir / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n")
    while run.step < run.total:
        epoch = run.step // run.epoch_steps
        for batch in run.batches(epoch, run.step % run.epoch_steps):
            loss = run.learn(batch)
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

    def __init__(self, films: Films, places: Places, config: Config, device: str) -> None:
        self.films, self.places, self.config, self.device = films, places, config, torch.device(device)
        train = films.of("train")
        self.train = train[films.known[train].any(axis=1)]
        self.targets = soft_targets(films, self.train)
        self.person = np.array([person_of(film) for film in films.rows], dtype=np.float32)
        # Boxes are few: a film with some is shown more often, and then teaches its boxes only.
        boxed = np.array([row for row in self.train if row in places.boxed], dtype=np.int64)
        self.shown = np.concatenate([self.train, np.tile(boxed, config.box_repeats - 1)])
        self.again = np.arange(len(self.shown)) >= len(self.train)
        self.validation = films.of("validation")
        offsets, self.prevalence = folder_offsets(films, self.train)
        self.offsets = torch.from_numpy(offsets)
        weight = np.sqrt((1 - self.prevalence) / self.prevalence).clip(1.0, config.positive_weight_limit)
        self.positive_weight = torch.from_numpy(weight).to(self.device)
        self.epoch_steps = math.ceil(len(self.shown) / config.batch)
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
        parts = np.array_split(rows, 8)
        trunk.adapt(torch.stack([self._input(int(row), size, 0, 0)[0] for row in part]) for part in parts)
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

    def _input(self, row: int, size: int, epoch: int, time: int) -> tuple[torch.Tensor, torch.Tensor, BoxPlaces]:
        rng = np.random.default_rng([self.config.seed, epoch, row, time])
        share = _COARSE_SHARE.get(self.films.rows[row].source, 0.6)
        outputs, masks = self.places.masks(row)
        film, moved = augment(
            self.films.cache[row],
            size,
            rng,
            coarse_share=share,
            mirror_share=self.config.mirror_share,
            masks=masks,
            mask_size=size // 16,
        )
        places = torch.from_numpy(moved)
        return torch.from_numpy(film)[None], places[0], (outputs, places[1:])

    def batches(self, epoch: int, skip: int) -> Iterator[Batch]:
        """Batches of `epoch` from batch `skip` on; made ahead in a thread, decided by the seed."""
        order = np.random.default_rng([self.config.seed, epoch, 2**31]).permutation(len(self.shown))
        parts = np.array_split(order, self.epoch_steps)[skip:]
        size = self.config.size_at(epoch)

        def make(part: npt.NDArray[np.int64]) -> Batch:
            made = [self._input(int(self.shown[place]), size, epoch, int(place)) for place in part]
            films, chests, boxes = zip(*made, strict=True)
            again = torch.from_numpy(self.again[part])
            return Batch(self.shown[part], torch.stack(films), torch.stack(chests), list(boxes), again)

        with ThreadPoolExecutor(max_workers=1) as maker:
            waiting: list[Future[Batch]] = [maker.submit(make, part) for part in parts[:_PREFETCHED_BATCHES]]
            for place in range(len(parts)):
                batch = waiting.pop(0).result()
                if place + _PREFETCHED_BATCHES < len(parts):
                    waiting.append(maker.submit(make, parts[place + _PREFETCHED_BATCHES]))
                yield batch

    def learn(self, batch: Batch) -> float:
        """Take one step; returns the loss."""
        config = self.config
        rate = _one_cycle(self.step / self.total, config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        # Dropout follows from the step, so that a resumed run drops what the uninterrupted one would have.
        torch.manual_seed(config.seed * 1_000_003 + self.step)
        loss = self._loss(batch)
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

    def _loss(self, batch: Batch) -> torch.Tensor:
        config, rows = self.config, batch.rows
        maps, said = self.network.look(batch.film.to(self.device, memory_format=torch.channels_last))
        sharpness = self.network.sharpness
        known = torch.from_numpy(self.films.known[rows]) & ~batch.again[:, None]
        loss = masked_loss(
            pool(maps, sharpness) + self.offsets[torch.from_numpy(rows)].to(self.device),
            torch.from_numpy(self.targets[rows]).to(self.device),
            known.to(self.device),
            self.positive_weight,
        )
        boxes = [(outputs, masks.to(self.device)) for outputs, masks in batch.boxes]
        loss = loss + config.box_weight * box_loss(maps, sharpness, boxes)
        loss = loss + config.chest_weight * chest_loss(maps, sharpness, batch.chest.to(self.device))
        return loss + config.person_weight * person_loss(said, torch.from_numpy(self.person[rows]).to(self.device))

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
