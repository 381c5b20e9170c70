"""Make the virtual environment from a lock file: `python3 -m demo.stack.environment --lock requirements.lock`.

Run by the system's own Python with the standard library only. This file must stay readable by a Python that is only
to be told that it is too old; the work is done in `virtual_environment`.
"""

import sys

_OLDEST = (3, 11)


def refusal(major: int, minor: int, executable: str) -> str:
    """Return the sentence that says why this Python will not do, or nothing."""
    if (major, minor) >= _OLDEST:
        return ""
    return (
        f"Python {_OLDEST[0]}.{_OLDEST[1]} or newer is needed, and {executable} is {major}.{minor}. "
        "Name a newer one, for example: make demo PYTHON=python3.12"
    )


def main() -> int:
    """Bring `.venv` up to the lock; return 1 with a sentence if that cannot be done."""
    why_not = refusal(sys.version_info[0], sys.version_info[1], sys.executable)
    if why_not:
        print(why_not, file=sys.stderr)
        return 1
    from demo.stack import virtual_environment

    return virtual_environment.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
