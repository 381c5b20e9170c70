"""Errors: what is reported, how bad it is judged to be, and whether the direct way to Alertmanager works."""

from grafana.panels import ORANGE, RED, YELLOW, Face, Query, lines, stat
from grafana.sdk import Builder, models

_CHOSEN = 'service=~"$service"'


def errors() -> list[Builder[models.Panel]]:
    """Return the row's panels."""
    return [_by_severity(), _by_level(), _by_service(), _alarms(), _unposted(), _posts(), _not_taken_in()]


def _by_severity() -> Builder[models.Panel]:
    return lines(
        Face(
            id=401,
            title="Errors by severity",
            meaning=(
                "Error reports taken in, by the severity the exporters decided: critical means a core workflow is "
                "affected while a wedding is on. A single critical one raises a direct alarm at once."
            ),
            unit="eps",
            empty="The exporters have taken in no errors",
            width=8,
        ),
        Query(
            expr=f"sum by (severity) (rate(wedsync_errors_total{{{_CHOSEN}}}[$__rate_interval]))",
            legend="{{severity}}",
        ),
        stacked=True,
    )


def _by_level() -> Builder[models.Panel]:
    return lines(
        Face(
            id=402,
            title="Errors by level",
            meaning=(
                "The same reports by where they arose: browser or app, API, database, third party. Database errors "
                "that rise together with API errors are the cause of them; frontend errors alone point at a release "
                "of the app."
            ),
            unit="eps",
            empty="The exporters have taken in no errors",
            width=8,
        ),
        Query(expr=f"sum by (level) (rate(wedsync_errors_total{{{_CHOSEN}}}[$__rate_interval]))", legend="{{level}}"),
        stacked=True,
    )


def _by_service() -> Builder[models.Panel]:
    return lines(
        Face(
            id=403,
            title="Errors in five minutes, by service",
            meaning=(
                "Which service reports, and from which level. Above 20 in five minutes, and three times the hour "
                "before, ErrorSpike warns: the line is the 20. Group and read them in the exporters' API "
                "(/api/monitoring/errors/groups)."
            ),
            unit="none",
            empty="The exporters have taken in no errors",
            width=8,
            limits=[(20, ORANGE)],
        ),
        Query(expr=f"service_level:wedsync_errors:increase5m{{{_CHOSEN}}}", legend="{{service}}, {{level}}"),
    )


def _alarms() -> Builder[models.Panel]:
    return stat(
        Face(
            id=404,
            title="Direct alarms in force",
            meaning=(
                "Critical errors that the exporters have posted to Alertmanager themselves and keep alive. Each one "
                "is an incident (CriticalErrorReported) and is not among Prometheus' own alerts."
            ),
            unit="none",
            empty="The exporters say nothing",
            width=4,
            height=7,
            limits=[(1, RED)],
        ),
        Query(expr="max(wedsync_alarms_active)"),
    )


def _unposted() -> Builder[models.Panel]:
    return stat(
        Face(
            id=405,
            title="Oldest alarm not yet posted",
            meaning=(
                "How long the oldest direct alarm has waited for Alertmanager to take it. It should be milliseconds. "
                "Over 15 s DirectAlarmStuck pages: critical errors are known and nobody is told."
            ),
            unit="s",
            empty="The exporters say nothing",
            width=4,
            height=7,
            limits=[(5, YELLOW), (15, RED)],
        ),
        Query(expr="max(wedsync_alarm_oldest_unposted_seconds)"),
    )


def _posts() -> Builder[models.Panel]:
    return lines(
        Face(
            id=406,
            title="Direct posts to Alertmanager",
            meaning=(
                "Posts of direct alarms, by what became of them. 'unreachable' or 'refused' means that the fast way "
                "from a critical error to a person is broken; the rules still page, some seconds later."
            ),
            unit="ops",
            empty="The exporters have posted no alarm",
            width=8,
            height=7,
        ),
        Query(
            expr="sum by (outcome) (rate(wedsync_alarms_posted_total[$__rate_interval]))",
            legend="{{outcome}}",
        ),
        stacked=True,
    )


def _not_taken_in() -> Builder[models.Panel]:
    sent = f'wedsync_error_reports_sent_total{{outcome!="sent", {_CHOSEN}}}'
    return lines(
        Face(
            id=407,
            title="Error reports that did not get in",
            meaning=(
                "Reports refused by the exporters (a wrong shape, a wrong token, too large) and reports that a "
                "service could not hand over. While this is not 0, the pictures on its left are too small. A wrong "
                "token after a rotation is the usual cause."
            ),
            unit="eps",
            empty="No report was refused or lost on the way",
            width=8,
            height=7,
        ),
        Query(
            expr="sum by (reason) (rate(wedsync_error_reports_refused_total[$__rate_interval]))",
            legend="refused: {{reason}}",
        ),
        Query(
            expr=f"sum by (service, outcome) (rate({sent}[$__rate_interval]))",
            legend="{{service}}: {{outcome}}",
        ),
        stacked=True,
    )
