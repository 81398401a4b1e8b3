"""What random lives of transfers need of the database, and the wrong evidence they show."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from uuid import UUID

from sqlalchemy import select

from app.actors import Actor, ActorKind, Role
from app.corrections import rules as tickets
from app.corrections.models import Ticket
from app.dossiers.rules import Section
from app.people.models import StaffMember
from app.ports import Clock
from app.transfers.models import DoubleAct, Transfer
from app.transfers.showing import transfer_number
from app.transfers.states import Channel
from app.working_days.calendar import office_date
from parts import Lantai
from tests.transfer_book import Book, Slip, Who

SPOILT = {
    "tracking_number": ("", "运单", "1" * 41, "EA123456784CN", "12345678901234"),
    "seal_number": (" ", "封/1"),
    "photo_digest": ("", "0" * 63, "G" * 64),
    "receipt_number": ("", "回执"),
    "manifest_code": ("", "AAAA-BBBB-CCCC-DDDD-EEEE"),
    "kept_until": ("", "明年", "2020-01-01", "2099-01-01"),
    "letter_number": ("", "x" * 41),
    "reason": ("", "长" * 301, "看\u202e见"),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody who acts, to the book and to the product."""

    who: Who
    actor: Actor


class Sight:
    def __init__(self, lantai: Lantai, clock: Clock) -> None:
        self._lantai, self._clock = lantai, clock

    def code(self, slip: Slip) -> str:
        with self._lantai.db.transaction() as session:
            digest = session.scalar(select(Transfer.manifest_digest).where(Transfer.id == slip.id))
        return "" if digest is None else base64.b32encode(digest)[:20].decode()

    def versions(self, slips: list[Slip]) -> None:
        with self._lantai.db.transaction() as session:
            found = session.execute(
                select(Transfer.id, Transfer.version).where(Transfer.id.in_([s.id for s in slips]))
            ).all()
        versions = {row.id: row.version for row in found}
        for slip in slips:
            slip.version = versions.get(slip.id, slip.version)

    def successor(self, transfer_id: UUID) -> UUID:
        """Exactly one follows a redirected transfer."""
        with self._lantai.db.transaction() as session:
            return session.scalars(select(Transfer.id).where(Transfer.follows == transfer_id)).one()

    def waiting_act(self, transfer_id: UUID) -> UUID:
        with self._lantai.db.transaction() as session:
            query = select(DoubleAct.id).where(DoubleAct.transfer_id == transfer_id, DoubleAct.state == "waiting")
            return session.scalars(query).one()

    def differences(self, slip: Slip, row: Transfer, due: date | None, numbers: list[bytes]) -> list[str]:
        """Between one transfer and the book's. ``numbers``: blind indexes of its hand-overs, sorted."""
        found = []
        if row.state.value != slip.state:
            found.append(f"{row.state.value}, the book says {slip.state}")
        if row.due_on != due:
            found.append(f"{slip.state} due on {row.due_on}, the book says {due}")
        index = self._lantai.transfer_steps.tracking_index
        if numbers != sorted(index(Channel.EMS, n) for n in slip.numbers):
            found.append(f"{len(numbers)} hand-overs, the book has {len(slip.numbers)}, or other numbers")
        if slip.state in ("received", "closed", "supplement_open") and row.receipt_digest != row.manifest_digest:
            found.append("received without a receipt for its manifest")
        if row.version < slip.version:
            found.append(f"version {row.version} after {slip.version}")
        slip.version = row.version
        return found

    @staticmethod
    def number(rng: Random, book: Book) -> str:
        """A tracking number, now and then one that was used."""
        known = sorted(book.used)[-20:] + [n for _, n in book.waiting.values()]
        if known and rng.random() < 0.15:
            return rng.choice(known)
        return f"1{uuid.uuid4().int % 10**12:012d}"

    def written(self, transfer_id: UUID) -> str:
        with self._lantai.db.transaction() as session:
            return transfer_number(session.get_one(Transfer, transfer_id))

    def member(self, person: int, roles: tuple[str, ...], key: UUID) -> Desk:
        row = StaffMember(
            id=uuid.uuid4(),
            username=f"walker-{uuid.uuid4().hex[:8]}",
            display_name="转递员甲",
            person_key=key,
            roles=list(roles),
            password_hash="-",
            sealed_totp=b"-",
            created_at=self._clock.now(),
        )
        with self._lantai.db.transaction() as session:
            session.add(row)
        actor = Actor(ActorKind.STAFF, row.id, roles=frozenset(Role(r) for r in roles))
        return Desk(Who("staff", frozenset(roles), person), actor)

    def ticket(self, owner: UUID) -> UUID:
        """What supplements belong to; nothing here reads it."""
        now: datetime = self._clock.now()
        row = Ticket(
            id=uuid.uuid4(),
            graduate_id=owner,
            section=Section.COURSE,
            college="文学院",
            kind=tickets.Kind.TRANSCRIPTION,
            state=tickets.State.APPLIED,
            version=1,
            opened_at=now,
            touched_at=now,
            answer_by=office_date(now),
            decide_by=office_date(now),
            decided_at=now,
            clock_started_at=now,
            sealed_claim=b"-",
        )
        with self._lantai.db.transaction() as session:
            session.add(row)
        return row.id
