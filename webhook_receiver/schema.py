"""The tables of the incident database. Migrations in ``migrations/`` build exactly this; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from wedsync_core.storage import UtcDateTime

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only numbers rows by itself when the key is its own INTEGER.
_KEY = BigInteger().with_variant(Integer, "sqlite")

INBOX = Table(
    "inbox",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("received_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),  # pending, done, quarantined
    Column("body", LargeBinary, nullable=False),
    Column("problem", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Index("ix_inbox_state_received_at", "state", "received_at"),
)
"""Every message from Alertmanager as it came, kept before anything looks at it."""

QUARANTINE = Table(
    "quarantined_alerts",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("inbox_id", ForeignKey("inbox.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    Column("quarantined_at", UtcDateTime, nullable=False),
    UniqueConstraint("inbox_id", "position"),
)
"""Single alerts that could not be understood; their message's other alerts were processed."""

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("status", String(16), nullable=False),  # open, investigating, in_progress, resolved
    Column("severity", String(16), nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("wedding_impact", String(16), nullable=False),
    Column("wedding_impact_rank", Integer, nullable=False),
    Column("service", String(200), nullable=False),
    Column("type", String(200), nullable=False),
    Column("affects", JSON, nullable=False),
    Column("regions", JSON, nullable=False),
    Column("auto_created", Boolean, nullable=False),
    Column("decision", JSON, nullable=False),
    Column("context", JSON, nullable=False),
    Column("escalation_policy", String(64), nullable=False),
    Column("policy", JSON, nullable=False),  # the policy as it was when the incident opened
    Column("current_escalation_level", Integer, nullable=False),
    Column("escalation_cycle", Integer, nullable=False),
    Column("next_escalation_at", UtcDateTime),
    Column("escalated_at", UtcDateTime),
    Column("escalated_by", String(200)),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", String(200)),
    Column("acknowledgement_expires_at", UtcDateTime),
    Column("assigned_to", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", String(200)),
    Column("dedup_key", String(200)),  # of the receiver's own findings: one open incident each
    Column("missed", Boolean, nullable=False, server_default=false()),  # lived and died while we were away
    Column("merged_into", BigInteger),
    Column("correlation", JSON(none_as_null=True)),  # why its alerts are one incident
    Column("alerts", Integer, nullable=False, server_default="0"),  # how many it took in; bounded
    Column("suppressed_by", JSON(none_as_null=True)),  # what keeps people asleep: a window, a rule, Alertmanager
    Column("next_judgement_at", UtcDateTime),  # when the calendar of an affected region changes
    Column("resolution_held_at", UtcDateTime),  # a clearing that is not believed yet
    Index("ix_incidents_status", "status"),
    Index("ix_incidents_next_judgement_at", "next_judgement_at"),
    Index("ix_incidents_resolved_at", "resolved_at"),
    Index(
        "uq_incidents_dedup_key_active",
        "dedup_key",
        unique=True,
        sqlite_where=text("status <> 'resolved'"),
        postgresql_where=text("status <> 'resolved'"),
    ),
    Index("ix_incidents_next_escalation_at", "next_escalation_at"),
    Index("ix_incidents_acknowledgement_expires_at", "acknowledgement_expires_at"),
)

INCIDENT_SERVICES = Table(
    "incident_services",
    METADATA,
    Column("incident_id", ForeignKey("incidents.id"), primary_key=True),
    Column("service", String(200), primary_key=True),
    Column("third_party", Boolean, nullable=False),
    Column("facts", JSON, nullable=False),  # workflows, regions (null: anywhere), types, sources
    Column("last_alert_at", UtcDateTime),  # of the whole incident; null once nothing may join it by itself
    Index("ix_incident_services_service_last_alert_at", "service", "last_alert_at"),
)
"""What each incident is about, by service: where an alert looks for the incident it belongs to."""

EPISODES = Table(
    "alert_episodes",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # firing, resolved
    Column("incident_id", ForeignKey("incidents.id"), nullable=True),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),
    Column("generator_url", Text, nullable=False),
    Column("group_key", Text, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("sightings", Integer, nullable=False),
    Column("starts_seen", JSON, nullable=False, server_default="[]"),
    Column("reopened", Integer, nullable=False, server_default="0"),
    Column("confirm_by", UtcDateTime),  # a firing that may be a peer's old news: opened when confirmed, or then
    Column("resolve_held_at", UtcDateTime),  # a clearing that is not believed yet
    Column("resolved_at", UtcDateTime),
    Column("resolution", String(40)),  # told, reconciled, missed, old_news
    Column("upstream", String(16), nullable=False, server_default="active"),  # or silenced, inhibited, muted, absent
    Column("upstream_detail", JSON(none_as_null=True)),
    Column("absent_since", UtcDateTime),
    Column("correlation", JSON(none_as_null=True)),
    Index("ix_alert_episodes_fingerprint_id", "fingerprint", "id"),
    Index(
        "uq_alert_episodes_firing",
        "fingerprint",
        unique=True,
        sqlite_where=text("state = 'firing'"),
        postgresql_where=text("state = 'firing'"),
    ),
    Index("ix_alert_episodes_incident_id", "incident_id"),
)
"""One life of one alert: from firing to resolved. The database itself allows one open episode per fingerprint."""

EVENTS = Table(
    "incident_events",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_incident_events_incident_id_id", "incident_id", "id"),
)

NOTIFICATIONS = Table(
    "notifications",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("idempotency_key", String(200), nullable=False, unique=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("person", String(64), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("address", Text),
    Column("message", JSON, nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # queued, sending, sent, failed, cancelled
    Column("attempts", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("last_error", Text),
    Column("purpose", String(16), nullable=False, server_default="page"),  # or update, raised, late
    Column("chain", String(200), nullable=False, server_default=""),  # one person told of one step, by all their ways
    Column("position", Integer, nullable=False, server_default="0"),
    Column("bundle", String(200)),  # the key of the message it went out in, alone or with others
    Column("wanted_at", UtcDateTime),  # when it was first to go: what its delay is counted from
    Column("hold", String(16)),  # why it is not due yet: quiet_hours, step, limit, retry
    Column("maybe_sent", Boolean, nullable=False, server_default=false()),  # a call whose outcome nobody knows
    Index("ix_notifications_state_due_at", "state", "due_at"),
    Index("ix_notifications_chain", "chain"),
    Index("ix_notifications_created_at", "created_at"),
    Index("ix_notifications_bundle", "bundle"),
    Index("ix_notifications_person_channel_state", "person", "channel", "state"),
    Index("ix_notifications_fence", "fence"),
    Index("ix_notifications_incident_id", "incident_id"),
)
"""The outbox. A row leaves ``queued`` or ``sending`` only by a recorded outcome."""

ANSWERS = Table(
    "idempotent_answers",
    METADATA,
    Column("operation", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("answer", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_idempotent_answers_created_at", "created_at"),
)
"""What was answered to a write that carried an Idempotency-Key."""

SIGHTINGS = Table(
    "watchdog_sightings",
    METADATA,
    Column("source", String(200), primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
)
"""When each always-firing alert was last seen."""

ATTEMPTS = Table(
    "delivery_attempts",
    METADATA,
    Column("id", _KEY, primary_key=True),  # the fence of the pages it carries
    Column("message_key", String(200), nullable=False),  # a page's own key, or its bundle's
    Column("person", String(64), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("outcome", String(16), nullable=False),  # sending, sent, failed, refused, unknown
    Column("replica", Integer, nullable=False, server_default="0"),  # who makes it, while it lives
    Column("problem", Text),
    Index("ix_delivery_attempts_message_key", "message_key"),
    Index("ix_delivery_attempts_started_at", "started_at"),
    Index("ix_delivery_attempts_person_channel_started_at", "person", "channel", "started_at"),
)
"""Each call of a provider, begun before it is made: one message, of one page or of several."""

ACKNOWLEDGEMENTS = Table(
    "acknowledgements",
    METADATA,
    Column("incident_id", ForeignKey("incidents.id"), primary_key=True),
    Column("cycle", Integer, primary_key=True),
    Column("person", String(200), primary_key=True),
    Column("acknowledged_at", UtcDateTime, nullable=False),
    Column("note", Text, nullable=False),
)
"""Who has taken an incident; a policy may want several people."""

USED_LINKS = Table(
    "used_links",
    METADATA,
    Column("link_id", String(64), primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("person", String(64), nullable=False),
    Column("used_at", UtcDateTime, nullable=False),
    Index("ix_used_links_incident_id", "incident_id"),
)
"""Acknowledge links that have been used: each works once."""

OVERRIDES = Table(
    "oncall_overrides",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("schedule", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    Column("replaces", String(64)),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("cancelled_at", UtcDateTime),
    Index("ix_oncall_overrides_schedule_ends_at", "schedule", "ends_at"),
)
"""Who stands in for whom; the base is written in ``wedsync.yml``."""

MAINTENANCE = Table(
    "maintenance_windows",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("match", JSON, nullable=False),
    Column("up_to", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("cancelled_at", UtcDateTime),
    Index("ix_maintenance_windows_ends_at", "ends_at"),
)
"""Times in which matching incidents are recorded and wake nobody."""

RULINGS = Table(
    "correlation_rulings",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("left", String(64), nullable=False),
    Column("right", String(64), nullable=False),
    Column("verdict", String(16), nullable=False),  # together, apart
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(200), nullable=False),
    UniqueConstraint("left", "right"),
    Index("ix_correlation_rulings_right", "right"),
)
"""What people decided by merging and splitting: pairs of fingerprints, the smaller first. It lasts."""

ENGINE = Table(
    "engine_state",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
"""Facts that all replicas share: the engine's version, the clock, how far reconciliation came."""

LEASES = Table(
    "duty_leases",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)
"""Duties that one replica at a time does for all."""

LIVE_TICKETS = Table(
    "live_tickets",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index("ix_live_tickets_expires_at", "expires_at"),
)
"""Tickets for the WebSocket that nobody has used yet, by their digests."""

RUNBOOK_RUNS = Table(
    "runbook_runs",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("runbook", String(64), nullable=False),
    Column("definition", JSON, nullable=False),  # the runbook as it was when the run was asked for
    Column("incident_id", ForeignKey("incidents.id")),
    Column("requested_by", String(200), nullable=False),
    Column("start_key", String(200), unique=True),  # of what starts by itself: once an incident, runbook and target
    Column("target", String(64), nullable=False),  # digest of the parameters
    Column("parameters", JSON, nullable=False),
    Column("regions", JSON, nullable=False),
    Column("alerts", JSON, nullable=False),  # fingerprints that are to clear
    Column("plan", JSON, nullable=False),
    Column("plan_digest", String(64), nullable=False),
    Column("plan_seen", String(64)),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("gates", JSON, nullable=False),  # what each said, each time they were asked
    Column("next_step", Integer, nullable=False),
    Column("due_at", UtcDateTime),  # when it is looked at again
    Column("deadline_at", UtcDateTime),  # of the approval, the question, the wait or the verification it is in
    Column("clear_since", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("fence", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Index("ix_runbook_runs_state_due_at", "state", "due_at"),
    Index("ix_runbook_runs_runbook_started_at", "runbook", "started_at"),
    Index("ix_runbook_runs_incident_id", "incident_id"),
    Index("ix_runbook_runs_finished_at", "finished_at"),
)
"""Each run of a runbook, dry ones and refused ones too."""

RUNBOOK_STEPS = Table(
    "runbook_steps",
    METADATA,
    Column("run_id", ForeignKey("runbook_runs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(16), nullable=False),  # begun, done, failed, not_needed, asked
    Column("reason", Text, nullable=False),
    Column("output", Text, nullable=False),
    Column("result", JSON, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
)
"""Each step taken, written before it is taken: what is begun and has no end was perhaps done."""

RUNBOOK_APPROVALS = Table(
    "runbook_approvals",
    METADATA,
    Column("run_id", ForeignKey("runbook_runs.id"), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("plan_digest", String(64), nullable=False),
    Column("note", Text, nullable=False),
    Column("approved_at", UtcDateTime, nullable=False),
)

RUNBOOK_LOOKS = Table(
    "runbook_looks",
    METADATA,
    Column("incident_id", ForeignKey("incidents.id"), primary_key=True),
    Column("alerts", Integer, nullable=False),
    Column("cycle", Integer, nullable=False),
)
"""How much of each incident was compared with the runbooks."""
