"""Payments, charged by a third party over HTTP."""

from __future__ import annotations

from typing import Any, Final

import requests
from flask import Flask, Response, jsonify

from demo.service.ground import Ground, body, created, identifier, new_service, query_region, refuse, region_of
from exporters.instrumentation import Attempt, Instrumentation

WORKFLOW: Final = "payment"
PATIENCE_SECONDS: Final = 5.0
MOST_PENCE: Final = 10_000_000


class ProviderUnavailable(RuntimeError):
    """The payment provider did not take the charge; the same payment can be tried again."""


def create_payment(ground: Ground, provider_url: str) -> Flask:
    """Return the service; it charges at `provider_url`."""
    app = new_service("payment")
    instrumentation = ground.instrument(app, "payment", WORKFLOW)
    instrumentation.dependency("payment_provider")

    @app.post("/payments")
    def pay() -> Response:
        sent = body()
        region, payment = region_of(sent), identifier(sent, "payment_id")
        wedding, pence = identifier(sent, "wedding_id"), _pence(sent)
        with instrumentation.workflow(WORKFLOW, region=region) as attempt:
            ground.disturb(WORKFLOW, region)
            with ground.database.transaction(WORKFLOW, region) as rows:
                known = rows.execute("SELECT charge FROM payments WHERE id = ?", (payment,)).fetchone()
            if known is not None:
                return created(payment_id=payment, charge_id=known["charge"])
            charge = _charge(instrumentation, attempt, provider_url, {"id": payment, "pence": pence, "region": region})
            with ground.database.transaction(WORKFLOW, region) as rows:
                rows.execute(
                    "INSERT INTO payments (id, wedding, region, pence, charge, paid_at) VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (id) DO NOTHING",
                    (payment, wedding, region, pence, charge, ground.now()),
                )
        return created(payment_id=payment, charge_id=charge)

    @app.get("/payments/<payment>")
    def read(payment: str) -> Response:
        with ground.database.transaction(WORKFLOW, query_region()) as rows:
            found = rows.execute("SELECT id, pence, charge, paid_at FROM payments WHERE id = ?", (payment,)).fetchone()
        return jsonify(dict(found)) if found is not None else refuse("there is no such payment", 404)

    return app


def _charge(instrumentation: Instrumentation, attempt: Attempt, url: str, charge: dict[str, Any]) -> str:
    """Return the provider's name for the charge, or answer 502. The payment's id keeps a repeat from charging twice."""
    try:
        with instrumentation.dependency("payment_provider") as call, requests.Session() as provider:
            # No proxy of the environment, no credentials of a .netrc.
            provider.trust_env = False
            answer = provider.post(url, json=charge, headers=call.headers, timeout=PATIENCE_SECONDS)
            answer.raise_for_status()
            return str(answer.json()["charge_id"])
    except requests.RequestException as error:
        attempt.fail()
        unavailable = ProviderUnavailable("the payment provider did not take the charge")
        unavailable.__cause__ = error
        instrumentation.report(unavailable, level="third_party", tags={"dependency": "payment_provider"})
        refuse("the payment provider does not answer; nothing was charged, try again", 502)


def _pence(sent: dict[str, Any]) -> int:
    pence = sent.get("pence")
    if not isinstance(pence, int) or isinstance(pence, bool) or not 0 < pence <= MOST_PENCE:
        refuse(f"pence must be a whole number from 1 to {MOST_PENCE}")
    return pence
