"""How much memory fine-tuning a reader takes, part by part, told before any weight is loaded.

The model is laid out without memory (on PyTorch's device "meta") from its configuration. Weights, adapters, gradients
and the optimizer follow exactly from its shapes; activations and the scores of the answer are an estimate, which a test
holds against what a small model really keeps. Times are estimates too: operations over an assumed speed.
"""

import json
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, PretrainedConfig, VisionEncoderDecoderModel

from lucidray.domain.errors import OutOfMemoryError, WeightsError
from lucidray.readers.loc_tokens import LOC_TOKENS
from lucidray.readers.local.adapter import words_of
from lucidray.readers.local.device import free_bytes

# NF4: half a byte a weight, one byte a block of 64 for its scale, and 32 bits for 256 of those (double quantisation).
NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
INT8_BYTES = 1.0
CUDA_BYTES = 600_000_000  # the CUDA context and the libraries' workspaces: an assumption
USUAL_SEQUENCE, USUAL_ANSWER = 768, 320  # tokens, where no data tells them: 256 of the picture, a question, an answer
SUSTAINED_FLOPS = 2e13  # of one GPU on such work: an assumption, told with every time
_TRAINED_BYTES = 4  # what is trained is kept in 32 bits


@dataclass(frozen=True)
class Memory:
    """Bytes by what they are for.

    Attributes
    ----------
    weights : int
        The base's, quantised where it is.
    trained : int
        LoRA matrices, rows of the embeddings, the projector's copy.
    gradients, optimizer : int
    activations : int
        Kept for the way back, and the most that one layer needs at a time.
    scores : int
        Of the answer's tokens over the vocabulary, with their gradients.
    runtime : int
        Of the device.
    """

    weights: int
    trained: int
    gradients: int
    optimizer: int
    activations: int
    scores: int
    runtime: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(getattr(self, part.name) for part in fields(self))

    def lines(self) -> list[str]:
        """Say it in words, a line a part."""
        parts = [f"{part.name} {size(getattr(self, part.name))}" for part in fields(self)]
        return [f"estimated memory {size(self.total)}: {', '.join(parts)}"]


def size(count: float) -> str:
    """Write bytes in a unit that shows them."""
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.2f} MB"


@dataclass(frozen=True)
class Plan:
    """What decides the memory."""

    phase: int = 1
    quantize: str = "4bit"
    lora_r: int = 64
    batch: int = 1
    checkpointing: bool = True
    small_optimizer: bool = True
    cuda: bool = True
    sequence: int = USUAL_SEQUENCE
    answer: int = USUAL_ANSWER
    has_locs: bool = False


def config_of(model: str) -> PretrainedConfig:
    """Return a model's configuration: of a folder, of the hub's cache, of the hub, or by its name alone.

    Raises
    ------
    WeightsError
        There is none.
    """
    shapes = json.loads(files("lucidray.training").joinpath("reader_shapes.json").read_text(encoding="utf-8"))
    shape = shapes.get(model)
    shape = shapes.get(shape) if isinstance(shape, str) else shape
    folder = Path(model).expanduser()
    if shape is not None and not folder.is_dir():
        return AutoConfig.for_model(**shape)
    try:
        return AutoConfig.from_pretrained(str(Path(model).expanduser()) if Path(model).expanduser().is_dir() else model)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"the configuration of {model} cannot be had: {str(error).strip().splitlines()[0]}"
        ) from error


def layout(config: PretrainedConfig) -> Any:
    """Return the model without memory behind its weights."""
    kind = VisionEncoderDecoderModel if config.model_type == "vision-encoder-decoder" else AutoModelForImageTextToText
    with torch.device("meta"):
        model = kind(config) if kind is VisionEncoderDecoderModel else kind.from_config(config)
    model.tie_weights()
    return model


