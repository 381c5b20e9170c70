"""The application under both services: who may come in, how much they may bring, how it answers."""

import json
from pathlib import Path

import pytest
from flask import Blueprint, Response, request
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, Counter
from pydantic import BaseModel

from wedsync_core.problems import Unavailable
from wedsync_core.web.application import create_service
from wedsync_core.web.auth import Role, TokenFileInvalid, Tokens, token_values
from wedsync_core.web.limits import read_bytes, read_model
from wedsync_core.web.operations import operation
from wedsync_core.web.responses import json_response

OLD, NEW = "the-old-token-of-ines", "the-new-token-of-ines"


class Wish(BaseModel):
    """What a couple wishes."""

    what: str
    guests: int


def routes() -> Blueprint:
    room = Blueprint("room", __name__)

    @room.post("/wishes")
    @operation("Wish", {Role.RESPONDER}, body=Wish, example={"granted": True})
    def wish() -> Response:
        read_model(request, Wish, limit=100)
        return json_response({"granted": True}, 201)

    @room.post("/bytes")
    @operation("Bytes", {Role.RESPONDER})
    def take() -> Response:
        return json_response({"taken": len(read_bytes(request, 10))})

    @room.get("/broken")
    @operation("Breaks", {Role.VIEWER})
    def broken() -> Response:
        raise ZeroDivisionError("secret detail")

    return room


class State:
    ready = True


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "responder"
    file.write_text(OLD)
    (tmp_path / "viewer").write_text("the-token-of-a-viewer")
    return file


@pytest.fixture
def client(token_file: Path) -> FlaskClient:
    def ready() -> None:
        if not State.ready:
            raise Unavailable("not yet")

    State.ready = True
    registry = CollectorRegistry()
    Counter("wedsync_test", "A counter.", registry=registry).inc()
    tokens = Tokens({Role.RESPONDER: token_file, Role.VIEWER: token_file.with_name("viewer")})
    return create_service("test", tokens=tokens, registry=registry, blueprints=[routes()], ready=ready).test_client()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({}, 401, "missing"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, 401, "unknown"),
        ({"Authorization": "Bearer "}, 401, "unknown"),
        ({"Authorization": "Bearer a-guess-of-an-outsider"}, 401, "unknown"),
        ({"Authorization": "Bearer \udcff\udcfe"}, 401, "unknown"),
        (bearer("the-token-of-a-viewer"), 403, "role"),
    ],
)
def test_an_outsider_is_refused_and_counted(
    client: FlaskClient, headers: dict[str, str], status: int, reason: str
) -> None:
    answer = client.post("/wishes", headers=headers, json={"what": "cake", "guests": 80})

    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    metrics = client.get("/metrics", headers=bearer("the-token-of-a-viewer")).text
    assert f'wedsync_access_refused_total{{reason="{reason}"}} 1.0' in metrics


def test_a_token_is_rotated_without_a_gap(client: FlaskClient, token_file: Path) -> None:
    def allowed(token: str) -> bool:
        return client.post("/wishes", headers=bearer(token), json={"what": "cake", "guests": 80}).status_code == 201

    assert (allowed(OLD), allowed(NEW)) == (True, False)
    token_file.write_text(f"{NEW}\n{OLD}\n")
    assert (allowed(OLD), allowed(NEW)) == (True, True)
    token_file.write_text("")  # half-way through a careless edit
    assert (allowed(OLD), allowed(NEW)) == (True, True)
    token_file.write_text(f"{NEW}\n")
    assert (allowed(OLD), allowed(NEW)) == (False, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds 0 values"),
        ("a-value-of-some-length\n" * 3, "holds 3 values"),
        ("short", "shorter than 16 characters"),
    ],
)
def test_a_token_file_that_cannot_be_right_stops_the_start(text: str, said: str) -> None:
    with pytest.raises(TokenFileInvalid, match=said):
        token_values(text, "responder")


