"""CXR-LLaVA, whose architecture is Python code on the hub: it is run only where somebody allows exactly that code.

`ECOFRI/CXR-LLAVA-v2` (Lee et al., European Radiology 2025) is for non-commercial use (CC BY-NC 4.0, and Llama 2's
terms), writes English only, needs CUDA by its own code, and fixes the length of its answers at 512 tokens. Never run on
its real weights by this project; see docs/readers.md.
"""

import queue
import threading
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel

from lucidray.domain.answer import Answer
from lucidray.domain.errors import LucidrayError, ReaderTimeoutError, UsageError, WeightsError
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import ModelUsed
from lucidray.readers.letterbox import padded
from lucidray.readers.local.checkpoint import fetch, is_pinned
from lucidray.readers.local.device import check_room, choose_device, explained
from lucidray.readers.local.quiet import quiet
from lucidray.readers.prompt import ask
from lucidray.readers.wording import answer_from

DEFAULT_MODEL = "ECOFRI/CXR-LLAVA-v2"
SIDE_PX = 512  # what its own processor makes
_SYSTEM = (
    "You are a helpful radiologist. Try to interpret chest x ray image and answer to the question that user provides."
)


class CxrLlava:
    """Reads with weights and code that are loaded once.

    Parameters
    ----------
    model : str
        Name on the hub, or a folder in the same layout.
    allow_remote_code : bool
        Must be true: the model's own code is run.
    revision : str, optional
        For a name on the hub, the whole commit (40 hexadecimal digits) whose code was looked at.
    device : {"auto", "cuda", "mps", "cpu"}
    prompts : path, optional
        Folder with prompts of one's own.

    Raises
    ------
    UsageError
        Code of others is not allowed, or not pinned.
    WeightsError, OutOfMemoryError, ReaderError
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        allow_remote_code: bool = False,
        revision: str | None = None,
        device: str = "auto",
        prompts: Path | None = None,
    ) -> None:
        if not allow_remote_code:
            raise UsageError(
                f"{model} runs Python code of its authors: look at it, then allow it (--allow-remote-code)"
            )
        if not Path(model).expanduser().is_dir() and not is_pinned(revision):
            raise UsageError(
                f"name the commit of {model} whose code you looked at: --revision with 40 hexadecimal digits"
            )
        self._device = choose_device(device)
        self._prompts = prompts
        self._lock = threading.Lock()
        checkpoint = fetch(model, revision)
        self._name = checkpoint.name
        check_room(checkpoint, self._device, "none")
        dtype = torch.float16 if self._device == "cuda" else torch.float32
        try:
            with quiet():
                loaded = AutoModel.from_pretrained(
                    checkpoint.folder, trust_remote_code=True, dtype=dtype, local_files_only=True
                )
                self._model: Any = loaded.to(self._device).eval()
        except LucidrayError:
            raise
        except Exception as error:
            raise explained(error, checkpoint.name, self._device) from error
        # The misspelt name is theirs.
        if not callable(getattr(self._model, "generate_cxr_repsonse", None)):
            raise WeightsError(f"{checkpoint.name} has not the interface of CXR-LLaVA v2 (generate_cxr_repsonse)")
        self._used = ModelUsed(
            role="reader",
            name=f"cxr-llava: {checkpoint.name}",
            version=checkpoint.version,
            sha256=None,
            device=f"{self._device}, {str(dtype).removeprefix('torch.')}",
        )

    @property
    def used(self) -> ModelUsed:
        """Name and commit."""
        return self._used

    def read(self, request: ReportRequest) -> Answer:
        """Look at the film and write; the model tells neither tokens' probabilities nor whether it was cut off."""
        prompt = ask(request, self._prompts)
        film = request.film
        letterbox = padded(film.width_px, film.height_px, SIDE_PX)
        chat = [
            {"role": "system", "content": prompt.system or _SYSTEM},
            {"role": "user", "content": f"<image>\n{prompt.user}"},
        ]
        gpus = [torch.cuda.current_device()] if self._device == "cuda" else []
        try:
            with self._lock, torch.random.fork_rng(devices=gpus):
                torch.manual_seed(request.generation.seed)
                text = self._model.generate_cxr_repsonse(
                    chat=chat,
                    image=letterbox.draw(film.pixels),
                    temperature=request.generation.temperature,
                    top_p=request.generation.top_p,
                )
        except queue.Empty as error:
            raise ReaderTimeoutError(f"{self._name} wrote nothing for longer than its own code allows") from error
        except Exception as error:
            raise explained(error, self._name, self._device) from error
        if not isinstance(text, str):
            raise WeightsError(f"{self._name} answered {type(text).__name__}, not text")
        return answer_from(text, letterbox, request, self._name)
