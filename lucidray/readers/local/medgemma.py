"""MedGemma, and any other model of Gemma 3's kind: a picture and a chat in, a report out.

`google/medgemma-4b-it` and `google/medgemma-1.5-4b-it` are gated: their terms have to be accepted on the hub. A LoRA
adapter (PEFT) can be put onto them. Real weights were never run by this project; see docs/readers.md.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from lucidray.domain.answer import Answer
from lucidray.domain.errors import LucidrayError, WeightsError
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import ModelUsed
from lucidray.readers.letterbox import Letterbox
from lucidray.readers.local.adapter import processor_folder, prompts_of, with_adapter
from lucidray.readers.local.chat import chat_inputs, lay, side_of
from lucidray.readers.local.checkpoint import Checkpoint, fetch
from lucidray.readers.local.device import WORDS, check_room, choose_device, explained, quantization
from lucidray.readers.local.quiet import quiet
from lucidray.readers.local.writing import Written, write
from lucidray.readers.prompt import Prompt, ask
from lucidray.readers.wording import answer_from

DEFAULT_MODEL = "google/medgemma-1.5-4b-it"
TIMEOUT_S = 600.0


class MedGemma:
    """Reads with weights that are loaded once; several threads may use it, one film is written about at a time.

    Parameters
    ----------
    model : str
        Name on the hub, or a folder.
    revision : str, optional
        Branch, tag or commit on the hub.
    adapter : str, optional
        Folder or hub name of a LoRA adapter, as PEFT writes them.
    device : {"auto", "cuda", "mps", "cpu"}
    quantize : {"none", "8bit", "4bit"}
        "none" is bfloat16; "4bit" is NF4 with double quantisation.
    prompts : path, optional
        Folder with prompts of one's own.
    fit : {"pad", "stretch"}
        How the film is put onto the model's square: as MedGemma's own notebooks do, or as the processor alone would.
    timeout_s : float
        Seconds that the writing of one report may take.

    Raises
    ------
    WeightsError, OutOfMemoryError, ReaderError, UsageError, MissingExtraError
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        revision: str | None = None,
        adapter: str | None = None,
        device: str = "auto",
        quantize: str = "none",
        prompts: Path | None = None,
        fit: str = "pad",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._device = choose_device(device)
        self._quantize = quantize
        # What an adapter was trained with is what it is asked with.
        self._prompts = prompts or (prompts_of(adapter) if adapter is not None else None)
        self._fit = fit
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        bits = quantization(quantize)
        checkpoint = fetch(model, revision)
        self._name = checkpoint.name
        check_room(checkpoint, self._device, quantize)
        try:
            with quiet():
                words = processor_folder(adapter) if adapter is not None else None
                self._processor = AutoProcessor.from_pretrained(words or checkpoint.folder, local_files_only=True)
                self._side = side_of(self._processor)
                self._model = _load(checkpoint, self._device, bits)
        except LucidrayError:
            raise
        except Exception as error:
            raise explained(error, checkpoint.name, self._device, quantize) from error
        version = checkpoint.version
        if adapter is not None:
            self._model, mark = with_adapter(self._model, self._processor.tokenizer, adapter)
            version += f", adapter {mark}"
        self._model.eval()
        self._used = ModelUsed(
            role="reader",
            name=f"medgemma: {checkpoint.name}" + (f" with {Path(adapter).name}" if adapter else ""),
            version=version,
            sha256=None,
            device=f"{self._device}, {WORDS[quantize]}",
        )

    @property
    def used(self) -> ModelUsed:
        """Name and commit; no hash, as the commit names every file (a local folder's version is "local")."""
        return self._used

    def read(self, request: ReportRequest) -> Answer:
        """Look at the film and write."""
        for piece in self.stream(request):
            if isinstance(piece, Answer):
                return piece
        raise AssertionError("a stream ends with an answer")

    def stream(self, request: ReportRequest) -> Iterator[str | Answer]:
        """Yield pieces of text as they come, and last of all the whole answer."""
        prompt = ask(request, self._prompts)
        letterbox = self.letterbox(request)
        with self._lock:
            inputs = self.prepare(request, prompt, letterbox)
            pieces = write(
                self._model,
                self._processor.tokenizer,
                inputs,
                request.generation,
                prompt_length=int(inputs["input_ids"].shape[1]),
                who=self._name,
                device=self._device,
                quantize=self._quantize,
                timeout_s=self._timeout_s,
            )
            for piece in pieces:
                if isinstance(piece, Written):
                    yield answer_from(
                        piece.text, letterbox, request, self._name, cut=piece.cut, confidence=piece.confidence
                    )
                else:
                    yield piece

    def letterbox(self, request: ReportRequest) -> Letterbox:
        """Say how the film lies on the picture."""
        return lay(request.film.width_px, request.film.height_px, self._side, self._fit)

    def prepare(self, request: ReportRequest, prompt: Prompt, letterbox: Letterbox) -> dict[str, Any]:
        """Make the model's inputs: the chat template filled, the picture normalised, both on the device."""
        try:
            made = chat_inputs(self._processor, prompt, letterbox.draw(request.film.pixels))
        except Exception as error:
            raise explained(error, f"the processor of {self._name}", self._device) from error
        return {
            name: value.to(self._device, torch.bfloat16) if value.is_floating_point() else value.to(self._device)
            for name, value in made.items()
        }


def _load(checkpoint: Checkpoint, device: str, bits: Any) -> Any:
    model, told = AutoModelForImageTextToText.from_pretrained(
        checkpoint.folder,
        dtype=torch.bfloat16,
        device_map={"": device},
        quantization_config=bits,
        local_files_only=True,
        output_loading_info=True,
    )
    # Without this, transformers would write with weights that it made up.
    wrong = sorted([*told["missing_keys"], *(str(key) for key in told["mismatched_keys"])])
    if wrong:
        raise WeightsError(
            f"{checkpoint.name} lacks {len(wrong)} weights that its configuration names, first {wrong[0]}"
        )
    return model
