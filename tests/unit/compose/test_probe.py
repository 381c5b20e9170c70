"""A health check that cannot fail says nothing: each way of being ill is tried."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from compose.probe import main, why_not_answering, why_not_connected

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue
   0: 0300F40A:C5B4 0200F40A:1F93 {state} 00000000:00000000 00:00000000 00000000 10001 0 1 1
   1: 00000000:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000 10001 0 1 1
"""


@contextmanager
def answering(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"the database cannot be used right now")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/readyz"
        finally:
            server.shutdown()
            thread.join()


def test_an_answer_of_200_is_well() -> None:
    with answering(200) as url:
        assert main([url]) == 0


@pytest.mark.parametrize("status", [204, 302, 401, 404, 500, 503])
def test_any_other_answer_is_not(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(status) as url:
        assert main([url]) == 1
    assert f"answers {status}" in capsys.readouterr().err


def test_no_answer_is_not(free_port: int) -> None:
    assert "does not answer" in (why_not_answering(f"http://127.0.0.1:{free_port}/readyz") or "")


def test_no_proxy_answers_in_its_place(free_port: int) -> None:
    """Docker hands the proxy of its client to every container."""
    with answering(200) as url:
        proxy = {**os.environ, "http_proxy": f"http://127.0.0.1:{free_port}", "no_proxy": ""}
        probe = Path(__file__).parents[3] / "compose" / "probe.py"
        subprocess.run([sys.executable, probe, url], env=proxy, check=True, timeout=20)


def test_an_open_connection_is_well(tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    table.write_text(TABLE.format(state="01"), encoding="ascii")
    assert why_not_connected(8083, (table, tmp_path / "tcp6")) is None
    assert why_not_connected(8082, (table,)), "a port it listens on itself is no connection"


@pytest.mark.parametrize("state", ["06", "08", "02"])
def test_a_connection_that_is_closing_or_only_wished_for_is_not(state: str, tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    table.write_text(TABLE.format(state=state), encoding="ascii")
    assert why_not_connected(8083, (table,))


@pytest.mark.parametrize("arguments", [[], ["8081"], ["https://127.0.0.1/readyz"], ["connected"], ["connected", "no"]])
def test_a_wrong_command_is_ill_not_well(arguments: list[str]) -> None:
    assert main(arguments) == 1
