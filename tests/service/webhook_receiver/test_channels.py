"""The ways out, against real servers on loopback."""

import hmac
import io
import json
import logging
import smtplib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope as Mail

from tests.cast import SATURDAY
from tests.fakes import HttpSink
from webhook_receiver.notify.channels import ChannelError, Envelope
from webhook_receiver.notify.channels.apprise import AppriseChannel
from webhook_receiver.notify.channels.console import ConsoleChannel
from webhook_receiver.notify.channels.deadline import MOST_HANGING, Bounded
from webhook_receiver.notify.channels.email import EmailChannel
from webhook_receiver.notify.channels.webhook import WebhookChannel
from webhook_receiver.notify.message import Mentioned, Page
from wedsync_core.settings import EmailChannel as EmailSettings

# Apprise's own imports, on the Python that still has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

PAGE = Page("1", "critical", "high", "[CRITICAL] Photo uploads are failing", "Body", "http://x/1", "http://r", 1)
ENVELOPE = Envelope("incident-1-noor", "noor", "noor@wedsync.example", PAGE, SATURDAY, maybe_repeat=False)
KEY = b"a-signing-key-for-tests"


def webhook_to(sink: HttpSink) -> WebhookChannel:
    return WebhookChannel(f"{sink.url}/pager", lambda: KEY, timedelta(seconds=0.5))


def test_a_webhook_page_is_signed_over_its_time_and_its_bytes() -> None:
    with HttpSink() as sink:
        webhook_to(sink).send(ENVELOPE)
        (request,) = sink.received

    timestamp = request.headers["x-wedsync-timestamp"]
    expected = hmac.new(KEY, timestamp.encode() + b"." + request.body, sha256).hexdigest()
    assert request.headers["x-wedsync-signature"] == f"v1={expected}"
    assert timestamp == str(int(SATURDAY.timestamp()))
    assert request.headers["idempotency-key"] == "incident-1-noor"
    assert json.loads(request.body)["subject"] == PAGE.subject


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(500, False), (503, False), (429, False), (408, False), (400, True), (404, True), (302, True)],
)
def test_a_refusal_says_whether_another_try_can_help(status: int, permanent: bool) -> None:
    with HttpSink(status) as sink, pytest.raises(ChannelError) as refused:
        webhook_to(sink).send(ENVELOPE)

    assert refused.value.permanent is permanent


def test_a_redirect_is_not_followed() -> None:
    with HttpSink() as elsewhere:
        answer = (302, {"Location": f"{elsewhere.url}/stolen"}, b"")
        with HttpSink(lambda _request: answer) as sink, pytest.raises(ChannelError):
            webhook_to(sink).send(ENVELOPE)

        assert elsewhere.received == []


def test_nobody_listening_is_a_temporary_failure(free_port: int) -> None:
    channel = WebhookChannel(f"http://127.0.0.1:{free_port}/pager", lambda: KEY, timedelta(seconds=0.5))

    with pytest.raises(ChannelError) as refused:
        channel.send(ENVELOPE)

    assert refused.value.permanent is False


def test_the_console_writes_one_line_per_page(tmp_path: Path) -> None:
    channel = ConsoleChannel(tmp_path / "pages.log")
    channel.send(ENVELOPE)
    channel.send(ENVELOPE)

    lines = [json.loads(line) for line in (tmp_path / "pages.log").read_text().splitlines()]
    assert [(line["person"], line["subject"]) for line in lines] == [("noor", PAGE.subject)] * 2


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Mail) -> str:  # noqa: N802 -- the library's name
        self.mails.append(envelope)
        return self.answer


@pytest.fixture
def mailbox(free_port: int) -> Iterator[tuple[Mailbox, EmailChannel]]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port)
    controller.start()
    settings = EmailSettings(
        kind="email", host="127.0.0.1", port=free_port, sender="pages@wedsync.example", encryption="none"
    )
    yield box, EmailChannel(settings)
    controller.stop()


def test_a_mail_carries_the_page_and_an_identity_that_a_repeat_shares(mailbox: tuple[Mailbox, EmailChannel]) -> None:
    box, channel = mailbox
    channel.send(ENVELOPE)

    (mail,) = box.mails
    content = mail.content.decode() if isinstance(mail.content, bytes) else str(mail.content)
    assert mail.rcpt_tos == ["noor@wedsync.example"]
    assert "Subject: [CRITICAL] Photo uploads are failing" in content
    assert "Message-ID: <incident-1-noor@wedsync-monitoring>" in content


