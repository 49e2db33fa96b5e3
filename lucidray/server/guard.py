"""Who may ask what, and what browsers may do with the answers.

- The Host must be an address, `localhost` or a name that was allowed: a name that an attacker points to this machine
  (DNS rebinding) is none of these.
- A browser says where a request comes from (Origin, Sec-Fetch-Site): other sites are refused, whatever they ask for.
- Who is not at the machine itself shows a token, as a header or through the cookie that the page gets for it.
- What changes anything needs the session secret in a header, unless a token header says by itself that no browser was
  talked into it. `/explain` and `/analyze` change nothing and keep nothing.
"""

import time
from http.cookies import CookieError, SimpleCookie

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lucidray.domain.errors import LucidrayError
from lucidray.server.actor import LOCAL, Actor
from lucidray.server.config import ServerConfig, ip_address, is_loopback
from lucidray.server.logs import log, log_fault
from lucidray.server.metrics import Metrics
from lucidray.server.problems import ForbiddenError, UnauthorizedError, headers_of, problem_of, respond
from lucidray.server.session import HEADER, Sessions
from lucidray.store import tokens
from lucidray.store.database import Database

COOKIE = "lucidray_session"
_SAFE = ("GET", "HEAD", "OPTIONS")
_OPEN = ("/", "/health", "/openapi.json", "/api", "/api/v1/session", "/favicon.ico")
_KEEP_NOTHING = ("/explain", "/analyze", "/api/v1/session")
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self';"
    " connect-src 'self'; frame-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Content-Security-Policy": _PAGE_POLICY,
    "X-Lucidray-Notice": "research use only, not for clinical diagnosis",
}


class Guard:
    """ASGI middleware in front of everything."""

    def __init__(
        self, app: ASGIApp, config: ServerConfig, database: Database, sessions: Sessions, metrics: Metrics
    ) -> None:
        self._app, self._config, self._database = app, config, database
        self._sessions, self._metrics = sessions, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, pass it on, and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                message["headers"] = headers.raw
            await send(message)

        try:
            scope["lucidray_actor"] = await self._admit(scope)
            await self._app(scope, receive, answer)
        except LucidrayError as error:
            await respond(problem_of(error), headers_of(error))(scope, receive, answer)
        except Exception as error:
            log_fault(error)
            raise
        finally:
            self._note(scope, status, time.perf_counter() - started)

    async def _admit(self, scope: Scope) -> Actor:
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        check_host(headers.get("host", ""), self._config)
        check_origin(headers, scope["scheme"], is_page=path in ("/", "/api"))
        found = await self._who(headers)
        if found is None:
            if path in _OPEN or path.startswith("/ui/"):
                return Actor("nobody", "reader", "cookie")
            raise UnauthorizedError("show a token: Authorization: Bearer lucidray_…")
        changes = method not in _SAFE and path not in _KEEP_NOTHING
        if changes and found.via != "token" and not self._sessions.is_secret(headers.get(HEADER)):
            raise ForbiddenError(f"a change needs the header {HEADER}, whose value GET /api/v1/session tells")
        return found

    async def _who(self, headers: Headers) -> Actor | None:
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme:
            token = None
            if scheme.lower() == "bearer":
                token = await run_in_threadpool(tokens.check, self._database, secret.strip())
            if token is None:
                raise UnauthorizedError("this token is not known, or was revoked")
            return Actor(token.name, token.role, "token")
        cookie = _cookie(headers)
        token_id = self._sessions.token_of(cookie) if cookie else None
        if token_id is not None:
            token = await run_in_threadpool(tokens.by_id, self._database, token_id)
            if token is not None:
                return Actor(token.name, token.role, "cookie")
        if self._config.needs_token:
            return None
        if "x-forwarded-for" in headers or "forwarded" in headers:
            raise ForbiddenError("behind a proxy everybody looks local: start the service with --require-token")
        return Actor(LOCAL, "admin", "local")

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        self._metrics.answered(scope["method"] if scope["method"] in _METHODS else "other", route, status, seconds)
        by = getattr(scope.get("lucidray_actor"), "via", None)
        log("answered", method=scope["method"][:8], route=route, status=status, ms=round(1000 * seconds, 1), by=by)


_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


def check_host(host: str, config: ServerConfig) -> None:
    """Refuse a request that was sent to a name which is not known to be this machine's.

    Raises
    ------
    ForbiddenError
        On a loopback address anything but a loopback address or ``localhost``; elsewhere any name that was not allowed.
    """
    name = _without_port(host).lower().rstrip(".")
    if name and (is_loopback(name) or name in {allowed.lower() for allowed in config.allowed_hosts}):
        return
    if name and not config.is_loopback and ip_address(name) is not None:
        return
    raise ForbiddenError("this name is not known to be this machine's: see --allow-host")


def check_origin(headers: Headers, scheme: str, *, is_page: bool) -> None:
    """Refuse what a browser sends for another site.

    Raises
    ------
    ForbiddenError
        It says that it comes from elsewhere. A person may follow a link to the page itself.
    """
    origin, host = headers.get("origin"), headers.get("host", "").lower()
    # Behind a proxy that ends TLS the scheme differs: the name must not.
    if origin is not None and origin.lower() not in (f"{scheme}://{host}", f"https://{host}"):
        raise ForbiddenError("requests of other sites are refused")
    site = headers.get("sec-fetch-site", "same-origin")
    follows_link = is_page and headers.get("sec-fetch-mode") == "navigate"
    if site not in ("same-origin", "none") and not follows_link:
        raise ForbiddenError("requests of other sites are refused")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _cookie(headers: Headers) -> str | None:
    try:
        jar = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    return jar[COOKIE].value if COOKIE in jar else None
