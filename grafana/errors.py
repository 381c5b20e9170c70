"""The dashboard "what is failing, and whom does it hurt?": its frame, and the panels in their rows."""

from collections.abc import Callable, Mapping
from typing import Final

from grafana.overview import critical_alerts, datasource_variable, filter_variable, outside_link
from grafana.panels import BLUE, GREEN, ORANGE, RARE, RED, YELLOW, Face, Query, lines, stat
from grafana.rows.right_now import RUNBOOKS
from grafana.sdk import Builder, dashboard, models

UID: Final = "wedsync-errors"
"""Frozen: the dashboard_url of every alert of rules/errors.yml is /d/wedsync-errors."""
_CHOSEN = 'service=~"$service"'
_SILENT = "The exporters say nothing"


def errors_board() -> models.Dashboard:
    """Return the dashboard."""
    board = dashboard.Dashboard("WedSync: what is failing, and whom does it hurt?").uid(UID).readonly()
    board.description("Errors by how loud they are for this hour of the week, what became of them, and what is lost.")
    board.tags(["wedsync"]).timezone("utc").time("now-6h", "now").refresh("30s").week_start("monday")
    board.tooltip(models.DashboardCursorSync.CROSSHAIR)
    board.with_variable(datasource_variable()).with_variable(
        filter_variable("service", "Service", "wedsync_errors_total")
    )
    board.annotation(critical_alerts())
    board.link(outside_link("Are weddings safe?", "/d/wedsync-overview"))
    board.link(outside_link("Runbooks", RUNBOOKS.replace("/blob/", "/tree/")))
    for number, (title, panels) in enumerate(_ROWS.items(), start=1):
        board.with_row(dashboard.Row(title).id(number))
        for panel in panels():
            board.with_panel(panel)
    return board.build()


def _now() -> list[Builder[models.Panel]]:
    return [_lost(), _weddings(), _oldest_lost(), _escalating(), _regressed(), _alarms()]


def _lost() -> Builder[models.Panel]:
    return stat(
        Face(
            id=1001,
            title="Uploads lost",
            meaning=(
                "Failed photo uploads that nobody has told to be safe. Nobody can take these photos again: list them "
                "with GET /api/monitoring/errors/uploads and drive each again while it is still on a device."
            ),
            unit="none",
            empty=_SILENT,
            width=4,
            height=5,
            limits=[(1, RED)],
        ),
        Query(expr="sum(max by (region) (wedsync_error_uploads_lost))"),
    )


def _weddings() -> Builder[models.Panel]:
    return stat(
        Face(
            id=1002,
            title="Weddings with lost uploads",
            meaning=(
                "Weddings that reports of lost uploads name. Each has a couple to whom somebody will have to explain "
                "what is missing."
            ),
            unit="none",
            empty=_SILENT,
            width=4,
            height=5,
            limits=[(1, RED)],
        ),
        Query(expr="sum(max by (region) (wedsync_error_uploads_lost_weddings))"),
    )


def _oldest_lost() -> Builder[models.Panel]:
    return stat(
        Face(
            id=1003,
            title="Oldest lost upload",
            meaning=(
                "How long the oldest lost upload has waited. After ten minutes UploadsNotRecovered pages; after a day "
                "the card it lies on may be wiped."
            ),
            unit="s",
            empty=_SILENT,
            width=4,
            height=5,
            limits=[(60, YELLOW), (600, RED)],
        ),
        Query(expr="max(wedsync_error_uploads_lost_oldest_seconds)"),
    )


def _escalating() -> Builder[models.Panel]:
    return stat(
        Face(
            id=1004,
            title="Groups escalating",
            meaning=(
                "Error groups far louder than this hour of the week, or the day before, leads one to expect. Which, "
                "and by how much: GET /api/monitoring/errors/trends, under spikes."
            ),
            unit="none",
            empty=_SILENT,
            width=4,
            height=5,
            limits=[(1, ORANGE), (5, RED)],
        ),
        Query(expr='max(wedsync_error_groups{state="escalating"})'),
    )


def _regressed() -> Builder[models.Panel]:
    return stat(
        Face(
            id=1005,
            title="Groups come back",
            meaning=(
                "Groups that were resolved, or had recovered, and failed again within a day, in a release that is not "
                "older. What was promised to be mended for a wedding is not."
            ),
            unit="none",
            empty=_SILENT,
            width=4,
            height=5,
            limits=[(1, ORANGE)],
        ),
        Query(expr='max(wedsync_error_groups{state="regressed"})'),
    )


def _alarms() -> Builder[models.Panel]:
    return stat(
        Face(
            id=1006,
            title="Direct alarms in force",
            meaning=(
                "Alarms kept alive at Alertmanager. One ends when its group recovers with evidence, or a person "
                "resolves or mutes it: silence alone ends none, least of all on a wedding day."
            ),
            unit="none",
            empty=_SILENT,
            width=4,
            height=5,
            limits=[(1, RED)],
        ),
        Query(expr="max(wedsync_alarms_active)"),
    )


