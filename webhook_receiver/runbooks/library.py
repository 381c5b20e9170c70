"""The pages in ``docs/runbooks``: read once at start. A page that is wrong is told of, and costs no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from webhook_receiver.runbooks.contract import Runbook
from webhook_receiver.runbooks.plan import dangling
from wedsync_core.problems import FieldProblem
from wedsync_core.settings.runbooks import RunbookSettings
from wedsync_core.telemetry.logs import get_log

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
_FENCE = "---\n"


class PageInvalid(ValueError):
    """A page's front matter cannot be used; ``problems`` has one entry for each thing to change."""

    def __init__(self, page: str, problems: list[FieldProblem]) -> None:
        super().__init__("\n".join(f"{page}: {problem.field}: {problem.message}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Page:
    """A page with a machine's part. ``definition`` is that part as written, kept with every run."""

    file: str
    runbook: Runbook
    definition: Mapping[str, Any]
    body: str


@dataclass(frozen=True)
class Library:
    """The runbooks by name, and the pages that could not be used with the reason."""

    pages: Mapping[str, Page] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)

    @property
    def runbooks(self) -> list[Runbook]:
        """Every usable runbook."""
        return [page.runbook for page in self.pages.values()]


def split(text: str) -> tuple[str | None, str]:
    """Return a page's front matter, if it has one, and its body."""
    if not text.startswith(_FENCE):
        return None, text
    front, found, body = text[len(_FENCE) :].partition("\n" + _FENCE)
    return (front, body.lstrip("\n")) if found else (None, text)


def read_page(file: str, text: str) -> Page | None:
    """Return a page's runbook, or None where it is for people only; raises PageInvalid."""
    front, body = split(text)
    if front is None:
        if text.startswith(_FENCE):
            raise PageInvalid(file, [FieldProblem("(front matter)", "has no end: a line of ---")])
        return None
    try:
        document = yaml.safe_load(front)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 2}" if mark is not None else "(front matter)"
        raise PageInvalid(file, [FieldProblem(where, getattr(error, "problem", None) or "is not YAML")]) from error
    try:
        return Page(file, Runbook.model_validate(document), document, body)
    except ValidationError as error:
        raise PageInvalid(file, _problems(error)) from error


def open_library(settings: RunbookSettings, roles: Collection[str]) -> Library:
    """Read every page of the folder; a folder that is not there has none."""
    folder = settings.folder or FOLDER
    pages: dict[str, Page] = {}
    broken: dict[str, str] = {}
    for path in sorted(folder.glob("*.md")):
        try:
            page = read_page(path.name, path.read_text(encoding="utf-8"))
            if page is not None:
                _check(page, pages, settings, roles)
        except (PageInvalid, OSError, UnicodeDecodeError) as error:
            broken[path.name] = str(error)
            get_log("runbooks").error("runbook_page_broken", page=path.name, problem=str(error))
            continue
        if page is not None:
            pages[page.runbook.name] = page
    return Library(pages, broken)


def _check(page: Page, others: Mapping[str, Page], settings: RunbookSettings, roles: Collection[str]) -> None:
    problems = []
    if page.runbook.name in others:
        problems.append(FieldProblem("name", f"{page.runbook.name} is another page's"))
    if settings.environment in page.runbook.environments:
        # Elsewhere the settings need not name what it wants.
        problems += dangling(page.runbook, settings, roles)
    if problems:
        raise PageInvalid(page.file, problems)


def _problems(error: ValidationError) -> list[FieldProblem]:
    problems = []
    for item in error.errors(include_url=False, include_input=False):
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "unknown key"
        elif item["type"] == "missing":
            message = "is missing"
        location = [str(part) for part in item["loc"]]
        if len(location) > 2 and location[0] == "steps":
            del location[2]  # pydantic names the step's kind there
        problems.append(FieldProblem(".".join(location) or "(front matter)", message))
    return problems
