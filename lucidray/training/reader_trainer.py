"""transformers' Trainer with a loss on the answer alone, and the loss on the tokens of places told apart."""

import inspect
import json
import os
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from lucidray.domain.errors import WeightsError
from lucidray.training.reader_inputs import IGNORED
from lucidray.training.reader_model import Loaded
from lucidray.training.reader_samples import Sample

COMPLETE = "complete"  # written into a checkpoint last: without it the checkpoint is half of one


class Sums(NamedTuple):
    """What a batch adds: losses and counts over answer tokens, and over those of places."""

    loss: float = 0.0
    tokens: int = 0
    right: int = 0
    box_loss: float = 0.0
    box_tokens: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """Add up."""
        return Sums(
            self.loss + other.loss,
            self.tokens + other.tokens,
            self.right + other.right,
            self.box_loss + other.box_loss,
            self.box_tokens + other.box_tokens,
        )

    def figures(self, prefix: str = "") -> dict[str, float]:
        """Return means; the box loss where there were places."""
        if not self.tokens:
            return {}
        found = {f"{prefix}token_loss": self.loss / self.tokens, f"{prefix}token_accuracy": self.right / self.tokens}
        if self.box_tokens:
            found[f"{prefix}box_loss"] = self.box_loss / self.box_tokens
        return found


