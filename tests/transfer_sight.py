"""What random lives of transfers need of the database, and the wrong evidence they show."""

from __future__ import annotations

import base64
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from uuid import UUID

from sqlalchemy import select

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.corrections import rules as tickets
from app.corrections.models import Ticket
from app.dossiers.rules import Section
from app.office_time import office_date
from app.people.models import StaffMember
from app.ports import Clock
from app.transfers.models import DoubleAct, Transfer
from app.transfers.showing import transfer_number
from app.transfers.states import Channel
from app.transfers.supplements import SupplementaryTransfers
from parts import Lantai
from tests.fakes import FakeClock
from tests.transfer_book import Slip, Who

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

STAFF = {
    "archivist": ("archivist",),
    "dispatcher": ("dispatcher",),
    "reviewer": ("reviewer",),
    "auditor": ("auditor",),
    "chief": ("archivist", "dispatcher", "reviewer"),
}
CHIEF_AGAIN = "chief_again"
MEMBERS = (*STAFF, CHIEF_AGAIN)
CAST = (*MEMBERS, "graduate", "system", "partner")
FIT = {
    "graduate": ("graduate",),
    "clock": ("system",),
    "carrier": ("system",),
    "receiver": ("partner",),
    "desk": ("chief", "archivist", "dispatcher"),
    "college": ("chief", "archivist", "reviewer"),
    "school": ("chief", "archivist"),
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

    def differences(self, slip: Slip, row: Transfer, due: tuple[str, date] | None, numbers: list[bytes]) -> list[str]:
        """Between one transfer and the book's. ``due``: (clock, day); ``numbers``: blind indexes of its hand-overs,
        sorted.
        """
        found = []
        if row.state.value != slip.state:
            found.append(f"{row.state.value}, the book says {slip.state}")
        if (row.timer, row.due_on) != (due or (None, None)):
            found.append(f"{slip.state} due by {row.timer} on {row.due_on}, the book says {due}")
        index = self._lantai.transfer_steps.tracking_index
        if numbers != sorted(index(Channel.EMS, n) for n in slip.numbers):
            found.append(f"{len(numbers)} hand-overs, the book has {len(slip.numbers)}, or other numbers")
        if slip.state in ("received", "closed", "supplement_open") and row.receipt_digest != row.manifest_digest:
            found.append("received without a receipt for its manifest")
        if row.version < slip.version:
            found.append(f"version {row.version} after {slip.version}")
        slip.version = row.version
        return found

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


@dataclass
class Tally:
    """Over all lives. ``walked``: how often each edge was; ``lengths``: how many lives had so many steps."""

    refused: int = 0
    walked: Counter[tuple[str, str]] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    _programs: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def lived(self, steps: int, program: tuple[object, ...]) -> None:
        """``program``: what was done, by which two lives are the same."""
        self.lengths[steps] += 1
        self._programs[steps].add(hash(program))

    def distinct(self, steps: int) -> int:
        """Lives of so many steps that differ from each other."""
        return len(self._programs[steps])

    @property
    def steps(self) -> int:
        return sum(steps * lives for steps, lives in self.lengths.items())


class Ground:
    """What all lives on one database share. ``owner``: makes a filed graduate."""

    def __init__(self, lantai: Lantai, clock: FakeClock, owner: Callable[[], UUID]) -> None:
        self.lantai, self.clock, self.owner = lantai, clock, owner
        self.sight, self.tally = Sight(lantai, clock), Tally()
        self.supplements = SupplementaryTransfers(lantai.transfer_steps, clock)
        self.ticket = self.sight.ticket(owner())
        self._serial = count(1)
        keys = {name: uuid.uuid4() for name in STAFF}
        self.cast = {name: self.sight.member(n, STAFF[name], keys[name]) for n, name in enumerate(STAFF)}
        # a second account of one person: it must not confirm what the first has proposed
        self.cast[CHIEF_AGAIN] = self.sight.member(len(STAFF) - 1, STAFF["chief"], keys["chief"])
        self.cast["system"] = Desk(Who("system"), SYSTEM)
        self.cast["partner"] = Desk(Who("partner"), Actor(ActorKind.PARTNER, uuid.uuid4()))

    def number(self) -> str:
        """A tracking number that was never used."""
        return f"1{next(self._serial):012d}"


def fitting(by: frozenset[str]) -> list[str]:
    """Who may walk an edge alone."""
    return [name for each in sorted(by) for name in FIT.get(each, ())]
