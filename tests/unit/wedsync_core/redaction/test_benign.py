"""Ordinary log lines and stack traces come through as they are."""

from pathlib import Path

from wedsync_core.redaction import redact_text

LINES = (Path(__file__).parent / "benign.txt").read_text(encoding="utf-8").splitlines()


def test_at_most_one_benign_line_in_a_hundred_is_changed() -> None:
    changed = [line for line in LINES if redact_text(line) != line]
    assert len(LINES) >= 200
    assert len(changed) <= len(LINES) // 100, changed


def test_a_whole_trace_keeps_its_lines() -> None:
    trace = "\n".join(LINES[:40])
    assert redact_text(trace) == trace
