"""The check that notices a photo which was acknowledged and is gone: soon after each upload, and on reading it back."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Sequence

from demo.service.ground import Ground
from exporters.instrumentation import Instrumentation

AT_ONCE = 200
"""Photos read in one check; bounds its memory to about this many uploads."""


class UploadsLost(RuntimeError):
    """Photos that users were told are safe have no bytes, or others than they sent."""


class Integrity:
    """Compares stored bytes with the checksum taken when they were acknowledged."""

    def __init__(self, ground: Ground, instrumentation: Instrumentation) -> None:
        self._ground = ground
        self._instrumentation = instrumentation

    def check(self) -> int:
        """Verify new photos, and that the older ones are still there; returns how many are lost. Raises sqlite3.Error.

        The whole content of a photo is compared once, and again whenever it is read.
        """
        with self._ground.database.transaction("photo_upload", None) as rows:
            suspect = rows.execute(
                "SELECT p.*, b.content FROM photos p LEFT JOIN photo_bytes b ON b.photo = p.id"
                " WHERE p.lost_at IS NULL AND (p.verified_at IS NULL OR b.photo IS NULL)"
                " ORDER BY p.uploaded_at LIMIT ?",
                (AT_ONCE,),
            ).fetchall()
            sound = [(self._ground.now(), photo["id"]) for photo in suspect if self.sound(photo)]
            rows.executemany("UPDATE photos SET verified_at = ? WHERE id = ?", sound)
        return self.notice([photo for photo in suspect if not self.sound(photo)])

    @staticmethod
    def sound(photo: sqlite3.Row) -> bool:
        """Whether the stored bytes are those acknowledged."""
        content = photo["content"]
        return content is not None and hashlib.sha256(content).hexdigest() == photo["checksum"]

    def notice(self, photos: Sequence[sqlite3.Row]) -> int:
        """Mark photos as lost, count and report each once; returns how many were not known as lost before."""
        noticed: Counter[str] = Counter()
        for photo in photos:
            with self._ground.database.transaction("photo_upload", None) as rows:
                marked = rows.execute(
                    "UPDATE photos SET lost_at = ? WHERE id = ? AND lost_at IS NULL", (self._ground.now(), photo["id"])
                ).rowcount
            noticed[photo["region"]] += marked
        for region, lost in noticed.items():
            if lost:
                self._instrumentation.lost("photo_upload", lost, region=region)
                self._instrumentation.report(
                    UploadsLost(f"{lost} acknowledged photos are gone"),
                    kind="data_loss",
                    affects=["photo_upload"],
                    region=region,
                )
        return noticed.total()
