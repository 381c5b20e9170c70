"""An instrumented service for each test, closed afterwards."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask, abort, request
from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from werkzeug.wrappers import Response

from exporters.instrumentation import Instrumentation, instrument

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@dataclass
class Payments:
    """A payment service as a WedSync team would write it, and what the tests ask of it."""

    app: Flask
    instrumentation: Instrumentation

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def ask(self, path: str, method: str = "GET", **kwargs: Any) -> tuple[int, str]:
        """Send a request and read the answer to its end."""
        with self.client.open(path, method=method, **kwargs) as answer:
            return answer.status_code, answer.get_data(as_text=True)

    def value(self, name: str, **labels: str) -> float | None:
        return self.instrumentation.registry.get_sample_value(name, {"service": "payment", **labels})

    def scrape(self, name: str, headers: dict[str, str] | None = None) -> list[Sample]:
        """Return the samples called `name` as an OpenMetrics scraper reads them."""
        with self.client.get("/metrics", headers={"Accept": OPENMETRICS, **(headers or {})}) as answer:
            assert answer.status_code == 200
            text = answer.get_data(as_text=True)
        families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
        return [sample for family in families for sample in family.samples if sample.name == name]


Build = Callable[..., Payments]


@pytest.fixture
def payments() -> Iterator[Build]:
    """Return what builds the service; keyword arguments go to `instrument`."""
    built: list[Payments] = []

    def build(**options: Any) -> Payments:
        app = Flask("payments", static_folder=None)
        options = {"service": "payment", "regions": ["london", "sydney"], "otlp_endpoint": "", **options}
        instrumentation = instrument(app, **options)
        _routes(app, instrumentation)
        built.append(Payments(app, instrumentation))
        return built[-1]

    yield build
    for payments in built:
        payments.instrumentation.shutdown(2.0)


def _routes(app: Flask, instrumentation: Instrumentation) -> None:
    @app.get("/payments/<int:number>")
    def read(number: int) -> dict[str, int]:
        return {"payment": number}

    @app.post("/payments")
    def pay() -> tuple[dict[str, str], int]:
        asked = request.get_json(force=True)
        with instrumentation.workflow("payment", region=asked.get("region")) as attempt:
            if asked.get("how") == "raise":
                raise TimeoutError("the provider did not answer")
            if asked.get("how") == "mistake":
                abort(400)
            if asked.get("how") == "lose":
                attempt.lost(2)
            if asked.get("how") == "fail":
                attempt.fail()
                return {"error": "declined"}, 502
        return {"paid": "yes"}, 201

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[bytes]:
            yield b"half"
            if request.args.get("break"):
                raise ConnectionError("the disk went away")
            yield b"whole"

        from flask import stream_with_context

        return app.response_class(stream_with_context(parts()))
