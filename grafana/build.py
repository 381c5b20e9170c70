"""Write the dashboards: `python -m grafana.build`. With `--check`, only say whether the files are what this makes."""

import json
import sys
from pathlib import Path
from typing import Final

import yaml

from grafana.errors import errors_board
from grafana.overview import overview
from grafana.sdk import JSONEncoder

ROOT: Final = Path(__file__).resolve().parents[1]
DASHBOARDS: Final = ROOT / "grafana" / "dashboards"


def dashboards() -> dict[Path, str]:
    """Return the text of every dashboard file. The same code and wedsync.yml always give the same text."""
    settings = yaml.safe_load((ROOT / "wedsync.yml").read_text(encoding="utf-8"))
    made = {"overview.json": overview(console_url=settings["receiver"]["public_url"]), "errors.json": errors_board()}
    return {
        DASHBOARDS / name: json.dumps(model, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, model in made.items()
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name those that differ and return 1."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m grafana.build [--check]\n")
        return 2
    stale = [path for path, text in dashboards().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)} is not what grafana/ makes: run python -m grafana.build\n")
        else:
            path.write_text(dashboards()[path], encoding="utf-8")
    return int(bool(arguments and stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
