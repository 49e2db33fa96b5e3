"""Train the anatomy network: masks of lungs, heart and clavicles, and what kind of image this is."""

import copy
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader, Dataset

from lucidray.domain.errors import UsageError
from lucidray.training.anatomy_card import finish
from lucidray.training.anatomy_cases import Case, frontal, lateral, no_chest_pixels, not_chest
from lucidray.training.anatomy_films import Film, read_films
from lucidray.training.anatomy_network import AnatomyNetwork, Logits

# How often each folder is drawn. Masks: JSRT alone has clavicles, Wingspan has enlarged hearts and poor contrast.
_MASKED_SHARES = {"jsrt": 0.42, "wingspan": 0.33, "shenzhen": 0.17, "montgomery": 0.08}
# Without masks: `covid` gives as many frontals as laterals, so that the collection does not give the lateral away.
_UNMASKED_SHARES = {"nih": 0.3, "nih_small": 0.22, "paediatric": 0.16, "adult_normal": 0.08, "covid": 0.24}
# Clavicles are thin, known on one folder only, and slow to learn.
_MASK_WEIGHTS = (1.0, 1.0, 1.0, 2.5, 2.5)
_IGNORE = -100


@dataclass(frozen=True)
class Plan:
    """Settings of one run; written to `config.json`.

    The first steps see small squares and fit the normalisation; it is then folded into the convolutions, which halves
    the cost of the steps at full size.
    """

    coarse_steps: int = 350
    fine_steps: int = 350
    seed: int = 0
    painted: int = 16  # cases of a batch that go through the decoder
    unpainted: int = 16
    coarse_side_px: int = 160
    coarse_rate: float = 2e-3
    fine_rate: float = 1e-3
    trunk_share: float = 0.35  # of these rates, for the weights that come from ImageNet
    weight_decay: float = 0.02
    warmup: int = 30
    average: float = 0.99  # of the weights, per step
    checkpoint_every: int = 25

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.coarse_steps + self.fine_steps


class Batch(NamedTuple):
    """Cases stacked; the first `len(masks)` films have masks. -100 and NaN stand for questions not asked."""

    film: Tensor  # (N, 1, H, W)
    masks: Tensor  # (M, 5, H, W)
    known: Tensor  # (M, 5)
    kind: Tensor  # (N,)
    turn: Tensor  # (N,)
    inverted: Tensor  # (N,)
    mirrored: Tensor  # (N,)


class Batches(Dataset[Batch]):
    """One seeded batch for each step, so that a resumed run sees what an unbroken one would have seen."""

    def __init__(self, films: Sequence[Film], plan: Plan, first: int) -> None:
        self.plan, self.first = plan, first
        learnt = [film for film in films if film.split == "train"]
        self.masked = _by_source([f for f in learnt if f.masks is not None])
        self.unmasked = _by_source([f for f in learnt if f.masks is None and f.kind == "frontal"])
        self.laterals = [f for f in learnt if f.kind == "lateral"]
        self.pictures = [f for f in learnt if f.kind == "not_chest"]
        self.all_masked = [f for group in self.masked.values() for f in group]

    def __len__(self) -> int:
        return self.plan.steps - self.first

    def __getitem__(self, item: int) -> Batch:
        rng = np.random.default_rng((self.plan.seed, self.first + item))
        return stack(list(self._cases(rng)), self.plan.painted)

    def _cases(self, rng: np.random.Generator) -> Iterator[Case]:
        for number in range(self.plan.painted):
            if number % 8 == 7:
                yield self._not_chest(rng)
            else:
                yield frontal(_draw(self.masked, _MASKED_SHARES, rng), rng, mirrored=number % 8 == 6)
        for number in range(self.plan.unpainted):
            yield self._unpainted(number % 16, rng)

    def _unpainted(self, role: int, rng: np.random.Generator) -> Case:
        if role < 2:
            turn = int(rng.integers(1, 4)) if rng.random() < 0.25 else 0
            film = self.laterals[rng.integers(len(self.laterals))]
            return lateral(film, rng, turn=turn, inverted=bool(rng.random() < 0.2))
        if role < 5:
            return self._not_chest(rng)
        pool, shares = (self.unmasked, _UNMASKED_SHARES) if rng.random() < 0.85 else (self.masked, _MASKED_SHARES)
        film = _draw(pool, shares, rng)
        if role < 7:
            return frontal(film, rng, turn=int(rng.integers(1, 4)), inverted=bool(rng.random() < 0.15))
        if role < 9:
            return frontal(film, rng, inverted=True, mirrored=bool(rng.random() < 0.3))
        return frontal(film, rng, mirrored=role < 12)

    def _not_chest(self, rng: np.random.Generator) -> Case:
        return not_chest(no_chest_pixels(rng, self.pictures, self.all_masked), rng)


