"""What Prometheus is asked, and what counts as an answer."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import promql_parser as promql
import pytest

from exporters.errors.recovery import SPANS
from exporters.evidence import EvidenceUnavailable, ask_over_http, read_answer, routes_query, workflows_query


def answer(*series: dict[str, Any], status: str = "success", kind: str = "vector") -> bytes:
    return json.dumps({"status": status, "data": {"resultType": kind, "result": list(series)}}).encode()


UPLOADS = {"metric": {"workflow": "photo_upload", "region": "london"}, "value": [1_781_359_200, "41.5"]}


@pytest.mark.parametrize("span", SPANS)
def test_the_questions_are_promql(span: Any) -> None:
    for query in (workflows_query(span), routes_query(span)):
        promql.parse(query)
        assert f"[{int(span.total_seconds())}s]" in query


def test_an_answer_is_labels_and_a_number() -> None:
    assert read_answer(answer(UPLOADS)) == [({"workflow": "photo_upload", "region": "london"}, 41.5)]
    assert read_answer(answer()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"status": "success"}',
        answer(status="error"),
        answer(kind="matrix"),
        answer({"metric": {}}),
        answer({"metric": {}, "value": [1]}),
        answer({"metric": {}, "value": [1, "many"]}),
        answer({"metric": [], "value": [1, "2"]}),
    ],
)
def test_anything_else_is_no_evidence(content: bytes) -> None:
    with pytest.raises(EvidenceUnavailable):
        read_answer(content)


class _Prometheus(BaseHTTPRequestHandler):
    asked: list[str]
    status = 200

    def do_GET(self) -> None:
        self.asked.append(parse_qs(urlsplit(self.path).query)["query"][0])
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(answer(UPLOADS))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def prometheus() -> Iterator[tuple[str, type[_Prometheus]]]:
    handler = type("Prometheus", (_Prometheus,), {"asked": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_is_asked_over_http(prometheus: tuple[str, type[_Prometheus]]) -> None:
    url, seen = prometheus
    ask = ask_over_http(url + "/")
    assert ask(workflows_query(SPANS[0])) == [({"workflow": "photo_upload", "region": "london"}, 41.5)]
    assert seen.asked == [workflows_query(SPANS[0])]
    seen.status = 503
    with pytest.raises(EvidenceUnavailable, match="answered 503"):
        ask("up")


def test_no_prometheus_is_no_evidence() -> None:
    with pytest.raises(EvidenceUnavailable):
        ask_over_http("http://127.0.0.1:9")("up")