@pytest.mark.parametrize(("answer", "permanent"), [("451 later", False), ("554 never", True)])
def test_a_mail_refused_says_whether_another_try_can_help(
    mailbox: tuple[Mailbox, EmailChannel], answer: str, permanent: bool
) -> None:
    box, channel = mailbox
    box.answer = answer

    with pytest.raises(ChannelError) as refused:
        channel.send(ENVELOPE)

    assert refused.value.permanent is permanent


def test_an_absent_mail_server_is_a_temporary_failure(free_port: int) -> None:
    settings = EmailSettings(kind="email", host="127.0.0.1", port=free_port, sender="p@x.example", encryption="none")

    with pytest.raises(ChannelError) as refused:
        EmailChannel(settings).send(ENVELOPE)

    assert refused.value.permanent is False
    assert isinstance(refused.value.__cause__, OSError | smtplib.SMTPException)


LINKED = replace(ENVELOPE, links={"1": "http://x/a/token"})


def test_the_link_goes_with_the_page_and_not_into_the_log_of_pages(tmp_path: Path) -> None:
    with HttpSink() as sink:
        webhook_to(sink).send(LINKED)
        (request,) = sink.received
    ConsoleChannel(tmp_path / "pages.log").send(LINKED)

    assert json.loads(request.body)["acknowledge_url"] == "http://x/a/token"
    assert LINKED.text().splitlines()[-1] == "Acknowledge: http://x/a/token"
    assert "token" not in (tmp_path / "pages.log").read_text()


def test_a_message_about_several_says_which_and_gives_each_its_link() -> None:
    page = replace(PAGE, incidents=(Mentioned("1", "critical", "One"), Mentioned("2", "high", "Two")))
    with HttpSink() as sink:
        webhook_to(sink).send(replace(ENVELOPE, page=page, links={"1": "http://x/a/1"}))
        (request,) = sink.received

    body = json.loads(request.body)
    assert body["acknowledge_url"] is None
    assert [(one["incident_id"], one["acknowledge_url"]) for one in body["incidents"]] == [
        ("1", "http://x/a/1"),
        ("2", None),
    ]


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("30", 30), ("Sat, 13 Jun 2026 14:01:00 GMT", 60), ("Sat, 13 Jun 2026 13:00:00 GMT", 0), ("soon", None)],
)
def test_a_provider_s_retry_after_is_read(asked: str, seconds: float | None) -> None:
    with HttpSink(lambda _request: (429, {"Retry-After": asked}, b"")) as sink, pytest.raises(ChannelError) as refused:
        webhook_to(sink).send(ENVELOPE)

    assert refused.value.retry_after == (None if seconds is None else timedelta(seconds=seconds))


@pytest.fixture
def silent_server() -> Iterator[tuple[socket.socket, int]]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server, server.getsockname()[1]


def test_a_provider_that_never_answers_may_have_taken_the_page(silent_server: tuple[socket.socket, int]) -> None:
    channel = WebhookChannel(f"http://127.0.0.1:{silent_server[1]}/pager", lambda: KEY, timedelta(seconds=0.2))

    with pytest.raises(ChannelError) as refused:
        channel.send(ENVELOPE)
    assert (refused.value.permanent, refused.value.unknown) == (False, True)


def test_a_provider_that_breaks_off_may_have_taken_the_page(silent_server: tuple[socket.socket, int]) -> None:
    server, port = silent_server

    def break_off() -> None:
        connection, _ = server.accept()
        connection.recv(100)
        connection.close()

    threading.Thread(target=break_off, daemon=True).start()
    with pytest.raises(ChannelError) as refused:
        WebhookChannel(f"http://127.0.0.1:{port}/pager", lambda: KEY, timedelta(seconds=2)).send(ENVELOPE)
    assert refused.value.unknown is True


def test_where_nobody_listens_nothing_has_arrived(free_port: int) -> None:
    with pytest.raises(ChannelError) as refused:
        WebhookChannel(f"http://127.0.0.1:{free_port}/pager", lambda: KEY, timedelta(seconds=0.5)).send(ENVELOPE)
    assert refused.value.unknown is False


