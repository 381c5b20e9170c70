"""Services: rate, errors and duration of what carries the workflows, down to the route, and their third parties."""

from grafana.panels import GREEN, ORANGE, RED, YELLOW, Column, Face, Query, lines, table
from grafana.sdk import Builder, models

_CHOSEN = 'service=~"$service"'
_REQUESTS = f"service_route:wedsync_http_requests:rate5m{{{_CHOSEN}}}"
_ERRORS = f"service_route:wedsync_http_request_errors:rate5m{{{_CHOSEN}}}"
_ERROR_RATIO = f"service_route:wedsync_http_errors_per_request:ratio_rate5m{{{_CHOSEN}}}"
_P95 = f"service_route:wedsync_http_request_duration_seconds:p95_rate5m{{{_CHOSEN}}}"
_BUCKETS = f"service_route_le:wedsync_http_request_duration_seconds_bucket:rate5m{{{_CHOSEN}}}"
_NO_REQUESTS = "No requests to the chosen services"


def services() -> list[Builder[models.Panel]]:
    """Return the row's panels."""
    return [_rate(), _errors(), _duration(), _routes(), _third_parties(), _in_flight()]


def _rate() -> Builder[models.Panel]:
    return lines(
        Face(
            id=301,
            title="Requests",
            meaning=(
                "Requests answered each second. There is no limit; a step up at the hour the ceremonies end is "
                "normal on a Saturday. A service that falls to nothing while the others go on is cut off."
            ),
            unit="reqps",
            empty=_NO_REQUESTS,
            width=8,
        ),
        Query(expr=f"sum by (service) ({_REQUESTS})", legend="{{service}}"),
        stacked=True,
    )


def _errors() -> Builder[models.Panel]:
    return lines(
        Face(
            id=302,
            title="Error ratio",
            meaning=(
                "Share of requests that the service itself failed (5xx). The dashed line is the strictest limit in "
                "force in any region. Over it, HttpErrorRatioHigh warns; whether a wedding suffers is said by the "
                "workflows above."
            ),
            unit="percentunit",
            empty=_NO_REQUESTS,
            width=8,
        ),
        Query(
            expr=f"sum by (service) ({_ERRORS}) / (sum by (service) ({_REQUESTS}) > 0)",
            legend="{{service}}",
        ),
        Query(expr="wedsync:http_error_ratio:threshold_in_force", legend="most allowed"),
        limit_series="^most allowed",
    )


def _duration() -> Builder[models.Panel]:
    return lines(
        Face(
            id=303,
            title="95th percentile of duration",
            meaning=(
                "One request in twenty takes longer. The dashed line is the strictest limit in force in any region; "
                "it does not hold for uploads, which have the venue's own line in them. The table below shows which "
                "route it is."
            ),
            unit="s",
            empty=_NO_REQUESTS,
            width=8,
        ),
        Query(expr=f"histogram_quantile(0.95, sum by (service, le) ({_BUCKETS})) >= 0", legend="{{service}}"),
        Query(expr="wedsync:http_duration_p95_seconds:threshold_in_force", legend="most allowed"),
        limit_series="^most allowed",
    )


def _routes() -> Builder[models.Panel]:
    return table(
        Face(
            id=304,
            title="Routes, the slowest first",
            meaning=(
                "Where the time and the errors of a service are. Start here when a service is slow or failing: one "
                "bad route points at its own code or database query, all routes at once at the host, the database or "
                "a release. Click a heading to sort by it."
            ),
            unit="none",
            empty=_NO_REQUESTS,
            width=12,
            height=10,
        ),
        [
            Query(expr=f"max by (service, route) ({_P95}) >= 0"),
            Query(expr=f"max by (service, route) ({_ERROR_RATIO})"),
            Query(expr=f"sum by (service, route) ({_REQUESTS}) > 0"),
        ],
        [
            Column(field="service", name="Service"),
            Column(field="route", name="Route"),
            Column(
                field="Value #A",
                name="95th percentile",
                unit="s",
                limits=[(0, GREEN), (1, YELLOW), (2.5, ORANGE)],
            ),
            Column(
                field="Value #B",
                name="Error ratio",
                unit="percentunit",
                limits=[(0, GREEN), (0.01, YELLOW), (0.05, RED)],
            ),
            Column(field="Value #C", name="Requests", unit="reqps"),
        ],
        sort_by="95th percentile",
    )


def _third_parties() -> Builder[models.Panel]:
    ratio = f"service_dependency:wedsync_dependency_failures_per_request:ratio_rate5m{{{_CHOSEN}}}"
    return lines(
        Face(
            id=305,
            title="Third parties: share of calls that fail",
            meaning=(
                "Payment provider, mail, storage. Over the dashed line ThirdPartyFailing fires and holds back the "
                "warnings it causes. Look at the provider's own status page first, then switch to the fallback the "
                "runbook names: a couple that cannot pay the caterer on the day will call you anyway."
            ),
            unit="percentunit",
            empty="No calls to third parties from the chosen services",
            width=6,
            height=10,
        ),
        Query(expr=ratio, legend="{{service}} to {{dependency}}"),
        Query(expr="wedsync:dependency_failure_ratio:threshold_in_force", legend="most allowed"),
        limit_series="^most allowed",
    )


def _in_flight() -> Builder[models.Panel]:
    return lines(
        Face(
            id=306,
            title="Requests being answered",
            meaning=(
                "Requests inside each service now. A curve that climbs and does not come down is a service that "
                "waits for something (database, third party) and will soon answer nobody: restart it only after "
                "looking at what it waits for."
            ),
            unit="none",
            empty=_NO_REQUESTS,
            width=6,
            height=10,
        ),
        Query(expr=f"sum by (service) (wedsync_http_requests_in_flight{{{_CHOSEN}}})", legend="{{service}}"),
    )
