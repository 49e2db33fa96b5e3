"""Train the anatomy network: masks of lungs, heart and clavicles, and what kind of image this is."""

import copy
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader

from lucidray.domain.errors import UsageError
from lucidray.training.anatomy_batches import NOT_ASKED, Batch, Batches, shrink
from lucidray.training.anatomy_card import finish
from lucidray.training.anatomy_films import Film, read_films
from lucidray.training.anatomy_network import AnatomyNetwork, Logits

# Clavicles are thin, known on one folder only, and slow to learn.
_MASK_WEIGHTS = (1.0, 1.0, 1.0, 2.5, 2.5)


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
    steps = range(first, plan.steps)
    batches = Batches(films, steps, seed=plan.seed, painted=plan.painted, unpainted=plan.unpainted)
    loader = DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4)
    began = time.monotonic()
    with (run_dir / "metrics.jsonl").open("a", encoding="utf-8") as log:
        for step, cases in zip(steps, loader, strict=True):
            batch = Batch(*(part.to(device) for part in cases))
            if step < plan.coarse_steps:
                parts = learner.step(shrink(batch, plan.coarse_side_px), step, plan.coarse_steps)
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
    each = F.cross_entropy(logits, turn, ignore_index=NOT_ASKED, label_smoothing=0.02, reduction="sum")
    return each / (turn != NOT_ASKED).sum().clamp(min=1)


def _asked(logit: Tensor, answer: Tensor) -> Tensor:
    asked = ~answer.isnan()
    each = F.binary_cross_entropy_with_logits(logit, answer.nan_to_num(), reduction="none")
    return (each * asked).sum() / asked.sum().clamp(min=1)


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
