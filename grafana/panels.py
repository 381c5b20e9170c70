"""The kinds of panel the dashboards are made of. Every one says what it means, its unit, and what emptiness means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana.sdk import Builder, common, common_models, dashboard, models, prometheus, prometheus_models
from grafana.sdk import stat as stat_panel
from grafana.sdk import statetimeline as state_panel
from grafana.sdk import table as table_panel
from grafana.sdk import timeseries as lines_panel

DATASOURCE: Final = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")

GREEN: Final = "green"
BLUE: Final = "blue"
YELLOW: Final = "yellow"
ORANGE: Final = "orange"
RED: Final = "red"
PURPLE: Final = "purple"
PALE_BLUE: Final = "light-blue"

SLOW_SCRAPE: Final = "15s"
"""Minimum step for the series of Prometheus and Alertmanager themselves, which are scraped every 15 s: without it
`$__rate_interval` would be shorter than two of their scrapes, and the panel empty."""
RARE: Final = "1m"
"""Minimum step for what happens about once a minute: its rates then look back four minutes, and see something."""

Limits = Sequence[tuple[float, str]]
"""From this value on, this colour; below the first it is green."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One question to Prometheus. `step` is its smallest step where the data source's own is too short."""

    expr: str
    legend: str = "__auto"
    step: str | None = None


@dataclass(frozen=True, kw_only=True)
class Face:
    """What every panel has. `id` is part of links to the panel: it never changes and is never used again.

    `meaning` says what the figure means for a wedding and what to do. `empty` stands there instead of data.
    """

    id: int
    title: str
    meaning: str
    unit: str
    empty: str
    width: int
    height: int = 8
    limits: Limits = ()
    below: str = GREEN


def stat(
    face: Face,
    *queries: Query,
    texts: Mapping[float, tuple[str, str]] | None = None,
    limits_of: Mapping[str, Limits] | None = None,
) -> Builder[models.Panel]:
    """Return the newest value of each query in large letters.

    `texts` gives words and a colour to single values, `limits_of` other limits to the series of a legend.
    """
    panel = stat_panel.Panel()
    _dress(panel, face, queries, instant=True)
    shown = common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
    panel.reduce_options(shown).graph_mode(common_models.BigValueGraphMode.NONE)
    panel.color_mode(common_models.BigValueColorMode.BACKGROUND)
    text_mode = common_models.BigValueTextMode
    panel.text_mode(text_mode.VALUE_AND_NAME if _named(queries) else text_mode.VALUE)
    if texts:
        panel.mappings([_in_words(texts)])
    for legend, limits in (limits_of or {}).items():
        steps = _steps(limits, GREEN)
        panel.override_by_name(legend, [_value("thresholds", {"mode": "absolute", "steps": steps})])
    return panel


