"""The engine as one thing: what time it is, whether this replica may work, and which duties are its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from webhook_receiver.engine import store, timekeeping, version
from webhook_receiver.engine.clock import EngineClock
from webhook_receiver.engine.lease import DutyLeases, Leases, SoleProcess
from webhook_receiver.engine.metrics import EngineMetrics
from webhook_receiver.engine.precedence import Precedence
from webhook_receiver.engine.presence import Presence
from webhook_receiver.engine.timekeeping import Timekeeping
from webhook_receiver.engine.version import EngineVersion
from wedsync_core.clock import Clock, SystemClock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database


class Engine:
    """What the loop asks before it works. Built on a database whose schema is up to date; raises Unavailable.

    ``reference`` replaces, in tests, the clock that the engine follows; the machine's life is then nobody's business.
    """

    def __init__(
        self, database: Database, registry: CollectorRegistry, machine: Clock, reference: Clock | None = None
    ) -> None:
        self._database = database
        metrics = EngineMetrics(registry)
        boot = None
        if reference is not None:
            self.clock = EngineClock(machine, reference.now)
        elif database.is_sqlite:
            self.clock = EngineClock(machine, machine.now)
            boot = timekeeping.machine_life()
        else:
            self.clock = EngineClock(machine, lambda: store.database_now(database))
        # By the machine, like the processor it shares out: in virtual time nobody would ever have waited long enough.
        self.precedence = Precedence(SystemClock())
        self.timekeeping = Timekeeping(database=database, clock=self.clock, metrics=metrics, boot=boot)
        self.version = EngineVersion(database=database, clock=self.clock, metrics=metrics)
        self._leases: DutyLeases = (
            SoleProcess() if database.is_sqlite else Leases(database=database, clock=self.clock, metrics=metrics)
        )
        self.presence = Presence(database=database, clock=self.clock, metrics=metrics)
        self.timekeeping.begin()
        self.version.begin()
        if not self.version.superseded:
            self.presence.begin()

    def may_work(self) -> bool:
        """Look at what the other replicas say, before a turn of the loop; returns False when this one stands down."""
        if not self._database.is_sqlite:
            try:
                self._listen()
            except Unavailable:
                # The duties find out for themselves, and one of them may page without a database.
                return not self.version.superseded
        return not self.version.superseded

    def mine(self, duty: str) -> bool:
        """Return whether this replica does the duty for all. Raises Unavailable."""
        return self._leases.mine(duty)

    def check(self) -> None:
        """Raise Unavailable when this replica stands down."""
        self.version.check()

    def end(self) -> None:
        """Say goodbye: what this replica did alone, the next one may do at once."""
        self.timekeeping.end()
        self._leases.release()
        self.presence.end()

    def _listen(self) -> None:
        with self._database.read() as transaction:
            said = store.states(transaction, timekeeping.NAME, version.NAME)
        if version.NAME in said:
            self.version.learn(said[version.NAME])
        if timekeeping.NAME in said:
            self.timekeeping.follow(said[timekeeping.NAME]["shifted"])
        self._leases.renew()
