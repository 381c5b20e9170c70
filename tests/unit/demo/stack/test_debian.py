"""Reading a machine's source lists, and what apt is told."""

from pathlib import Path

import pytest

from demo.stack import debian
from demo.stack.debian import Archive, PackagesUnavailable, PrivateApt

BOOKWORM = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
DEB822 = """\
Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb deb-src
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBFit
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# deb http://old.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib  # the nearest
deb [arch=amd64 signed-by=/etc/apt/keyrings/cloud.gpg] https://cloud.example/apt cloud-sdk-bookworm main
deb-src http://mirror.example/debian bookworm main
"""
MIRROR = Archive(
    "http://mirror.example/debian",
    ("bookworm", "bookworm-updates"),
    ("main", "contrib"),
    "/usr/share/keyrings/archive.gpg",
)


def test_a_deb822_list_gives_its_enabled_binary_archives() -> None:
    first, second = debian.parse_sources(DEB822)
    assert first == MIRROR
    assert second.uris == "http://security.example/debian-security"
    assert "mQINBFit" in second.signed_by


def test_an_archive_survives_being_written_and_read_again() -> None:
    archives = debian.parse_sources(DEB822)
    assert debian.parse_sources("\n".join(archive.stanza() for archive in archives)) == archives


def test_a_one_line_list_gives_its_binary_archives() -> None:
    assert debian.parse_list(ONE_LINE) == [
        Archive("http://mirror.example/debian", ("bookworm",), ("main", "contrib")),
        Archive("https://cloud.example/apt", ("cloud-sdk-bookworm",), ("main",), "/etc/apt/keyrings/cloud.gpg"),
    ]


def test_both_styles_are_read_and_other_files_are_not(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://one.example/debian bookworm main\n")
    (parts / "two.list").write_text("deb http://two.example/debian bookworm main\n")
    (parts / "three.sources").write_text(
        "Types: deb\nURIs: http://three.example/\nSuites: bookworm\nComponents: main\n"
    )
    (parts / "four.list.save").write_text("deb http://four.example/debian bookworm main\n")
    assert [archive.uris.split("/")[2] for archive in debian.machine_archives(tmp_path)] == [
        "one.example",
        "two.example",
        "three.example",
    ]


def test_a_machine_without_apt_has_no_archives(tmp_path: Path) -> None:
    assert debian.machine_archives(tmp_path) == []
    assert debian.operating_system(tmp_path / "os-release") == {}


def test_os_release_is_read_without_its_quotes(tmp_path: Path) -> None:
    path = tmp_path / "os-release"
    path.write_text('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_CODENAME=bookworm\n\n')
    system = debian.operating_system(path)
    assert (system["ID"], system["VERSION_CODENAME"]) == ("debian", "bookworm")
    assert system["PRETTY_NAME"] == "Debian GNU/Linux 12 (bookworm)"


def test_the_own_suites_leave_third_parties_out() -> None:
    archives = [*debian.parse_sources(DEB822), *debian.parse_list(ONE_LINE)]
    kept = debian.own_suites(archives, BOOKWORM)
    assert [archive.suites for archive in kept] == [
        ("bookworm", "bookworm-updates"),
        ("bookworm-security",),
        ("bookworm",),
    ]


def test_the_newest_suite_is_asked_of_the_machines_own_mirror_with_its_own_key() -> None:
    security_first = [*reversed(debian.parse_sources(DEB822)), *debian.parse_list(ONE_LINE)]
    assert debian.newest_suite(security_first, BOOKWORM) == Archive(
        "http://mirror.example/debian", ("sid",), ("main",), "/usr/share/keyrings/archive.gpg"
    )


def test_a_rolling_debian_has_the_newest_suite_too() -> None:
    testing = [Archive("http://mirror.example/debian", ("testing",), ("main",))]
    found = debian.newest_suite(testing, {"ID": "debian"})
    assert found is not None
    assert found.suites == ("sid",)


@pytest.mark.parametrize(
    "system",
    [{"ID": "ubuntu", "VERSION_CODENAME": "noble"}, {}, {"ID": "debian", "VERSION_CODENAME": "trixie"}],
    ids=["ubuntu", "unknown", "a release the lists do not name"],
)
def test_elsewhere_there_is_no_newest_suite(system: dict[str, str]) -> None:
    assert debian.newest_suite(debian.parse_sources(DEB822), system) is None


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for apt on PATH that write down their arguments; returns their folder."""
    tools = tmp_path / "tools"
    tools.mkdir()
    scripts = {
        "apt-get": """case "$*" in
*update) echo 'W: Failed to fetch http://mirror.example' >&2 ;;
*"install postgresql-15") printf 'Inst libpq5 (15.18 Debian)\\nInst postgresql-15 (15.18 Debian)\\nConf libpq5\\n' ;;
*"download broken") echo 'E: Hash Sum mismatch' >&2; exit 100 ;;
esac""",
        "apt-cache": """printf 'prometheus:\\n  Installed: (none)\\n  Candidate: 3.5.3+ds1-6\\n  Version table:\\n'
printf 'promtool:\\n  Installed: (none)\\n  Candidate: (none)\\nbroken:\\n  Installed: (none)\\n  Candidate: 1\\n'""",
        "dpkg-deb": "",
    }
    for name, script in scripts.items():
        (tools / name).write_text(f'#!/bin/sh\necho "$0 $*" >> {tools}/calls\n{script}\n')
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return tools


def test_candidates_are_those_that_could_be_fetched(apt: Path, tmp_path: Path) -> None:
    assert PrivateApt(tmp_path, []).candidates("prometheus", "promtool") == {"prometheus": "3.5.3+ds1-6", "broken": "1"}


def test_what_a_package_needs_comes_from_a_simulated_install(apt: Path, tmp_path: Path) -> None:
    assert PrivateApt(tmp_path, []).needed_for("postgresql-15") == ["libpq5", "postgresql-15"]


def test_a_missing_package_is_told_with_the_trouble_of_the_update(apt: Path, tmp_path: Path) -> None:
    private = PrivateApt(tmp_path / "apt", [MIRROR])
    private.update()
    with pytest.raises(PackagesUnavailable, match=r"no package promtool .*W: Failed to fetch"):
        private.unpack(["prometheus", "promtool"], tmp_path)
    assert debian.parse_sources((tmp_path / "apt" / "wedsync.sources").read_text()) == [MIRROR]


def test_a_failed_download_is_told_in_apts_words(apt: Path, tmp_path: Path) -> None:
    with pytest.raises(PackagesUnavailable, match=r"apt-get failed \(exit 100\): E: Hash Sum mismatch"):
        PrivateApt(tmp_path, []).unpack(["broken"], tmp_path)


def test_every_call_keeps_to_its_own_folder(apt: Path, tmp_path: Path) -> None:
    private = PrivateApt(tmp_path / "apt", [MIRROR])
    private.update()
    private.unpack(["prometheus"], tmp_path / "into")
    calls = [line for line in (apt / "calls").read_text().splitlines() if "/apt-" in line]
    assert len(calls) == 3
    for call in calls:
        assert f"Dir::State::Lists={tmp_path}/apt/lists" in call
        assert f"Dir::Cache={tmp_path}/apt/cache" in call
        assert f"Dir::Etc::sourcelist={tmp_path}/apt/wedsync.sources" in call


def test_a_machine_without_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackagesUnavailable, match="apt-get is not on this machine"):
        PrivateApt(tmp_path, []).update()