def _loudness() -> list[Builder[models.Panel]]:
    now, usual = "service_level:wedsync_errors:increase5m", "service_level:wedsync_errors:rate1h_same_hour_of_week"
    return [
        lines(
            Face(
                id=1101,
                title="Errors in five minutes beside this hour of the week",
                meaning=(
                    "Each service against the louder of its last two weeks at this hour (dashed): a busy Saturday is "
                    "compared with Saturdays. Above three times the dashed line, and 20, ErrorSpike warns; 10 while a "
                    "wedding day is open."
                ),
                unit="none",
                empty="The exporters have taken in no errors",
                width=12,
                limits=[(20, ORANGE)],
            ),
            Query(expr=f"sum by (service) ({now}{{{_CHOSEN}}})", legend="{{service}}"),
            Query(expr=f"sum by (service) (300 * {usual}{{{_CHOSEN}}})", legend="{{service}}, usual"),
            limit_series="usual",
        ),
        lines(
            Face(
                id=1102,
                title="New groups by severity",
                meaning=(
                    "Errors that were never seen before, by the severity of their first report. Several at once after "
                    "a release are that release; a critical one means that a workflow fails while weddings are on."
                ),
                unit="cps",
                empty="No new groups",
                width=12,
            ),
            Query(
                expr=f"sum by (severity) (rate(wedsync_error_groups_begun_total{{{_CHOSEN}}}[$__rate_interval]))",
                legend="{{severity}}",
                step=RARE,
            ),
            stacked=True,
        ),
    ]


def _lives() -> list[Builder[models.Panel]]:
    return [
        lines(
            Face(
                id=1201,
                title="Groups by state",
                meaning=(
                    "What became of all groups. New and ongoing ones that only grow are a list nobody reads: resolve, "
                    "mute or mend them before the season, so that the one that matters is seen."
                ),
                unit="none",
                empty=_SILENT,
                width=12,
                below=BLUE,
            ),
            Query(expr="max by (state) (wedsync_error_groups)", legend="{{state}}"),
            stacked=True,
        ),
        lines(
            Face(
                id=1202,
                title="Turns",
                meaning=(
                    "Turns in the lives of groups. Recovered: silent, and the same workflow or route has been seen to "
                    "work. Regressed: it came back. Each is kept with who, when and why."
                ),
                unit="cps",
                empty="No group has turned",
                width=12,
                below=GREEN,
            ),
            Query(
                expr="sum by (turn) (rate(wedsync_error_group_turns_total[$__rate_interval]))",
                legend="{{turn}}",
                step=RARE,
            ),
            stacked=True,
        ),
    ]


def _machinery() -> list[Builder[models.Panel]]:
    return [
        lines(
            Face(
                id=1301,
                title="Refused reports",
                meaning=(
                    "Reports refused, by reason. What is refused is neither counted nor judged, so errors at a "
                    "wedding may be worse than they look. From 20 in five minutes ErrorReportsRefused warns."
                ),
                unit="cps",
                empty="No report was refused",
                width=8,
                limits=[(20 / 300, ORANGE)],
            ),
            Query(
                expr="sum by (reason) (rate(wedsync_error_reports_refused_total[$__rate_interval]))",
                legend="{{reason}}",
            ),
        ),
        lines(
            Face(
                id=1302,
                title="Counting behind",
                meaning=(
                    "Age of the oldest errors that are stored and judged, and not counted. Usually a second. Over a "
                    "minute ErrorCountingBehind warns: recoveries and the ledger of lost uploads lag behind."
                ),
                unit="s",
                empty=_SILENT,
                width=8,
                limits=[(60, ORANGE)],
            ),
            Query(expr="max(wedsync_error_counting_behind_seconds)", legend="oldest"),
        ),
        lines(
            Face(
                id=1303,
                title="Rows let go",
                meaning=(
                    "What retention and storms have let go, by kind; the counts of a storm stay exact. Lost uploads "
                    "of a wedding are never among it."
                ),
                unit="cps",
                empty="Nothing was let go",
                width=8,
                below=GREEN,
            ),
            Query(
                expr="sum by (kind) (rate(wedsync_error_rows_pruned_total[$__rate_interval]))",
                legend="{{kind}}",
                step=RARE,
            ),
            stacked=True,
        ),
    ]


_ROWS: Final[Mapping[str, Callable[[], list[Builder[models.Panel]]]]] = {
    "Right now": _now,
    "How loud, for this hour of the week": _loudness,
    "What became of them": _lives,
    "The errors room itself": _machinery,
}