def stack(cases: Sequence[Case], painted: int) -> Batch:
    """Stack cases into tensors; masks of the first `painted` only."""

    def answers(values: list[int | bool | None], missing: float) -> list[float]:
        return [missing if value is None else float(value) for value in values]

    return Batch(
        torch.from_numpy(np.stack([case.film for case in cases]))[:, None],
        torch.from_numpy(np.stack([case.masks for case in cases[:painted]])).float(),
        torch.tensor([case.known for case in cases[:painted]], dtype=torch.float32),
        torch.tensor([case.kind for case in cases]),
        torch.tensor(answers([case.turn for case in cases], _IGNORE)).long(),
        torch.tensor(answers([case.inverted for case in cases], math.nan)),
        torch.tensor(answers([case.mirrored for case in cases], math.nan)),
    )


def losses(logits: Logits, batch: Batch) -> dict[str, Tensor]:
    """Compute one loss for each output; what is not known or not asked has no share in it.

    Returns
    -------
    dict
        `masks` (cross-entropy plus 1 - Dice, weighted mean over known masks), `kind`, `turn`, `inverted`, `mirrored`.
    """
    pixelwise = F.binary_cross_entropy_with_logits(logits.masks, batch.masks, reduction="none").mean((2, 3))
    probs = logits.masks.sigmoid()
    shared, total = (probs * batch.masks).sum((2, 3)), (probs + batch.masks).sum((2, 3))
    # Empty masks have no overlap to win: for them cross-entropy alone speaks.
    overlap = (1 - (2 * shared + 1) / (total + 1)) * (batch.masks.sum((2, 3)) > 0)
    weights = batch.known * batch.known.new_tensor(_MASK_WEIGHTS)
    masks = ((4 * pixelwise + overlap) * weights).sum() / weights.sum().clamp(min=1)
    return {
        "masks": masks,
        "kind": F.cross_entropy(logits.kind, batch.kind, label_smoothing=0.02),
        "turn": _asked_turn(logits.turn, batch.turn),
        "inverted": _asked(logits.inverted, batch.inverted),
        "mirrored": _asked(logits.mirrored, batch.mirrored),
    }


def train(
    data_dir: Path,
    run_dir: Path,
    *,
    steps: int = 700,
    seed: int = 0,
    resume: bool = False,
    limit: int | None = None,
    device: str = "cpu",
    report: Callable[[str], None] | None = None,
) -> Path:
    """Train, export and measure the anatomy network.

    Parameters
    ----------
    data_dir : Path
        The training folders.
    run_dir : Path
        Receives `config.json`, `metrics.jsonl`, `checkpoint.pt`, and at the end `anatomy.onnx` and `anatomy.json`.
    steps : int
        Batches of 32 cases; half of them on small squares.
    seed : int
        Of weights and cases.
    resume : bool
        Go on from `run_dir/checkpoint.pt`.
    limit : int, optional
        Films of each folder and split, for a trial.
    device : str
        A PyTorch device.
    report : callable, optional
        Receives one line of progress at a time.

    Returns
    -------
    Path
        The ONNX file.

    Raises
    ------
    UsageError
        `resume` without a checkpoint, or a run folder that already holds a run.
    InputError
        A folder of films is missing.
    """
    plan = Plan(coarse_steps=steps // 2, fine_steps=steps - steps // 2, seed=seed)
    say = report or (lambda _: None)
    checkpoint = run_dir / "checkpoint.pt"
    if resume != checkpoint.exists():
        raise UsageError(f"{checkpoint} {'does not exist' if resume else 'exists: resume it or choose another folder'}")
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "config.json").write_text(json.dumps(asdict(plan), indent=2) + "\n", encoding="utf-8")
    say("reading films")
    films = read_films(data_dir, limit)
    network = fit(films, run_dir, plan, torch.device(device), say)
    return finish(network, films, run_dir, asdict(plan), say)


