"""What stands in place of something that was taken out."""

from typing import Final

REDACTED: Final = "[REDACTED]"
CUT: Final = "[CUT]"
"""Stands at the end of a text, a list or an object that was longer than it may be."""
TOO_DEEP: Final = "[TOO DEEP]"
