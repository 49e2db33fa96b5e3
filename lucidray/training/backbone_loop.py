"""The loop of `train findings --backbone`: accelerate does devices, precision and processes, this file the order.

Every step draws its chance from the seed and its own number, so that a run that was stopped and resumed ends where one
that never stopped does.
"""

import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator, skip_first_batches
from torch import nn
from torch.utils.data import DataLoader, Sampler

from lucidray.domain.errors import UsageError
from lucidray.evaluation.measures import auroc
from lucidray.models.preparation import Preparation
from lucidray.training.backbone_config import Config
from lucidray.training.backbone_films import Films, Shown
from lucidray.training.backbone_losses import masked_loss, positive_weights
from lucidray.training.backbone_network import head_of
from lucidray.training.run_folder import Clock, Report, RunFolder

_CHECKPOINT_STEPS = 200
_MAX_GRADIENT = 5.0
Logits = npt.NDArray[np.float32]


class Order(Sampler[int]):
    """The order of an epoch's films: a permutation that seed and epoch decide."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed
        self.epoch = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return iter(np.random.default_rng((self._seed, self.epoch)).permutation(self._count).tolist())


class Loop:
    """One run.

    Parameters
    ----------
    network : torch.nn.Module
    films : Films
    preparation : Preparation
    config : Config
    accelerator : Accelerator

    Raises
    ------
    UsageError
        No output has both classes among the validation films: nothing could be chosen on them.
    """

    def __init__(
        self, network: nn.Module, films: Films, preparation: Preparation, config: Config, accelerator: Accelerator
    ) -> None:
        self.films, self.config, self.accelerator = films, config, accelerator
        self._preparation = preparation
        rows = films.of("train")
        rows = rows[~np.isnan(films.truth[rows]).all(axis=1)]
        self.validation = films.of("validation")
        if not chosen_outputs(films.truth[self.validation]):
            raise UsageError(
                "no output has positive and negative validation films: a run could neither stop early nor be calibrated"
            )
        self._shown = Shown(films, rows, preparation, seed=config.seed, mirror_share=config.mirror_share)
        self._order = Order(len(rows), config.seed)
        loader = DataLoader(
            self._shown, batch_size=config.batch, sampler=self._order, num_workers=config.workers, drop_last=False
        )
        self.network: Any
        self.network, self._optimizer, self._loader = accelerator.prepare(
            network, torch.optim.AdamW(_groups(network, config), weight_decay=config.weight_decay), loader
        )
        weight = positive_weights(films.truth[rows], config.class_weights, config.positive_weight_limit)
        self._positive_weight = torch.from_numpy(weight).to(accelerator.device)
        self.epoch_steps = len(self._loader)
        self.total = self.epoch_steps * config.epochs
        self.step = self.bad_epochs = self._losses = 0
        self._loss = 0.0
        self.best_figure = -math.inf
        self.best_epoch = 0
        self.best: dict[str, torch.Tensor] = {}

    @property
    def plain(self) -> nn.Module:
        """The network itself, without what accelerate put around it."""
        network: nn.Module = self.accelerator.unwrap_model(self.network)
        return network

    def run(self, folder: RunFolder, say: Report) -> None:
        """Train until the last epoch, or until validation has not improved for `patience` epochs."""
        config, clock = self.config, Clock(self.total, self.step)
        while self.step < self.total and not self._exhausted:
            epoch = self.step // self.epoch_steps
            self._epoch(epoch, folder, clock, say)
            figures = self.validate()
            figure = figures["mean"]
            better = figure is not None and figure > self.best_figure
            if better:
                self.best_figure, self.best_epoch, self.bad_epochs = float(figure or 0), epoch + 1, 0
                self.best = {name: tensor.detach().cpu().clone() for name, tensor in self.plain.state_dict().items()}
            else:
                self.bad_epochs += 1
            named = {f"validation AUROC {name}": value for name, value in figures.items()}
            folder.log(epoch + 1, {"training loss": self.mean_loss, **named})
            self._loss, self._losses = 0.0, 0
            folder.save(self.state())
            say(
                f"epoch {epoch + 1} of {config.epochs}: validation AUROC {_told(figure)}"
                f" (best {self.best_figure:.3f}, epoch {self.best_epoch}), {clock.left(self.step)}"
            )
        if self._exhausted:
            say(f"stopped: no better validation AUROC for {self.bad_epochs} epochs")

    @property
    def mean_loss(self) -> float:
        """Mean training loss of this epoch so far."""
        return self._loss / max(self._losses, 1)

    @property
    def _exhausted(self) -> bool:
        return self.config.patience > 0 and self.bad_epochs >= self.config.patience

    def _epoch(self, epoch: int, folder: RunFolder, clock: Clock, say: Report) -> None:
        self._shown.epoch = self._order.epoch = epoch
        self.network.train()
        done = self.step % self.epoch_steps
        loader = skip_first_batches(self._loader, done) if done else self._loader
        last = (epoch + 1) * self.epoch_steps
        for films, truth, _ in loader:
            # What dropout does depends on the step alone, not on what was drawn before it.
            torch.manual_seed((self.config.seed * 1_000_003 + self.step) * 4096 + self.accelerator.process_index % 4096)
            with self.accelerator.accumulate(self.network):
                self._set_rates()
                loss = masked_loss(
                    self.network(films),
                    truth,
                    self._positive_weight,
                    focal=self.config.focal,
                    smoothing=self.config.label_smoothing,
                )
                self.accelerator.backward(loss)
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.network.parameters(), _MAX_GRADIENT)
                self._optimizer.step()
                self._optimizer.zero_grad()
            self.step += 1
            self._loss += float(loss.detach())
            self._losses += 1
            if self.step % _CHECKPOINT_STEPS == 0:
                say(f"step {self.step} of {self.total}, loss {self.mean_loss:.3f}, {clock.left(self.step)}")
                # Half an accumulated gradient is not part of a checkpoint.
                if self.accelerator.sync_gradients and self.step < last:
                    folder.save(self.state())

    def validate(self) -> dict[str, float | None]:
        """Return the AUROC of each output on validation films, and their mean; None where a class is missing."""
        logits = self.predict(self.validation)
        truth = self.films.truth[self.validation]
        figures: dict[str, float | None] = {}
        for column, name in enumerate(self.films.outputs):
            known = ~np.isnan(truth[:, column])
            value = auroc(truth[known, column] == 1, logits[known, column])
            figures[name] = None if math.isnan(value) else value
        values = [value for value in figures.values() if value is not None]
        return {"mean": float(np.mean(values)) if values else None, **figures}

    def predict(self, rows: npt.NDArray[np.int64]) -> Logits:
        """Return logits, (n, K) float32, of rows of the films, unvaried."""
        loader = DataLoader(
            Shown(self.films, rows, self._preparation), batch_size=self.config.batch, num_workers=self.config.workers
        )
        loader = self.accelerator.prepare(loader)
        self.network.eval()
        found, order = [], []
        with torch.inference_mode():
            for films, _, row in loader:
                logits = self.network(films).float().contiguous()
                logits, row_ = self.accelerator.gather_for_metrics((logits, row.to(logits.device)))
                found.append(logits.cpu().numpy())
                order.append(row_.cpu().numpy())
        # With several processes batches come back in another order.
        place = {int(row): number for number, row in enumerate(np.concatenate(order))}
        answers = np.concatenate(found)
        picked: Logits = answers[[place[int(row)] for row in rows]]
        return picked

    def take_best(self) -> None:
        """Give the network the weights of its best epoch, in single precision: what is measured is exported."""
        self.network = self.accelerator.unwrap_model(self.network, keep_fp32_wrapper=False)
        self.network.load_state_dict(self.best)

    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint holds."""
        scaler = self.accelerator.scaler
        return {
            "step": self.step,
            "loss": self._loss,
            "losses": self._losses,
            "bad_epochs": self.bad_epochs,
            "best_figure": self.best_figure,
            "best_epoch": self.best_epoch,
            "best": self.best,
            "network": self.plain.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.plain.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self.accelerator.scaler is not None and state["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.step, self._loss, self._losses = state["step"], state["loss"], state["losses"]
        self.bad_epochs, self.best_figure = state["bad_epochs"], state["best_figure"]
        self.best_epoch, self.best = state["best_epoch"], state["best"]

    def _set_rates(self) -> None:
        share = _rate_share(self.step / max(self.total, 1), self.config.warmup)
        rates = (self.config.learning_rate, self.config.head_learning_rate)
        for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * share


class Placement(Protocol):
    """What of a run's configuration decides where and how it computes."""

    @property
    def device(self) -> str | None:
        """As PyTorch names it; None takes what is there."""

    @property
    def precision(self) -> str:
        """Of the arithmetic: no, fp16 or bf16."""

    @property
    def accumulate(self) -> int:
        """Steps that are added up before the weights move."""


def start_accelerator(config: Placement) -> Accelerator:
    """Set up devices and precision.

    Raises
    ------
    UsageError
        The device is not there or does not take this precision.
    """
    if config.device not in (None, "auto", "cpu", "cuda", "mps"):
        raise UsageError(
            f"device {config.device!r} is not known here: cpu, cuda, mps; leave it out to take what is there"
        )
    try:
        accelerator = Accelerator(
            cpu=config.device == "cpu",
            mixed_precision=config.precision,
            gradient_accumulation_steps=config.accumulate,
        )
    except (ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(f"precision {config.precision} on this device: {reason}") from error
    if config.device in ("cuda", "mps") and accelerator.device.type != config.device:
        raise UsageError(f"device {config.device} is not there: accelerate finds {accelerator.device.type}")
    return accelerator


def chosen_outputs(truth: npt.NDArray[np.float32]) -> list[int]:
    """Return the columns of (N, K) truth that have both classes."""
    return [column for column in range(truth.shape[1]) if {0.0, 1.0} <= set(truth[:, column].tolist())]


def _groups(network: nn.Module, config: Config) -> list[dict[str, Any]]:
    last = head_of(network)
    head = [] if last is None else list(last.parameters())
    own = {id(parameter) for parameter in head}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in own]
    return [{"params": rest, "lr": config.learning_rate}, {"params": head, "lr": config.head_learning_rate}]


def _rate_share(progress: float, warmup: float) -> float:
    """Rise straight, fall as half a cosine; never 0, or the first step would be for nothing."""
    if progress < warmup:
        return max(progress / warmup, 0.02)
    return max(0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))), 0.02)


def _told(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:.3f}"
