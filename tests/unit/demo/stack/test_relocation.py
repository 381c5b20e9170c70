"""A program with a path fixed inside it runs from anywhere."""

import subprocess
from pathlib import Path

import pytest

from demo.stack.relocation import relocate
from demo.stack.services import knows_flag

BUILT_IN = Path("/usr/share/wedding/invitations")


def program(folder: Path, content: str) -> Path:
    path = folder / "inviter"
    path.write_text(content)
    path.chmod(0o755)
    return path


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder with blanks" / "share"
    folder.mkdir(parents=True)
    (folder / "default.tmpl").write_text("Dear Amara")
    return folder


def test_it_finds_its_files_beside_it_whatever_the_folder_and_the_arguments(share: Path, tmp_path: Path) -> None:
    inviter = program(share.parent, f'#!/bin/sh\ncat {BUILT_IN}/default.tmpl; printf "|%s" "$@"\n')
    length = inviter.stat().st_size
    relocate(inviter, BUILT_IN, share)
    told = subprocess.run([inviter, "a b", "$HOME"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout == "Dear Amara|a b|$HOME"
    assert (share.parent / "inviter.relocated").stat().st_size == length, "nothing in it may move"


def test_the_process_that_was_started_is_the_program_itself(share: Path) -> None:
    inviter = program(share.parent, f"#!/bin/sh\n# {BUILT_IN}\necho $$\n")
    relocate(inviter, BUILT_IN, share)
    with subprocess.Popen([inviter], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.read()) == process.pid


def test_a_program_that_does_not_insist_is_left_alone(share: Path) -> None:
    inviter = program(share.parent, "#!/bin/sh\necho hello\n")
    before = inviter.read_bytes()
    relocate(inviter, BUILT_IN, share)
    assert inviter.read_bytes() == before


def test_a_path_too_short_to_overwrite_is_refused(share: Path) -> None:
    with pytest.raises(ValueError, match="has no room"):
        relocate(program(share.parent, "#!/bin/sh\ncat /usr/x\n"), Path("/usr/x"), share)


def test_a_flag_is_known_if_help_names_it_wherever_it_is_printed(tmp_path: Path) -> None:
    helpful = program(tmp_path, "#!/bin/sh\necho '  --web.listen-address=ADDRESS' >&2\n")
    assert knows_flag(helpful, "web.listen-address")
    assert not knows_flag(helpful, "web.enable-otlp-receiver")
