import pytest
from servers import LOCAL, client, png, service

from lucidray.server.config import ServerConfig, is_loopback
from lucidray.server.guard import check_host
from lucidray.server.problems import ForbiddenError
from lucidray.server.session import HEADER, Sessions
from lucidray.store import tokens

pytestmark = pytest.mark.extra
EVERYWHERE = "0.0.0.0"  # noqa: S104
CHANGES = [
    ("POST", "/api/v1/readings"),
    ("DELETE", "/api/v1/readings/" + "0" * 32),
    ("POST", "/api/v1/readings/" + "0" * 32 + "/cancel"),
    ("POST", "/api/v1/readings/" + "0" * 32 + "/again"),
    ("PUT", "/api/v1/readings/" + "0" * 32 + "/prior"),
    ("PUT", "/api/v1/readings/" + "0" * 32 + "/edit"),
    ("PATCH", "/api/v1/readings/" + "0" * 32 + "/edit"),
    ("PUT", "/api/v1/readings/" + "0" * 32 + "/signature"),
    ("DELETE", "/api/v1/readings/" + "0" * 32 + "/signature"),
    ("POST", "/api/v1/playground"),
]


@pytest.fixture
def api(tmp_path):
    with client(service(tmp_path)) as one:
        yield one


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        (EVERYWHERE, False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    assert ServerConfig(host=host).needs_token is not loopback


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "localhost:9", "[::1]:8000", "LOCALHOST.:80"])
def test_hosts_of_this_machine(host: str) -> None:
    check_host(host, ServerConfig())


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8000", "192.168.1.5", "127.0.0.1.evil.example", ":80"]
)
def test_other_hosts_are_refused_on_a_loopback_address(host: str) -> None:
    with pytest.raises(ForbiddenError):
        check_host(host, ServerConfig())


def test_on_another_address_names_are_allowed_by_name() -> None:
    open_to_all = ServerConfig(host=EVERYWHERE, allowed_hosts=("reading-room.example",))
    for host in ("192.168.1.5:8000", "reading-room.example:8000", "localhost"):
        check_host(host, open_to_all)
    with pytest.raises(ForbiddenError):
        check_host("evil.example", open_to_all)


def test_a_rebound_name_gets_nothing(api) -> None:
    for path in ("/", "/api/v1/session", "/api/v1/readings", "/health", "/openapi.json"):
        answer = api.get(path, headers={"Host": "evil.example"})
        assert answer.status_code == 403
        assert api.service.sessions.secret not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_get_nothing(api, headers) -> None:
    for method, path in [("GET", "/api/v1/readings"), ("GET", "/api/v1/session"), *CHANGES]:
        assert api.http.request(method, path, headers=headers).status_code == 403
    for path, name in (("/explain", "file"), ("/analyze", "image")):
        assert api.http.post(path, files={name: ("a.png", png())}, headers=headers).status_code == 403


