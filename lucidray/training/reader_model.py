"""The model that is fine-tuned: base weights in 4 bits or 16, LoRA on its language model, tokens for places.

Phase 1 trains LoRA matrices on the language model and nothing else. Phase 2 goes on with them, and trains the rows of
the embeddings for `<loc0000>` to `<loc1023>` where the base has no such tokens, and the projector between picture and
words. All that is trained lies in one adapter in PEFT's layout.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import load_peft_weights
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    VisionEncoderDecoderModel,
)

from lucidray.domain.errors import UsageError, WeightsError
from lucidray.readers.loc_tokens import LOC_TOKENS
from lucidray.readers.local.adapter import about_adapter, check_base, fingerprint, untie, words_of
from lucidray.readers.local.checkpoint import Checkpoint, fetch
from lucidray.readers.local.device import quantization
from lucidray.readers.local.quiet import quiet
from lucidray.training import reader_memory
from lucidray.training.reader_inputs import ChatInputs, DecoderInputs

# Modules that join picture and words, and those that see, by the names that families give them.
PROJECTORS = ("multi_modal_projector", "enc_to_dec_proj", "connector")
TOWERS = ("vision_tower", "vision_model", "encoder", "visual")
_DROPOUT = 0.05
_SMOOTH_WAVES = 16  # cosines that the first embeddings of places are made of


@dataclass
class Loaded:
    """A model that is ready to be trained, and how it is given samples."""

    model: Any
    inputs: ChatInputs | DecoderInputs
    checkpoint: Checkpoint
    is_decoder: bool
    loc_ids: tuple[int, ...]
    added_tokens: int
    base_fingerprint: str = ""


@dataclass(frozen=True)
class Opened:
    """A base model's files, and how its samples are made; no weight is loaded yet."""

    checkpoint: Checkpoint
    inputs: ChatInputs | DecoderInputs
    is_decoder: bool


def open_base(name: str, revision: str | None = None, prompts: Path | None = None) -> Opened:
    """Find a base model and open its processor.

    Parameters
    ----------
    name : str
        Folder, or name on the hub.
    revision : str, optional
    prompts : Path, optional
        Folder with prompts of one's own.

    Raises
    ------
    WeightsError
    """
    checkpoint = fetch(name, revision)
    with quiet():
        config = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True)
        is_decoder = config.model_type == "vision-encoder-decoder"
        return Opened(checkpoint, _inputs(checkpoint, is_decoder, prompts), is_decoder)


def load(
    opened: Opened,
    *,
    phase: int,
    quantize: str = "4bit",
    device: str = "cpu",
    dtype: torch.dtype = torch.bfloat16,
    lora_r: int = 64,
    lora_alpha: int | None = None,
    phase1: Path | None = None,
    seed: int = 0,
) -> Loaded:
    """Load a base model and put what is trained onto it.

    Parameters
    ----------
    opened : Opened
        Phase 2 adds to its tokenizer.
    phase : {1, 2}
    quantize : {"none", "8bit", "4bit"}
        Of the base's weights; "4bit" is NF4 with double quantisation.
    dtype : torch.dtype
        Of what is not quantised.
    lora_r, lora_alpha : int
        Rank, and scale (by default the rank); phase 2 takes both from the adapter of phase 1.
    phase1 : Path, optional
        Folder of that adapter.
    seed : int
        Of the first values of what is new.

    Raises
    ------
    WeightsError, UsageError
    """
    checkpoint, inputs, is_decoder = opened.checkpoint, opened.inputs, opened.is_decoder
    with quiet():
        model = _base(checkpoint, is_decoder, quantize, device, dtype)
    mark = fingerprint(model)
    torch.manual_seed(seed)
    before = len(inputs.tokenizer)
    added = add_locs(model, inputs.tokenizer, seed) if phase == 2 else 0
    targets = lora_targets(model)
    if phase1 is not None:
        earlier = about_adapter(phase1)
        check_base(model, phase1)
        lora_r, lora_alpha = int(earlier["r"]), int(earlier["lora_alpha"])
    chosen: dict[str, Any] = {}
    if phase == 2:
        chosen["modules_to_save"] = projectors(model) or None
        if added:
            chosen["trainable_token_indices"] = _rows(model, range(before, before + added))
    settings = LoraConfig(
        r=lora_r,
        lora_alpha=lora_alpha or lora_r,
        lora_dropout=_DROPOUT,
        bias="none",
        target_modules=targets,
        task_type=None,
        **chosen,
    )
    settings.base_model_name_or_path = checkpoint.name if checkpoint.version != "local" else str(checkpoint.folder)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*tie_word_embeddings.*")
        adapted = get_peft_model(model, settings)
    if phase1 is not None:
        continue_from(adapted, phase1)
    # What is trained is kept in 32 bits: steps of Adam are smaller than bfloat16 can tell.
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    found = inputs.tokenizer.convert_tokens_to_ids(list(LOC_TOKENS)) if phase == 2 else []
    return Loaded(adapted, inputs, checkpoint, is_decoder, tuple(found), added, mark)


