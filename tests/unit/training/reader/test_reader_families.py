"""The other families that the same command fine-tunes: PaliGemma, LLaVA, encoder and decoder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="needs lucidray[train]")
pytest.importorskip("peft", reason="needs lucidray[train]")
torch = pytest.importorskip("torch", reason="needs lucidray[train]")

from safetensors.torch import load_file
from tiny_models import asked
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GemmaConfig,
    GPT2Config,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PaliGemmaProcessor,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

from lucidray.domain.answer import Generation
from lucidray.imaging.film import read_film
from lucidray.readers.loc_tokens import LOC_TOKENS
from lucidray.readers.local.encoder_decoder import EncoderDecoder
from lucidray.readers.local.medgemma import MedGemma
from lucidray.readers.prompt import ask
from lucidray.training import reader_run
from lucidray.training.reader_config import Config
from lucidray.training.reader_merge import merge
from lucidray.training.reader_tiny import tokenizer

pytestmark = pytest.mark.extra
VISION = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXT = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
}  # fmt: skip


def paligemma(folder: Path) -> None:
    words = tokenizer(900)
    images = SiglipImageProcessorPil(size={"height": 56, "width": 56})
    images.image_seq_length = 16
    words.chat_template = None
    processor = PaliGemmaProcessor(images, words)
    words.add_tokens(list(LOC_TOKENS))
    config = PaliGemmaConfig(
        text_config=GemmaConfig(vocab_size=len(words), **TEXT),
        vision_config=SiglipVisionConfig(image_size=56, patch_size=14, vision_use_head=False, **VISION),
        projection_dim=64,
        image_token_index=processor.image_token_id,
    )
    model = PaliGemmaForConditionalGeneration(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = 1, 0
    processor.save_pretrained(folder)
    model.save_pretrained(folder)


def llava(folder: Path) -> None:
    words = tokenizer(900)
    words.chat_template = None
    template = (
        "{% for m in messages %}{{ m['role'] | upper }}: {% for c in m['content'] %}"
        "{% if c['type'] == 'image' %}<image_soft_token>{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
        "{% if m['role'] == 'assistant' %}<eos>{% else %} {% endif %}{% endfor %}"
        "{% if add_generation_prompt %}ASSISTANT: {% endif %}"
    )
    images = CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56})
    processor = LlavaProcessor(
        images, words, patch_size=14, vision_feature_select_strategy="default", chat_template=template,
        image_token="<image_soft_token>", num_additional_image_tokens=1,
    )  # fmt: skip
    config = LlavaConfig(
        text_config=LlamaConfig(vocab_size=len(words), tie_word_embeddings=False, **TEXT),
        vision_config=CLIPVisionConfig(image_size=56, patch_size=14, **VISION),
        image_token_index=words.image_token_id,
        vision_feature_layer=-1,
        tie_word_embeddings=False,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = 1, 0
    processor.save_pretrained(folder)
    model.save_pretrained(folder)


def encoder_decoder(folder: Path) -> None:
    words = tokenizer(900)
    encoder = ViTConfig(image_size=56, patch_size=14, **VISION)
    decoder = GPT2Config(
        vocab_size=len(words), n_embd=64, n_layer=1, n_head=2, n_positions=256, add_cross_attention=True,
        is_decoder=True, bos_token_id=2, eos_token_id=1,
    )  # fmt: skip
    model = VisionEncoderDecoderModel(VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder))
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 2, 0, 1
    for part in (model, ViTImageProcessorPil(size={"height": 56, "width": 56}), words):
        part.save_pretrained(folder)


@pytest.mark.parametrize("build", [paligemma, llava, encoder_decoder])
def test_both_phases_then_read(build: Any, collection: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    base = tmp_path / "base"
    build(base)
    common = Config(
        phase=1, csv=str(collection), model=str(base), quantize="none", device="cpu", epochs=1, lr=1e-2, lora_r=4,
        batch=4, accumulate=1, limit=8, max_tokens=6, eval_films=2, eval_steps=100, save_steps=100, log_steps=1,
    )  # fmt: skip
    lines: list[str] = []
    reader_run.train(common, tmp_path / "one", report=lines.append)
    second = replace(common, phase=2, phase1_ckpt=str(tmp_path / "one"))
    adapter = reader_run.train(second, tmp_path / "two", report=lines.append)
    told = json.loads((adapter / "reader.json").read_text())
    assert told["added_tokens"] == (0 if build is paligemma else 1024)
    names = set(load_file(adapter / "adapter_model.safetensors"))
    assert any("lora_" in name for name in names)
    assert not any("vision_tower" in name or ".encoder." in name for name in names)
    # Where words going in and scores going out have two matrices, both have rows for places.
    rows = [name for name in names if "trainable_tokens" in name or "token_adapter" in name]
    assert len(rows) == {paligemma: 0, llava: 2, encoder_decoder: 2}[build]
    film = read_film(collection.parent / "images" / "film09.png")
    kind = EncoderDecoder if build is encoder_decoder else MedGemma
    merged = merge(adapter, tmp_path / "merged")
    scores = []
    for reader in (kind(str(base), adapter=str(adapter), device="cpu"), kind(str(merged), device="cpu")):
        wanted = replace(asked(film), generation=Generation(max_tokens=4))
        if build is encoder_decoder:
            inputs = reader.prepare(wanted) | {"decoder_input_ids": torch.tensor([[2, 7, 9]])}
        else:
            inputs = reader.prepare(wanted, ask(wanted), reader.letterbox(wanted))
        with torch.inference_mode():
            scores.append(reader._model(**inputs).logits.float())
    assert scores[0].shape == scores[1].shape
    assert torch.allclose(scores[0], scores[1], atol=0.1)
