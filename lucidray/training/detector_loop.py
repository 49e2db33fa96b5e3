"""The loop of `train detector`: as that of a classifier, with validation mAP in place of AUROC."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader

from lucidray.domain.box import Box
from lucidray.domain.errors import UsageError
from lucidray.evaluation.detection import BoxedFilm, ScoredBox, mean_precision
from lucidray.models.detector_boxes import Drawn, decode, suppress
from lucidray.models.onnx_detector import MOST_BOXES, MOST_IOU
from lucidray.training.backbone_loop import Order
from lucidray.training.detector_config import Config
from lucidray.training.detector_films import BoxedFilms, Shown, gathered
from lucidray.training.run_folder import Clock, Report, RunFolder

_MAX_GRADIENT = 1.0
_WARMUP = 0.05
CHOSEN_BY = "ap_over_0.3"
LEAST_SCORE = 0.02  # of boxes that are measured


class Loop:
    """One run; a checkpoint is written after every epoch.

    Raises
    ------
    UsageError
        No class has a validation box.
    """

    def __init__(self, network: nn.Module, films: BoxedFilms, config: Config, accelerator: Accelerator) -> None:
        self.films, self.config, self.accelerator = films, config, accelerator
        rows = films.of("train")
        self.validation = films.of("validation")
        if not sum(len(films.classes[int(row)]) for row in self.validation):
            raise UsageError("no validation film has a box of these findings: nothing could be chosen on them")
        self._shown = Shown(films, rows, seed=config.seed, shift=config.shift, zoom=config.zoom)
        self._order = Order(len(rows), config.seed)
        loader = DataLoader(
            self._shown,
            batch_size=config.batch,
            sampler=self._order,
            num_workers=config.workers,
            collate_fn=gathered,
            # A last film alone would leave a normalisation without a spread.
            drop_last=len(rows) > config.batch,
        )
        optimizer = torch.optim.AdamW(
            [one for one in network.parameters() if one.requires_grad],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        self.network: Any
        self.network, self._optimizer, self._loader = accelerator.prepare(network, optimizer, loader)
        self.epoch_steps = len(self._loader)
        self.total = self.epoch_steps * config.epochs
        self.step = self.bad_epochs = 0
        self.best_figure, self.best_epoch = -math.inf, 0
        self.best: dict[str, torch.Tensor] = {}

    @property
    def plain(self) -> nn.Module:
        """The network itself, without what accelerate put around it."""
        network: nn.Module = self.accelerator.unwrap_model(self.network)
        return network

    def run(self, folder: RunFolder, say: Report) -> None:
        """Train until the last epoch, or until validation has not improved for `patience` epochs."""
        config, clock = self.config, Clock(self.total, self.step)
        while self.step < self.total and not 0 < config.patience <= self.bad_epochs:
            epoch = self.step // self.epoch_steps
            loss = self._epoch(epoch)
            figures = mean_precision(self.answers(self.validation), self.films.names, resamples=1)["mean"]
            figure = float(figures[CHOSEN_BY]["value"])
            if figure > self.best_figure:
                self.best_figure, self.best_epoch, self.bad_epochs = figure, epoch + 1, 0
                self.best = {name: tensor.detach().cpu().clone() for name, tensor in self.plain.state_dict().items()}
            else:
                self.bad_epochs += 1
            named = {f"validation m{key}": value["value"] for key, value in figures.items() if key.startswith("ap_")}
            folder.log(epoch + 1, {"training loss": loss, **named})
            folder.save(self.state())
            say(
                f"epoch {epoch + 1} of {config.epochs}: loss {loss:.3f}, validation mAP at IoU 0.3 {figure:.3f}"
                f" (best {self.best_figure:.3f}, epoch {self.best_epoch}), {clock.left(self.step)}"
            )

    def _epoch(self, epoch: int) -> float:
        self._shown.epoch = self._order.epoch = epoch
        self.network.train()
        total, count = 0.0, 0
        for films, targets, _ in self._loader:
            torch.manual_seed((self.config.seed * 1_000_003 + self.step) * 4096 + self.accelerator.process_index)
            with self.accelerator.accumulate(self.network):
                rising = min(1.0, (self.step + 1) / max(1.0, _WARMUP * self.total))
                falling = max(0.02, 0.5 * (1 + math.cos(math.pi * self.step / self.total)))
                for group in self._optimizer.param_groups:
                    group["lr"] = self.config.learning_rate * rising * falling
                loss = self.network(films, targets)
                if not bool(torch.isfinite(loss)):
                    raise UsageError(f"the loss is no number after {self.step} steps: a smaller --lr may help")
                self.accelerator.backward(loss)
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.network.parameters(), _MAX_GRADIENT)
                self._optimizer.step()
                self._optimizer.zero_grad()
            self.step += 1
            total, count = total + float(loss.detach()), count + 1
        return total / max(count, 1)

    def answers(self, rows: npt.NDArray[np.int64]) -> list[BoxedFilm]:
        """Look at rows of the films, unvaried; every process looks at all of them."""
        network = self.plain
        network.eval()
        loader = DataLoader(Shown(self.films, rows), batch_size=self.config.batch, collate_fn=gathered)
        seen = []
        with torch.inference_mode():
            for films, _, numbers in loader:
                tables = network(films.to(self.accelerator.device)).float().cpu().numpy()
                seen += [boxed(self.films, int(row), table) for row, table in zip(numbers, tables, strict=True)]
        return seen

    def take_best(self) -> None:
        """Give the network the weights of its best epoch, in single precision: what is measured is exported."""
        self.network = self.accelerator.unwrap_model(self.network, keep_fp32_wrapper=False)
        self.network.load_state_dict(self.best)

    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint holds."""
        scaler = self.accelerator.scaler
        return {
            "step": self.step,
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
        self.step, self.bad_epochs = state["step"], state["bad_epochs"]
        self.best_figure, self.best_epoch, self.best = state["best_figure"], state["best_epoch"], state["best"]


def boxed(films: BoxedFilms, row: int, table: npt.NDArray[np.floating]) -> BoxedFilm:
    """Put a film's answer beside what is drawn on it, both in shares of the picture; read as `--localizer` reads it."""
    side = films.side
    drawn: Drawn = decode(table[None], "end-to-end", len(films.names), LEAST_SCORE, "the detector")
    drawn = suppress(drawn, MOST_IOU)
    found = [
        ScoredBox(films.names[int(number)], Box(*(float(edge) / side for edge in corners)), float(score))
        for corners, score, number in zip(*drawn, strict=True)
    ][:MOST_BOXES]
    truth = [
        (films.names[int(number)], Box(*(float(edge) / side for edge in corners)))
        for corners, number in zip(films.boxes[row], films.classes[row], strict=True)
    ]
    return BoxedFilm(films.rows[row].patient, tuple(truth), tuple(found))
