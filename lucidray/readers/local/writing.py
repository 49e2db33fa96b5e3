"""Letting a transformers model write: watched as it writes, with a deadline, and with how sure it was of its words."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
    TextIteratorStreamer,
)

from lucidray.domain.answer import Generation
from lucidray.domain.errors import LucidrayError, ReaderTimeoutError
from lucidray.readers.local.device import explained
from lucidray.readers.wording import confidence_of


@dataclass(frozen=True)
class Written:
    """What a model wrote.

    Attributes
    ----------
    text : str
        Without special tokens.
    cut : bool
        It stopped because it was as long as allowed.
    confidence : float in [0, 1] or None
    """

    text: str
    cut: bool
    confidence: float | None


class TokenProbabilities(LogitsProcessor):  # type: ignore[misc]
    """Notes how probable each token was that was taken, and changes nothing.

    It stands before temperature and top-p, so the probabilities are the model's own; it keeps one row of scores at a
    time, where transformers would keep one a token (200 MB for Gemma's vocabulary and 200 tokens).
    """

    def __init__(self, prompt_length: int) -> None:
        self._prompt_length = prompt_length
        self._last: torch.Tensor | None = None
        self.logs: list[float] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Take note of the token that was taken since the last call."""
        self._note(input_ids)
        self._last = torch.log_softmax(scores[0].float(), dim=-1)
        return scores

    def finish(self, sequence: torch.Tensor) -> None:
        """Take note of the last token; `sequence` is (1, T), prompt included."""
        self._note(sequence)

    def _note(self, ids: torch.Tensor) -> None:
        if self._last is not None and ids.shape[1] > self._prompt_length:
            self.logs.append(float(self._last[int(ids[0, -1])]))
            self._last = None


class Stop(StoppingCriteria):  # type: ignore[misc]
    """Stops at a deadline, or when nobody listens any more."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self.late = False
        self.abandoned = threading.Event()

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:  # noqa: ARG002
        """Say of each sequence whether to stop."""
        self.late = self.late or time.monotonic() > self._deadline
        stop = self.late or self.abandoned.is_set()
        return torch.full((input_ids.shape[0],), stop, dtype=torch.bool, device=input_ids.device)


def write(
    model: Any,
    tokenizer: Any,
    inputs: dict[str, Any],
    generation: Generation,
    *,
    prompt_length: int,
    who: str,
    device: str,
    quantize: str = "none",
    timeout_s: float,
) -> Iterator[str | Written]:
    """Let a model write; yields pieces as they come, and last the whole.

    Parameters
    ----------
    model : transformers model with `generate`
    tokenizer
    inputs : dict
        For `generate`, on the model's device.
    generation : Generation
    prompt_length : int
        Tokens at the beginning of what `generate` returns that the model did not write.
    who, device, quantize : str
        For messages.
    timeout_s : float
        Seconds that the writing may take, checked after each token.

    Raises
    ------
    ReaderTimeoutError, OutOfMemoryError, ReaderError
    """
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    probabilities, stop = TokenProbabilities(prompt_length), Stop(timeout_s)
    sampling = (
        {"do_sample": True, "temperature": generation.temperature, "top_p": generation.top_p, "top_k": 0}
        if generation.temperature > 0
        else {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    )
    result: list[torch.Tensor] = []
    fault: list[Exception] = []

    def run() -> None:
        try:
            with torch.inference_mode(), torch.random.fork_rng(devices=_gpus(device)):
                torch.manual_seed(generation.seed)
                result.append(
                    model.generate(
                        **inputs,
                        **sampling,
                        max_new_tokens=generation.max_tokens,
                        num_beams=1,
                        logits_processor=LogitsProcessorList([probabilities]),
                        stopping_criteria=StoppingCriteriaList([stop]),
                        streamer=streamer,
                    )
                )
        except Exception as error:  # told in the thread that listens
            fault.append(error)
        finally:
            streamer.text_queue.put(streamer.stop_signal)

    thread = threading.Thread(target=run, name="reader", daemon=True)
    thread.start()
    try:
        yield from (piece for piece in streamer if piece)
    finally:
        stop.abandoned.set()
        thread.join()
    if fault:
        raise fault[0] if isinstance(fault[0], LucidrayError) else explained(fault[0], who, device, quantize)
    if stop.late:
        raise ReaderTimeoutError(
            f"{who} had not done after {timeout_s:g} s: allow more, or fewer tokens (--max-tokens)"
        )
    sequence = result[0]
    probabilities.finish(sequence)
    tokens = sequence[0, prompt_length:]
    yield Written(
        text=tokenizer.decode(tokens, skip_special_tokens=True),
        cut=len(tokens) >= generation.max_tokens and int(tokens[-1]) not in _ends(model),
        confidence=confidence_of(probabilities.logs),
    )


def _ends(model: Any) -> set[int]:
    ends = model.generation_config.eos_token_id
    return set(ends) if isinstance(ends, list) else {ends}


def _gpus(device: str) -> list[int]:
    return [torch.cuda.current_device()] if device == "cuda" else []
