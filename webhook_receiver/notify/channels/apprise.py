"""Pages through one of Apprise's services: telephone, text message, Slack, Teams, Telegram, ..."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from webhook_receiver.notify.channels.channel import ChannelError, Envelope

if TYPE_CHECKING:
    from apprise import Apprise

_TEMPORARY = frozenset({408, 425, 429})
"""Refusals that invite another try; other 4xx say that this message will never be taken."""
_STATUS = re.compile(r"error[=: ]+([1-5][0-9]{2})\b")
"""How Apprise's services write the provider's status into their warnings; their results do not carry it."""


class AppriseChannel:
    """Hands each page to one service, once: Apprise's own retries and escalation stay off, our outbox decides."""

    def __init__(self, url_file: Path, longest: int) -> None:
        self._url_file = url_file
        self._longest = longest

    def send(self, envelope: Envelope) -> None:
        """Hand the page over; raises ChannelError. Nothing of the URL, which is a secret, is in its message."""
        from apprise import AppriseResultStatus, NotifyType  # ten megabytes, for those who use it

        critical = envelope.page.severity == "critical"
        result = self._service(envelope.address).notify(
            title=" ".join(envelope.page.subject.split()),
            body=envelope.text(self._longest),
            notify_type=NotifyType.FAILURE if critical else NotifyType.WARNING,
            log_level=logging.WARNING,
        )
        if result.status == AppriseResultStatus.SUCCESS:
            return
        status = _status_of(result)
        if status is not None:
            permanent = 300 <= status < 500 and status not in _TEMPORARY
            raise ChannelError(f"the provider answered {status}", permanent=permanent)
        # A connection that broke, or a service of many recipients of which some were reached.
        taken = result.status in {AppriseResultStatus.PARTIAL, AppriseResultStatus.TIMEOUT}
        raise ChannelError(f"Apprise says {result.status.name.lower()}", permanent=False, unknown=taken)

    def _service(self, address: str | None) -> Apprise:
        """Return Apprise with the one service of this page; read anew each time, so that the URL can be rotated."""
        from apprise import Apprise, AppriseAsset

        logging.getLogger("apprise").propagate = False  # its lines name hosts and accounts
        # Synchronous and without its own deadline: the call stays in our thread, which has one.
        asset = AppriseAsset(async_mode=False, service_timeout=0, http_redirects=False, default_service_retry=0)
        service = Apprise.instantiate(self._url(address), asset=asset)
        if service is None:
            raise ChannelError("the URL is not one that Apprise understands", permanent=True)
        service.retry, service.wait, service.optional = 0, 0.0, False
        only = Apprise(asset=asset)
        only.add(service)
        return only

    def _url(self, address: str | None) -> str:
        try:
            url = self._url_file.read_text(encoding="utf-8").split()[0]
        except (OSError, ValueError, IndexError) as error:
            # Perhaps a rotation half done: another try may find it whole.
            raise ChannelError(f"the URL cannot be read: {type(error).__name__}", permanent=False) from error
        if "{address}" in url and not address:
            raise ChannelError("the person has no address for this channel", permanent=True)
        return url.replace("{address}", quote(address or "", safe=""))


def _status_of(result: Any) -> int | None:
    """Return the last HTTP status that the service complained of."""
    found = [_STATUS.search(entry.message) for service in result for entry in service.logs()]
    statuses = [int(one[1]) for one in found if one]
    return statuses[-1] if statuses else None
