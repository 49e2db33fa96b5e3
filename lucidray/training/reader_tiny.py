"""A small Gemma 3 with a SigLIP tower: the same files, processor, chat template and code as MedGemma, made here.

It is for trying the fine-tuning where no weights can be fetched, and it knows nothing: its weights are random until
somebody teaches it. Its tokenizer is made from lucidray's own sentences.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
    Gemma3TextConfig,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
)

from lucidray.domain.vocabulary import LABELS
from lucidray.readers.phrases import load_phrases

SPECIAL = (
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
)
# Gemma's template, as far as one picture and text need it.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<start_of_image>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


class Size(NamedTuple):
    """How large it is; widths are multiples of 64, as 4-bit weights want them."""

    side_px: int = 128
    patch_px: int = 16
    picture_tokens: int = 16
    width: int = 128
    layers: int = 3
    tower_width: int = 128
    tower_layers: int = 4
    vocabulary: int = 1500


SMALL = Size()


def build(folder: Path, size: Size = SMALL, seed: int = 0, texts: tuple[str, ...] = ()) -> Path:
    """Write model, tokenizer and processor into a folder; returns it.

    Parameters
    ----------
    texts : tuple of str
        What else the tokenizer is made from.
    """
    torch.manual_seed(seed)
    words = tokenizer(size.vocabulary, texts)
    processor = Gemma3Processor(
        Gemma3ImageProcessorPil(size={"height": size.side_px, "width": size.side_px}),
        words,
        chat_template=CHAT_TEMPLATE,
        image_seq_length=size.picture_tokens,
    )
    model = Gemma3ForConditionalGeneration(config(words, size))
    # Gemma's projector begins with zeros, from which a model that sees nothing learns slowly.
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=size.tower_width**-0.5)
    model.generation_config.eos_token_id = [words.eos_token_id, words.convert_tokens_to_ids("<end_of_turn>")]
    model.generation_config.pad_token_id = words.pad_token_id
    folder.mkdir(parents=True, exist_ok=True)
    processor.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def config(words: Any, size: Size) -> Gemma3Config:
    """Return the model's configuration."""
    heads = size.width // 32
    return Gemma3Config(
        text_config=Gemma3TextConfig(
            vocab_size=len(words),
            hidden_size=size.width,
            intermediate_size=3 * size.width,
            num_hidden_layers=size.layers,
            num_attention_heads=heads,
            num_key_value_heads=max(1, heads // 2),
            head_dim=32,
            sliding_window=512,
            max_position_embeddings=2048,
            pad_token_id=words.pad_token_id,
            eos_token_id=words.eos_token_id,
            bos_token_id=words.bos_token_id,
        ),
        vision_config=SiglipVisionConfig(
            hidden_size=size.tower_width,
            intermediate_size=3 * size.tower_width,
            num_hidden_layers=size.tower_layers,
            num_attention_heads=size.tower_width // 32,
            image_size=size.side_px,
            patch_size=size.patch_px,
            vision_use_head=False,
        ),
        mm_tokens_per_image=size.picture_tokens,
        image_token_index=words.image_token_id,
        boi_token_index=words.boi_token_id,
        eoi_token_index=words.eoi_token_id,
    )


def tokenizer(vocabulary: int, texts: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    """Make one that writes any text, and lucidray's own sentences in few tokens."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))  # noqa: S106 - no secret
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([*_sentences(), *texts] * 5, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<bos>",  # noqa: S106 - no secret
        eos_token="<eos>",  # noqa: S106 - no secret
        pad_token="<pad>",  # noqa: S106 - no secret
        unk_token="<unk>",  # noqa: S106 - no secret
        extra_special_tokens={
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "image_token": "<image_soft_token>",
        },
        chat_template=CHAT_TEMPLATE,
    )


def _sentences() -> list[str]:
    from importlib.resources import files

    from lucidray.training.reader_answers import Spot, compose

    phrases = load_phrases("en")
    prompts = files("lucidray.readers").joinpath("prompts")
    written = [prompts.joinpath(f"{name}.txt").read_text(encoding="utf-8") for name in ("zero-shot", "located")]
    for label in LABELS:
        for place in phrases.places:
            side, _, zone = place.partition(" ")
            if "+" not in zone and side != "midline":
                spot = Spot(label, "", side, zone)  # type: ignore[arg-type]
                rest = {other: "negative" for other in LABELS if other != label}
                written.append(compose({label: "positive", **rest}, [spot]) or "")  # type: ignore[dict-item]
    return [*written, "PA view, AP view, years old, male, female, age not told, sex not told"]
