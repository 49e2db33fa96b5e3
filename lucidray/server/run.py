"""Running the application: one process, one socket that is bound before anything is promised."""

import asyncio
import socket
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from lucidray.domain.errors import OutputError
from lucidray.server.config import ServerConfig

HEADERS_WITHIN_S = 15.0
KEEP_ALIVE_S = 15
_BACKLOG = 128


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that hangs up on a connection whose request does not begin in time."""

    _hang_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait."""
        super().connection_made(transport)
        self._hang_up = self.loop.call_later(HEADERS_WITHIN_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait."""
        self._stop()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Wait until the next request has its headers; bodies have a clock of their own."""
        super().handle_events()
        if self.conn.their_state is h11.IDLE and self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            # The next request on this connection has begun, and is not whole.
            self._hang_up = self._hang_up or self.loop.call_later(HEADERS_WITHIN_S, self._give_up)
        elif self.conn.their_state is not h11.IDLE:
            self._stop()

    def _give_up(self) -> None:
        self._hang_up = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()

    def _stop(self) -> None:
        if self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None


def bind(config: ServerConfig) -> socket.socket:
    """Take the address.

    Raises
    ------
    OutputError
        It is taken by somebody else, or not this machine's.
    """
    host = config.host.removeprefix("[").removesuffix("]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise OutputError(
            f"cannot listen on {config.host} port {config.port}: {error.strerror or error}; try another --port"
        ) from error
    return listener


def address_of(listener: socket.socket, config: ServerConfig) -> str:
    """Return the address that a browser on this machine opens."""
    port = listener.getsockname()[1]
    host = config.host
    if host in ("0.0.0.0", "::"):  # noqa: S104 - the person asked for it
        host = "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Answer requests until the process is asked to end (Ctrl-C, SIGTERM)."""
    settings = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        loop="asyncio",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # A header that names another client is not believed: the guard refuses it where it matters.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=5,
        limit_concurrency=512,
    )
    uvicorn.Server(settings).run(sockets=[listener])
