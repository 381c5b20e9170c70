"""The real programs. One that cannot be had fails its tests: it never skips them."""

import subprocess
import sys

import pytest

from demo.stack import binaries, programs


def obtain(program: programs.Program) -> programs.Found:
    """Return the program, fetching it if need be; fails the test without it."""
    found = binaries.machine().find(program)
    if found is None:
        # In a process of its own: this one may open no connection beyond loopback.
        subprocess.run([sys.executable, "-m", "demo.stack.binaries", "--for-tests"], cwd=binaries.ROOT, check=False)
        found = binaries.machine().find(program)
    if found is None:
        pytest.fail(f"{program.title} {program.oldest} or newer is missing: see `python -m demo.stack.binaries`")
    return found
