"""The direct alarm: a critical error reaches Alertmanager without waiting for a scrape, and is kept alive by rows.

`contract` is what the judging rooms hand over, `decision` every choice, `store` the durable queue, `alertmanager` the
wire, `poster` the loop, `metrics` the series.
"""
