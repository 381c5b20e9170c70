"""Where programs are looked for, in which order, and what is said when there is none."""

import os
import stat
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from demo.stack import binaries, debian, programs, releases
from demo.stack.binaries import BinaryMissing, Collection
from demo.stack.programs import ALERTMANAGER, POSTGRESQL, PROMETHEUS
from demo.stack.releases import Release, ReleaseUnavailable


def put(folder: Path, version: str, *names: str, title: str = "prometheus, version") -> Path:
    """Put programs in a folder that say their version."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\necho '{title} {version} (branch: HEAD)'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def collection(tmp_path: Path, told: list[str]) -> Callable[..., Collection]:
    def make(*path: Path) -> Collection:
        search = os.pathsep.join(str(folder) for folder in path)
        return Collection(tmp_path / "binaries", told.append, search, tmp_path / "usr-lib-postgresql")

    return make


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(release: Release, executables: Sequence[str], into: Path, report: Callable[[str], None]) -> None:
        raise ReleaseUnavailable(f"{release.name} was not reached")

    monkeypatch.setattr(releases, "fetch", refuse)
    monkeypatch.setattr(debian, "machine_archives", list)


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("prometheus, version 3.5.3+ds1 (branch: debian/sid, revision: 3.5.3+ds1-6)\n  build user: x", (3, 5, 3)),
        ("prometheus, version 2.42.0+ds (branch: debian/sid)", (2, 42, 0)),
        ("alertmanager, version 0.33.1 (branch: HEAD)", (0, 33, 1)),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", (15, 18, 0)),
        ("postgres (PostgreSQL) 19devel", (19, 0, 0)),
        ("Usage: prometheus [options]", None),
    ],
)
def test_versions_are_read_as_the_programs_tell_them(told: str, version: tuple[int, ...] | None) -> None:
    assert programs.parse_version(told) == version


def test_a_recent_program_on_path_is_taken(collection: Callable[..., Collection], tmp_path: Path) -> None:
    folder = put(tmp_path / "bin", "2.42.0", "prometheus", "promtool")
    found = collection(folder).obtain(PROMETHEUS)
    assert found.version == "2.42.0"
    assert found.executables == {"prometheus": folder / "prometheus", "promtool": folder / "promtool"}


def test_debians_name_of_alertmanager_is_known(collection: Callable[..., Collection], tmp_path: Path) -> None:
    folder = put(tmp_path / "bin", "0.25.0", "prometheus-alertmanager", "amtool", title="alertmanager, version")
    assert collection(folder).obtain(ALERTMANAGER).executables["alertmanager"] == folder / "prometheus-alertmanager"


def test_what_is_too_old_broken_or_half_there_is_passed_over(
    collection: Callable[..., Collection], tmp_path: Path
) -> None:
    old = put(tmp_path / "old", "2.41.9", "prometheus", "promtool")
    half = put(tmp_path / "half", "3.0.0", "prometheus")
    broken = put(tmp_path / "broken", "3.0.0", "prometheus", "promtool")
    (broken / "prometheus").write_text("#!/bin/sh\necho 'version 3.0.0'; exit 1\n")
    good = put(tmp_path / "good", "3.1.0", "prometheus", "promtool")
    found = collection(old, half, broken, tmp_path / "nowhere", good).find(PROMETHEUS)
    assert found is not None
    assert found.version == "3.1.0"


def test_the_newest_unpacked_before_is_taken_without_being_run(
    collection: Callable[..., Collection], tmp_path: Path
) -> None:
    for version in ("3.5.3", "3.13.2", "3.6.0"):
        folder = put(tmp_path / "binaries" / f"prometheus-{version}", version, "prometheus", "promtool")
        (folder / "prometheus").write_text("not a program")
    put(tmp_path / "binaries" / "prometheus-4.0.0", "4.0.0", "prometheus")
    found = collection().find(PROMETHEUS)
    assert found is not None
    assert found.version == "3.13.2"


def test_path_goes_before_what_was_unpacked(collection: Callable[..., Collection], tmp_path: Path) -> None:
    put(tmp_path / "binaries" / "prometheus-3.13.2", "3.13.2", "prometheus", "promtool")
    found = collection(put(tmp_path / "bin", "2.50.0", "prometheus", "promtool")).find(PROMETHEUS)
    assert found is not None
    assert found.version == "2.50.0"


def test_postgresql_is_found_where_debian_keeps_it(collection: Callable[..., Collection], tmp_path: Path) -> None:
    for version in ("9.6", "13.2", "15.18"):
        folder = tmp_path / "usr-lib-postgresql" / version.partition(".")[0] / "bin"
        put(folder, version, "postgres", "initdb", title="postgres (PostgreSQL)")
    found = collection().find(POSTGRESQL)
    assert found is not None
    assert found.version == "15.18"


def test_a_link_to_postgresql_leads_to_the_real_folder(collection: Callable[..., Collection], tmp_path: Path) -> None:
    real = put(tmp_path / "real", "16.1", "postgres", "initdb", title="postgres (PostgreSQL)")
    links = tmp_path / "links"
    links.mkdir()
    for name in ("postgres", "initdb"):
        (links / name).symlink_to(real / name)
    found = collection(links).find(POSTGRESQL)
    assert found is not None
    assert found.executables["postgres"] == real / "postgres"


def test_an_unpacked_postgresql_brings_its_libraries(tmp_path: Path) -> None:
    folder = tmp_path / "postgresql-15.18/usr/lib/postgresql/15/bin"
    (tmp_path / "postgresql-15.18/usr/lib/x86_64-linux-gnu").mkdir(parents=True)
    assert programs.library_environment(folder) == {
        "LD_LIBRARY_PATH": str(tmp_path / "postgresql-15.18/usr/lib/x86_64-linux-gnu")
    }
    assert programs.library_environment(Path("/usr/lib/postgresql/15/bin")) == {}
    assert programs.library_environment(Path("/usr/local/pgsql/bin")) == {}


def test_the_release_archive_is_kept_whole_under_its_version(
    collection: Callable[..., Collection], tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def deliver(release: Release, executables: Sequence[str], into: Path, report: Callable[[str], None]) -> None:
        put(into, release.version, *executables)

    monkeypatch.setattr(releases, "fetch", deliver)
    left_over = tmp_path / "binaries" / ".partial-left"
    left_over.mkdir(parents=True)
    found = collection().obtain(PROMETHEUS)
    kept = tmp_path / "binaries" / "prometheus-3.13.2"
    assert found.executables["promtool"] == kept / "promtool"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o755, "the user PostgreSQL runs as must be able to enter"
    assert {path.name for path in kept.parent.iterdir()} == {"prometheus-3.13.2", ".lock"}
    assert told == ["Fetching Prometheus 3.13.2 from its release site", f"  Prometheus 3.13.2 is in {kept}"]
    assert collection().find(PROMETHEUS) == found


def test_what_was_fetched_and_does_not_run_here_is_not_kept(
    collection: Callable[..., Collection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deliver(release: Release, executables: Sequence[str], into: Path, report: Callable[[str], None]) -> None:
        for path in put(into, release.version, *executables).iterdir():
            path.write_bytes(b"\x7fELF for another machine")

    monkeypatch.setattr(releases, "fetch", deliver)
    with pytest.raises(BinaryMissing, match="does not run here"):
        collection().obtain(PROMETHEUS)
    assert {path.name for path in (tmp_path / "binaries").iterdir()} == {".lock"}


def test_when_no_way_leads_there_the_message_says_what_to_install(
    collection: Callable[..., Collection], told: list[str]
) -> None:
    with pytest.raises(BinaryMissing) as caught:
        collection().obtain(PROMETHEUS)
    message = str(caught.value)
    assert message.startswith(
        "Prometheus 2.42 or newer is missing. Install it so that `prometheus` and `promtool` are on PATH."
    )
    assert "prometheus was not reached" in message
    assert "source lists name no Debian or Ubuntu archive" in message
    assert told[0] == "Fetching Prometheus 3.13.2 from its release site"


def test_the_folder_may_be_named_by_the_environment(tmp_path: Path) -> None:
    assert binaries.default_folder({"WEDSYNC_BINARIES_DIR": str(tmp_path)}) == tmp_path
    assert binaries.default_folder({}) == binaries.ROOT / "var" / "binaries"
    assert binaries.default_folder({"WEDSYNC_BINARIES_DIR": ""}) == binaries.ROOT / "var" / "binaries"


class Shelf:
    """Stands in for apt: packages as folders of programs."""

    offers: ClassVar[dict[str, dict[str, str]]] = {}
    unpacked: ClassVar[list[str]] = []

    def __init__(self, directory: Path, archives: Sequence[debian.Archive]) -> None:
        self._suite = archives[0].suites[0]

    def update(self) -> None:
        """Nothing to fetch."""

    def candidates(self, *packages: str) -> dict[str, str]:
        return {name: version for name, version in self.offers[self._suite].items() if name in packages}

    def needed_for(self, package: str) -> list[str]:
        return ["libpq5", "libllvm14", "libperl5.36", "libicu72", "postgresql-client-15", "ssl-cert", package]

    def unpack(self, packages: Sequence[str], into: Path) -> None:
        self.unpacked.extend(packages)
        if not self.candidates(*packages) and "libpq5" not in packages:
            raise debian.PackagesUnavailable(f"no package {packages[0]} in {self._suite}")
        version = next(iter(self.candidates(*packages).values()))
        if packages[0] == "prometheus":
            put(into / "usr/bin", version, "prometheus", "promtool")
        elif packages[0] == "prometheus-alertmanager":
            put(into / "usr/bin", version, "prometheus-alertmanager", "amtool")
            template = "/usr/share/prometheus/alertmanager/default.tmpl"
            (into / "usr/bin/prometheus-alertmanager").write_text(
                f"#!/bin/sh\ncat {template}\necho 'alertmanager, version {version}'\n"
            )
            (into / "usr/share/prometheus/alertmanager").mkdir(parents=True)
            (into / "usr/share/prometheus/alertmanager/default.tmpl").write_text("a template\n")
        else:
            put(into / "usr/lib/postgresql/15/bin", version, "postgres", "initdb", title="postgres (PostgreSQL)")


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> type[Shelf]:
    """A Debian bookworm whose archives are the shelf."""
    monkeypatch.setattr(Shelf, "unpacked", [])
    monkeypatch.setattr(Shelf, "offers", {"sid": {}, "bookworm": {}})
    monkeypatch.setattr(debian, "PrivateApt", Shelf)
    archive = debian.Archive("http://mirror.example/debian", ("bookworm",), ("main",))
    monkeypatch.setattr(debian, "machine_archives", lambda: [archive])
    monkeypatch.setattr(debian, "operating_system", lambda: {"ID": "debian", "VERSION_CODENAME": "bookworm"})
    return Shelf


def test_the_newest_suite_is_next_after_the_release_site(
    collection: Callable[..., Collection], shelf: type[Shelf], tmp_path: Path
) -> None:
    shelf.offers["sid"] = {"prometheus": "3.5.3", "promtool": "3.5.3"}
    found = collection().obtain(PROMETHEUS)
    assert found.version == "3.5.3"
    assert shelf.unpacked == ["prometheus", "promtool"]
    assert {path.name for path in (tmp_path / "binaries/prometheus-3.5.3").iterdir()} == {"prometheus", "promtool"}


def test_the_machines_own_release_is_last_and_may_be_too_old(
    collection: Callable[..., Collection], shelf: type[Shelf]
) -> None:
    shelf.offers["bookworm"] = {"prometheus": "2.42.0"}
    assert collection().obtain(PROMETHEUS).version == "2.42.0"
    shelf.offers["bookworm"] = {"prometheus-alertmanager": "0.24.0"}
    with pytest.raises(BinaryMissing, match=r"the Alertmanager of that archive is only 0\.24\.0"):
        collection().obtain(ALERTMANAGER)


def test_the_packaged_alertmanager_finds_its_templates_where_it_was_unpacked(
    collection: Callable[..., Collection], shelf: type[Shelf], tmp_path: Path
) -> None:
    shelf.offers["sid"] = {"prometheus-alertmanager": "0.33.1"}
    found = collection().obtain(ALERTMANAGER)
    done = subprocess.run([found.executables["alertmanager"]], capture_output=True, text=True, check=True)
    assert done.stdout == "a template\nalertmanager, version 0.33.1\n"


def test_postgresql_comes_from_the_own_release_with_the_libraries_it_lacks(
    collection: Callable[..., Collection], shelf: type[Shelf], tmp_path: Path
) -> None:
    shelf.offers["sid"] = {"postgresql-18": "18.1"}
    shelf.offers["bookworm"] = {"postgresql-15": "15.18"}
    found = collection().obtain(POSTGRESQL)
    assert shelf.unpacked == ["postgresql-15", "libpq5", "libicu72"]
    assert found.executables["initdb"] == tmp_path / "binaries/postgresql-15.18/usr/lib/postgresql/15/bin/initdb"
    assert collection().find(POSTGRESQL) == found
