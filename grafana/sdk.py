"""The one door to Grafana's Foundation SDK.

Its classes for the dashboards of today (schema 42) warn, at import, that version 2 is preferred. Files of version 2 are
still moving; the warning is known and silenced here, and nowhere else.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models import common as common_models
    from grafana_foundation_sdk.models import dashboard as models
    from grafana_foundation_sdk.models import prometheus as prometheus_models
    from grafana_foundation_sdk.models import units

__all__ = [
    "Builder",
    "JSONEncoder",
    "common",
    "common_models",
    "dashboard",
    "models",
    "prometheus",
    "prometheus_models",
    "register_default_plugins",
    "stat",
    "statetimeline",
    "table",
    "timeseries",
    "units",
]
