"""The settings file: what is shipped loads, and every wrong file is refused by the exact key."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from wedsync_core.settings import ConfigurationInvalid, load_settings, settings_from_text

ROOT = Path(__file__).parents[4]
SHIPPED = (ROOT / "wedsync.yml").read_text(encoding="utf-8")
WRONG = yaml.safe_load((ROOT / "tests/config/wrong.yml").read_text(encoding="utf-8"))


def test_the_shipped_file_holds_both_policies_of_the_specification() -> None:
    policies = settings_from_text(SHIPPED, {}).escalation.policies

    told = {name: [(step.after, step.roles) for step in policy.steps] for name, policy in policies.items()}

    assert told == {
        "wedding_day": [
            (timedelta(0), ["on_call_engineer", "platform_lead"]),
            (timedelta(minutes=5), ["cto", "emergency_contacts"]),
            (timedelta(minutes=15), ["all_hands"]),
        ],
        "standard": [
            (timedelta(0), ["on_call_engineer"]),
            (timedelta(minutes=10), ["team_lead"]),
            (timedelta(minutes=30), ["platform_lead"]),
        ],
    }


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case["name"])
def test_a_wrong_file_is_refused_by_name(case: dict[str, Any]) -> None:
    old, new = case["replace"]
    assert old in SHIPPED, "the case changes nothing"

    with pytest.raises(ConfigurationInvalid) as refused:
        settings_from_text(SHIPPED.replace(old, new, 1), {})

    assert re.sub(r"line \d+", "line N", str(refused.value)).splitlines() == case["expect"]


def test_the_environment_overrides_short_and_long() -> None:
    settings = settings_from_text(
        SHIPPED,
        {
            "WEDSYNC_RECEIVER_PORT": "9182",
            "WEDSYNC_INCIDENTS_DATABASE_URL": "postgresql+psycopg://wedsync@db/incidents",
            "WEDSYNC__SEVERITY__MANY_USERS": "50",
            "WEDSYNC__CALENDAR__WEDDINGS__LOCATION": "weddings.csv",
            "WEDSYNC__ALERTMANAGER__URLS": "[http://am1:9093, http://am2:9093]",
        },
    )

    assert settings.receiver.port == 9182
    assert settings.incidents_database_url == "postgresql+psycopg://wedsync@db/incidents"
    assert settings.severity.many_users == 50
    assert settings.calendar.weddings is not None
    assert settings.calendar.weddings.location == "weddings.csv"
    assert settings.alertmanager.urls == ["http://am1:9093", "http://am2:9093"]


def test_an_override_of_nothing_is_refused_like_a_key_in_the_file() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"severity\.many_uses: unknown key; did you mean 'many_users'"):
        settings_from_text(SHIPPED, {"WEDSYNC__SEVERITY__MANY_USES": "50"})


def test_an_override_inside_a_plain_value_is_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="log_level: is not a section"):
        settings_from_text(SHIPPED, {"WEDSYNC__LOG_LEVEL__DEEPER": "1"})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"absent\.yml: \(file\): cannot be read: No such file"):
        load_settings(tmp_path / "absent.yml", {})


def test_without_urls_the_databases_are_files_in_the_data_folder() -> None:
    settings = settings_from_text(SHIPPED, {"WEDSYNC_DATA_DIR": "/data"})

    assert settings.telemetry_database_url == "sqlite:////data/telemetry.sqlite"
    assert settings.incidents_database_url == "sqlite:////data/incidents.sqlite"
