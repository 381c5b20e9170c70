"""Let a program run from anywhere although a folder's path was fixed in it when it was built.

Debian's Alertmanager opens its templates under `/usr/share`, whatever its flags say, and writing there needs root. In
our copy that path is overwritten, byte for byte of the same length, by the path of an open file descriptor; a small
script opens the real folder as that descriptor and becomes the program. Nothing depends on the current folder, and
the process that was started is the program itself.
"""

from pathlib import Path
from typing import Final

_DESCRIPTOR: Final = 9
_SCRIPT: Final = f"""\
#!/bin/sh
# {{name}} looks for its files under {{built_in}};
# in this copy that path is {{stand_in}}.
exec {_DESCRIPTOR}<"${{{{0%/*}}}}/{{folder}}" "${{{{0%/*}}}}/{{program}}" "$@"
"""


def relocate(program: Path, built_in: Path, folder: Path) -> None:
    """Make `program` find in `folder` (beside it) what it looks for under `built_in`.

    A program that does not contain that path is left as it is. Raises ValueError if the path is too short to overwrite.
    """
    path = str(built_in).encode()
    content = program.read_bytes()
    if path not in content:
        return
    stand_in = f"/proc/self/fd/{_DESCRIPTOR}".encode()
    if len(stand_in) > len(path):
        raise ValueError(f"{built_in} has no room for {stand_in.decode()}")
    moved = program.with_name(f"{program.name}.relocated")
    # Repeated slashes mean one: the path may be filled up with them.
    moved.write_bytes(content.replace(path, stand_in.ljust(len(path), b"/")))
    moved.chmod(0o755)
    script = _SCRIPT.format(
        name=program.name, built_in=built_in, stand_in=stand_in.decode(), folder=folder.name, program=moved.name
    )
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
