"""Samples as a model's inputs: the film drawn as the reader draws it, the question, the answer, and what the loss sees.

Only the answer's tokens have a label; the question, the picture's tokens and the padding are masked. Sequences end
together (padding stands before them), so that scores are computed for the last tokens only: a row of scores has as many
members as the vocabulary, and 700 rows of a question that nobody is scored on would not fit beside the model.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from lucidray.datasets.manifest import ManifestFilm
from lucidray.domain.errors import InputError, WeightsError
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.radiograph import Radiograph, Sex, View
from lucidray.domain.reading import Overall
from lucidray.imaging.film import read_film
from lucidray.readers.letterbox import Letterbox, cropped, stretched
from lucidray.readers.local.chat import chat_inputs, chat_text, lay, side_of
from lucidray.readers.prompt import Prompt, ask
from lucidray.training.reader_samples import Sample

IGNORED = -100  # what PyTorch's cross entropy leaves out
_CACHE_BYTES = 400_000_000
_SEXES: dict[str, Sex] = {"m": "male", "male": "male", "f": "female", "female": "female", "o": "other"}
_NOTHING_FOUND = Overall(
    probability=None, interval=None, threshold=None, status="unsupported", n_positive=0, prevalence=None
)


class Inputs(Protocol):
    """How a family of models is given a sample."""

    tokenizer: Any
    processor: Any

    def lay(self, width: int, height: int) -> Letterbox:
        """Say how a film lies on the picture."""

    def question(self, sample: Sample) -> dict[str, torch.Tensor]:
        """Make what the model is asked, as (1, ...) tensors on the CPU."""

    def answer(self, sample: Sample) -> list[int]:
        """Return the tokens of the answer, the one that ends it included."""

    def collate(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        """Make a batch, with `labels`."""


@dataclass
class Pictures:
    """Films as they are drawn for the model; the last ones are kept, as 8-bit grey."""

    def __post_init__(self) -> None:
        self._kept: OrderedDict[Path, npt.NDArray[np.uint8]] = OrderedDict()
        self._bytes = 0

    def draw(self, path: Path, letterbox_of: Any) -> Image.Image:
        """Return the picture of a film, RGB."""
        grey = self._kept.get(path)
        if grey is None:
            film = read_film(path)
            grey = np.asarray(letterbox_of(film.width_px, film.height_px).draw(film.pixels).getchannel(0))
            self._kept[path] = grey
            self._bytes += grey.nbytes
            while self._bytes > _CACHE_BYTES:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        picture = Image.fromarray(grey)
        return Image.merge("RGB", (picture, picture, picture))


class ChatInputs:
    """For models that are asked in words: Gemma 3, PaliGemma, LLaVA.

    Parameters
    ----------
    processor : transformers processor
    prompts : path, optional
        Folder with prompts of one's own.
    fit : {"pad", "stretch"}
        As the reader is going to fit the film.
    """

    def __init__(self, processor: Any, prompts: Path | None = None, fit: str = "pad") -> None:
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self._prompts, self._fit = prompts, fit
        self._side = side_of(processor)
        self._pictures = Pictures()
        # PaliGemma reads the question both ways and the answer forwards: its token types say which is which.
        self._answer_type = 0 if getattr(processor, "chat_template", None) else 1

    def lay(self, width: int, height: int) -> Letterbox:
        """Fit the film as the reader does."""
        return lay(width, height, self._side, self._fit)

    def question(self, sample: Sample) -> dict[str, torch.Tensor]:
        """Fill the sample's prompt with what is known of the film, as the reader will."""
        prompt = prompt_of(sample.film, sample.strategy, self._prompts)
        return chat_inputs(self.processor, prompt, self._pictures.draw(sample.path, self.lay))

    def answer(self, sample: Sample) -> list[int]:
        """Return the answer as the chat template writes it, up to the mark that ends it."""
        ids: list[int] = self.tokenizer(sample.answer + self._end, add_special_tokens=False)["input_ids"]
        return ids

    @property
    def _end(self) -> str:
        end: str = self.tokenizer.eos_token
        if not getattr(self.processor, "chat_template", None):
            return end
        probe = Prompt("", "?")
        before, whole = chat_text(self.processor, probe), chat_text(self.processor, probe, "An answer.")
        if not whole.startswith(before + "An answer."):
            raise WeightsError("the chat template does not put the answer where the model begins to write")
        return whole[len(before) + len("An answer.") :].rstrip("\n") or end

    def collate(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        """Make a batch whose sequences end together."""
        rows = [(self.question(sample), self.answer(sample)) for sample in samples]
        length = max(asked["input_ids"].shape[1] + len(answer) for asked, answer in rows)
        pad = self.tokenizer.pad_token_id or 0
        batch: dict[str, list[torch.Tensor]] = {}
        for asked, answer in rows:
            written = torch.tensor([answer])
            ids = torch.cat([asked["input_ids"], written], 1)
            before = length - ids.shape[1]
            # By name: what the rest of the sequence gets, and what stands before it.
            rest: dict[str, tuple[torch.Tensor, int]] = {"attention_mask": (torch.ones_like(written), 0)}
            rest["token_type_ids"] = (torch.full_like(written, self._answer_type), 0)
            row = {"input_ids": _left(ids, before, pad)}
            row["labels"] = _left(
                torch.cat([torch.full_like(asked["input_ids"], IGNORED), written], 1), before, IGNORED
            )
            for name, value in asked.items():
                if name in rest:
                    more, filler = rest[name]
                    row[name] = _left(torch.cat([value, more.to(value.dtype)], 1), before, filler)
                elif name != "input_ids":
                    row[name] = value
            for name, value in row.items():
                batch.setdefault(name, []).append(value)
        return {name: torch.cat(values) for name, values in batch.items()}

    def questions(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        """Make a batch of questions alone, for `generate`."""
        rows = [self.question(sample) for sample in samples]
        length = max(asked["input_ids"].shape[1] for asked in rows)
        filler = {"input_ids": self.tokenizer.pad_token_id or 0, "attention_mask": 0, "token_type_ids": 0}
        return {
            name: torch.cat(
                [_left(row[name], length - row["input_ids"].shape[1], filler[name]) for row in rows]
                if name in filler
                else [row[name] for row in rows]
            )
            for name in rows[0]
        }


class DecoderInputs:
    """For a `VisionEncoderDecoderModel`, which takes a picture and is asked nothing.

    Parameters
    ----------
    images, tokenizer
        The checkpoint's own.
    """

    def __init__(self, images: Any, tokenizer: Any) -> None:
        self.processor, self.tokenizer = images, tokenizer
        if tokenizer.eos_token is None:
            raise WeightsError("the checkpoint's tokenizer has no token that ends an answer")

    def lay(self, width: int, height: int) -> Letterbox:
        """Say what the checkpoint's own processor does to the film, as the reader does."""
        size = self.processor.size
        crop = getattr(self.processor, "crop_size", None)
        if getattr(self.processor, "do_center_crop", False) and crop:
            side = int(crop["height"])
            return cropped(width, height, side, int(size.get("shortest_edge") or side))
        return stretched(width, height, int(size.get("width") or width), int(size.get("height") or height))

    def question(self, sample: Sample) -> dict[str, torch.Tensor]:
        """Make the picture."""
        film = read_film(sample.path)
        picture = stretched(film.width_px, film.height_px, film.width_px, film.height_px).draw(film.pixels)
        return {"pixel_values": self.processor(images=picture, return_tensors="pt")["pixel_values"]}

    def answer(self, sample: Sample) -> list[int]:
        """Return the answer's tokens and the one that ends it."""
        ids: list[int] = self.tokenizer(sample.answer, add_special_tokens=False)["input_ids"]
        return [*ids, self.tokenizer.eos_token_id]

    def collate(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        """Make a batch; padding stands behind the answers."""
        answers = [self.answer(sample) for sample in samples]
        length = max(map(len, answers))
        labels = torch.tensor([answer + [IGNORED] * (length - len(answer)) for answer in answers])
        return {**self.questions(samples), "labels": labels}

    def questions(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        """Make a batch of pictures."""
        return {"pixel_values": torch.cat([self.question(sample)["pixel_values"] for sample in samples])}


def prompt_of(film: ManifestFilm, strategy: str, prompts: Path | None) -> Prompt:
    """Return what a reader is asked of a film, with what the manifest knows of it and no symptoms."""
    known = Radiograph(
        np.zeros((1, 1), np.float32),
        name=film.film,
        format="array",
        view=next((view for view in get_args(View) if view == film.view), "unknown"),
        age_years=film.age_years,
        sex=_SEXES.get((film.sex or "").lower()),
    )
    return ask(ReportRequest(known, [], _NOTHING_FOUND, [], None, "en", strategy=strategy), prompts)


def check_films(samples: Sequence[Sample]) -> None:
    """Refuse a collection whose films are not there, before hours are spent.

    Raises
    ------
    InputError
        A film does not exist; the message counts them.
    """
    missing = [sample.path for sample in samples if not sample.path.is_file()]
    if missing:
        raise InputError(f"{len(missing)} of {len(samples)} films do not exist, first {missing[0]}")


def _left(values: torch.Tensor, count: int, filler: int) -> torch.Tensor:
    return torch.cat([values.new_full((values.shape[0], count), filler), values], 1)
