"""The guides name everything there is."""

import dataclasses
import inspect
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from demo.service.fault_routes import fault_routes
from demo.service.faults import KINDS, FaultBoard
from demo.service.settings import REGIONS
from demo.traffic.__main__ import arguments
from exporters import instrumentation
from exporters.instrumentation import DURATION_BUCKETS, ErrorReporting, Instrumentation, Scraping, instrument
from exporters.instrumentation.series import Series
from tests.cast import TUESDAY
from tests.fakes import FakeClock

DOCS = Path(__file__).parents[4] / "docs"
GUIDE = (DOCS / "instrumentation.md").read_text(encoding="utf-8")
DEMO = (DOCS / "demo.md").read_text(encoding="utf-8")
CATALOGUE = (DOCS / "metrics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", list(inspect.signature(instrument).parameters)[1:])
def test_each_option_of_the_one_call_has_its_row(option: str) -> None:
    assert re.search(rf"^\| `{option}` \|", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("option", list(inspect.signature(Instrumentation.report).parameters)[2:])
def test_each_argument_of_a_report_has_its_row(option: str) -> None:
    assert re.search(rf"^\| .*`{option}`.* \|", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("settings", [ErrorReporting, Scraping])
def test_each_setting_is_named(settings: type) -> None:
    for setting in dataclasses.fields(settings):
        assert re.search(rf"\b{setting.name}\b", GUIDE), setting.name


def test_the_edges_are_those_in_the_code() -> None:
    assert ", ".join(f"{edge:g}" for edge in DURATION_BUCKETS) in " ".join(GUIDE.split())


def test_each_series_is_in_the_catalogue_with_its_labels() -> None:
    series = Series(CollectorRegistry())
    for metric in vars(series).values():
        name = metric._name + ("_total" if metric._type == "counter" else "")
        (row,) = [line for line in CATALOGUE.splitlines() if line.startswith(f"| `{name}` |")]
        assert metric._type in row
        for label in metric._labelnames:
            assert f"`{label}`" in row, (name, label)


def test_no_public_signature_shows_a_type_of_opentelemetry() -> None:
    for name in instrumentation.__all__:
        public = getattr(instrumentation, name)
        for member in [public, *vars(public).values()] if isinstance(public, type) else [public]:
            if inspect.isfunction(member) and not member.__name__.startswith("_"):
                assert "opentelemetry" not in str(inspect.signature(member)).lower(), member


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_has_its_row_and_an_example(kind: str) -> None:
    assert re.search(rf"^\| `{kind}` \|", DEMO, re.MULTILINE)
    assert f'"fault": "{kind}"' in DEMO


def test_the_demonstrations_regions_and_driver_options_are_named() -> None:
    for region in REGIONS:
        assert f"`{region}`" in DEMO
    for option in vars(arguments([])):
        assert f"| `--{option.replace('_', '-')}` |" in DEMO


def test_the_fault_examples_are_accepted() -> None:
    from flask import Flask

    app = Flask("faults", static_folder=None)
    app.register_blueprint(fault_routes(FaultBoard(), FakeClock(TUESDAY)))
    examples = re.findall(r"faults -d '(\{.*\})'", DEMO)
    assert len(examples) == len(KINDS)
    for example in examples:
        assert app.test_client().post("/faults", data=example).status_code == 201
