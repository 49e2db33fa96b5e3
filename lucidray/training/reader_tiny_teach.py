"""Teaching the small Gemma 3 to see and to name: what a real base model has learnt before anybody fine-tunes it.

First the tower alone, with two heads that are thrown away: where lungs and heart lie, by lucidray's anatomy network,
and the labels of the manifest. Then the whole model, on captions of a few words. No report and no box is shown: these
are what the two phases teach.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoProcessor, Gemma3ForConditionalGeneration, Trainer, TrainingArguments

from lucidray.datasets.manifest import Manifest, ManifestFilm
from lucidray.domain.anatomy import Anatomy
from lucidray.domain.vocabulary import LABELS
from lucidray.imaging.film import read_film
from lucidray.models.anatomy import EmbeddedSegmenter
from lucidray.readers.letterbox import Letterbox
from lucidray.readers.local.checkpoint import Checkpoint
from lucidray.readers.phrases import load_phrases
from lucidray.training.reader_inputs import ChatInputs
from lucidray.training.reader_model import Loaded
from lucidray.training.reader_samples import Sample
from lucidray.training.reader_trainer import ReaderTrainer, RunFolder

CAPTION = "caption"
_QUESTION = "Film: {patient}. In {language}: what is seen?\n"
_ORGANS = ("right_lung", "left_lung", "heart")
_FACTS = (*LABELS, "AP", "female")
Report = Callable[[str], None]


def teach(
    folder: Path,
    manifest: Manifest,
    *,
    tower_steps: int,
    caption_steps: int,
    segmented: int = 600,
    batch: int = 16,
    seed: int = 0,
    report: Report,
) -> None:
    """Teach the model in a folder, and write it back.

    Parameters
    ----------
    manifest : Manifest
        Its training films alone are shown.
    tower_steps, caption_steps : int
        Steps of Adam for the tower, and for the whole model.
    segmented : int
        On how many films organs are outlined.
    """
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    model = Gemma3ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    inputs = ChatInputs(processor)
    films = list(manifest.of("train"))
    order = np.random.default_rng(seed).permutation(len(films))
    films = [films[row] for row in order]
    report(f"outlining organs on {min(segmented, len(films))} films")
    grid = int(model.config.vision_config.image_size // model.config.vision_config.patch_size)
    segmenter = EmbeddedSegmenter(threads=1)
    grids = {film.film: organ_grid(manifest.path(film), inputs.lay, segmenter, grid) for film in films[:segmented]}
    tower = Tower(model.model.vision_tower, model.config.vision_config.hidden_size)
    # Films with organs come again and again among the others.
    rows = [film for pair in zip(films, _again(films[:segmented], len(films)), strict=True) for film in pair]

    def collate(some: Sequence[ManifestFilm]) -> dict[str, torch.Tensor]:
        pictures = [inputs._pictures.draw(manifest.path(film), inputs.lay) for film in some]
        facts, known = zip(*(facts_of(film) for film in some), strict=True)
        empty = np.full((len(_ORGANS), grid, grid), np.nan, np.float32)
        return {
            "pixel_values": processor.image_processor(images=pictures, return_tensors="pt")["pixel_values"],
            "facts": torch.from_numpy(np.stack(facts)),
            "known": torch.from_numpy(np.stack(known)),
            "grids": torch.from_numpy(np.stack([grids.get(film.film, empty) for film in some])),
        }

    with tempfile.TemporaryDirectory() as scratch:
        _fit(tower, rows, collate, tower_steps, 1e-3, batch, seed, Path(scratch), report)
        prompts = Path(scratch) / "prompts"
        prompts.mkdir()
        (prompts / f"{CAPTION}.txt").write_text(_QUESTION, encoding="utf-8")
        asked = ChatInputs(processor, prompts)
        asked._pictures = inputs._pictures
        samples = [Sample(film, manifest.path(film), CAPTION, caption(film)) for film in films]
        loaded = Loaded(model, asked, Checkpoint(folder, folder.name, "local"), False, (), 0)
        trainer = ReaderTrainer(
            loaded,
            _settings(Path(scratch), caption_steps, 1e-3, batch, seed),
            samples,
            [],
            lambda _: {},
            [RunFolder(Path(scratch), report)],
        )
        trainer.train()
    model.save_pretrained(folder)


class Tower(torch.nn.Module):
    """A tower with a head for each patch and one for the whole film."""

    def __init__(self, tower: Any, width: int) -> None:
        super().__init__()
        self.tower = tower
        self.patch_head = torch.nn.Linear(width, len(_ORGANS))
        self.film_head = torch.nn.Linear(width, len(_FACTS))

    def forward(
        self, pixel_values: torch.Tensor, facts: torch.Tensor, known: torch.Tensor, grids: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return the loss: cross entropy over what is known."""
        seen = self.tower(pixel_values=pixel_values).last_hidden_state
        patches = self.patch_head(seen).transpose(1, 2).reshape(grids.shape)
        outlined = ~grids.isnan()
        loss = binary_cross_entropy_with_logits(self.film_head(seen.mean(1))[known], facts[known])
        if outlined.any():
            loss = loss + binary_cross_entropy_with_logits(patches[outlined], grids[outlined])
        return {"loss": loss}