def _base(checkpoint: Checkpoint, is_decoder: bool, quantize: str, device: str, dtype: torch.dtype) -> Any:
    bits = quantization(quantize)
    if bits is not None:
        # Only what gets LoRA is quantised: the tower is small and sees, the projector is trained in phase 2, scores
        # need their bits. By full names, as transformers takes a part of one for its beginning or its end.
        bits.llm_int8_skip_modules = other_layers(reader_memory.layout(reader_memory.config_of(str(checkpoint.folder))))
        if quantize == "4bit":
            bits.bnb_4bit_compute_dtype = dtype
    kind = VisionEncoderDecoderModel if is_decoder else AutoModelForImageTextToText
    model, told = kind.from_pretrained(
        checkpoint.folder,
        dtype=dtype,
        device_map={"": device},
        quantization_config=bits,
        local_files_only=True,
        output_loading_info=True,
    )
    wrong = sorted([*told["missing_keys"], *(str(key) for key in told["mismatched_keys"])])
    if wrong:
        raise WeightsError(f"{checkpoint.name} lacks {len(wrong)} weights that it names, first {wrong[0]}")
    model.requires_grad_(False)
    return model


def _inputs(checkpoint: Checkpoint, is_decoder: bool, prompts: Path | None) -> ChatInputs | DecoderInputs:
    if is_decoder:
        return DecoderInputs(
            AutoImageProcessor.from_pretrained(checkpoint.folder, local_files_only=True),
            AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True),
        )
    return ChatInputs(AutoProcessor.from_pretrained(checkpoint.folder, local_files_only=True), prompts)


def lora_targets(model: Any) -> list[str]:
    """Return the full names of the linear layers of the language model; never the tower's, the projector's or the head.

    Raises
    ------
    WeightsError
        There are none.
    """
    from transformers.pytorch_utils import Conv1D

    kept_out = {*TOWERS, *PROJECTORS, "lm_head", "embed_tokens"}
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and not kept_out & set(name.split("."))
    ]
    if not names:
        raise WeightsError("no linear layer of a language model was found: this kind of model cannot be trained here")
    return names


def other_layers(model: Any) -> list[str]:
    """Return the full names of the linear layers that get no LoRA."""
    targets = set(lora_targets(model))
    linear = (name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear))
    return [name for name in linear if name not in targets]


def projectors(model: Any) -> list[str]:
    """Return the names of the modules between picture and words; a model may have none (equal widths)."""
    return sorted({part for name, _ in model.named_modules() for part in name.split(".") if part in PROJECTORS})


def add_locs(model: Any, tokenizer: Any, seed: int = 0) -> int:
    """Add the tokens for places where the tokenizer has none, with rows of the embeddings for them.

    Neighbouring places begin with neighbouring embeddings (sums of slow cosines along the bins, spread like the other
    embeddings): of 1,024 places few are seen often, and a place that was never seen should lie between those that were.

    Returns
    -------
    int
        How many tokens were added: 1,024 or none.

    Raises
    ------
    WeightsError
        The tokenizer knows some of them only.
    """
    from transformers import AddedToken

    known = set(tokenizer.get_vocab()) & set(LOC_TOKENS)
    if known and len(known) < len(LOC_TOKENS):
        raise WeightsError(f"the tokenizer knows {len(known)} of {len(LOC_TOKENS)} tokens for places")
    if known:
        return 0
    first = len(tokenizer)
    # Not special: they have to survive when special tokens are left out of an answer.
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in LOC_TOKENS])
    part = words_of(model)
    old = part.get_input_embeddings().weight
    usual, spread = old.detach().float().mean(0), old.detach().float().std(0)
    if len(tokenizer) > old.shape[0]:
        part.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    rows = usual + spread * smooth_rows(len(LOC_TOKENS), old.shape[1], seed).to(usual.device)
    targets = {id(layer): layer for layer in (part.get_input_embeddings(), part.get_output_embeddings()) if layer}
    with torch.no_grad():
        for layer in targets.values():
            layer.weight[first : first + len(rows)] = rows.to(layer.weight.dtype)
    part.requires_grad_(False)
    return len(LOC_TOKENS)


def smooth_rows(count: int, width: int, seed: int) -> torch.Tensor:
    """Return (count, width) rows of unit variance that change slowly from one to the next."""
    rng = np.random.default_rng(seed)
    places = np.arange(count)[:, None] / count
    # Waves of many lengths: the slow ones tell the region, the fast ones the neighbour.
    waves = 2.0 ** rng.uniform(-1, 5, (_SMOOTH_WAVES, 1, width))
    phases = rng.uniform(0, 2 * np.pi, (_SMOOTH_WAVES, 1, width))
    rows = np.cos(2 * np.pi * waves * places + phases).sum(0) * np.sqrt(2 / _SMOOTH_WAVES)
    return torch.from_numpy(rows).float()


def _rows(model: Any, indices: range) -> dict[str, list[int]]:
    """Name the embeddings whose rows are trained: the input's, and the output's where it is another matrix."""
    part = words_of(model)
    untie(model)
    inside, outside = part.get_input_embeddings(), part.get_output_embeddings()
    names = {id(module): name for name, module in model.named_modules()}
    rows = {names[id(inside)]: list(indices)}
    if outside is not None and outside.weight is not inside.weight:
        rows[names[id(outside)]] = list(indices)
    return rows


def continue_from(model: PeftModel, phase1: Path) -> None:
    """Take the LoRA matrices of phase 1 over.

    Raises
    ------
    UsageError
        They belong to another model.
    """
    weights = {name: value for name, value in load_peft_weights(str(phase1), device="cpu").items() if "lora_" in name}
    # PEFT writes a matrix's name without that of the adapter.
    here = {name.replace(".default.", "."): value for name, value in model.named_parameters() if "lora_" in name}
    fitting = {name for name, value in weights.items() if name in here and here[name].shape == value.shape}
    if not weights or fitting != here.keys() or fitting != weights.keys():
        raise UsageError(
            f"the adapter {phase1} of phase 1 was made for another model: {len(fitting)} of {len(here)} matrices fit"
        )
    with torch.no_grad():
        for name, value in weights.items():
            here[name].copy_(value)
