"""The ways out, against real servers on loopback."""

import hmac
import json
import smtplib
from collections.abc import Iterator
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
from webhook_receiver.notify.channels.console import ConsoleChannel
from webhook_receiver.notify.channels.email import EmailChannel
from webhook_receiver.notify.channels.webhook import WebhookChannel
from webhook_receiver.notify.message import Page
from wedsync_core.settings import EmailChannel as EmailSettings

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
