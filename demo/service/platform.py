"""The small WedSync: five services on one port, their faults, and the pager at the end of the chain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flask import Flask, Response, jsonify
from prometheus_client import CollectorRegistry
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from demo.service.booking import create_booking
from demo.service.database import Database
from demo.service.fault_routes import fault_routes
from demo.service.faults import FaultBoard
from demo.service.ground import LARGEST_BODY, Ground
from demo.service.messaging import create_messaging
from demo.service.pager import PagerSink, pager_routes
from demo.service.payment import create_payment
from demo.service.photos import create_photos
from demo.service.provider import provider_routes
from demo.service.settings import REGIONS, DemoSettings
from demo.service.timeline import create_timeline
from demo.service.upkeep import Upkeep
from exporters.instrumentation import (
    ErrorReporting,
    Instrumentation,
    Scraping,
    WorkflowName,
    instrument,
    serve_metrics,
)
from wedsync_core.clock import Clock


class Platform:
    """The whole demonstration as one application; `start` begins its background loop, `stop` ends all threads."""

    def __init__(self, settings: DemoSettings, clock: Clock) -> None:
        self.faults = FaultBoard()
        self.registry = CollectorRegistry()
        self._settings = settings
        self._instrumentations: list[Instrumentation] = []
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = Database(settings.data_dir, self.faults, clock)
        database.create()
        ground = Ground(database, self.faults, clock, self._instrument)
        photos, self.integrity = create_photos(ground)
        self.upkeep = Upkeep(self.integrity, database)
        self.app = self._root(clock)
        mounted = DispatcherMiddleware(
            self.app.wsgi_app,
            {
                "/photos": photos,
                "/messaging": create_messaging(ground),
                "/payment": create_payment(ground, settings.provider_url),
                "/booking": create_booking(ground),
                "/timeline": create_timeline(ground),
            },
        )
        self.app.wsgi_app = mounted  # type: ignore[method-assign] # Flask's own way to put something in front

    def start(self) -> None:
        """Start the background loop."""
        self.upkeep.start()

    def stop(self) -> None:
        """End the loop, let held requests go, send what waits."""
        self.faults.clear()
        self.upkeep.stop()
        # Side by side: when the exporters are away, each waits out its second.
        with ThreadPoolExecutor(len(self._instrumentations)) as pool:
            list(pool.map(lambda instrumentation: instrumentation.shutdown(1.0), self._instrumentations))

    def _instrument(self, app: Flask, service: str, workflow: WorkflowName) -> Instrumentation:
        settings = self._settings
        reporting = None
        if settings.exporters_url is not None:
            reporting = ErrorReporting(
                settings.exporters_url, settings.ingest_token_file, release=settings.release, environment="demo"
            )
        instrumentation = instrument(
            app,
            service=service,
            registry=self.registry,
            regions=REGIONS,
            workflows=[workflow],
            # All five share the registry; the root application serves it once.
            scraping=Scraping(path=None),
            error_reports=reporting,
        )
        self._instrumentations.append(instrumentation)
        return instrumentation

    def _root(self, clock: Clock) -> Flask:
        settings = self._settings
        root = Flask("wedsync", static_folder=None)
        root.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
        serve_metrics(root, self.registry, token_file=settings.metrics_token_file)
        root.register_blueprint(fault_routes(self.faults, clock))
        root.register_blueprint(provider_routes(self.faults, clock))
        root.register_blueprint(pager_routes(PagerSink(settings.data_dir, clock), settings.pager_key_file, clock))

        @root.get("/healthz")
        def healthz() -> Response:
            return jsonify(status="ok")

        @root.get("/")
        def index() -> Response:
            return jsonify(
                services=["/photos", "/messaging", "/payment", "/booking", "/timeline"],
                also=["/faults", "/pager", "/metrics", "/healthz"],
            )

        return root