def lines(
    face: Face, *queries: Query, limit_series: str | None = None, stacked: bool = False, ratio_of_good: bool = False
) -> Builder[models.Panel]:
    """Return curves over time.

    `limit_series` is a pattern of legends: those curves are limits, drawn dashed and dark red. Fixed `limits` of the
    face are drawn as lines. `ratio_of_good` is for curves that should be at 1: the axis shows the last tenth, and more
    only when they fall below.
    """
    panel = lines_panel.Panel()
    _dress(panel, face, queries, instant=False)
    panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    panel.line_width(1).fill_opacity(20 if stacked else 0).show_points(common_models.VisibilityMode.NEVER)
    if ratio_of_good:
        panel.axis_soft_min(0.9).max(1)
    else:
        panel.min(0)
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if face.limits:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED))
    legend = common.VizLegendOptions().show_legend(True).calcs(["lastNotNull", "min" if ratio_of_good else "max"])
    panel.legend(
        legend.display_mode(common_models.LegendDisplayMode.TABLE).placement(common_models.LegendPlacement.BOTTOM)
    )
    panel.tooltip(
        common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI).sort(common_models.SortOrder.DESCENDING)
    )
    if limit_series:
        panel.override_by_regexp(
            f"/{limit_series}/",
            [
                _value("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
                _value("color", {"mode": "fixed", "fixedColor": "dark-red"}),
            ],
        )
    return panel


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table, under the name it is shown with. `field` is what the data call it."""

    field: str
    name: str
    unit: str | None = None
    limits: Limits = ()
    below: str = "transparent"
    texts: Mapping[Any, tuple[str, str]] | None = None
    link: tuple[str, str] | None = None


def table(
    face: Face, queries: Sequence[Query], columns: Sequence[Column], sort_by: str, *, descending: bool = True
) -> Builder[models.Panel]:
    """Return a table of now: the answers of all queries side by side, a row for each set of labels they share.

    The value of the query with letter A is the field `Value #A`, or `Value` where there is only one query.
    """
    panel = table_panel.Panel()
    _dress(panel, face, queries, instant=True, as_table=True)
    panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    fields = ["Time", *(f"Value #{letter}" for letter in _letters(queries))] if len(queries) > 1 else ["Time", "Value"]
    shown = {column.field: column.name for column in columns}
    arrangement = {
        "excludeByName": {field: True for field in fields if field not in shown},
        "indexByName": {field: index for index, field in enumerate(shown)},
        "renameByName": shown,
    }
    panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=arrangement))
    panel.sort_by([common.TableSortByFieldState().display_name(sort_by).desc(descending)])
    for column in columns:
        properties = _column_properties(column)
        if properties:
            panel.override_by_name(column.name, properties)
    return panel


def states(face: Face, *queries: Query, texts: Mapping[float, tuple[str, str]]) -> Builder[models.Panel]:
    """Return a bar over time for each series, in the words and colours of its values."""
    panel = state_panel.Panel()
    _dress(panel, face, queries, instant=False)
    panel.mappings([_in_words(texts)]).merge_values(True).show_value(common_models.VisibilityMode.NEVER)
    panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
    )
    return panel


def _dress(panel: Any, face: Face, queries: Sequence[Query], *, instant: bool, as_table: bool = False) -> None:
    panel.id(face.id).title(face.title).description(face.meaning).unit(face.unit).no_value(face.empty)
    panel.datasource(DATASOURCE).span(face.width).height(face.height)
    panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    thresholds = dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE)
    panel.thresholds(thresholds.steps(_steps(face.limits, face.below)))
    for letter, query in zip(_letters(queries), queries, strict=True):
        panel.with_target(_target(letter, query, instant=instant, as_table=as_table))


def _target(letter: str, query: Query, *, instant: bool, as_table: bool) -> Builder[Any]:
    form = prometheus_models.PromQueryFormat.TABLE if as_table else prometheus_models.PromQueryFormat.TIME_SERIES
    target = prometheus.Dataquery().ref_id(letter).expr(query.expr).legend_format(query.legend).format(form)
    target.datasource(DATASOURCE).editor_mode(prometheus_models.QueryEditorMode.CODE)
    target = target.instant() if instant else target.range()
    return target.interval(query.step) if query.step else target


def _letters(queries: Sequence[Query]) -> str:
    return "ABCDEFGHIJ"[: len(queries)]


def _named(queries: Sequence[Query]) -> bool:
    return any(query.legend != "__auto" for query in queries)


def _steps(limits: Limits, below: str) -> list[models.Threshold]:
    above = [models.Threshold(value=value, color=color) for value, color in limits]
    return [models.Threshold(value=None, color=below), *above]


def _in_words(texts: Mapping[Any, tuple[str, str]]) -> models.ValueMap:
    words = {
        str(value): models.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(texts.items())
    }
    return models.ValueMap(options=words)


def _column_properties(column: Column) -> list[models.DynamicConfigValue]:
    properties = []
    if column.unit:
        properties.append(_value("unit", column.unit))
    if column.limits:
        steps = _steps(column.limits, column.below)
        properties.append(_value("thresholds", {"mode": "absolute", "steps": steps}))
    if column.texts:
        properties.append(_value("mappings", [_in_words(column.texts)]))
    if column.limits or column.texts:
        properties.append(_value("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
    if column.link:
        title, url = column.link
        properties.append(_value("links", [models.DashboardLink(title=title, url=url, target_blank=True)]))
    return properties


def _value(name: str, value: Any) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val=name, value=value)
