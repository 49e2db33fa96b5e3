"""Google's Gemini, over its REST interface. The film leaves the machine: only when this reader is named."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lucidray.domain.answer import Answer
from lucidray.domain.errors import AnswerError, ServerError, UsageError
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import ModelUsed
from lucidray.readers.letterbox import padded
from lucidray.readers.prompt import ask
from lucidray.readers.remote.openai import SIDE_PX, png_base64
from lucidray.readers.remote.wire import StatusError, Wire, parse_address
from lucidray.readers.wording import MAX_CHARS, answer_from, confidence_of

BASE_URL = "https://generativelanguage.googleapis.com/v1beta"
KEY_VARIABLE = "GEMINI_API_KEY"
TIMEOUT_S = 300.0
_DONE = {"STOP", "MAX_TOKENS"}


class Gemini:
    """Asks Google.

    Parameters
    ----------
    model : str
        As Google calls it.
    prompts : path, optional
        Folder with prompts of one's own.
    side_px : int
        Of the square that the film is fitted into, black beside it. Boxes refer to it.
    timeout_s : float
        Seconds for one report.
    key : str, optional
        By default the environment's GEMINI_API_KEY.
    base_url : str
        Of another address that speaks the same protocol.

    Raises
    ------
    UsageError
        No model is named, or no key is set.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        prompts: Path | None = None,
        side_px: int = SIDE_PX,
        timeout_s: float = TIMEOUT_S,
        key: str | None = None,
        base_url: str = BASE_URL,
    ) -> None:
        if not model:
            raise UsageError("name the model as Google calls it: --model")
        key = os.environ.get(KEY_VARIABLE) if key is None else key
        if not key:
            raise UsageError(f"Google wants a key: set {KEY_VARIABLE} in the environment")
        address = parse_address(base_url)
        if not address.is_private_to_it:
            raise UsageError(f"{address.short} is not https: the key would be sent in the clear")
        self._wire = Wire(address, timeout_s, {"x-goog-api-key": key})
        self._model = model
        self._prompts = prompts
        self._side_px = side_px
        self._who = f"{model} at {address.short}"

    @property
    def used(self) -> ModelUsed:
        """The model as Google calls it; the film always counts as having left the machine."""
        return ModelUsed(
            role="reader",
            name=f"gemini: {self._model}",
            version="as served",
            sha256=None,
            device=f"server {self._wire.address.short}",
            data_left_machine=True,
        )

    def read(self, request: ReportRequest) -> Answer:
        """Send the film and the prompt, and wait for the report."""
        try:
            reply = self._wire.post(f"{self._path}:generateContent", self._body(request))
        except StatusError as error:
            raise self._explained(error) from error
        candidate = self._candidate(reply)
        return self._answer([self._text(candidate)], candidate, request)

    def stream(self, request: ReportRequest) -> Iterator[str | Answer]:
        """Yield pieces of text as they come, and last of all the whole answer."""
        pieces: list[str] = []
        candidate: dict[str, Any] = {}
        size = 0
        try:
            for event in self._wire.post_streaming(f"{self._path}:streamGenerateContent?alt=sse", self._body(request)):
                candidate = candidate | self._candidate(event)
                text = self._text(self._candidate(event))
                size += len(text)
                if size > MAX_CHARS:
                    raise AnswerError(f"{self._who} wrote more than {MAX_CHARS} characters: that is no report")
                if text:
                    pieces.append(text)
                    yield text
        except StatusError as error:
            raise self._explained(error) from error
        if not candidate.get("finishReason"):
            raise ServerError(f"{self._who} broke off in the middle of its answer")
        yield self._answer(pieces, candidate, request)

    @property
    def _path(self) -> str:
        return f"/models/{quote(self._model.removeprefix('models/'), safe='')}"

    def _body(self, request: ReportRequest) -> dict[str, Any]:
        prompt = ask(request, self._prompts)
        film, generation = request.film, request.generation
        picture = padded(film.width_px, film.height_px, self._side_px).draw(film.pixels)
        body: dict[str, Any] = {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"inline_data": {"mime_type": "image/png", "data": png_base64(picture)}},
                        {"text": prompt.user},
                    ],
                }
            ],
            "generationConfig": {
                "temperature": generation.temperature,
                "topP": generation.top_p,
                "maxOutputTokens": generation.max_tokens,
                "seed": generation.seed,
            },
        }
        if prompt.system:
            body["system_instruction"] = {"parts": [{"text": prompt.system}]}
        return body

    def _candidate(self, reply: Any) -> dict[str, Any]:
        if not isinstance(reply, dict):
            raise ServerError(f"{self._who} answered without a candidate")
        blocked = reply.get("promptFeedback")
        if isinstance(blocked, dict) and blocked.get("blockReason"):
            raise AnswerError(f"{self._who} refuses the request: {blocked['blockReason']}")
        candidates = reply.get("candidates")
        if not isinstance(candidates, list) or not candidates or not isinstance(candidates[0], dict):
            raise ServerError(f"{self._who} answered without a candidate")
        return candidates[0]

    def _text(self, candidate: dict[str, Any]) -> str:
        content = candidate.get("content")
        parts = content.get("parts", []) if isinstance(content, dict) else []
        # Thoughts are parts too; they are no report.
        return "".join(
            str(part.get("text", "")) for part in parts if isinstance(part, dict) and not part.get("thought", False)
        )

    def _answer(self, pieces: list[str], candidate: dict[str, Any], request: ReportRequest) -> Answer:
        finish = candidate.get("finishReason", "STOP")
        if finish not in _DONE:
            raise AnswerError(f"Google stopped {self._who}: {finish}")
        mean = candidate.get("avgLogprobs")
        told = isinstance(mean, int | float) and not isinstance(mean, bool)
        film = request.film
        return answer_from(
            "".join(pieces),
            padded(film.width_px, film.height_px, self._side_px),
            request,
            self._who,
            cut=finish == "MAX_TOKENS",
            confidence=confidence_of([float(mean)]) if told else None,  # type: ignore[arg-type]
        )

    def _explained(self, error: StatusError) -> ServerError:
        if error.status in {400, 401, 403} and "key" in error.said.lower():
            return ServerError(f"{error}. Look at {KEY_VARIABLE}")
        if error.status == 404:
            return ServerError(f"{error}. Look at --model")
        return error
