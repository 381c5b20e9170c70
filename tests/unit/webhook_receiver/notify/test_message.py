"""What a page says."""

from dataclasses import replace

from webhook_receiver.notify.message import LONGEST_DESCRIPTION, Told, compose, page_from_json

TOLD = Told(
    incident_id=7,
    title="Photo uploads are failing",
    description="Half of them.",
    severity="critical",
    wedding_impact="high",
    service="photos",
    regions=("london",),
    reasons=("a wedding is in progress",),
    runbook_url="",
    level=1,
    repeated=False,
)


def subject(**changes: object) -> str:
    return compose(replace(TOLD, **changes), "http://x").subject  # type: ignore[arg-type]


def test_a_subject_says_what_kind_of_news_it_is() -> None:
    plain = "[CRITICAL] Photo uploads are failing (london)"
    assert subject() == plain
    assert subject(repeated=True) == f"AGAIN {plain}"
    assert subject(purpose="update") == f"UPDATE {plain}"
    assert subject(purpose="raised") == f"RAISED {plain}"
    assert subject(missed=True) == f"LATE {plain}"
    assert subject(missed=True, repeated=True) == f"LATE AGAIN {plain}"


def test_a_late_page_says_that_it_is_over() -> None:
    assert compose(replace(TOLD, missed=True), "http://x").body.startswith("It was over before you could be told")


def test_a_long_description_is_cut_and_what_to_open_stays() -> None:
    page = compose(replace(TOLD, description="x" * 8000), "http://x")

    assert len(page.body) < LONGEST_DESCRIPTION + 500
    assert page.body.endswith("Incident 7: http://x/api/monitoring/incidents/7")


def test_a_page_stored_by_another_version_is_read() -> None:
    stored = {**compose(TOLD, "http://x").as_json(), "added_later": 1}

    assert page_from_json(stored) == compose(TOLD, "http://x")
