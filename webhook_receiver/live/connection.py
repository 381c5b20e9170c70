"""One listener's WebSocket on the hub's loop: bounded in what it may leave unread and how fast it may ask."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from wedsync_core.web.auth import Principal

LARGEST_BACKLOG = 1024 * 1024
"""Bytes that wait for a slow listener before it is dropped."""
PAST_AHEAD = LARGEST_BACKLOG // 4
"""Bytes of the past that are handed over before the listener has to read: only what is new may not wait."""
LARGEST_WISH = 16 * 1024
MOST_WISHES = 20
WISHES_WITHIN = 10.0
PING_SECONDS = 20.0
LONGEST = timedelta(hours=12)
"""Then the client comes with a new ticket, and its role is looked at anew."""
NORMAL, GOING_AWAY, POLICY = 1000, 1001, 1008


class Hub(Protocol):
    """What a connection reports to."""

    def joined(self, connection: Connection) -> None:
        """Take the connection in."""

    def heard(self, connection: Connection, text: str) -> None:
        """Act on a message of the listener."""

    def left(self, connection: Connection, reason: str) -> None:
        """Forget the connection."""


class Connection(asyncio.Protocol):
    """A listener. Everything here runs on the hub's loop."""

    def __init__(self, protocol: ServerProtocol, principal: Principal, hub: Hub) -> None:
        self.principal = principal
        self.channels: set[str] = set()
        self.held: list[bytes] | None = None
        """What came while the past is still being read; None: nothing is."""
        self._protocol = protocol
        self._hub = hub
        self._transport: asyncio.Transport | None = None
        self._wishes: deque[float] = deque(maxlen=MOST_WISHES)
        self._reason = "client"
        self._waiting_for_pong = False
        self._timers: list[asyncio.TimerHandle] = []
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer the handshake and begin to ping."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- narrows the type: a socket's always is
        self._transport = transport
        transport.set_write_buffer_limits(high=PAST_AHEAD)
        self._flush()
        self._later(PING_SECONDS, self._ping)
        self._later(LONGEST.total_seconds(), lambda: self.close(GOING_AWAY, "expired"))
        self._hub.joined(self)

    def data_received(self, data: bytes) -> None:
        """Read frames; pings are answered, pongs noted, texts heard."""
        self._protocol.receive_data(data)
        self._flush()
        for frame in self._protocol.events_received():
            if not isinstance(frame, Frame):
                continue
            if frame.opcode is Opcode.PONG:
                self._waiting_for_pong = False
            elif frame.opcode is Opcode.TEXT and frame.fin:
                self._wish(bytes(frame.data))
            elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                self.close(POLICY, "protocol")
        if self._protocol.close_expected():
            self._leave("client" if self._protocol.parser_exc is None else "protocol")

    def eof_received(self) -> bool:
        """End with the listener."""
        self._protocol.receive_eof()
        self._flush()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the hub, once."""
        del error
        for timer in self._timers:
            timer.cancel()
        self._room.set()
        self._hub.left(self, self._reason)

    def pause_writing(self) -> None:
        """Note that the listener has fallen behind."""
        self._room.clear()

    def resume_writing(self) -> None:
        """Note that it has caught up."""
        self._room.set()

    async def room(self) -> None:
        """Wait until the listener has read most of what it was told; or has gone."""
        await self._room.wait()

    def tell(self, frame: bytes) -> None:
        """Hand a ready frame over; a listener that has fallen too far behind is dropped instead."""
        if self._transport is None or self._protocol.state is not State.OPEN:
            return
        if self.held is not None:
            self.held.append(frame)
            waiting = sum(map(len, self.held))
        else:
            self._transport.write(frame)
            waiting = self._transport.get_write_buffer_size()
        if waiting > LARGEST_BACKLOG:
            self._reason = "slow"
            self._transport.abort()

    def tell_past(self, frame: bytes) -> None:
        """Hand over a frame of what was missed, before all that is held back."""
        if self._transport is not None and self._protocol.state is State.OPEN:
            self._transport.write(frame)

    def release(self) -> None:
        """Hand over what was held back while the past was told."""
        held, self.held = self.held or [], None
        for frame in held:
            self.tell(frame)

    def close(self, code: int, reason: str) -> None:
        """End the connection with a close frame."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
        self._flush()
        self._leave(reason)

    def _leave(self, reason: str) -> None:
        if self._reason == "client":
            self._reason = reason
        if self._transport is not None:
            self._transport.close()

    def _wish(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._wishes) == MOST_WISHES and now - self._wishes[0] < WISHES_WITHIN:
            self.close(POLICY, "too_many_messages")
            return
        self._wishes.append(now)
        self._hub.heard(self, data.decode("utf-8", "replace"))

    def _ping(self) -> None:
        if self._waiting_for_pong:
            self._reason = "silent"
            if self._transport is not None:
                self._transport.abort()
            return
        self._waiting_for_pong = True
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
        self._flush()
        self._later(PING_SECONDS, self._ping)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._timers = [timer for timer in self._timers if timer.when() > asyncio.get_running_loop().time()]
        self._timers.append(asyncio.get_running_loop().call_later(seconds, act))

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._transport is None:
                return
            if data:
                self._transport.write(data)
            else:
                self._transport.close()


def frame_of(text: str) -> bytes:
    """Return a text as a server's frame: built once, written to every listener."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