def fit(
    films: Sequence[Film], run_dir: Path, plan: Plan, device: torch.device, say: Callable[[str], None]
) -> AnatomyNetwork:
    """Run the steps that are left and return the averaged network, in evaluation mode."""
    torch.manual_seed(plan.seed)
    learner = Learner(AnatomyNetwork(), plan.coarse_rate, plan, device)
    checkpoint = run_dir / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        first = state["step"]
        if first > plan.coarse_steps:
            learner = learner.refined(plan.fine_rate)
        learner.load(state)
    loader = DataLoader(Batches(films, plan, first), batch_size=None, num_workers=1, prefetch_factor=4)
    began = time.monotonic()
    with (run_dir / "metrics.jsonl").open("a", encoding="utf-8") as log:
        for step, cases in enumerate(loader, first):
            batch = Batch(*(part.to(device) for part in cases))
            if step < plan.coarse_steps:
                parts = learner.step(_shrink(batch, plan.coarse_side_px), step, plan.coarse_steps)
            else:
                if step == plan.coarse_steps:
                    learner = learner.refined(plan.fine_rate)
                parts = learner.step(batch, step - plan.coarse_steps, plan.fine_steps)
            record = {"step": step, **{name: round(value, 4) for name, value in parts.items()}}
            log.write(json.dumps(record) + "\n")
            if step % 10 == 9:
                log.flush()
                each = (time.monotonic() - began) / (step - first + 1)
                say(" ".join(f"{name} {value}" for name, value in record.items()) + f"  {each:.2f} s a step")
            if (step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps:
                torch.save({"step": step + 1, **learner.state()}, checkpoint)
    return learner.average.eval()


class Learner:
    """A network, its optimiser, and the running average of its weights that is kept in the end."""

    def __init__(self, network: AnatomyNetwork, rate: float, plan: Plan, device: torch.device) -> None:
        self.plan, self.device = plan, device
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(network)
        trunk = [*network.stem.parameters(), *network.blocks.parameters()]
        inside = {id(weight) for weight in trunk}
        rest = [weight for weight in network.parameters() if id(weight) not in inside]
        groups = [{"params": trunk, "peak": rate * plan.trunk_share}, {"params": rest, "peak": rate}]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=plan.weight_decay)

    def refined(self, rate: float) -> "Learner":
        """Start anew from the average, with its normalisation folded."""
        network = copy.deepcopy(self.average)
        network.fold()
        return Learner(network, rate, self.plan, self.device)

    def step(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """Learn from one batch; return the losses."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * _schedule(step, steps, self.plan.warmup)
        self.network.train()
        parts = losses(self.network(batch.film.contiguous(memory_format=torch.channels_last), len(batch.masks)), batch)
        loss = 1.5 * parts["masks"] + 0.5 * (parts["kind"] + parts["turn"] + parts["inverted"] + parts["mirrored"])
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        _follow(self.average, self.network, min(self.plan.average, (1 + step) / (10 + step)))
        return {name: float(part.detach()) for name, part in parts.items()}

    def state(self) -> dict[str, Any]:
        """Return what `load` needs."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved state."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])


def _asked_turn(logits: Tensor, turn: Tensor) -> Tensor:
    each = F.cross_entropy(logits, turn, ignore_index=_IGNORE, label_smoothing=0.02, reduction="sum")
    return each / (turn != _IGNORE).sum().clamp(min=1)


def _asked(logit: Tensor, answer: Tensor) -> Tensor:
    asked = ~answer.isnan()
    each = F.binary_cross_entropy_with_logits(logit, answer.nan_to_num(), reduction="none")
    return (each * asked).sum() / asked.sum().clamp(min=1)


def _by_source(films: Sequence[Film]) -> dict[str, list[Film]]:
    groups: dict[str, list[Film]] = {}
    for film in films:
        groups.setdefault(film.source, []).append(film)
    return groups


def _draw(groups: dict[str, list[Film]], shares: dict[str, float], rng: np.random.Generator) -> Film:
    weights = np.array([shares[name] for name in groups])
    films = groups[list(groups)[rng.choice(len(groups), p=weights / weights.sum())]]
    return films[rng.integers(len(films))]


def _shrink(batch: Batch, side_px: int) -> Batch:
    def smaller(x: Tensor) -> Tensor:
        return F.interpolate(x, (side_px, side_px), mode="bilinear", antialias=True)

    return batch._replace(film=smaller(batch.film), masks=(smaller(batch.masks) > 0.5).float())


def _schedule(step: int, steps: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - keep)
        else:
            mean.copy_(value)
