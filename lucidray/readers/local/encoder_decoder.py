"""Any `VisionEncoderDecoderModel`: a picture in, a report out, and nothing can be asked.

Such a model takes no prompt. A strategy or an earlier report is refused, as leaving them out would not be seen; the
symptoms are left out, and the answer says so.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

from lucidray.domain.answer import Answer
from lucidray.domain.errors import LucidrayError, UsageError, WeightsError
from lucidray.domain.note import Note
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import ModelUsed
from lucidray.readers.letterbox import Letterbox, cropped, stretched
from lucidray.readers.local.adapter import processor_folder, with_adapter
from lucidray.readers.local.checkpoint import fetch
from lucidray.readers.local.device import check_room, choose_device, explained
from lucidray.readers.local.quiet import quiet
from lucidray.readers.local.writing import Written, write
from lucidray.readers.wording import answer_from

TIMEOUT_S = 300.0
NO_SYMPTOMS = Note(code="symptoms_not_seen", message="The reader takes no text: it wrote without knowing the symptoms.")


class EncoderDecoder:
    """Reads with weights that are loaded once, in 32 bits, as such models are small.

    Parameters
    ----------
    model : str
        Name on the hub, or a folder.
    revision : str, optional
    adapter : str, optional
        Folder of a LoRA adapter, as `lucidray train reader` writes them.
    device : {"auto", "cuda", "mps", "cpu"}
    timeout_s : float

    Raises
    ------
    WeightsError, OutOfMemoryError, ReaderError, UsageError
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        adapter: str | None = None,
        device: str = "auto",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._device = choose_device(device)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        checkpoint = fetch(model, revision)
        self._name = checkpoint.name
        check_room(checkpoint, self._device, "none")
        try:
            with quiet():
                source = (processor_folder(adapter) if adapter is not None else None) or checkpoint.folder
                self._tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
                self._images = AutoImageProcessor.from_pretrained(source, local_files_only=True)
                self._model, told = VisionEncoderDecoderModel.from_pretrained(
                    checkpoint.folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
                )
        except LucidrayError:
            raise
        except Exception as error:
            raise explained(error, checkpoint.name, self._device) from error
        wrong = sorted([*told["missing_keys"], *(str(key) for key in told["mismatched_keys"])])
        if wrong:
            raise WeightsError(f"{checkpoint.name} lacks {len(wrong)} weights that it names, first {wrong[0]}")
        version = checkpoint.version
        if adapter is not None:
            self._model, mark = with_adapter(self._model, self._tokenizer, adapter)
            version += f", adapter {mark}"
        self._model = self._model.to(self._device).eval()
        self._used = ModelUsed(
            role="reader",
            name=f"encoder-decoder: {checkpoint.name}" + (f" with {Path(adapter).name}" if adapter else ""),
            version=version,
            sha256=None,
            device=f"{self._device}, float32",
        )

    @property
    def used(self) -> ModelUsed:
        """Name and commit."""
        return self._used

    def read(self, request: ReportRequest) -> Answer:
        """Look at the film and write."""
        for piece in self.stream(request):
            if isinstance(piece, Answer):
                return piece
        raise AssertionError("a stream ends with an answer")

    def stream(self, request: ReportRequest) -> Iterator[str | Answer]:
        """Yield pieces of text as they come, and last of all the whole answer."""
        if request.prompt is not None:
            raise UsageError(f"{self._name} takes no prompt")
        if request.strategy != "zero-shot":
            raise UsageError(f"{self._name} takes no prompt: there is no strategy {request.strategy!r} for it")
        if request.prior_text:
            raise UsageError(f"{self._name} takes no text: it cannot be given an earlier report")
        letterbox = self.letterbox(request)
        with self._lock:
            inputs = self.prepare(request)
            pieces = write(
                self._model,
                self._tokenizer,
                inputs,
                request.generation,
                prompt_length=1,
                who=self._name,
                device=self._device,
                timeout_s=self._timeout_s,
            )
            for piece in pieces:
                if isinstance(piece, Written):
                    answer = answer_from(
                        piece.text, letterbox, request, self._name, cut=piece.cut, confidence=piece.confidence
                    )
                    yield replace(answer, notes=(*answer.notes, NO_SYMPTOMS)) if request.symptoms else answer
                else:
                    yield piece

    def prepare(self, request: ReportRequest) -> dict[str, Any]:
        """Make the model's input as its own processor does, from the whole film in three equal channels."""
        film = request.film
        picture = stretched(film.width_px, film.height_px, film.width_px, film.height_px).draw(film.pixels)
        try:
            values = self._images(images=picture, return_tensors="pt")["pixel_values"]
        except Exception as error:
            raise explained(error, f"the processor of {self._name}", self._device) from error
        return {"pixel_values": values.to(self._device)}

    def letterbox(self, request: ReportRequest) -> Letterbox:
        """Say what the model's own processor does to the film: stretch it, or cut a square from its middle."""
        film, size = request.film, self._images.size
        crop = getattr(self._images, "crop_size", None)
        if getattr(self._images, "do_center_crop", False) and crop:
            side = int(crop["height"])
            return cropped(film.width_px, film.height_px, side, int(size.get("shortest_edge") or side))
        width = int(size.get("width") or film.width_px)
        height = int(size.get("height") or film.height_px)
        return stretched(film.width_px, film.height_px, width, height)
