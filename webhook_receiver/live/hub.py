"""Who listens to what. One thread with one loop serves all listeners; nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from websockets.server import ServerProtocol

from webhook_receiver.live.connection import GOING_AWAY, Connection, frame_of
from webhook_receiver.live.contract import MOST_CHANNELS, Wish, read_wish
from webhook_receiver.live.message import Message
from webhook_receiver.live.metrics import LiveMetrics
from wedsync_core.clock import Clock
from wedsync_core.problems import FieldProblem, Invalid, Problem, Unavailable
from wedsync_core.telemetry.logs import get_log
from wedsync_core.web.auth import Principal, Role, require_role

LISTENERS = frozenset({Role.VIEWER})
"""Who may listen, looked at with every subscription."""
Past = Callable[[int, int], list[Message] | None]
"""Returns the messages after one number up to another, oldest first; None: they are too many. Raises Unavailable."""


class Hub:
    """The listeners. The methods that other threads may call are `serve`, `tell`, `show`, `wanted` and `stop`."""

    def __init__(self, *, past: Past, most: int, clock: Clock, metrics: LiveMetrics) -> None:
        self._past = past
        self._most = most
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("live")
        self._connections: set[Connection] = set()
        self._by_channel: dict[str, set[Connection]] = {}
        self._newest = 0
        self._shown: dict[str, Message] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.woken = threading.Event()
        """Set when somebody begins to listen."""

    def start(self) -> None:
        """Begin, in a thread of its own."""
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="live", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye to every listener and end."""
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._goodbye(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self._loop = None

    def full(self) -> bool:
        """Return whether another listener would be one too many."""
        return len(self._connections) >= self._most

    def serve(self, taken: socket.socket, protocol: ServerProtocol, principal: Principal) -> None:
        """Serve a connection whose handshake ``protocol`` has accepted; raises Unavailable when we are stopping."""
        loop = self._loop
        if loop is None:
            taken.close()
            raise Unavailable("the live view is not running")
        taken.setblocking(False)
        made = loop.connect_accepted_socket(lambda: Connection(protocol, principal, self), taken)
        asyncio.run_coroutine_threadsafe(made, loop)

    def wanted(self, kind: str) -> bool:
        """Return whether anybody listens to a channel of a kind: ``alerts``, ``metrics``, ``incidents``."""
        return any(name.startswith(kind + ":") for name in list(self._by_channel))

    def listened(self) -> bool:
        """Return whether anybody is there."""
        return bool(self._connections)

    def tell(self, messages: Iterable[Message], newest: int) -> None:
        """Tell listeners what is new; ``newest`` is the number all of it goes up to."""
        self._post(lambda: self._told(list(messages), newest))

    def show(self, updates: Mapping[str, Message]) -> None:
        """Tell listeners of recorded metrics that changed, and keep them for those who come later."""
        self._post(lambda: self._showed(dict(updates)))

    def joined(self, connection: Connection) -> None:
        """Take a connection in and greet it."""
        self._connections.add(connection)
        self._metrics.listeners.set(len(self._connections))
        self._answer(connection, "hello", {"role": connection.principal.role.value})
        self.woken.set()

    def left(self, connection: Connection, reason: str) -> None:
        """Forget a connection."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._close_channels(connection, set(connection.channels))
            self._metrics.listeners.set(len(self._connections))
            self._metrics.ended.labels(reason).inc()

    def heard(self, connection: Connection, text: str) -> None:
        """Do what a listener asks for, or say what is wrong with it."""
        try:
            wish = read_wish(text)
            if wish.subscribe:
                self._open(connection, wish)
            else:
                self._close_channels(connection, wish.channels)
                self._answer(connection, "unsubscribed", {"channels": sorted(wish.channels)})
        except Problem as problem:
            self._answer(connection, "error", problem.as_json())

    def _open(self, connection: Connection, wish: Wish) -> None:
        require_role(connection.principal, LISTENERS)
        if len(connection.channels | wish.channels) > MOST_CHANNELS:
            problem = f"a connection has {MOST_CHANNELS} channels at most"
            raise Invalid(f"channels: {problem}", FieldProblem("channels", problem))
        if wish.after is not None and connection.held is not None:
            problem = "what was missed before is still being told"
            raise Invalid(f"after: {problem}", FieldProblem("after", problem))
        connection.channels |= wish.channels
        for name in wish.channels:
            self._by_channel.setdefault(name, set()).add(connection)
        self._answer(connection, "subscribed", {"channels": sorted(wish.channels)})
        for message in self._shown.values():
            if message.channels & wish.channels:
                connection.tell(frame_of(message.text(self._clock.now())))
        if wish.after is not None:
            self._resume(connection, wish, wish.after)
        self.woken.set()

    def _resume(self, connection: Connection, wish: Wish, after: int) -> None:
        """Tell what was missed. What is new meanwhile waits, so that the order holds and nothing comes twice."""
        connection.held = []
        upto = self._newest
        task = asyncio.get_running_loop().create_task(self._tell_past(connection, wish.channels, after, upto))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_past(self, connection: Connection, channels: frozenset[str], after: int, upto: int) -> None:
        problem = ""
        try:
            past = await asyncio.get_running_loop().run_in_executor(None, self._past, after, upto)
        except Unavailable as error:
            past, problem = None, str(error)
        if past is None:
            # Nothing is claimed that cannot be kept: the client reads the present by the API.
            reason = problem or "more was missed than is told again"
            told = Message("resync", {"after": after, "reason": reason}, frozenset(), upto)
            connection.tell_past(frame_of(told.text(self._clock.now())))
        for message in past or ():
            if message.channels & channels:
                connection.tell_past(frame_of(message.text(self._clock.now())))
                await connection.room()
        connection.release()

    def _told(self, messages: list[Message], newest: int) -> None:
        self._newest = newest
        for message in messages:
            self._send(message)

    def _showed(self, updates: dict[str, Message]) -> None:
        for name in set(self._shown) - set(updates):
            del self._shown[name]
        for name, message in updates.items():
            before = self._shown.get(name)
            self._shown[name] = message
            if before is None or before.data != message.data:
                self._send(message)

    def _send(self, message: Message) -> None:
        listeners: set[Connection] = set()
        for name in message.channels:
            listeners |= self._by_channel.get(name, set())
        if not listeners:
            return
        frame = frame_of(message.text(self._clock.now()))
        for connection in listeners:
            if Role.VIEWER in connection.principal.role.includes:
                connection.tell(frame)
        self._metrics.messages.labels(message.kind).inc(len(listeners))

    def _answer(self, connection: Connection, kind: str, data: Mapping[str, Any]) -> None:
        connection.tell(frame_of(Message(kind, data, frozenset(), self._newest).text(self._clock.now())))

    def _close_channels(self, connection: Connection, names: Iterable[str]) -> None:
        for name in names:
            connection.channels.discard(name)
            listeners = self._by_channel.get(name)
            if listeners is not None:
                listeners.discard(connection)
                if not listeners:
                    del self._by_channel[name]

    def _post(self, act: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(act)

    async def _goodbye(self) -> None:
        for connection in list(self._connections):
            connection.close(GOING_AWAY, "stopped")
        await asyncio.sleep(0)
