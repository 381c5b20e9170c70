"""Ports for tests that run beside each other."""

import subprocess
import sys

import pytest

from demo.stack import loopback

ASK = "from demo.stack import loopback; print(loopback.free_port(), flush=True); input()"


def test_a_port_that_another_process_was_told_is_told_again_when_that_process_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with subprocess.Popen([sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        told = int(other.stdout.readline())
        assert not loopback.is_taken(told), "nobody listens yet"
        assert not loopback._claim(told)
        other.stdin.close()
    monkeypatch.setattr(loopback, "_FIRST", told)
    monkeypatch.setattr(loopback, "_LAST", told + 1)
    assert loopback.free_port() == told
