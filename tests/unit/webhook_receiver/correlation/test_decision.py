"""Which incident an alert belongs to: each rule with its reason, and above all what does not belong together."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.correlation.decision import (
    UNNAMED_SERVICES,
    Facts,
    Limits,
    OpenIncident,
    Place,
    Topology,
    parts_of,
    place,
)

MINUTE = timedelta(minutes=1)
LIMITS = Limits(window=10 * MINUTE, most_alerts=5)
TOPOLOGY = Topology(
    frozenset({"photos", "messaging", "payment", "booking", "timeline"}),
    {
        "payment": frozenset({"payment_provider"}),
        "booking": frozenset({"payment"}),
        "photos": frozenset({"object_store"}),
    },
)


def alert(
    service: str,
    *workflows: str,
    regions: tuple[str, ...] = ("london",),
    third_party: str | None = None,
    direct: bool = False,
    kind: str = "service_failure",
    fingerprint: str = "f1",
) -> Facts:
    return Facts(fingerprint, service, kind, frozenset(workflows), frozenset(regions), third_party, direct)


def incident(*alerts: Facts, number: int = 1, opened: float = 2, latest: float = 2, size: int = 1) -> OpenIncident:
    """An incident of ``alerts``, opened and last joined so many minutes ago."""
    return OpenIncident(number, SATURDAY - opened * MINUTE, SATURDAY - latest * MINUTE, size, parts_of(alerts))


def placed(one: Facts, *incidents: OpenIncident) -> Place:
    return place(one, incidents, TOPOLOGY, LIMITS, SATURDAY)


UPLOADS = alert("photos", "photo_upload")
PROVIDER = alert("payment", "payment", "booking", regions=(), third_party="payment_provider")


@pytest.mark.parametrize(
    ("new", "known", "reason"),
    [
        (alert("photos", "photo_upload", regions=("sydney",)), UPLOADS, "same_workflow_other_region"),
        (alert("photos", "photo_upload", kind="performance_degradation"), UPLOADS, "same_workflow"),
        (alert("photos", "photo_upload", direct=True), UPLOADS, "direct_alarm"),
        (UPLOADS, alert("photos", "photo_upload", direct=True), "direct_alarm"),
        (alert("photos", regions=(), kind="error_spike"), UPLOADS, "same_service"),
        (alert("payment", "payment"), PROVIDER, "third_party_outage"),
        (alert("booking", regions=(), third_party="payment_provider"), PROVIDER, "same_third_party"),
        (alert("booking", "booking"), alert("payment", "payment"), "dependency"),
        (alert("payment", "payment"), alert("booking", "booking"), "dependency"),
        (alert("booking", "booking"), alert("payment", regions=()), "dependency"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_alerts_of_one_cause_are_one_incident_and_say_why(new: Facts, known: Facts, reason: str) -> None:
    found = placed(new, incident(known))

    assert (found.incident_id, found.reason) == (1, reason)
    assert new.service in found.sentence or (new.third_party or "-") in found.sentence


@pytest.mark.parametrize(
    ("new", "known"),
    [
        (alert("messaging", "messaging"), UPLOADS),
        (alert("messaging", "messaging"), alert("photos", "photo_upload", "messaging", regions=())),
        (alert("photos", "timeline"), UPLOADS),
        (alert("photos", regions=("sydney",), kind="error_spike"), UPLOADS),
        (alert("booking", "booking", regions=("sydney",)), alert("payment", "payment")),
        (alert("photos", "photo_upload"), PROVIDER),
        (alert("timeline", "timeline"), alert("booking", "booking")),
        (alert("unknown", "photo_upload"), alert("unknown", "photo_upload")),
        (alert("other"), alert("other")),
    ],
    ids=[
        "two services",
        "two services that share a workflow",
        "two workflows of one service",
        "one service in two regions, no workflow in common",
        "a dependency that fails elsewhere",
        "a third party that the service does not call",
        "services that do not call each other",
        "two services nobody named",
        "two services of no known name",
    ],
)
def test_what_has_no_known_connection_stays_apart(new: Facts, known: Facts) -> None:
    assert placed(new, incident(known)).reason == "first_alert"


def test_the_window_counts_from_the_latest_alert_of_the_incident() -> None:
    elsewhere = alert("photos", "photo_upload", regions=("sydney",))

    assert placed(elsewhere, incident(UPLOADS, opened=300, latest=10)).incident_id == 1
    assert placed(elsewhere, incident(UPLOADS, opened=300, latest=10.1)).incident_id is None


def test_an_incident_that_is_full_takes_in_no_more() -> None:
    assert placed(UPLOADS, incident(UPLOADS, size=LIMITS.most_alerts - 1)).incident_id == 1
    assert placed(UPLOADS, incident(UPLOADS, size=LIMITS.most_alerts)).incident_id is None
    assert placed(UPLOADS, replace(incident(UPLOADS), last_alert_at=None)).incident_id is None


def test_of_several_that_fit_the_better_reason_decides_and_then_the_older() -> None:
    provider, own = incident(PROVIDER, number=7, opened=1), incident(alert("payment", "payment"), number=3, opened=9)

    assert placed(alert("payment", "payment"), own, provider).incident_id == 7
    assert (
        placed(UPLOADS, incident(UPLOADS, number=5, opened=3), incident(UPLOADS, number=4, opened=6)).incident_id == 4
    )


def test_a_third_party_that_is_found_after_its_symptoms_folds_them() -> None:
    payment = incident(alert("payment", "payment"), number=3, opened=1)
    old = incident(alert("payment", "payment"), number=2, opened=30, latest=20)
    photos = incident(UPLOADS, number=4, opened=1)

    found = placed(PROVIDER, payment, old, photos)

    assert (found.incident_id, found.reason, found.folds) == (None, "third_party_behind", (3,))


def test_what_people_ruled_comes_before_everything_and_apart_before_together() -> None:
    far = replace(incident(alert("messaging", "messaging"), number=9, opened=600, latest=600), together=True)

    assert placed(UPLOADS, incident(UPLOADS, number=1), far).incident_id == 9
    assert placed(UPLOADS, replace(incident(UPLOADS), apart=True)).incident_id is None
    assert placed(UPLOADS, replace(far, apart=True)).incident_id is None
    assert placed(PROVIDER, replace(incident(alert("payment", "payment")), apart=True)).folds == ()


def test_an_alert_returns_to_the_incident_it_was_in_however_long_ago() -> None:
    before = replace(incident(UPLOADS, opened=600, latest=600), had_this_alert=True)

    assert placed(UPLOADS, before).reason == "returned"


def test_what_sleeps_and_what_wakes_never_join() -> None:
    asleep = replace(incident(UPLOADS), suppressed=True)

    assert placed(UPLOADS, asleep).incident_id is None
    assert placed(replace(UPLOADS, suppressed=True), incident(UPLOADS)).incident_id is None
    assert placed(replace(UPLOADS, suppressed=True), asleep).incident_id == 1


names = st.sampled_from(["photos", "messaging", "payment", "booking", "timeline", "unknown", "other"])
alerts = st.builds(
    alert,
    names,
    st.sampled_from(["photo_upload", "messaging", "payment", "booking", "timeline"]),
    regions=st.sampled_from([(), ("london",), ("sydney",), ("london", "sydney")]),
    third_party=st.sampled_from([None, None, "payment_provider", "object_store"]),
    direct=st.booleans(),
)


def walk(stream: list[tuple[Facts, int]]) -> dict[int, list[tuple[Facts, datetime]]]:
    """Place alerts one after another, so many minutes apart; returns the alerts of each incident."""
    now, members = SATURDAY, dict[int, list[tuple[Facts, datetime]]]()
    for number, (one, minutes) in enumerate(stream, start=1):
        now += minutes * MINUTE
        known = [
            OpenIncident(key, its[0][1], its[-1][1], len(its), parts_of(fact for fact, _ in its))
            for key, its in members.items()
        ]
        found = place(one, known, TOPOLOGY, LIMITS, now)
        shuffled = place(one, reversed(known), TOPOLOGY, LIMITS, now)
        assert found == shuffled, "the order in which incidents are read decides nothing"
        target = found.incident_id or number
        members.setdefault(target, [])
        for folded in found.folds:
            members[target] += members.pop(folded)
        members[target] = sorted([*members[target], (one, now)], key=lambda pair: pair[1])
    return members


@given(st.lists(st.tuples(alerts, st.integers(0, 6)), max_size=14))
def test_services_of_one_incident_are_connected_and_its_size_is_bounded(stream: list[tuple[Facts, int]]) -> None:
    for members in walk(stream).values():
        facts = [fact for fact, _ in members]
        assert len(facts) <= LIMITS.most_alerts
        if any(fact.service in UNNAMED_SERVICES and not fact.third_party for fact in facts):
            assert len({fact.service for fact in facts}) == 1
        edges = {(fact.service, fact.third_party) for fact in facts if fact.third_party}
        edges |= {(service, called) for service, names in TOPOLOGY.depends_on.items() for called in names}
        reached = {facts[0].service}
        while more := {b for a, b in edges if a in reached} | {a for a, b in edges if b in reached}:
            if more <= reached:
                break
            reached |= more
        assert {fact.service for fact in facts} <= reached, "unrelated services never join"
