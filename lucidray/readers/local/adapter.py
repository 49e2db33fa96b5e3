"""LoRA adapters in PEFT's layout, with what belongs to them: added tokens, a trained projector, prompts.

An adapter that `lucidray train reader` wrote has the processor beside it, whose tokenizer may know tokens that the base
model does not (`<loc0000>` to `<loc1023>`). The base's embeddings are then made longer; the rows that training changed
come with the adapter.
"""

import hashlib
import importlib.util
import json
import warnings
from pathlib import Path
from typing import Any

from lucidray.domain.errors import MissingExtraError, WeightsError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PROMPTS = "prompts"
ABOUT = "reader.json"
_PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json")


def processor_folder(adapter: str) -> Path | None:
    """Return the adapter's folder where it holds a processor of its own, with its tokenizer; else None."""
    folder = Path(adapter).expanduser()
    whole = (folder / "tokenizer_config.json").is_file() and any((folder / name).is_file() for name in _PROCESSOR_FILES)
    return folder if whole else None


def prompts_of(adapter: str) -> Path | None:
    """Return the folder of the prompts that an adapter was trained with; None where it brings none."""
    folder = Path(adapter).expanduser() / PROMPTS
    return folder if folder.is_dir() else None


def about_adapter(adapter: Path) -> dict[str, Any]:
    """Read an adapter's configuration.

    Raises
    ------
    WeightsError
        The folder holds no LoRA adapter.
    """
    try:
        config: dict[str, Any] = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
        kind = config["peft_type"]
        whole = (adapter / WEIGHTS).is_file()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{adapter} is no folder with an adapter: it needs {CONFIG} and {WEIGHTS}") from error
    if not whole:
        raise WeightsError(f"{adapter} is no folder with an adapter: it needs {CONFIG} and {WEIGHTS}")
    if kind != "LORA":
        raise WeightsError(f"{adapter} holds an adapter of kind {kind}; only LoRA is known here")
    return config


def with_adapter(model: Any, tokenizer: Any, adapter: str, *, trainable: bool = False) -> tuple[Any, str]:
    """Put a LoRA adapter onto a model.

    Parameters
    ----------
    model : transformers model
        Its embeddings are made longer where the adapter's tokenizer knows more tokens.
    tokenizer
        The adapter's own, where it has one.
    adapter : str
        Folder.
    trainable : bool
        To go on with training.

    Returns
    -------
    (model, mark)
        `mark` is the first twelve digits of the SHA-256 of the adapter's weights.

    Raises
    ------
    WeightsError
        There is no adapter, or it was made for another model.
    """
    if importlib.util.find_spec("peft") is None:
        raise MissingExtraError("--adapter", "vlm")
    from peft import PeftModel  # noqa: PLC0415

    folder = Path(adapter).expanduser()
    config = about_adapter(folder)
    check_base(model, folder)
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    check_rows(config, tokenizer, adapter)
    lengthen(model, len(tokenizer))
    rows = config.get("trainable_token_indices")
    if isinstance(rows, dict) and len(rows) > 1:
        untie(model)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=trainable, local_files_only=True)
    except (ValueError, RuntimeError, KeyError, TypeError, IndexError) as error:
        reason = str(error).strip().split("\n", 1)[0][:300]
        raise WeightsError(f"the adapter {adapter} does not fit the model: {reason}") from error
    if any("missing adapter keys" in str(warning.message) for warning in told):
        raise WeightsError(f"the adapter {adapter} was made for another model: weights that it names are missing")
    return adapted, digest[:12]


def fingerprint(model: Any) -> str:
    """Return a hash that tells base models apart: of their norms' weights, which no quantisation touches."""
    import torch  # noqa: PLC0415

    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1 and "norm" in name.lower() and name.endswith("weight"):
            digest.update(parameter.detach().to("cpu", torch.bfloat16).view(torch.int16).numpy().tobytes())
    return digest.hexdigest()


def check_base(model: Any, adapter: Path) -> None:
    """Refuse a base of the same shape that is another one: MedGemma 4B and 1.5 4B differ in their weights alone.

    Raises
    ------
    WeightsError
        The adapter says which base it was trained on, and it is not this one.
    """
    try:
        told = json.loads((adapter / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    known = told.get("base_fingerprint")
    if known is not None and known != fingerprint(model):
        raise WeightsError(
            f"the adapter {adapter} was trained on {told.get('model')}, whose weights are not those of this model"
        )


def check_rows(config: dict[str, Any], tokenizer: Any, adapter: str) -> None:
    """Refuse an adapter with trained rows of the embeddings for tokens that the tokenizer does not have.

    Raises
    ------
    WeightsError
        See above.
    """
    rows = config.get("trainable_token_indices") or {}
    highest = max((max(indices) for indices in (rows.values() if isinstance(rows, dict) else [rows])), default=-1)
    if highest >= len(tokenizer):
        raise WeightsError(
            f"the adapter {adapter} was trained with tokens up to number {highest}, and the tokenizer has "
            f"{len(tokenizer)}: it was made for another model, or its tokenizer files are missing"
        )


def words_of(model: Any) -> Any:
    """Return the part of a model that writes."""
    return model.decoder if model.config.is_encoder_decoder else model


def untie(model: Any) -> None:
    """Give scores a matrix of their own where PEFT would not see that they share that of the embeddings.

    It asks the model's own configuration, and that of an encoder with a decoder does not say it: rows would then be
    trained for words going in and not for words coming out.
    """
    import torch  # noqa: PLC0415

    part = words_of(model)
    inside, outside = part.get_input_embeddings(), part.get_output_embeddings()
    if outside is None or outside.weight is not inside.weight:
        return
    if part is not model or not getattr(model.config, "tie_word_embeddings", False):
        outside.weight = torch.nn.Parameter(inside.weight.detach().clone(), requires_grad=False)
        model.config.tie_word_embeddings = part.config.tie_word_embeddings = False


def lengthen(model: Any, tokens: int) -> None:
    """Make a model's embeddings long enough for a tokenizer; rows that are there already stay as they are."""
    owner = words_of(model)
    if tokens > owner.get_input_embeddings().weight.shape[0]:
        owner.resize_token_embeddings(tokens, mean_resizing=False)
