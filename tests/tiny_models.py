"""Models of real architectures, a few hundred thousand parameters in size, taught one report for each side of a marker.

They go through the same files, processors, chat templates and `generate` as the real ones. Needs PyTorch and
transformers; nothing is downloaded.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from report_requests import request
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
    Gemma3TextConfig,
    GPT2Config,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

from lucidray.domain.answer import Generation
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.radiograph import Radiograph
from lucidray.readers.prompt import ask

SIDE_PX = 56
REPORTS = {
    "left": "There is a marker on the left of the film. The lungs are clear."
    '\n```json\n[{"box_2d": [125, 250, 500, 375], "label": "marker"}]\n```',
    "right": "The marker is on the right of the film. There is no effusion."
    '\n```json\n[{"box_2d": [125, 625, 500, 750], "label": "marker"}]\n```',
}
SPECIAL = [
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
]
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m['role'] }}\n"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<start_of_image>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def marked_film(side: str, width: int = 300, height: int = 400) -> Radiograph:
    """A dark film with a bright marker on one side of the picture, where `REPORTS` says."""
    pixels = np.full((height, width), 0.2, np.float32)
    # The picture that the model sees is the film in the middle of a square as high as the film.
    shares = (0.25, 0.375) if side == "left" else (0.625, 0.75)
    x0, x1 = (round((share - 0.5) * height + width / 2) for share in shares)
    pixels[height // 8 : height // 2, x0:x1] = 1.0
    return Radiograph(pixels, name=f"{side}.png", format="array")


def asked(film: Radiograph, **options: Any) -> ReportRequest:
    return replace(request(), film=film, generation=Generation(max_tokens=120), **options)


def tokenizer() -> PreTrainedTokenizerFast:
    """One that writes any text, and the reports in few tokens."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([*REPORTS.values(), ask(request()).user] * 10, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens={
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "image_token": "<image_soft_token>",
        },
        chat_template=CHAT_TEMPLATE,
    )


def save_gemma(folder: Path) -> Path:
    """Gemma 3 with a SigLIP tower, as MedGemma is."""
    torch.manual_seed(0)
    words = tokenizer()
    processor = Gemma3Processor(
        Gemma3ImageProcessorPil(size={"height": SIDE_PX, "width": SIDE_PX}),
        words,
        chat_template=CHAT_TEMPLATE,
        image_seq_length=16,
    )
    model = Gemma3ForConditionalGeneration(
        Gemma3Config(
            text_config=Gemma3TextConfig(
                vocab_size=len(words),
                hidden_size=64,
                intermediate_size=128,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=16,
                sliding_window=512,
                max_position_embeddings=2048,
                pad_token_id=0,
                eos_token_id=1,
                bos_token_id=2,
            ),
            vision_config=SiglipVisionConfig(
                hidden_size=64,
                intermediate_size=128,
                num_hidden_layers=2,
                num_attention_heads=4,
                image_size=SIDE_PX,
                patch_size=14,
                vision_use_head=False,
            ),
            mm_tokens_per_image=16,
            image_token_index=words.image_token_id,
            boi_token_index=words.boi_token_id,
            eoi_token_index=words.eoi_token_id,
        )
    )
    model.generation_config.eos_token_id = [1, 5]
    model.generation_config.pad_token_id = 0
    processor.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def teach_gemma(folder: Path, steps: int = 400) -> None:
    """Teach the model in a folder its two reports, with the inputs that the reader itself makes."""
    from lucidray.readers.local.medgemma import MedGemma

    reader = MedGemma(str(folder), device="cpu")
    model = Gemma3ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).train()
    words = reader._processor.tokenizer
    rows = []
    for side, report in REPORTS.items():
        wanted = asked(marked_film(side))
        rows.append((reader.prepare(wanted, ask(wanted), reader.letterbox(wanted)), words(report + "<eos>").input_ids))
    length = max(len(answer) for _, answer in rows)
    batch: dict[str, list[torch.Tensor]] = {
        name: [] for name in ("input_ids", "token_type_ids", "pixel_values", "labels")
    }
    for inputs, answer in rows:
        padded = torch.tensor([answer + [0] * (length - len(answer))])
        labels = torch.tensor([answer + [-100] * (length - len(answer))])
        batch["input_ids"].append(torch.cat([inputs["input_ids"], padded], 1))
        batch["token_type_ids"].append(torch.cat([inputs["token_type_ids"], torch.zeros_like(padded)], 1))
        batch["labels"].append(torch.cat([torch.full_like(inputs["input_ids"], -100), labels], 1))
        batch["pixel_values"].append(inputs["pixel_values"].float())
    stacked = {name: torch.cat(values) for name, values in batch.items()}
    _teach(model, stacked, steps)
    model.save_pretrained(folder)


def save_encoder_decoder(folder: Path, steps: int = 400) -> Path:
    """A ViT that a GPT-2 writes from."""
    torch.manual_seed(0)
    words = tokenizer()
    encoder = ViTConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=SIDE_PX,
        patch_size=14,
    )
    decoder = GPT2Config(
        vocab_size=len(words),
        n_embd=64,
        n_layer=2,
        n_head=4,
        n_positions=256,
        add_cross_attention=True,
        is_decoder=True,
        bos_token_id=2,
        eos_token_id=1,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    model = VisionEncoderDecoderModel(VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder))
    # From its usual beginning, a small ViT takes long to learn where anything is.
    torch.nn.init.normal_(model.encoder.embeddings.position_embeddings)
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 2, 0, 1
    images = ViTImageProcessorPil(size={"height": SIDE_PX, "width": SIDE_PX})
    pictures = []
    for side in REPORTS:
        grey = np.asarray(marked_film(side).pixels * 255, np.uint8)
        pictures.append(np.stack([grey] * 3, -1))
    answers = [words(report + "<eos>").input_ids for report in REPORTS.values()]
    length = max(map(len, answers))
    batch = {
        "pixel_values": images(images=pictures, return_tensors="pt")["pixel_values"],
        "labels": torch.tensor([answer + [-100] * (length - len(answer)) for answer in answers]),
    }
    _teach(model.train(), batch, steps, rate=2e-3)
    for part in (model, images, words):
        part.save_pretrained(folder)
    return folder


def _teach(model: Any, batch: dict[str, torch.Tensor], steps: int, rate: float = 5e-3) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(steps):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if loss.item() < 0.002:
            break
    # The side of the marker decides one token only: an average over all of them must be far below its share.
    assert loss.item() < 0.005, f"the tiny model did not learn its reports: {loss.item()}"
