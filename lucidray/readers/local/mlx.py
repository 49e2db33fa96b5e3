"""MedGemma on Apple silicon, through mlx-vlm.

Never run by this project, which has no such machine: it is written against mlx-vlm's interface (`load`,
`stream_generate`, `apply_chat_template`) and tested with a stand-in of the same shape; see docs/readers.md.
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core
from mlx_vlm import load, stream_generate
from mlx_vlm.prompt_utils import apply_chat_template

from lucidray.domain.answer import Answer
from lucidray.domain.errors import LucidrayError, OutOfMemoryError, ReaderError, ReaderTimeoutError
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import ModelUsed
from lucidray.readers.letterbox import padded
from lucidray.readers.local.checkpoint import fetch
from lucidray.readers.prompt import ask
from lucidray.readers.wording import answer_from, confidence_of

DEFAULT_MODEL = "mlx-community/medgemma-4b-it-8bit"
SIDE_PX = 896
TIMEOUT_S = 600.0


class Mlx:
    """Reads with weights that are loaded once; one film is written about at a time.

    Parameters
    ----------
    model : str
        Name on the hub, or a folder, with weights in MLX's format.
    revision, adapter : str, optional
    prompts : path, optional
        Folder with prompts of one's own.
    timeout_s : float
        Seconds that the writing of one report may take.

    Raises
    ------
    WeightsError, OutOfMemoryError, ReaderError
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        revision: str | None = None,
        adapter: str | None = None,
        prompts: Path | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._prompts = prompts
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        checkpoint = fetch(model, revision)
        self._name = checkpoint.name
        try:
            self._model, self._processor = load(str(checkpoint.folder), adapter_path=adapter)
        except Exception as error:
            raise _explained(error, checkpoint.name) from error
        self._used = ModelUsed(
            role="reader",
            name=f"mlx: {checkpoint.name}" + (f" with {Path(adapter).name}" if adapter else ""),
            version=checkpoint.version,
            sha256=None,
            device="Apple GPU (MLX)",
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
        prompt = ask(request, self._prompts)
        film = request.film
        letterbox = padded(film.width_px, film.height_px, SIDE_PX)
        messages = [{"role": "user", "content": prompt.user}]
        if prompt.system:
            messages.insert(0, {"role": "system", "content": prompt.system})
        pieces: list[str] = []
        logs: list[float] = []
        last: Any = None
        deadline = time.monotonic() + self._timeout_s
        # mlx-vlm takes pictures by their path; the folder is gone with the film when the report is there.
        with self._lock, tempfile.TemporaryDirectory(prefix="lucidray-") as folder:
            path = Path(folder) / "film.png"
            letterbox.draw(film.pixels).save(path)
            try:
                mlx.core.random.seed(request.generation.seed)
                text = apply_chat_template(self._processor, self._model.config, messages, num_images=1)
                for last in stream_generate(
                    self._model,
                    self._processor,
                    text,
                    image=[str(path)],
                    max_tokens=request.generation.max_tokens,
                    temperature=request.generation.temperature,
                    top_p=request.generation.top_p,
                ):
                    pieces.append(last.text)
                    if last.logprobs is not None and last.token is not None:
                        logs.append(float(last.logprobs[last.token]))
                    self._check_time(deadline)
                    yield last.text
            except LucidrayError:
                raise
            except Exception as error:
                raise _explained(error, self._name) from error
        cut = last is not None and last.finish_reason == "length"
        yield answer_from("".join(pieces), letterbox, request, self._name, cut=cut, confidence=confidence_of(logs))

    def _check_time(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise ReaderTimeoutError(f"{self._name} had not done after {self._timeout_s:g} s")


def _explained(error: Exception, who: str) -> ReaderError:
    short = str(error).strip().split("\n", 1)[0][:300]
    if isinstance(error, MemoryError) or "memory" in short.lower():
        return OutOfMemoryError(f"{who} does not fit into this machine's memory: {short}")
    return ReaderError(f"{who} failed: {type(error).__name__}: {short}")
