"""Become another program that dies with the process that started it. Run as a file, by `processes`.

    launch.py PARENT SIGNAL ACCOUNT PROGRAM [ARGUMENT ...]

PARENT is the process to die with, SIGNAL the number the kernel sends then, ACCOUNT is `UID:GID` to change to or `-`.
This is a program of its own because the wish must be expressed between fork and exec, where a threaded Python
process must run no code; the kernel keeps the wish across exec, and drops it on a change of user, which therefore
comes first. Linux only; elsewhere the program simply starts.
"""

import ctypes
import os
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main(parent: int, signal_number: int, account: str, program: list[str]) -> None:
    """Replace this process by the program. Exits with a message if the parent is gone or the program does not start."""
    if account != "-":
        user, group = (int(part) for part in account.split(":"))
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        # It died before the wish was expressed.
        sys.exit("the process that started this one has gone")
    try:
        os.execv(program[0], program)  # noqa: S606 - becoming the program is the purpose; no shell is wanted
    except OSError as error:
        sys.exit(f"{program[0]} does not start: {error}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