def organ_grid(
    path: Path, lay: Callable[[int, int], Letterbox], segmenter: EmbeddedSegmenter, grid: int
) -> npt.NDArray[np.float32]:
    """Return (3, grid, grid): which share of each patch of the model's picture each organ covers."""
    film = read_film(path)
    anatomy, _ = segmenter.segment(film.pixels)
    letterbox = lay(film.width_px, film.height_px)
    return np.stack([_on_picture(anatomy, organ, letterbox, grid) for organ in _ORGANS])


def _on_picture(anatomy: Anatomy, organ: Any, letterbox: Letterbox, grid: int) -> npt.NDArray[np.float32]:
    mask = anatomy.mask(organ).astype(np.float32)
    # The mask lies over the whole film; drawn through the film's own map it lies over the picture.
    from PIL import Image

    film = np.asarray(
        Image.fromarray(mask).resize((letterbox.film_width_px, letterbox.film_height_px), Image.Resampling.BILINEAR)
    )
    picture = np.asarray(letterbox.draw(film).getchannel(0), np.float32) / 255
    cells = picture.reshape(grid, picture.shape[0] // grid, grid, picture.shape[1] // grid)
    return np.asarray(cells.mean((1, 3)), np.float32)


def facts_of(film: ManifestFilm) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return labels, view and sex as 0 or 1, and which of them are known."""
    said = [film.truth.get(label) for label in LABELS]
    values = [float(one == "positive") for one in said] + [float(film.view.startswith("AP"))]
    known = [one in ("positive", "negative") for one in said] + [film.view in ("PA", "AP", "AP supine")]
    sex = (film.sex or "").upper()[:1]
    return np.array([*values, float(sex == "F")], np.float32), np.array([*known, sex in ("M", "F")])


def caption(film: ManifestFilm) -> str:
    """Write the findings of a film in a row, without a sentence; "nothing named" where no label is positive."""
    phrases = load_phrases("en")
    names = [phrases.subjects[label].name for label in LABELS if film.truth.get(label) == "positive"]
    return ", ".join(names) or "nothing named"


def _again(some: Sequence[ManifestFilm], count: int) -> list[ManifestFilm]:
    return [some[row % len(some)] for row in range(count)]


def _settings(folder: Path, steps: int, rate: float, batch: int, seed: int) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        learning_rate=rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, steps // 20),
        per_device_train_batch_size=batch,
        logging_steps=max(1, min(25, steps)),
        eval_strategy="no",
        save_strategy="no",
        report_to=[],
        remove_unused_columns=False,
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        seed=seed,
    )


def _fit(
    module: torch.nn.Module,
    rows: Sequence[Any],
    collate: Any,
    steps: int,
    rate: float,
    batch: int,
    seed: int,
    folder: Path,
    report: Report,
) -> None:
    trainer = Trainer(
        model=module,
        args=_settings(folder, steps, rate, batch, seed),
        train_dataset=list(rows),
        data_collator=collate,
        callbacks=[RunFolder(folder, report)],
    )
    trainer.train()
