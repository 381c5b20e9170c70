"""What was tried how often, and what came of it: a line for each fault, kept where ``WEDSYNC_FAULT_FIGURES`` says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Figures:
    """Written as each test ends, so that an interrupted run has its figures too. A lost page fails its test."""

    def __init__(self) -> None:
        name = os.environ.get("WEDSYNC_FAULT_FIGURES")
        self._file = Path(name) if name else None

    def add(self, fault: str, database: str, runs: int, *, repeats: int = 0, **more: Any) -> None:
        """Note a fault that was survived so many times."""
        line = {"fault": fault, "database": database, "runs": runs, "lost": 0, "repeats": repeats, **more}
        print(line)
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
