"""The paging chain: would a page reach a person now? Every link from the scrape to the telephone."""

from grafana.panels import GREEN, ORANGE, RARE, RED, SLOW_SCRAPE, YELLOW, Face, Query, lines, stat, states
from grafana.sdk import Builder, models

_SILENT = "The receiver says nothing: watch its logs, and telephone the on-call engineer"


def paging() -> list[Builder[models.Panel]]:
    """Return the row's panels."""
    return [*_vital_signs(), _page_delay(), _webhook_latency(), _targets(), _pages(), _messages(), _undelivered()]


def _vital_signs() -> list[Builder[models.Panel]]:
    return [
        _sign(
            501,
            "Watchdog seen",
            "Age of the last heartbeat that came all the way from Prometheus through Alertmanager to the receiver. It "
            "comes every minute. Over three minutes, no alert arrives: look at Alertmanager. Years mean never.",
            "time() - max(wedsync_watchdog_last_seen_timestamp_seconds)",
            unit="s",
            limits=[(90, YELLOW), (180, RED)],
        ),
        _sign(
            502,
            "Loop turned",
            "Age of the last full turn of the receiver's loop, which escalates and sends. It turns about once a "
            "second. Over 30 s nobody is paged for a wedding that needs it: restart the receiver, nothing is lost.",
            "time() - max(wedsync_ticker_last_success_timestamp_seconds)",
            unit="s",
            limits=[(10, YELLOW), (30, RED)],
        ),
        _sign(
            503,
            "Pages waiting",
            "Pages queued and not yet sent. A few for a moment is normal when a policy tells many people at once; a "
            "number that stays is a channel that does not take them.",
            "max(wedsync_outbox_depth)",
            unit="none",
            limits=[(10, YELLOW), (50, ORANGE)],
        ),
        _sign(
            504,
            "Oldest page waiting",
            "How long the oldest page has waited. Over a minute PagesUndelivered fires by the fallback route: "
            "somebody who should know of a wedding in trouble does not. Telephone them.",
            "max(wedsync_outbox_oldest_seconds)",
            unit="s",
            limits=[(15, YELLOW), (60, RED)],
        ),
        _sign(
            505,
            "Escalation late by",
            "How late the latest due escalation step is. Over a minute, the next person in line has not been told.",
            "max(wedsync_escalation_overdue_seconds)",
            unit="s",
            limits=[(10, YELLOW), (60, RED)],
        ),
        _sign(
            506,
            "Alerts set aside",
            "Alerts that the receiver could not understand and keeps in quarantine. Each may be an incident nobody "
            "has been told of: read them, and open the incident by hand.",
            "max(wedsync_alerts_quarantined)",
            unit="none",
            limits=[(1, RED)],
        ),
        _sign(
            507,
            "Weddings known",
            "Weddings in the copy of the list in use. 0 when no list is configured: then every Saturday counts as a "
            "wedding day everywhere. A sudden fall means a broken list: CalendarExporterDown and WeddingListStale "
            "say more.",
            "max(wedsync_calendar_source_weddings)",
            unit="none",
            limits=[],
        ),
        stat(
            _face(
                508,
                "Incident database",
                "Whether the receiver's database answers. Without it critical alerts still page, but nothing is "
                "remembered: acknowledgements, escalation and the review are blind until it is back.",
                unit="none",
                limits=[(1, GREEN)],
                below=RED,
            ),
            Query(expr="min(wedsync_incident_database_up)"),
            texts={1: ("answers", GREEN), 0: ("down", RED)},
        ),
    ]


def _face(
    number: int, title: str, meaning: str, *, unit: str, limits: list[tuple[float, str]], below: str = GREEN
) -> Face:
    return Face(
        id=number,
        title=title,
        meaning=meaning,
        unit=unit,
        empty="The exporters say nothing" if "Weddings" in title else _SILENT,
        width=3,
        height=5,
        limits=limits,
        below=below,
    )


def _sign(
    number: int, title: str, meaning: str, expr: str, *, unit: str, limits: list[tuple[float, str]]
) -> Builder[models.Panel]:
    return stat(_face(number, title, meaning, unit=unit, limits=limits), Query(expr=expr))


