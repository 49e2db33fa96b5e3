"""An adapter and its base become one model, which needs no PEFT to be read with."""

import json
import shutil
from pathlib import Path
from typing import Any

from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    VisionEncoderDecoderModel,
)

from lucidray.domain.errors import ConflictError, WeightsError
from lucidray.readers.local.adapter import ABOUT, PROMPTS, about_adapter, processor_folder, with_adapter
from lucidray.readers.local.checkpoint import fetch
from lucidray.readers.local.quiet import quiet
from lucidray.training.reader_folder import adapter_in


def merge(adapter: Path, out: Path, *, model: str | None = None, revision: str | None = None) -> Path:
    """Write a base model with an adapter's changes in its own weights.

    The base is loaded in the bits that its files have, never quantised: what was trained over 4-bit weights is added to
    the weights that these stood for, so that answers can differ a little from those of a quantised base.

    Parameters
    ----------
    adapter : Path
        A run's folder, or its adapter.
    out : Path
        Must not exist, or be empty.
    model : str, optional
        The base; by default what the adapter names.

    Raises
    ------
    WeightsError, ConflictError
    """
    adapter = adapter_in(adapter)
    config = about_adapter(adapter)
    if out.exists() and any(out.iterdir()):
        raise ConflictError(f"{out} is not empty")
    base = model or config.get("base_model_name_or_path")
    if not base:
        raise WeightsError(f"{adapter} does not name its base model: name it with --model")
    checkpoint = fetch(base, revision)
    with quiet():
        kind = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True).model_type
        is_decoder = kind == "vision-encoder-decoder"
        builder: Any = VisionEncoderDecoderModel if is_decoder else AutoModelForImageTextToText
        loaded = builder.from_pretrained(checkpoint.folder, dtype="auto", local_files_only=True)
        source = processor_folder(str(adapter)) or checkpoint.folder
        if is_decoder:
            parts = [AutoImageProcessor.from_pretrained(source), AutoTokenizer.from_pretrained(source)]
            tokenizer = parts[1]
        else:
            parts = [AutoProcessor.from_pretrained(source)]
            tokenizer = parts[0].tokenizer
    adapted, mark = with_adapter(loaded, tokenizer, str(adapter))
    merged = adapted.merge_and_unload()
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    with quiet():
        merged.save_pretrained(part)
        for one in parts:
            one.save_pretrained(part)
    if (adapter / PROMPTS).is_dir():
        shutil.copytree(adapter / PROMPTS, part / PROMPTS)
    about = {"base": checkpoint.name, "version": checkpoint.version, "adapter": mark}
    (part / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    if out.exists():
        out.rmdir()
    part.replace(out)
    return out
