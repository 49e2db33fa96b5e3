"""Talking to a server over HTTP: one deadline for all of it, bounded answers, and an error of ours for each fault."""

import ipaddress
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from lucidray.domain.errors import ReaderTimeoutError, ServerError, UsageError

MAX_BODY_BYTES = 8_000_000
CONNECT_S = 10.0


@dataclass(frozen=True)
class Address:
    """Where a server is.

    Attributes
    ----------
    url : str
        Without a slash at the end, and without anything secret.
    """

    url: str

    @property
    def is_this_machine(self) -> bool:
        """Whether it is a loopback address, so that nothing leaves the machine."""
        host = urlsplit(self.url).hostname or ""
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def is_private_to_it(self) -> bool:
        """Whether a secret may be sent: over TLS, or not over a wire at all."""
        return self.is_this_machine or self.url.startswith("https://")

    @property
    def short(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.url).netloc


def parse_address(url: str) -> Address:
    """Check a base URL.

    Raises
    ------
    UsageError
        It is no http or https URL, or holds a password or a query.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(f"{url!r} is no base URL: it looks like http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("a base URL holds no name, password, query or fragment: keys belong into the environment")
    return Address(url.rstrip("/"))


@dataclass(frozen=True)
class Wire:
    """A connection to one server.

    Attributes
    ----------
    address : Address
    headers : mapping
        Of every request; may hold a secret, so it is never part of a message.
    timeout_s : float
        From sending a request to the last byte of its answer.
    """

    address: Address
    timeout_s: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def get(self, path: str) -> Any:
        """Ask for JSON."""
        with self._open("GET", path, None) as chunks:
            return _json(b"".join(chunks), self.address)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON, and return the JSON that comes back."""
        with self._open("POST", path, body) as chunks:
            return _json(b"".join(chunks), self.address)

    def post_streaming(self, path: str, body: Mapping[str, Any]) -> Iterator[Any]:
        """Send JSON, and yield the JSON of each server-sent event; `[DONE]` yields None."""
        with self._open("POST", path, body) as chunks:
            for line in _lines(chunks):
                if line.startswith(b"data:"):
                    data = line[5:].strip()
                    yield None if data == b"[DONE]" else _json(data, self.address)

    @contextmanager
    def _open(self, method: str, path: str, body: Mapping[str, Any] | None) -> Iterator[Iterator[bytes]]:
        late = f"{self.address.short} had not answered after {self.timeout_s:g} s"
        deadline = time.monotonic() + self.timeout_s
        timeout = httpx.Timeout(self.timeout_s, connect=min(CONNECT_S, self.timeout_s))
        try:
            # A proxy from the environment would carry a film off the machine on its way to the machine itself. A
            # redirection would carry it to a host that nobody named: it is not followed.
            with (
                httpx.Client(trust_env=not self.address.is_this_machine, follow_redirects=False) as client,
                client.stream(
                    method, self.address.url + path, json=body, headers=dict(self.headers), timeout=timeout
                ) as response,
            ):
                chunks = self._bounded(response, deadline, late)
                if response.status_code != httpx.codes.OK:
                    raise StatusError(response.status_code, _said(b"".join(chunks)), self.address.short)
                yield chunks
        except httpx.ConnectTimeout as error:
            raise ServerError(
                f"no server answers at {self.address.short}: is it running, and is the address right?"
            ) from error
        except httpx.TimeoutException as error:
            raise ReaderTimeoutError(late) from error
        except httpx.ConnectError as error:
            raise ServerError(
                f"no server answers at {self.address.short}: is it running, and is the address right?"
            ) from error
        except httpx.HTTPError as error:
            raise ServerError(f"the connection to {self.address.short} broke off ({type(error).__name__})") from error

    @staticmethod
    def _bounded(response: httpx.Response, deadline: float, late: str) -> Iterator[bytes]:
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise ServerError(f"the server's answer is larger than {MAX_BODY_BYTES} bytes: that is no report")
            # httpx's own limit is for each piece: a server that sends a byte now and then would never be late.
            if time.monotonic() > deadline:
                raise ReaderTimeoutError(late)
            yield chunk


class StatusError(ServerError):
    """The server answered with an error of its own."""

    def __init__(self, status: int, said: str, where: str) -> None:
        super().__init__(f"{where} answered with status {status}" + (f": {said}" if said else ""))
        self.status = status
        self.said = said


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for line in whole:
            yield b"".join([*rest, line]).rstrip(b"\r")
            rest = []
        rest.append(last)
    if any(rest):
        yield b"".join(rest)


def _json(body: bytes, address: Address) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        begin = body[:60].decode("utf-8", "replace")
        raise ServerError(f"{address.short} answered what is no JSON: {begin!r}") from error


def _said(body: bytes) -> str:
    """Return what a server says of its error, on one line."""
    try:
        told: Any = json.loads(body)
    except (ValueError, RecursionError):
        told = body[:300].decode("utf-8", "replace")
    for key in ("error", "message", "detail"):
        if isinstance(told, list) and told:
            told = told[0]
        if isinstance(told, dict) and key in told:
            told = told[key]
    return " ".join(str(told).split())[:300]
