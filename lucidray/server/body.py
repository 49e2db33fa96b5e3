"""Bodies are counted while they come in, and given up when they are too large, too slow, or packed.

It answers by itself, before anything has been kept, whatever the application would have made of half a body.
"""

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lucidray.domain.errors import LucidrayError
from lucidray.server.config import ServerConfig
from lucidray.server.problems import MediaTypeError, TooLargeError, TooSlowError, problem_of, respond

UPLOADS = ("/api/v1/readings", "/explain", "/analyze")
SMALL_BODY_BYTES = 2 * 2**20
_GRACE_S = 20.0
_LAST_LOOK_S = 0.1


class BodyLimit:
    """ASGI middleware that caps bodies."""

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app, self._config = app, config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(self._cap(scope["path"]), self._config, receive)
        try:
            body.look_at(scope)
        except LucidrayError as error:
            await _answer(error, scope, receive, send)
            return
        started = False

        async def pass_on(message: Message) -> None:
            nonlocal started
            if body.fault is None or started:
                started = True
                await send(message)

        try:
            await self._app(scope, body.receive, pass_on)
        except Exception:
            if body.fault is None:
                raise
        if body.fault is not None and not started:
            await _answer(body.fault, scope, receive, send)

    def _cap(self, path: str) -> int:
        return self._config.max_body_bytes if path.rstrip("/") in UPLOADS else SMALL_BODY_BYTES


class _Body:
    def __init__(self, cap: int, config: ServerConfig, receive: Receive) -> None:
        self.fault: LucidrayError | None = None
        self._cap, self._config, self._receive = cap, config, receive
        self._count, self._ended, self._started = 0, False, time.monotonic()

    def look_at(self, scope: Scope) -> None:
        """Refuse what the headers alone make impossible."""
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise MediaTypeError("packed bodies are not taken: send it without Content-Encoding")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._cap:
            raise self._too_large()

    async def receive(self) -> Message:
        """Receive the next piece."""
        if self.fault is not None:
            raise self.fault
        if self._ended:
            return await self._receive()
        allowed = _GRACE_S + self._count / self._config.least_bytes_per_s - (time.monotonic() - self._started)
        message = await self._within(max(0.0, min(self._config.idle_s, allowed)))
        if message is None:
            # A service that was itself held up (a loaded machine) finds the time over and the piece there: it counts.
            message = await self._within(_LAST_LOOK_S)
        if message is None:
            self.fault = TooSlowError("the request came too slowly and was given up")
            raise self.fault
        if message["type"] == "http.request":
            self._count += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
            if self._count > self._cap:
                self.fault = self._too_large()
                raise self.fault
        return message

    async def _within(self, seconds: float) -> Message | None:
        try:
            return await asyncio.wait_for(self._receive(), seconds)
        except TimeoutError:
            return None

    def _too_large(self) -> LucidrayError:
        return TooLargeError(f"the body is larger than the {self._cap:,} bytes that are taken here")


async def _answer(error: LucidrayError, scope: Scope, receive: Receive, send: Send) -> None:
    await respond(problem_of(error), {"Connection": "close"})(scope, receive, send)