class Hanging:
    """A provider that answers when it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def send(self, _envelope: Envelope) -> None:
        assert self.let_go.wait(30)


def test_a_call_that_hangs_is_cut_and_hanging_calls_do_not_pile_up() -> None:
    hanging = Hanging()
    channel = Bounded(hanging, timedelta(seconds=0.01))
    problems = []
    for _ in range(MOST_HANGING + 2):
        with pytest.raises(ChannelError) as refused:
            channel.send(ENVELOPE)
        problems.append((str(refused.value), refused.value.permanent, refused.value.unknown))

    assert problems[:MOST_HANGING] == [("no answer within 0.01 s", False, True)] * MOST_HANGING
    assert problems[MOST_HANGING:] == [("8 calls of the provider hang already", False, False)] * 2
    calls = [thread for thread in threading.enumerate() if thread.name == "provider-call"]
    assert len(calls) == MOST_HANGING
    hanging.let_go.set()
    for call in calls:
        call.join(10)
    Bounded(hanging, timedelta(seconds=10)).send(ENVELOPE)


def test_a_bounded_call_says_what_its_channel_said() -> None:
    with HttpSink(404) as sink, pytest.raises(ChannelError) as refused:
        Bounded(webhook_to(sink), timedelta(seconds=10)).send(ENVELOPE)

    assert (str(refused.value), refused.value.permanent) == ("the provider answered 404", True)


def apprise_to(sink: HttpSink, tmp_path: Path, path: str = "{address}") -> AppriseChannel:
    """Apprise's own service for JSON over HTTP, to a server on loopback."""
    file = tmp_path / "apprise_url"
    file.write_text(f"json://user:hunter2@{sink.url.removeprefix('http://')}/{path}?retry=3&wait=5\n")
    return AppriseChannel(file, 1500)


def test_apprise_hands_the_page_to_the_service_of_the_url_with_the_persons_address(tmp_path: Path) -> None:
    address = replace(LINKED, address="noor/../x?@y")
    with HttpSink() as sink:
        apprise_to(sink, tmp_path).send(address)
        (request,) = sink.received

    body = json.loads(request.body)
    assert body["title"] == PAGE.subject
    assert body["message"] == "Body\nAcknowledge: http://x/a/token"
    assert request.path.rstrip("/") == "/noor%2F..%2Fx%3F@y", "an address is one part of the URL and stays it"


@pytest.mark.parametrize(
    ("status", "permanent"), [(500, False), (503, False), (429, False), (400, True), (404, True), (302, True)]
)
def test_apprise_tries_once_and_says_whether_another_try_can_help(status: int, permanent: bool, tmp_path: Path) -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    with HttpSink(status) as sink, pytest.raises(ChannelError) as refused:
        apprise_to(sink, tmp_path).send(ENVELOPE)
    logging.getLogger().removeHandler(handler)

    assert len(sink.received) == 1, "its own retries stay off, whatever the URL says"
    assert (str(refused.value), refused.value.permanent) == (f"the provider answered {status}", permanent)
    assert "JSON" not in log.getvalue(), "its own log names hosts and accounts"


def test_apprise_where_nobody_listens_is_a_temporary_failure(tmp_path: Path, free_port: int) -> None:
    file = tmp_path / "apprise_url"
    file.write_text(f"json://user:hunter2@127.0.0.1:{free_port}/x")

    with pytest.raises(ChannelError) as refused:
        AppriseChannel(file, 1500).send(ENVELOPE)
    assert (str(refused.value), refused.value.permanent) == ("Apprise says failure", False)


@pytest.mark.parametrize(
    ("url", "address", "said", "permanent"),
    [
        ("nothing-of-the-kind://hunter2", "noor", "the URL is not one that Apprise understands", True),
        ("", "noor", "the URL cannot be read: IndexError", False),
        ("json://127.0.0.1/{address}", None, "the person has no address for this channel", True),
    ],
)
def test_a_url_that_cannot_be_used_is_said_without_being_told(
    tmp_path: Path, url: str, address: str | None, said: str, permanent: bool
) -> None:
    file = tmp_path / "apprise_url"
    file.write_text(url)

    with pytest.raises(ChannelError) as refused:
        AppriseChannel(file, 1500).send(replace(ENVELOPE, address=address))
    assert (str(refused.value), refused.value.permanent) == (said, permanent)


def test_a_long_message_is_cut_before_the_service_cuts_it_and_keeps_its_link(tmp_path: Path) -> None:
    long = replace(LINKED, page=replace(PAGE, body="x" * 9000))
    with HttpSink() as sink:
        apprise_to(sink, tmp_path).send(long)
        (request,) = sink.received

    message = json.loads(request.body)["message"]
    assert len(message) <= 1500
    assert message.endswith("…\nAcknowledge: http://x/a/token")


def test_apprise_costs_nothing_until_it_is_used() -> None:
    asked = "import sys, webhook_receiver.app; print('apprise' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
