"""The only place from which a runbook reaches outside."""

from webhook_receiver.runbooks.actions.hands import Hands
from webhook_receiver.runbooks.actions.result import Result

__all__ = ["Hands", "Result"]