def test_a_missing_token_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(TokenFileInvalid, match="role 'viewer' cannot be read"):
        Tokens({Role.VIEWER: tmp_path / "absent"})


def test_wrong_fields_are_named_all_at_once(client: FlaskClient) -> None:
    answer = client.post("/wishes", headers=bearer(OLD), json={"guests": "a few"})

    assert answer.status_code == 422
    assert [(one["field"], one["message"]) for one in answer.get_json()["errors"]] == [
        ("what", "Field required"),
        ("guests", "Input should be a valid integer, unable to parse string as an integer"),
    ]
    assert answer.get_json()["retryable"] is False


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 422), (b"null", 422), (b"\xff", 400), (b"x" * 101, 413), (b'{"a":NaN}', 400)],
)
def test_a_body_that_cannot_be_taken_is_a_problem_and_never_a_fault(
    client: FlaskClient, body: bytes, status: int
) -> None:
    answer = client.post("/wishes", headers=bearer(OLD), data=body)

    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_a_body_is_bounded_even_without_an_announced_length(client: FlaskClient) -> None:
    def take(body: bytes) -> int:
        return client.post("/bytes", headers=bearer(OLD), data=body).status_code

    assert (take(b"1234567890"), take(b"12345678901")) == (200, 413)


def test_our_own_fault_tells_the_client_nothing_but_that_it_was_ours(client: FlaskClient) -> None:
    answer = client.get("/broken", headers=bearer(OLD))

    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.get_json()["title"] == "Internal error"


def test_what_is_not_there_and_what_is_not_allowed_are_problems_too(client: FlaskClient) -> None:
    assert client.get("/nowhere").get_json()["detail"] == "there is nothing at /nowhere"
    wrong_method = client.get("/wishes")
    assert (wrong_method.status_code, wrong_method.content_type) == (405, "application/problem+json")
    assert "POST" in wrong_method.headers["Allow"]


def test_alive_and_ready_are_told_apart(client: FlaskClient) -> None:
    State.ready = False

    assert client.get("/healthz").status_code == 200
    not_ready = client.get("/readyz")
    assert (not_ready.status_code, not_ready.get_json()["detail"]) == (503, "not yet")


def test_metrics_are_for_viewers_and_speak_openmetrics_when_asked(client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 401
    viewer = bearer("the-token-of-a-viewer")
    plain = client.get("/metrics", headers=viewer)
    open_metrics = client.get("/metrics", headers={**viewer, "Accept": "application/openmetrics-text; version=1.0.0"})

    odd = client.get("/metrics", headers={**viewer, "Accept": "application/openmetrics-text; version=one"})
    assert (odd.status_code, odd.content_type.split(";")[0]) == (200, "text/plain")
    assert plain.content_type.startswith("text/plain")
    assert open_metrics.content_type.startswith("application/openmetrics-text")
    assert open_metrics.text.endswith("# EOF\n")


def test_a_route_without_a_declared_operation_stops_the_start(token_file: Path) -> None:
    room = Blueprint("careless", __name__)
    room.get("/open-to-all")(lambda: "oops")

    with pytest.raises(LookupError, match="declares no operation"):
        create_service(
            "test",
            tokens=Tokens({Role.RESPONDER: token_file}),
            registry=CollectorRegistry(),
            blueprints=[room],
            ready=lambda: None,
        )


def test_the_api_document_has_every_route_its_roles_and_its_body(client: FlaskClient) -> None:
    document = client.get("/api/monitoring/openapi.json", headers=bearer(OLD)).get_json()

    wish = document["paths"]["/wishes"]["post"]
    assert wish["x-roles"] == ["responder"]
    assert wish["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Wish"}
    assert document["components"]["schemas"]["Wish"]["required"] == ["what", "guests"]
    assert document["paths"]["/healthz"]["get"]["security"] == []
    page = client.get("/api/monitoring/docs", headers=bearer(OLD))
    assert "<code>/wishes</code>" in page.text
    json.dumps(document)
