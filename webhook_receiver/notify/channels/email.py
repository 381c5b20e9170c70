"""Pages as mail."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

from webhook_receiver.notify.channels.channel import ChannelError, Envelope
from wedsync_core.settings import EmailChannel as EmailSettings


class EmailChannel:
    """Sends each page over its own SMTP connection, with a Message-ID that a repeat shares."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings

    def send(self, envelope: Envelope) -> None:
        """Hand the mail to the server; raises ChannelError, permanent for a 5xx refusal of this mail."""
        try:
            server = self._connected()
        except smtplib.SMTPResponseException as error:
            raise ChannelError(f"the server answered {error.smtp_code}", permanent=error.smtp_code >= 500) from error
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelError(f"the mail failed: {type(error).__name__}", permanent=False) from error
        try:
            server.send_message(_mail(envelope, self._settings.sender))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise ChannelError(f"the recipient was refused: {codes}", permanent=all(c >= 500 for c in codes)) from error
        except smtplib.SMTPResponseException as error:
            raise ChannelError(f"the server answered {error.smtp_code}", permanent=error.smtp_code >= 500) from error
        except (OSError, smtplib.SMTPException) as error:
            # Lost in the middle: the server may have taken it.
            raise ChannelError(f"the mail failed: {type(error).__name__}", permanent=False, unknown=True) from error
        finally:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        chosen = self._settings
        seconds = chosen.timeout.total_seconds()
        server: smtplib.SMTP
        if chosen.encryption == "tls":
            server = smtplib.SMTP_SSL(chosen.host, chosen.port, timeout=seconds, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(chosen.host, chosen.port, timeout=seconds)
        try:
            if chosen.encryption == "starttls":
                server.starttls(context=ssl.create_default_context())
            if chosen.username and chosen.password_file:
                server.login(chosen.username, chosen.password_file.read_text(encoding="utf-8").strip())
        except (OSError, smtplib.SMTPException):
            server.close()
            raise
        return server


def _mail(envelope: Envelope, sender: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = envelope.address or ""
    mail["Subject"] = " ".join(envelope.page.subject.split())
    mail["Date"] = format_datetime(envelope.sent_at)
    mail["Message-ID"] = f"<{envelope.idempotency_key}@wedsync-monitoring>"
    mail["X-Priority"] = "1" if envelope.page.severity == "critical" else "3"
    mail.set_content(envelope.text())
    return mail
