"""Any server that speaks OpenAI's chat protocol: vLLM, Ollama, llama.cpp, LM Studio, or a service on the net.

The film goes to the address that was named, and nowhere else. Whether it left the machine, the reading says.
"""

import base64
import io
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from lucidray.domain.answer import Answer
from lucidray.domain.errors import AnswerError, ServerError, UsageError
from lucidray.domain.protocols import ReportRequest
from lucidray.domain.reading import ModelUsed
from lucidray.readers.letterbox import padded
from lucidray.readers.prompt import ask
from lucidray.readers.remote.wire import StatusError, Wire, parse_address
from lucidray.readers.wording import MAX_CHARS, answer_from, confidence_of

KEY_VARIABLE = "OPENAI_API_KEY"
SIDE_PX = 896
TIMEOUT_S = 300.0


@dataclass
class _Heard:
    """What was heard of an answer so far."""

    pieces: list[str] = field(default_factory=list)
    logs: list[float] = field(default_factory=list)
    finish: str | None = None
    size: int = 0

    def take(self, text: str) -> None:
        self.size += len(text)
        if self.size > MAX_CHARS:
            raise AnswerError(f"the server wrote more than {MAX_CHARS} characters: that is no report")
        self.pieces.append(text)


class OpenAI:
    """Asks a server.

    Parameters
    ----------
    model : str
        As the server calls it.
    base_url : str
        For example ``http://127.0.0.1:8000/v1``.
    prompts : path, optional
        Folder with prompts of one's own.
    side_px : int
        Of the square that the film is fitted into, black beside it. Boxes refer to it.
    timeout_s : float
        Seconds for one report.
    key : str, optional
        By default the environment's OPENAI_API_KEY. It is sent over TLS or to this machine only.

    Raises
    ------
    UsageError
        No model or no address is named.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str | None = None,
        prompts: Path | None = None,
        side_px: int = SIDE_PX,
        timeout_s: float = TIMEOUT_S,
        key: str | None = None,
    ) -> None:
        if base_url is None:
            raise UsageError("name the server: --base-url, for example http://127.0.0.1:8000/v1 (vLLM)")
        if not model:
            raise UsageError("name the model as the server calls it: --model")
        address = parse_address(base_url)
        key = os.environ.get(KEY_VARIABLE) if key is None else key
        self._unsent_key = bool(key) and not address.is_private_to_it
        headers = {"Authorization": f"Bearer {key}"} if key and address.is_private_to_it else {}
        self._wire = Wire(address, timeout_s, headers)
        self._model = model
        self._prompts = prompts
        self._side_px = side_px
        self._who = f"{model} at {address.short}"

    @property
    def used(self) -> ModelUsed:
        """The model as the server calls it, the server, and whether the film left the machine."""
        address = self._wire.address
        return ModelUsed(
            role="reader",
            name=f"openai: {self._model}",
            version="as served",
            sha256=None,
            device=f"server {address.short}",
            data_left_machine=not address.is_this_machine,
        )

    def read(self, request: ReportRequest) -> Answer:
        """Send the film and the prompt, and wait for the report."""
        heard = _Heard()
        body = self._body(request)
        reply = self._asked(lambda wanted: self._wire.post("/chat/completions", wanted), body)
        choice = _choice(reply)
        message = choice.get("message")
        if not isinstance(message, dict):
            raise ServerError(f"{self._who} answered without a message")
        if message.get("refusal"):
            raise AnswerError(f"{self._who} refuses: {str(message['refusal'])[:200]}")
        heard.take(_text(message.get("content")))
        heard.logs += _logs(choice)
        heard.finish = choice.get("finish_reason")
        return self._answer(heard, request)

    def stream(self, request: ReportRequest) -> Iterator[str | Answer]:
        """Yield pieces of text as they come, and last of all the whole answer."""
        heard = _Heard()
        body = self._body(request) | {"stream": True}
        events, first = self._asked(self._opened, body)
        ended = False
        for event in itertools.chain(first, events):
            if event is None:
                ended = True
                break
            if isinstance(event, dict) and event.get("error"):
                raise ServerError(f"{self._who} broke off: {str(event['error'])[:200]}")
            # The last event of some servers counts tokens and has no choice.
            if isinstance(event, dict) and event.get("choices") == []:
                continue
            choice = _choice(event)
            delta = choice.get("delta")
            text = _text(delta.get("content")) if isinstance(delta, dict) else ""
            heard.logs += _logs(choice)
            heard.finish = choice.get("finish_reason") or heard.finish
            if text:
                heard.take(text)
                yield text
        if not ended and heard.finish is None:
            raise ServerError(f"{self._who} broke off in the middle of its answer")
        yield self._answer(heard, request)

    def _opened(self, body: dict[str, Any]) -> tuple[Iterator[Any], list[Any]]:
        # The first event is waited for here, so that a refusal of the request shows before anything was yielded.
        events = self._wire.post_streaming("/chat/completions", body)
        return events, list(itertools.islice(events, 1))

    def _asked(self, send: Any, body: dict[str, Any]) -> Any:
        try:
            try:
                return send(body)
            except StatusError as error:
                # Token probabilities are an extra that not every server has: the confidence is null then.
                if error.status in {400, 422} and "logprobs" in error.said.lower():
                    return send({name: value for name, value in body.items() if name != "logprobs"})
                raise
        except StatusError as error:
            raise self._explained(error) from error

    def _explained(self, error: StatusError) -> ServerError:
        if error.status in {401, 403}:
            unsent = (
                " It is set, but was not sent, as the address is neither https nor this machine." * self._unsent_key
            )
            return ServerError(f"{error}. The server wants a key: set {KEY_VARIABLE}.{unsent}")
        if error.status == 404:
            return ServerError(f"{error}. Look at --model and --base-url{self._names()}")
        return error

    def _names(self) -> str:
        """Say which models the server has, where it tells."""
        try:
            listed = self._wire.get("/models")["data"]
            return f"; the server has: {', '.join(str(entry['id']) for entry in listed[:20])}"
        except (ServerError, KeyError, TypeError):
            return ""

    def _body(self, request: ReportRequest) -> dict[str, Any]:
        prompt = ask(request, self._prompts)
        film, generation = request.film, request.generation
        picture = padded(film.width_px, film.height_px, self._side_px).draw(film.pixels)
        messages: list[dict[str, Any]] = [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png_base64(picture)}"}},
                    {"type": "text", "text": prompt.user},
                ],
            }
        ]
        if prompt.system:
            messages.insert(0, {"role": "system", "content": prompt.system})
        return {
            "model": self._model,
            "messages": messages,
            "temperature": generation.temperature,
            "top_p": generation.top_p,
            "max_tokens": generation.max_tokens,
            "seed": generation.seed,
            "logprobs": True,
        }

    def _answer(self, heard: _Heard, request: ReportRequest) -> Answer:
        if heard.finish == "content_filter":
            raise AnswerError(f"the server's filter stopped {self._who}")
        film = request.film
        return answer_from(
            "".join(heard.pieces),
            padded(film.width_px, film.height_px, self._side_px),
            request,
            self._who,
            cut=heard.finish == "length",
            confidence=confidence_of(heard.logs),
        )


def png_base64(picture: Image.Image) -> str:
    """Return a picture as PNG, in base64; a PNG of grey levels, as the three channels are equal."""
    file = io.BytesIO()
    picture.getchannel(0).convert("RGB").save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")


def _choice(reply: Any) -> dict[str, Any]:
    try:
        choice = reply["choices"][0]
    except (KeyError, IndexError, TypeError) as error:
        raise ServerError("the server's answer has no choice: it does not speak OpenAI's chat protocol") from error
    if not isinstance(choice, dict):
        raise ServerError("the server's answer has no choice: it does not speak OpenAI's chat protocol")
    return choice


def _text(content: object) -> str:
    """Return a message's text, which some servers give in parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    raise ServerError("the server's answer holds no text")


def _logs(choice: dict[str, Any]) -> list[float]:
    told = choice.get("logprobs")
    tokens = told.get("content") if isinstance(told, dict) else None
    values = [token.get("logprob") for token in tokens if isinstance(token, dict)] if isinstance(tokens, list) else []
    return [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