def _page_delay() -> Builder[models.Panel]:
    buckets = "sum by (le) (rate(wedsync_page_delay_seconds_bucket[$__rate_interval]))"
    return lines(
        Face(
            id=509,
            title="Page delay",
            meaning=(
                "From the moment a step was due to the page handed over, looking back four minutes; drawn only where "
                "there were pages. On a wedding day the promise from fault to page is ten seconds, of which this is "
                "the last part. Above the line: look at the channels and the incident database."
            ),
            unit="s",
            empty="No page was sent in this time",
            width=8,
            limits=[(10, RED)],
        ),
        Query(expr=f"histogram_quantile(0.95, {buckets}) >= 0", legend="95th percentile", step=RARE),
        Query(expr=f"histogram_quantile(0.50, {buckets}) >= 0", legend="median", step=RARE),
    )


def _webhook_latency() -> Builder[models.Panel]:
    buckets = "sum by (le) (rate(wedsync_webhook_seconds_bucket[$__rate_interval]))"
    return lines(
        Face(
            id=510,
            title="Time to take in an alert message",
            meaning=(
                "How long the receiver takes to answer Alertmanager, all of it on disk. Alertmanager gives up and "
                "tries again after seconds, so slow answers become late pages: look at the incident database and its "
                "disk. The Watchdog alone brings one message a minute: a gap is time in which nothing arrived."
            ),
            unit="s",
            empty="Alertmanager has posted nothing in this time",
            width=8,
            limits=[(1, ORANGE)],
        ),
        Query(expr=f"histogram_quantile(0.95, {buckets}) >= 0", legend="95th percentile", step=RARE),
        Query(expr=f"histogram_quantile(0.50, {buckets}) >= 0", legend="median", step=RARE),
    )


def _targets() -> Builder[models.Panel]:
    return states(
        Face(
            id=511,
            title="Scrapes",
            meaning=(
                "Whether Prometheus reaches each process. A red bar is time in which it was blind there: 'wedsync' "
                "is the platform itself, and red means that nobody knows how the weddings are."
            ),
            unit="none",
            empty="Prometheus scrapes nothing",
            width=8,
            limits=[(1, GREEN)],
            below=RED,
        ),
        Query(expr="min by (job, instance) (up)", legend="{{job}} {{instance}}", step=SLOW_SCRAPE),
        texts={1: ("scraped", GREEN), 0: ("down", RED)},
    )


def _pages() -> Builder[models.Panel]:
    return lines(
        Face(
            id=512,
            title="Pages by channel",
            meaning=(
                "Attempts to reach people. 'failed' is tried again by itself; 'abandoned' is a person who was not "
                "reached by that channel at all: check the channel, and their telephone number."
            ),
            unit="ops",
            empty="The receiver has sent no page",
            width=8,
        ),
        Query(
            expr="sum by (channel, outcome) (rate(wedsync_pages_total[$__rate_interval]))",
            legend="{{channel}}: {{outcome}}",
        ),
        stacked=True,
    )


def _messages() -> Builder[models.Panel]:
    return lines(
        Face(
            id=513,
            title="Messages from Alertmanager",
            meaning=(
                "What became of the messages posted to the receiver. 'unavailable' is tried again by Alertmanager; "
                "'postponed' by the receiver itself; an incident tells of what is 'quarantined' (not understood) and "
                "'oversize' (too large)."
            ),
            unit="ops",
            empty=_SILENT,
            width=8,
        ),
        Query(
            expr="sum by (outcome) (rate(wedsync_webhook_requests_total[$__rate_interval]))",
            legend="{{outcome}}",
        ),
        stacked=True,
    )


def _undelivered() -> Builder[models.Panel]:
    return lines(
        Face(
            id=514,
            title="Alerts that got stuck on the way",
            meaning=(
                "Alerts that Prometheus could not hand over, rules that failed to evaluate, and notifications that "
                "Alertmanager gave up. All of it should be 0; whatever is not 0 is a page that did not come."
            ),
            unit="ops",
            empty="Prometheus and Alertmanager are not scraped",
            width=8,
            limits=[(0.001, RED)],
        ),
        Query(
            expr="sum(rate(prometheus_notifications_errors_total[$__rate_interval]))"
            " + sum(rate(prometheus_notifications_dropped_total[$__rate_interval]))",
            legend="Prometheus to Alertmanager",
            step=SLOW_SCRAPE,
        ),
        Query(
            expr="sum(rate(prometheus_rule_evaluation_failures_total[$__rate_interval]))",
            legend="rules failing",
            step=SLOW_SCRAPE,
        ),
        Query(
            expr="sum(rate(alertmanager_notifications_failed_total[$__rate_interval]))",
            legend="Alertmanager to the receiver or the fallback",
            step=SLOW_SCRAPE,
        ),
    )
