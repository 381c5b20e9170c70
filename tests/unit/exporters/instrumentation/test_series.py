"""Series stay few and readable, whatever clients send."""

import random
import string

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, generate_latest

from exporters.instrumentation.labels import WORKFLOWS
from exporters.instrumentation.series import ServiceSeries, series_of

REGIONS = ("london", "sydney")


def hostile(generator: random.Random) -> str:
    kinds = (
        lambda: "".join(generator.choices(string.printable, k=12)),
        lambda: chr(generator.randint(0xD800, 0xDFFF)) + str(generator.random()),
        lambda: "\x00" + str(generator.random()),
        lambda: f'x"}} 1\nwedsync_forged{{a="{generator.random()}',
        lambda: "london" + " " * generator.randint(1, 9),
    )
    return generator.choice(kinds)()


def openmetrics(registry: CollectorRegistry) -> bytes:
    encode, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    return encode(registry)


def samples(registry: CollectorRegistry) -> int:
    return sum(len(metric.samples) for metric in registry.collect())


def test_one_hundred_thousand_hostile_values_add_one_set_of_series() -> None:
    registry = CollectorRegistry()
    service = ServiceSeries(series_of(registry), "photos\ud800", REGIONS, ["photo_upload"])
    generator = random.Random(7)
    service.request_started()
    service.request_finished("unmatched", "BREW", 404, 0.1, None)
    service.attempted("photo_upload", service.region("nowhere"), "failure", 0.1, None)
    for number in range(60):
        service.called(service.dependency(f"provider-{number}"), "failure")
    before = samples(registry)
    for _ in range(100_000):
        text = hostile(generator)
        service.request_started()
        service.request_finished("unmatched", text, 404, 0.1, None)
        service.attempted("photo_upload", service.region(text), "failure", 0.1, None)
        service.called(service.dependency(text), "failure")
    assert samples(registry) == before
    assert before < 1_000
    assert "photos\ufffd" in generate_latest(registry).decode()
    assert b"wedsync_forged{" not in openmetrics(registry)


def test_known_label_sets_stand_at_zero_before_anything_happens() -> None:
    registry = CollectorRegistry()
    ServiceSeries(series_of(registry), "photos", REGIONS, WORKFLOWS)
    for workflow in WORKFLOWS:
        for region in (*REGIONS, "other"):
            for outcome in ("success", "failure", "lost"):
                labels = {"service": "photos", "workflow": workflow, "region": region, "outcome": outcome}
                assert registry.get_sample_value("wedsync_workflow_attempts_total", labels) == 0


def test_a_service_shows_only_the_workflows_it_has() -> None:
    registry = CollectorRegistry()
    ServiceSeries(series_of(registry), "photos", REGIONS, ["photo_upload"])
    labels = {"service": "photos", "workflow": "payment", "region": "london", "outcome": "failure"}
    assert registry.get_sample_value("wedsync_workflow_attempts_total", labels) is None


def test_services_of_one_process_share_a_registry() -> None:
    registry = CollectorRegistry()
    for name in ("photos", "payment"):
        ServiceSeries(series_of(registry), name, (), []).request_started()
    for name in ("photos", "payment"):
        assert registry.get_sample_value("wedsync_http_requests_in_flight", {"service": name}) == 1