def test_no_answer_lets_another_site_read_it(api) -> None:
    answer = api.http.options(
        "/api/v1/readings", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 403
    for path in ("/api/v1/readings", "/api/v1/session"):
        assert not [name for name in api.get(path).headers if name.startswith("access-control")]


def test_the_own_page_is_let_in(api) -> None:
    headers = {"Origin": LOCAL, "Sec-Fetch-Site": "same-origin"}
    assert api.get("/api/v1/readings", headers=headers).status_code == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert api.get("/api", headers=link).status_code == 200


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize("secret", [None, "", "wrong", "ü"])
def test_a_change_needs_the_session_secret(api, method: str, path: str, secret: str | None) -> None:
    del api.http.headers[HEADER]
    headers = {} if secret is None else {HEADER: secret.encode("latin-1")}
    answer = api.http.request(method, path, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:lucidray:problem:forbidden"


def test_the_session_tells_the_secret_that_changes_need(api) -> None:
    del api.http.headers[HEADER]
    told = api.get("/api/v1/session").json()
    assert (told["name"], told["role"]) == ("local", "admin")
    films = {"film": ("a.png", png())}
    assert api.http.post("/api/v1/readings", files=films, headers={told["header"]: told["secret"]}).status_code == 202


def test_behind_a_proxy_nobody_is_local(api) -> None:
    for name in ("X-Forwarded-For", "Forwarded"):
        answer = api.get("/api/v1/readings", headers={name: "203.0.113.9"})
        assert answer.status_code == 403
        assert "--require-token" in answer.json()["detail"]


@pytest.fixture
def remote(tmp_path):
    """A service that others can reach, with a reader's and an admin's token."""
    built = service(tmp_path, host=EVERYWHERE)
    secrets = {role: tokens.add(built.database, role, role, "local") for role in ("reader", "admin")}
    with client(built, base="http://192.168.1.5:8000") as one:
        del one.http.headers[HEADER]
        yield one, secrets


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_without_a_token_there_is_only_health_and_the_page(remote) -> None:
    api, _ = remote
    assert api.get("/health").status_code == 200
    assert api.get("/").status_code == 200
    for path in ("/api/v1/readings", "/api/v1/session", "/api/v1/about", "/api/v1/audit", "/metrics", "/nothing"):
        answer = api.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert api.service.sessions.secret not in answer.text
    assert api.http.post("/explain", files={"file": ("a.png", png())}).status_code == 401


def test_the_session_secret_alone_opens_nothing(remote) -> None:
    api, _ = remote
    answer = api.http.post(
        "/api/v1/readings", files={"film": ("a.png", png())}, headers={HEADER: api.service.sessions.secret}
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Basic bGE6bGE=", "Bearer lucidray_" + "A" * 43])
def test_a_wrong_token_opens_nothing(remote, header: str) -> None:
    api, _ = remote
    assert api.get("/api/v1/readings", headers={"Authorization": header}).status_code == 401


def test_a_token_header_needs_no_secret_and_its_name_is_logged(remote) -> None:
    api, secrets = remote
    answer = api.http.post(
        "/api/v1/readings?wait=240", files={"film": ("a.png", png())}, headers=bearer(secrets["reader"])
    )
    assert answer.status_code == 201
    assert answer.json()["readings"][0]["created_by"] == "reader"


def test_roles(remote) -> None:
    api, secrets = remote
    made = api.http.post(
        "/api/v1/readings?wait=240", files={"film": ("a.png", png())}, headers=bearer(secrets["reader"])
    )
    place = f"/api/v1/readings/{made.json()['readings'][0]['id']}"
    for method, path in (("DELETE", place), ("GET", "/api/v1/audit")):
        assert api.http.request(method, path, headers=bearer(secrets["reader"])).status_code == 403
        assert api.http.request(method, path, headers=bearer(secrets["admin"])).status_code in (200, 204)


def test_a_revoked_token_opens_nothing_from_the_next_request_on(remote) -> None:
    api, secrets = remote
    assert api.http.post("/api/v1/session", headers=bearer(secrets["reader"])).status_code == 200
    assert api.get("/api/v1/readings").status_code == 200  # by the cookie
    tokens.revoke(api.service.database, "reader", "local")
    assert api.get("/api/v1/readings").status_code == 401
    assert api.get("/api/v1/readings", headers=bearer(secrets["reader"])).status_code == 401


def test_a_cookie_shows_but_does_not_change(remote) -> None:
    api, secrets = remote
    answer = api.http.post("/api/v1/session", headers=bearer(secrets["admin"]))
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert secrets["admin"] not in cookie
    films = {"film": ("a.png", png())}
    assert api.http.post("/api/v1/readings", files=films).status_code == 403
    told = api.get("/api/v1/session").json()
    assert told["name"] == "admin"
    assert api.http.post("/api/v1/readings", files=films, headers={HEADER: told["secret"]}).status_code == 202
    assert api.http.delete("/api/v1/session", headers={HEADER: told["secret"]}).status_code == 204
    assert api.get("/api/v1/readings").status_code == 401


def test_a_cookie_cannot_be_made_or_stretched() -> None:
    mine, other = Sessions(), Sessions()
    cookie = mine.cookie("abc")
    assert mine.token_of(cookie) == "abc"
    assert other.token_of(cookie) is None
    name, ends, signature = cookie.split(".")
    assert mine.token_of(f"abd.{ends}.{signature}") is None
    assert mine.token_of(f"{name}.{int(ends) + 1}.{signature}") is None
    for text in ("", ".", "..", "a.b", "ü.1.ü"):
        assert mine.token_of(text) is None


def test_a_cookie_runs_out(monkeypatch) -> None:
    sessions = Sessions()
    monkeypatch.setattr("lucidray.server.session.LASTS_S", -1)
    assert sessions.token_of(sessions.cookie("abc")) is None


def test_every_answer_carries_the_headers(api) -> None:
    for path in ("/api", "/api/v1/readings", "/nothing", "/api/v1/readings/" + "0" * 32):
        headers = api.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "research use only" in headers["x-lucidray-notice"]
