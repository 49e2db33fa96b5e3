"""Requests made up from the OpenAPI description: no answer is a fault, and each is one that the description names."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from server_process import Running, serving
from servers import create_app, png, service

schemathesis = pytest.importorskip("schemathesis", reason="needs lucidray[dev]")
httpx = pytest.importorskip("httpx", reason="needs lucidray[dev]")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")

pytestmark = pytest.mark.extra


def _schema():
    with tempfile.TemporaryDirectory(prefix="lucidray-fuzz-") as folder:
        built = service(Path(folder))
        schema = create_app(built).openapi()
        built.database.close()
    return schemathesis.openapi.from_dict(schema)


_SCHEMA = _schema()
_CHECKS = (
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    with serving(tmp_path_factory.mktemp("fuzz") / "store") as one:
        yield one


@pytest.fixture(scope="module")
def reading_id(running: Running) -> str:
    """A finished reading."""
    answer = httpx.post(
        f"{running.base}/api/v1/readings?wait=240",
        files={"film": ("a.png", png())},
        headers=running.headers,
        timeout=300,
    )
    return answer.json()["readings"][0]["id"]


@_SCHEMA.exclude(path_regex="/events$").parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_request_makes_a_fault(case, running: Running, reading_id: str) -> None:
    # Made-up ids find nothing: the one reading that there is makes the rest of the request count.
    given = case.path_parameters or {}
    if len(str(given.get("reading_id", ""))) == 32 and case.method != "DELETE":
        given["reading_id"] = reading_id
    case.call_and_validate(base_url=running.base, headers=running.headers, checks=_CHECKS, timeout=240)
