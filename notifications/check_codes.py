"""The check-code of every message: by it anybody may ask whether a message is ours, and learns nothing else.

The code is drawn from the notice's id with a key that stands outside the database; the database keeps only a keyed hash
of it, by which a code is found. So a stolen copy of the database holds no code that a forged message could show.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from app.db import Database
from app.office_time import office_date
from app.ports import Platform, RateLimiter
from notifications.catalogue.fields import faults_of, platform_fields, subject_of
from notifications.catalogue.text import NoticeText
from notifications.catalogue.words import notice_for
from notifications.models import Notice

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Nothing in it looks like something else in it."""
LENGTH = 8
"""39 bits: of ten million messages a guess meets one in sixty-five thousand tries, and an address has few."""
HASH_BYTES = 16
TRIES, WINDOW_S = 30, 300
TYPED_MOST = 40


def plain(typed: str) -> str:
    """Blanks, hyphens, case and the full-width forms of an input method do not count."""
    return "".join(c for c in unicodedata.normalize("NFKC", typed).upper() if c.isascii() and c.isalnum())


class CheckCodes:
    def __init__(self, key: bytes) -> None:
        """``key``: 32 bytes kept for this use alone."""
        self._key = key

    def of(self, notice_id: UUID) -> str:
        drawn = int.from_bytes(hmac.digest(self._key, b"code|" + notice_id.bytes, "sha256"), "big")
        signs = []
        for _ in range(LENGTH):
            drawn, place = divmod(drawn, len(ALPHABET))
            signs.append(ALPHABET[place])
        return "".join(signs)

    def hash_of(self, code: str) -> bytes:
        """What the database finds a plain code by."""
        return hmac.digest(self._key, b"find|" + code.encode(), "sha256")[:HASH_BYTES]


class MessageWriter:
    """A notice as each platform gets it."""

    def __init__(self, school: str, codes: CheckCodes) -> None:
        self._school, self._codes = school, codes

    def hash_of(self, notice_id: UUID) -> bytes:
        return self._codes.hash_of(self._codes.of(notice_id))

    def fields(self, platform: Platform, text: NoticeText, notice_id: UUID, at: datetime) -> Mapping[str, str]:
        return platform_fields(platform, text, self._school, at, self._codes.of(notice_id))

    def faults(self, platform: Platform, text: NoticeText, notice_id: UUID, at: datetime) -> list[str]:
        """``key:fault`` of what the platform would refuse."""
        return faults_of(platform, self.fields(platform, text, notice_id, at))


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """A message of ours. ``about`` is what its kind is about; ``day`` is in Beijing time."""

    about: str
    day: date


class MessageChecks:
    def __init__(self, db: Database, codes: CheckCodes, limits: RateLimiter) -> None:
        self._db, self._codes, self._limits = db, codes, limits

    def ask(self, typed: str, address: str) -> OwnMessage | None:
        """None for a code of no message of ours. Right, wrong and malformed codes take the same way. Raises
        RateLimited.
        """
        self._limits.hit("message-check", address, limit=TRIES, window_s=WINDOW_S)
        sought = self._codes.hash_of(plain(typed[:TYPED_MOST]))
        with self._db.transaction() as session:
            row = session.scalar(select(Notice).where(Notice.check_hash == sought))
        text = notice_for(row.event_type, row.data, row.catalogue_version) if row is not None else None
        if row is None or text is None:
            return None
        return OwnMessage(subject_of(text), office_date(row.created_at))
