"""Downloads over a real socket: bounded in size and time, and from no other host than the one named."""

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cast import TUESDAY
from tests.fakes import FakeClock, HttpSink, Received
from wedsync_core.weddings import download
from wedsync_core.weddings.download import TOTAL_SECONDS, Download, Fetched, FetchFailed

BODY = b"wedding_id,region,starts_at\n"
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def get() -> Download:
    return Download(FakeClock(TUESDAY), connect_seconds=2, silence_seconds=0.3)


def refusal(get: Download, location: str) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        get(location)
    return caught.value


@contextmanager
def raw_server(*pieces: bytes, then_hang: bool = False) -> Iterator[str]:
    """A server that sends the pieces as they are, and then closes or says nothing more."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                if then_hang:
                    over.wait(10)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/private-s3cret/weddings.csv"
        over.set()
        thread.join(10)


def test_a_document_arrives_with_its_media_type_and_uncompressed(get: Download) -> None:
    with HttpSink(lambda _: (200, CSV, BODY)) as server:
        assert get(f"{server.url}/weddings?month=6") == Fetched(BODY, "text/csv")
        [request] = server.received
    assert request.path == "/weddings?month=6"
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "retry_helps"), [(404, False), (401, False), (429, True), (503, True), (204, False)]
)
def test_any_other_answer_is_a_failure(get: Download, status: int, *, retry_helps: bool) -> None:
    with HttpSink(lambda _: (status, {}, b"" if status == 204 else BODY)) as server:
        failure = refusal(get, f"{server.url}/private-s3cret/weddings.csv")
    assert str(failure) == f"127.0.0.1: answered {status}"
    assert failure.retry_helps is retry_helps


def test_a_redirect_on_the_same_server_is_followed(get: Download) -> None:
    def answer(request: Received) -> tuple[int, dict[str, str], bytes]:
        return (200, CSV, BODY) if request.path == "/new.csv" else (302, {"Location": "/new.csv"}, b"")

    with HttpSink(answer) as server:
        assert get(f"{server.url}/old.csv").body == BODY


def test_a_redirect_to_another_server_is_not_followed(get: Download) -> None:
    with HttpSink(lambda _: (200, CSV, BODY)) as canary:
        with HttpSink(lambda _: (302, {"Location": canary.url + "/weddings.csv"}, b"")) as server:
            failure = refusal(get, server.url)
        assert canary.received == []
    assert str(failure) == "127.0.0.1: redirects to another server, 127.0.0.1"
    assert not failure.retry_helps


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/weddings.csv", "https://127.0.0.1/", "//[bad"]
)
def test_a_redirect_to_another_scheme_is_not_followed(get: Download, target: str) -> None:
    with HttpSink(lambda _: (302, {"Location": target}, b"")) as server:
        refusal(get, server.url)


def test_redirects_come_to_an_end(get: Download) -> None:
    with HttpSink(lambda _: (302, {"Location": "/again"}, b"")) as server:
        assert str(refusal(get, server.url)) == "127.0.0.1: more than 3 redirects"
        assert len(server.received) == 4


def test_a_compressed_answer_is_refused_unread(get: Download) -> None:
    with HttpSink(lambda _: (200, {"Content-Encoding": "gzip"}, gzip.compress(BODY))) as server:
        assert "'gzip' encoding, which was not asked for" in str(refusal(get, server.url))


def test_a_document_past_the_limit_is_dropped_while_it_arrives(get: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MOST_BYTES", 100_000)
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n" + b"x" * 200_000
    with raw_server(endless, then_hang=True) as url:
        assert str(refusal(get, url)) == "127.0.0.1: the document has more than 100000 bytes"


def test_a_document_cut_off_by_the_server_is_a_failure(get: Download) -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", BODY) as url:
        failure = refusal(get, url)
    assert failure.retry_helps
    assert "s3cret" not in str(failure)


def test_a_server_that_says_nothing_is_left(get: Download) -> None:
    with raw_server(then_hang=True) as url:
        failure = refusal(get, url)
    assert str(failure) == "127.0.0.1: ReadTimeout"
    assert failure.retry_helps


def test_a_server_that_stops_in_the_middle_is_left(get: Download) -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", BODY, then_hang=True) as url:
        failure = refusal(get, url)
    assert failure.retry_helps
    assert "s3cret" not in str(failure)


def test_a_server_that_drips_is_left_at_the_deadline() -> None:
    class Hurrying(FakeClock):
        """A clock on which every look takes twenty seconds."""

        def monotonic(self) -> float:
            self.advance(seconds=20)
            return super().monotonic()

    with HttpSink(lambda _: (200, CSV, BODY * 20_000)) as server:
        failure = refusal(Download(Hurrying(TUESDAY)), server.url)
    assert str(failure) == f"127.0.0.1: the document took more than {TOTAL_SECONDS:.0f} s"
    assert failure.retry_helps


def test_a_server_that_is_away_is_a_failure_without_the_address(get: Download) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    failure = refusal(get, f"http://127.0.0.1:{port}/private-s3cret/weddings.csv")
    assert str(failure) == "127.0.0.1: ConnectionError"
    assert failure.retry_helps


@pytest.mark.parametrize("location", ["ftp://example.com/weddings.csv", "http://", "http://[bad/", "http://a b/"])
def test_an_address_that_cannot_be_read_is_said_to_be(get: Download, location: str) -> None:
    assert not refusal(get, location).retry_helps


def test_a_file_is_read_and_bounded(get: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weddings.csv"
    path.write_bytes(BODY)
    assert get(str(path)) == Fetched(BODY)
    monkeypatch.setattr(download, "MOST_BYTES", len(BODY) - 1)
    assert str(refusal(get, str(path))) == f"weddings.csv: the document has more than {len(BODY) - 1} bytes"
    assert str(refusal(get, str(tmp_path))) == f"{tmp_path.name}: there is no such file"