def estimate(model: Any, plan: Plan) -> Memory:
    """Estimate the memory of a run.

    Parameters
    ----------
    model : transformers model
        On any device, "meta" among them; without adapters.
    plan : Plan
    """
    from lucidray.training.reader_model import lora_targets, projectors

    wide = 2 if plan.cuda else 4  # bytes of what is not quantised
    targets = set(lora_targets(model))
    modules = dict(model.named_modules())
    quantised = {id(modules[name].weight) for name in targets} if plan.quantize != "none" else set()
    each = {"4bit": NF4_BYTES, "8bit": INT8_BYTES}.get(plan.quantize, wide)
    weights = sum(
        parameter.numel() * (each if id(parameter) in quantised else wide)
        for parameter in {id(parameter): parameter for parameter in model.parameters()}.values()
    )
    trained = sum(plan.lora_r * sum(modules[name].weight.shape) for name in targets)
    part = words_of(model)
    inside, outside = part.get_input_embeddings(), part.get_output_embeddings()
    if plan.phase == 2:
        names = set(projectors(model))
        trained += sum(
            parameter.numel() for name, parameter in model.named_parameters() if names & set(name.split("."))
        )
        if not plan.has_locs:
            tied = outside is None or outside.weight is inside.weight
            rows = len(LOC_TOKENS) * inside.weight.shape[1]
            trained += rows * (1 if tied else 2)
            weights += rows * wide * (1 if tied else 2)
    return Memory(
        weights=round(weights),
        trained=trained * _TRAINED_BYTES,
        gradients=trained * _TRAINED_BYTES,
        optimizer=trained * (2 if plan.small_optimizer else 2 * _TRAINED_BYTES),
        activations=activations(part, targets, modules, plan, wide),
        # Scores, their 32-bit copy, log-probabilities and the gradient.
        scores=plan.batch * plan.answer * inside.weight.shape[0] * (2 * wide + 12),
        runtime=CUDA_BYTES if plan.cuda else 0,
    )


def activations(part: Any, targets: set[str], modules: dict[str, Any], plan: Plan, wide: int) -> int:
    """Estimate what is kept of the language model for the way back.

    Each linear layer with LoRA keeps its input in the base's bits and, for its own matrices, in 32 bits, its input
    after dropout, and the inner product of rank r; norms, rotations and the activation between keep about as much again
    as the layer's outputs. With checkpointing that is so for one block at a time, and of each only the input stays.
    """
    config = getattr(part.config, "text_config", part.config)
    blocks = int(getattr(config, "num_hidden_layers", 0) or config.n_layer)
    width = int(config.hidden_size)
    kept = 0
    for name in targets:
        rows, columns = sorted_shape(modules[name])
        kept += columns * (wide + 2 * _TRAINED_BYTES) + plan.lora_r * _TRAINED_BYTES + rows * 2 * wide
    tokens = plan.batch * plan.sequence
    if not plan.checkpointing:
        return round(tokens * kept)
    return round(tokens * (kept / blocks + blocks * width * wide))


def sorted_shape(layer: Any) -> tuple[int, int]:
    """Return a linear layer's outputs and inputs; GPT-2's layers hold their weights the other way round."""
    rows, columns = layer.weight.shape
    return (columns, rows) if type(layer).__name__ == "Conv1D" else (rows, columns)


def operations(model: Any, plan: Plan) -> float:
    """Return how many floating-point operations one sample takes.

    Two a weight and token forwards, two backwards to the layer before, two for doing the forward pass again with
    checkpointing; of the tower, two forwards for each of its patches.
    """
    from lucidray.training.reader_model import TOWERS

    tower = text = 0
    for name, parameter in model.named_parameters():
        if set(name.split(".")) & set(TOWERS):
            tower += parameter.numel()
        elif parameter.ndim == 2:
            text += parameter.numel()
    scores = words_of(model).get_input_embeddings().weight.numel()
    vision = getattr(model.config, "vision_config", None)
    patches = (vision.image_size // vision.patch_size) ** 2 if vision is not None else 0
    passes = 6 if plan.checkpointing else 4
    return float(passes * (text - scores) * plan.sequence + 4 * scores * plan.answer + 2 * tower * patches)


def check_fits(memory: Memory, device: str, *, force: bool) -> str | None:
    """Refuse what cannot fit.

    Returns
    -------
    str or None
        What to say where it is tried nevertheless.

    Raises
    ------
    OutOfMemoryError
        The estimate is above what is free, and nobody said that it is to be tried nevertheless.
    """
    free = free_bytes(device)
    if free is None or memory.total <= free:
        return None
    told = f"about {size(memory.total)} are needed and {size(free)} are free on the {device}"
    if force:
        return f"{told}: tried nevertheless (--force)"
    raise OutOfMemoryError(
        f"{told}: try --quantize 4bit, --batch 1, gradient checkpointing or a smaller --lora-r, or --force"
    )


def time_line(operations_a_sample: float, samples: float) -> str:
    """Say how long a run takes at the assumed speed."""
    hours = operations_a_sample * samples / SUSTAINED_FLOPS / 3600
    return (
        f"estimated work {operations_a_sample * samples:.2g} operations for {samples:,.0f} samples: {hours:.1f} h on a "
        f"GPU that sustains {SUSTAINED_FLOPS / 1e12:.0f} TFLOP/s (an assumption), evaluation not counted"
    )