def scores_and_targets(
    model: Any, inputs: dict[str, torch.Tensor], *, is_decoder: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run a model on a batch.

    Returns
    -------
    (scores, targets)
        (B, T, V) for each answer token and whatever lies between; (B, T), `IGNORED` where nothing is asked.
    """
    given: dict[str, Any] = dict(inputs)
    labels = given.pop("labels")
    if is_decoder:
        config = model.config
        start = config.decoder_start_token_id
        if start is None:
            raise WeightsError("the checkpoint does not say with which token its decoder begins")
        pad = config.pad_token_id or 0
        known = labels.masked_fill(labels == IGNORED, pad)
        before = torch.cat([known.new_full((len(known), 1), start), known[:, :-1]], 1)
        mask = torch.cat([torch.ones_like(labels[:, :1]), (labels[:, :-1] != IGNORED).long()], 1)
        return model(**given, decoder_input_ids=before, decoder_attention_mask=mask, use_cache=False).logits, labels
    asked = (labels != IGNORED).any(0).nonzero()
    # The token before the first answer token predicts it.
    keep = labels.shape[1] - int(asked[0]) + 1
    if "logits_to_keep" in _parameters(model):
        given["logits_to_keep"] = keep
    scores = model(**given, use_cache=False).logits
    return scores[:, -keep:-1], labels[:, 1 - keep :]


def _parameters(model: Any) -> set[str]:
    base = model.module if hasattr(model, "module") else model
    base = base.get_base_model() if hasattr(base, "get_base_model") else base
    return set(inspect.signature(base.forward).parameters)


def sums_of(scores: torch.Tensor, targets: torch.Tensor, loc_ids: torch.Tensor) -> tuple[torch.Tensor, Sums]:
    """Return the summed loss over the answer, as a tensor to go back from, and what the batch adds.

    Parameters
    ----------
    scores : (B, T, V)
    targets : (B, T)
    loc_ids : (L,)
        The tokens of places.
    """
    asked = targets != IGNORED
    wanted, told = targets[asked], scores[asked].float()
    each = cross_entropy(told, wanted, reduction="none")
    with torch.no_grad():
        place = torch.isin(wanted, loc_ids)
        sums = Sums(
            float(each.sum()),
            len(wanted),
            int((told.argmax(-1) == wanted).sum()),
            float(each[place].sum()),
            int(place.sum()),
        )
    return each.sum(), sums


class ReaderTrainer(Trainer):  # type: ignore[misc]
    """Trains what `reader_model` put onto the base.

    Parameters
    ----------
    loaded : Loaded
    settings : TrainingArguments
    train, held_out : sequence of Sample
    measure : callable
        Given the model, returns figures of what it writes of held-out films.
    callbacks : sequence of TrainerCallback
    """

    def __init__(
        self,
        loaded: Loaded,
        settings: TrainingArguments,
        train: Sequence[Sample],
        held_out: Sequence[Sample],
        measure: Callable[[Any], dict[str, float]],
        callbacks: Sequence[TrainerCallback],
    ) -> None:
        super().__init__(
            model=loaded.model,
            args=settings,
            train_dataset=list(train),
            eval_dataset=list(held_out),
            data_collator=loaded.inputs.collate,
            callbacks=list(callbacks),
        )
        self.remove_callback(PrinterCallback)  # figures are told by `RunFolder`, in words
        self._loaded, self._measure = loaded, measure
        self._sums = Sums()
        self._evaluated_at = -1
        self._locs = torch.tensor(loaded.loc_ids, dtype=torch.long)
        # Whatever the base says of itself: `compute_loss` divides by the tokens of the whole accumulated batch.
        self.model_accepts_loss_kwargs = True

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Mean loss over the answers' tokens, of all batches that are accumulated together."""
        loss, sums = self._run(model, inputs)
        self._sums = self._sums.plus(sums)
        count = sums.tokens if num_items_in_batch is None else num_items_in_batch
        mean = loss / count
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            mean = mean * self.accelerator.num_processes
        return (mean, None) if return_outputs else mean

    def _run(self, model: Any, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, Sums]:
        scores, targets = scores_and_targets(model, inputs, is_decoder=self._loaded.is_decoder)
        return sums_of(scores, targets, self._locs.to(targets.device))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add box loss and token accuracy since the last line."""
        if "loss" in logs:
            logs = logs | {name: value for name, value in self._sums.figures().items() if name != "token_loss"}
            self._sums = Sums()
        super().log(logs, start_time)

    @property
    def just_evaluated(self) -> bool:
        """Whether the weights as they are now have been measured."""
        return bool(self._evaluated_at == self.state.global_step)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Measure losses on held-out answers, and what the model writes of held-out films by itself."""
        model = self.model
        was_training = model.training
        model.eval()
        sums = Sums()
        size = self.args.per_device_eval_batch_size
        rows = list(self.eval_dataset)
        with torch.no_grad():
            for start in range(0, len(rows), size):
                batch = self._prepare_inputs(self.data_collator(rows[start : start + size]))
                sums = sums.plus(self._run(model, batch)[1])
            figures = sums.figures("eval_") | {f"eval_{name}": value for name, value in self._measure(model).items()}
        model.train(was_training)
        self._evaluated_at = self.state.global_step
        self.log(figures)
        before: Any = getattr(self, "control")  # noqa: B009 - its type is transformers' own
        self.control = self.callback_handler.on_evaluate(self.args, self.state, before, figures)
        return figures


class RunFolder(TrainerCallback):  # type: ignore[misc]
    """Writes `metrics.jsonl` and TensorBoard's events, and marks checkpoints that are whole.

    Parameters
    ----------
    folder : Path
    report : callable
        Told a line whenever figures are logged.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._file, self._report = folder / "metrics.jsonl", report
        self._events: Any = None
        self._started, self._first = 0.0, 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Drop the lines that a run left behind its last whole checkpoint."""
        self._started, self._first = time.monotonic(), state.global_step
        if not state.is_world_process_zero:
            return
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.is_file() else []
        kept = [line for line in lines if json.loads(line)["step"] <= state.global_step] if state.global_step else []
        self._file.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(self._file.parent / "tensorboard"), purge_step=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:  # noqa: ARG002
        """Append the figures, and tell them with the time that is left."""
        if not state.is_world_process_zero or not logs or "train_runtime" in logs:
            return
        row = {"step": state.global_step, **{name: round(float(value), 6) for name, value in logs.items()}}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self._events is not None:
            for name, value in row.items():
                self._events.add_scalar(name, value, state.global_step)
            self._events.flush()
        done = state.global_step - self._first
        left = (time.monotonic() - self._started) / max(done, 1) * (state.max_steps - state.global_step)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in ("step", "grad_norm"))
        self._report(f"step {state.global_step} of {state.max_steps}, {_clock(left)} left: {shown}")

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Mark the checkpoint that was just written as whole."""
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            with (folder / COMPLETE).open("w") as file:
                file.flush()
                os.fsync(file.fileno())


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end."""
    whole = [found.parent for found in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
