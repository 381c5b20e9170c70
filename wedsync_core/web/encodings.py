"""Reads bodies that came compressed. What they inflate to is bounded while it streams, never afterwards."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import brotli
from flask import Request

from wedsync_core.problems import Malformed, Problem, TooLarge

HEAD = 64 * 1024
"""Bytes that are kept of a body that is too large."""
_PIECE = 64 * 1024
_DRAINED = 64 * 1024 * 1024
"""A client that is cut off in mid-sentence never sees the answer; one that sends more than this need not."""
_GZIP_WINDOW, _RAW_WINDOW = 31, -15


class UnsupportedEncoding(Problem):
    """A Content-Encoding that is not taken."""

    status, title = 415, "Unsupported encoding"


class Oversize(TooLarge):
    """More bytes than the route takes, on the wire (`inflated` false) or after inflating. `head` is the beginning."""

    def __init__(self, limit: int, head: bytes, *, inflated: bool) -> None:
        what = "inflates to more than" if inflated else "is larger than"
        super().__init__(f"the body {what} {limit} bytes, which this route takes at most")
        self.limit, self.head, self.inflated = limit, head, inflated


class _Inflater(Protocol):
    """Streams: gives at most so many bytes for a piece, and tells when it has more."""

    def feed(self, piece: bytes, room: int) -> bytes:
        """Return up to ``room`` bytes more."""

    def pending(self) -> bool:
        """Tell whether there is more to be had without another piece."""

    def finished(self) -> bool:
        """Tell whether the stream came to its end."""


def read_inflated(request: Request, *, wire: int, inflated: int) -> bytes:
    """Return the body, inflated by its Content-Encoding (gzip, br, deflate, identity).

    Raises Oversize past ``wire`` bytes as sent or ``inflated`` bytes after, Malformed for a broken stream, and
    UnsupportedEncoding.
    """
    name = request.headers.get("Content-Encoding", "").strip().lower()
    make = _INFLATERS.get(name)
    if make is None:
        raise UnsupportedEncoding(
            f"Content-Encoding {name[:40]!r} is not taken; gzip, br and deflate are",
            headers={"Accept-Encoding": "gzip, br, deflate"},
        )
    request.max_content_length = None
    pieces = _wire_pieces(request, wire)
    if name in ("", "identity"):
        return b"".join(_plain(pieces, inflated))
    kept = bytearray()
    inflater = make()
    try:
        for piece in pieces:
            kept += inflater.feed(piece, inflated + 1 - len(kept))
            while inflater.pending() and len(kept) <= inflated:
                kept += inflater.feed(b"", inflated + 1 - len(kept))
            if len(kept) > inflated:
                for _ in pieces:  # what is left on the wire is read and not inflated
                    pass
                raise Oversize(inflated, bytes(kept[:HEAD]), inflated=True)
    except (zlib.error, brotli.error) as error:
        raise Malformed(f"the body is not {name} as its Content-Encoding says") from error
    if not inflater.finished():
        raise Malformed(f"the body ends in the middle of its {name} stream")
    return bytes(kept)


def _wire_pieces(request: Request, limit: int) -> Iterator[bytes]:
    size = 0
    head = b""
    while piece := request.stream.read(_PIECE):
        size += len(piece)
        if size > limit:
            while size < _DRAINED and (more := request.stream.read(_PIECE)):
                size += len(more)
            raise Oversize(limit, head, inflated=False)
        head = head or piece[:HEAD]
        yield piece


def _plain(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    head = b""
    for piece in pieces:
        size += len(piece)
        head = head or piece[:HEAD]
        if size > limit:
            for _ in pieces:
                pass
            raise Oversize(limit, head, inflated=False)
        yield piece


class _Zlib:
    """gzip, of one member or several, and deflate, with its two bytes of header or without them."""

    def __init__(self, window: int | None) -> None:
        self._window = window
        self._stream = zlib.decompressobj(window) if window is not None else None
        self._left = b""

    def feed(self, piece: bytes, room: int) -> bytes:
        piece = self._left + piece
        if self._stream is None:
            if len(piece) < 2:
                self._left = piece
                return b""
            # RFC 1950: method 8, and both bytes together a multiple of 31. Without that it is a bare deflate stream.
            wrapped = piece[0] & 15 == 8 and (piece[0] << 8 | piece[1]) % 31 == 0
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if wrapped else _RAW_WINDOW)
        given = self._stream.decompress(piece, room)
        self._left = self._stream.unconsumed_tail
        if self._stream.eof and self._stream.unused_data and self._window == _GZIP_WINDOW:
            self._left = self._stream.unused_data
            self._stream = zlib.decompressobj(_GZIP_WINDOW)
        return given

    def pending(self) -> bool:
        return bool(self._left) and self._stream is not None and not self._stream.eof

    def finished(self) -> bool:
        return self._stream is not None and self._stream.eof


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._blocked = False

    def feed(self, piece: bytes, room: int) -> bytes:
        given: bytes = self._stream.process(piece, output_buffer_limit=room)
        self._blocked = not self._stream.can_accept_more_data()
        return given

    def pending(self) -> bool:
        return self._blocked and not self._stream.is_finished()

    def finished(self) -> bool:
        return bool(self._stream.is_finished())


_INFLATERS: dict[str, Callable[[], _Inflater]] = {
    "": lambda: _Zlib(None),
    "identity": lambda: _Zlib(None),
    "gzip": lambda: _Zlib(_GZIP_WINDOW),
    "x-gzip": lambda: _Zlib(_GZIP_WINDOW),
    "deflate": lambda: _Zlib(None),
    "br": _Brotli,
}
