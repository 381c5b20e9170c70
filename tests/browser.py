"""A real browser, and the SDK of Sentry for it, fetched by version and checksum. What is missing fails its test."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.stack.ground import ROOT

LOCKED = ROOT / "tests" / "browser"
MODULES = ROOT / "var" / "browser"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """Return the browser's executable, installing Debian's package if need be."""
    # Another worker of the suite may be installing it just now.
    locked = ["apt-get", "-o", "DPkg::Lock::Timeout=300"]
    for attempt in range(2):
        found = next((path for name in _NAMES if (path := shutil.which(name))), None)
        if found is not None:
            return found
        if attempt == 0:
            for argv in ([*locked, "update", "-qq"], [*locked, "install", "-y", "-qq", "chromium"]):
                subprocess.run(argv, check=False, capture_output=True)
    pytest.fail("Chromium is missing: install the package `chromium`")


def modules() -> Path:
    """Return the folder of the SDK's packages, as `package-lock.json` names them by version and checksum."""
    done = MODULES / "node_modules" / "@sentry" / "browser" / "package.json"
    locked = (LOCKED / "package-lock.json").read_text()
    marker = MODULES / "package-lock.json"
    if not done.exists() or not marker.exists() or marker.read_text() != locked:
        MODULES.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(LOCKED / name, MODULES / name)
        argv = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        told = subprocess.run(argv, cwd=MODULES, check=False, capture_output=True, text=True)
        if told.returncode != 0:
            pytest.fail(f"npm could not fetch the SDK: {told.stderr[-500:]}")
    return MODULES / "node_modules"


def import_map(folder: Path) -> dict[str, str]:
    """Return what each bare name that the packages import is an address of."""
    names: dict[str, str] = {}
    for manifest in sorted([*folder.glob("@sentry/*/package.json"), *folder.glob("web-vitals/package.json")]):
        package = json.loads(manifest.read_text())
        entries = package.get("exports") or {".": package.get("module") or package["main"]}
        for entry, target in entries.items():
            path = _module(target)
            if path is not None and path.endswith(("js", "mjs")):
                inside = f"/{manifest.parent.relative_to(folder)}/{path.removeprefix('./')}"
                names[f"{package['name']}{entry.removeprefix('.')}"] = inside
    return names


def _module(target: object) -> str | None:
    """Return the file of an entry of `exports` that a browser imports."""
    if isinstance(target, str):
        return target
    if isinstance(target, Mapping):
        for condition in ("browser", "import", "default", "production"):
            if condition in target and (found := _module(target[condition])) is not None:
                return found
    return None


@contextmanager
def page(url: str, profile: Path) -> Iterator[None]:
    """Show a page in a browser of its own until the block ends."""
    argv = [
        *(chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={profile}", "--remote-debugging-port=0", url),
    ]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
