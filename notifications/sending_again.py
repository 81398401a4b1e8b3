"""Sending a message again that did not get through: under the locks of the notices, each once however often it is asked
for, and what cannot be sent says why.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, cast, or_, select, union
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import new_id
from app.events import EventLog
from app.jobs import DeliverByContact, DeliverNotice, JobQueue
from app.people.models import IdentityState, PlatformIdentity
from app.ports import Clock
from notifications import unarrived
from notifications.campaigns.halting import Halt
from notifications.catalogue.words import notice_for
from notifications.channel_models import ContactAttempt, NoticeContact
from notifications.channel_rules import ContactKind
from notifications.models import AttemptState, DeliveryAttempt, Notice


class Refusal(StrEnum):
    """Why what has not got through is not sent again. ``DOUBLE``: it may have arrived, and nobody said that it may
    arrive twice; ``OTHER_WAY``: its notice is sent again by another way.
    """

    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"
    DOUBLE = "double"
    OTHER_WAY = "other_way"
    WORDLESS = "wordless"


@dataclass(frozen=True, slots=True)
class Again:
    """``contact_id``: where a letter goes; None for a push. ``double``: it may arrive twice."""

    row: DeliveryAttempt | ContactAttempt
    notice: Notice
    contact_id: UUID | None
    double: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whatever was chosen and is in neither is under way, or has arrived."""

    pushes: Sequence[Again]
    letters: Sequence[Again]
    refused: Mapping[UUID, Refusal]

    @property
    def sent(self) -> Sequence[Again]:
        return [*self.pushes, *self.letters]


class SendingAgain:
    def __init__(self, kinds: Collection[ContactKind], queue: JobQueue, log: EventLog, clock: Clock) -> None:
        """``kinds``: the kinds of address for which there is a sender."""
        self.kinds, self._queue, self._log, self._clock = kinds, queue, log, clock

    def locked(self, session: Session, chosen: Collection[UUID], doubles: Collection[UUID] | None = None) -> Chosen:
        """Which of these attempts' messages may be sent again, until the commit. ``doubles``: those of them that may
        arrive twice; None for all.
        """
        # first the locks, of all notices in one order, then what has ended: whoever waited sees what the other wrote
        ids = list(chosen)
        noticed = union(
            select(DeliveryAttempt.notice_id).where(DeliveryAttempt.id.in_(ids)),
            select(ContactAttempt.notice_id).where(ContactAttempt.id.in_(ids)),
        )
        held = select(Notice.id).where(Notice.id.in_(noticed))
        # delivery, which locks attempts first, may go on: it begins nothing after what has ended
        session.execute(held.order_by(Notice.id).with_for_update(key_share=True))
        refused: dict[UUID, Refusal] = {}

        def goes(found: Again, *, reached: bool) -> bool:
            unsure = found.double and doubles is not None and found.row.id not in doubles
            reason = _refusal(found.row, found.notice, reached=reached, unsure=unsure)
            if reason is not None:
                refused[found.row.id] = reason
            return reason is None

        ended = unarrived.pushes().where(DeliveryAttempt.id.in_(ids)).order_by(DeliveryAttempt.id)
        pushes = [
            found
            for row, notice, identity, double in session.execute(ended)
            if goes(found := Again(row, notice, None, double), reached=reachable(notice, identity))
        ]
        taken = {found.notice.id for found in pushes}
        lost = unarrived.letters().where(ContactAttempt.id.in_(ids)).order_by(ContactAttempt.id)
        letters: list[Again] = []
        for row, notice, contact_id, double in session.execute(lost):
            found = Again(row, notice, contact_id, double)
            if not goes(found, reached=contact_id is not None and row.kind in self.kinds):
                continue
            if notice.id in taken:  # one way at a time
                refused[row.id] = Refusal.OTHER_WAY
                continue
            taken.add(notice.id)
            letters.append(found)
        return Chosen(pushes, letters, refused)

    def send(self, session: Session, actor: Actor, chosen: Chosen, *, bulk: bool, **named: str) -> None:
        """In the transaction that locked them. ``bulk``: many, which keep nobody else waiting. ``named`` goes into the
        log beside each.
        """
        for found in chosen.sent:
            session.add(self._follows(found))
            self._record(session, actor, found, named)
        notices = dict.fromkeys(found.notice.id for found in chosen.pushes)
        self._queue.enqueue_many(session, [DeliverNotice(notice_id, bulk=bulk) for notice_id in notices])
        letters = [(found.notice.id, found.contact_id) for found in chosen.letters]
        jobs = [DeliverByContact(notice, contact, bulk=bulk) for notice, contact in letters if contact is not None]
        self._queue.enqueue_many(session, jobs)

    def _follows(self, found: Again) -> DeliveryAttempt | ContactAttempt:
        """What ended stays as it ended; a row that waits follows it, which delivery begins at once. A letter goes to
        the address that is verified now.
        """
        row = found.row
        same: dict[str, Any] = {
            "id": new_id(),
            "notice_id": found.notice.id,
            "number": row.number + 1,
            "state": AttemptState.RETRY,
            "reason": row.reason,
            "created_at": self._clock.now(),
        }
        if isinstance(row, DeliveryAttempt):
            return DeliveryAttempt(identity_id=row.identity_id, **same)
        return ContactAttempt(contact_id=found.contact_id, kind=row.kind, **same)

    def _record(self, session: Session, actor: Actor, found: Again, named: Mapping[str, str]) -> None:
        row, notice = found.row, found.notice
        self._log.record(
            session,
            actor,
            "notice.replayed",
            graduate_id=notice.graduate_id,
            object_kind="notice",
            object_id=notice.id,
            data={"attempt": str(row.id), "reason": row.reason.partition(":")[0], "double": found.double, **named},
        )


def cancelled(row: DeliveryAttempt | ContactAttempt) -> bool:
    return row.reason == Halt.CANCELLED.value


def push_may_go() -> ColumnElement[bool]:
    """Of ``unarrived.pushes``, in the database: what is not refused."""
    mine = and_(PlatformIdentity.state == IdentityState.BOUND, PlatformIdentity.graduate_id == Notice.graduate_id)
    parted = Notice.data["identities"].op("?", is_comparison=True)(cast(PlatformIdentity.id, String))
    return and_(
        PlatformIdentity.unreachable_at.is_(None),
        or_(mine, parted),
        DeliveryAttempt.reason != Halt.CANCELLED.value,
    )


def letter_may_go(kinds: Collection[ContactKind]) -> ColumnElement[bool]:
    """The same of ``unarrived.letters``, but for those whose push is sent again."""
    return and_(
        NoticeContact.id.is_not(None),
        ContactAttempt.kind.in_(list(kinds)),
        ContactAttempt.reason != Halt.CANCELLED.value,
    )


def _refusal(row: DeliveryAttempt | ContactAttempt, notice: Notice, *, reached: bool, unsure: bool) -> Refusal | None:
    if cancelled(row):
        return Refusal.CANCELLED
    if not reached:
        return Refusal.UNREACHABLE
    if notice_for(notice.event_type, notice.data, notice.catalogue_version) is None:
        return Refusal.WORDLESS
    return Refusal.DOUBLE if unsure else None


def reachable(notice: Notice, identity: PlatformIdentity) -> bool:
    mine = identity.state is IdentityState.BOUND and identity.graduate_id == notice.graduate_id
    return identity.unreachable_at is None and (mine or str(identity.id) in notice.data.get("identities", []))
