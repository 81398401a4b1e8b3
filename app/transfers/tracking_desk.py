"""Traces for people: the desk sees all of them, asks out of turn and ticks off what it has looked at; graduates see
where their dossier was and when, never who signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound
from app.events import EventLog
from app.keyring import Keyring
from app.ports import Clock
from app.transfers.models import Transfer
from app.transfers.service import MOVER_ROLES, READER_ROLES
from app.transfers.showing import transfer_number
from app.transfers.states import STATE_LABELS
from app.transfers.tracking import TrackingService
from app.transfers.tracking_book import StoredEvent
from app.transfers.tracking_models import TrackingWatch
from app.transfers.tracking_rules import CODE_LABELS, FINDING_WORDS, STANDING_LABELS, Finding, public_words

RESTS = timedelta(seconds=60)
"""Nobody asks a carrier more often than this by hand."""


@dataclass(frozen=True, slots=True)
class TraceLine:
    """For graduates ``signer`` is empty and ``words`` name nobody."""

    at: datetime
    label: str
    place: str = field(repr=False)
    words: str = field(repr=False)
    signer: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TraceView:
    """One hand-over. ``reasons`` is what a person should look at, empty for graduates; ``lines`` oldest first."""

    transfer_id: UUID
    number: int
    handed_at: datetime
    standing_label: str
    last_polled_at: datetime | None
    followed: bool
    needs_look: bool
    reasons: Sequence[str]
    lines: Sequence[TraceLine]


@dataclass(frozen=True, slots=True)
class LookLine:
    """One hand-over on the list of those that need a look."""

    transfer_id: UUID
    graduate_id: UUID
    transfer_number: str
    state_label: str
    receiver_name: str
    standing_label: str
    handed_at: datetime
    reasons: Sequence[str]


class Asked(StrEnum):
    """What came of a question out of turn."""

    ANSWERED = "answered"
    AWAY = "away"
    JUST_ASKED = "just_asked"


class TrackingDesk:
    def __init__(self, db: Database, keys: Keyring, tracking: TrackingService, log: EventLog, clock: Clock) -> None:
        self._db, self._keys, self._tracking, self._log, self._clock = db, keys, tracking, log, clock

    @property
    def channels(self) -> frozenset[str]:
        """Those whose carrier can be asked."""
        return self._tracking.channels

    def of_graduate(self, actor: Actor, graduate_id: UUID) -> Mapping[UUID, Sequence[TraceView]]:
        """The traces of each transfer, its latest hand-over first. Graduates see their own. Raises NotFound."""
        own = actor.kind is ActorKind.GRADUATE and actor.id == graduate_id
        staff = actor.kind is ActorKind.STAFF and actor.has_role(*READER_ROLES)
        if not own and not staff:
            raise NotFound("transfer_not_found")
        key = self._keys.of(graduate_id)
        query = (
            select(TrackingWatch)
            .join(Transfer, Transfer.id == TrackingWatch.transfer_id)
            .where(Transfer.graduate_id == graduate_id)
            .order_by(TrackingWatch.transfer_id, TrackingWatch.number.desc())
        )
        with self._db.transaction() as session:
            watches = session.scalars(query).all()
            stored = self._tracking.book.of(session, key, {watch.transfer_id for watch in watches})
        found: dict[UUID, list[TraceView]] = {}
        for watch in watches:
            lines = [each for each in stored[watch.transfer_id] if each.number == watch.number]
            found.setdefault(watch.transfer_id, []).append(_view(watch, lines, staff=staff))
        return found

    def looks(self, actor: Actor, *, offset: int = 0, limit: int = 25) -> tuple[list[LookLine], int]:
        """(lines, total) of the hand-overs that need a person's look, the longest under way first. Raises Forbidden."""
        _require_mover(actor)
        query = (
            select(TrackingWatch, Transfer)
            .join(Transfer, Transfer.id == TrackingWatch.transfer_id)
            .where(TrackingWatch.needs_look)
        )
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).where(TrackingWatch.needs_look)) or 0
            order = (TrackingWatch.handed_at, TrackingWatch.transfer_id)
            rows = session.execute(query.order_by(*order).offset(offset).limit(limit)).all()
        return [
            LookLine(
                transfer.id,
                transfer.graduate_id,
                transfer_number(transfer),
                STATE_LABELS[transfer.state],
                transfer.receiver_name,
                STANDING_LABELS[watch.standing],
                watch.handed_at,
                _reasons(watch),
            )
            for watch, transfer in rows
        ], total

    def ask(self, actor: Actor, graduate_id: UUID, transfer_id: UUID) -> Asked:
        """Asks the carrier at once for the latest hand-over; what comes of it moves the transfer as always.

        Raises Forbidden, NotFound, Conflict('not_tracked') where no carrier can be asked.
        """
        _require_mover(actor)
        with self._db.transaction() as session:
            self._own(session, graduate_id, transfer_id)
        self._tracking.adopt(transfer_id)
        claim = self._tracking.claim_of(transfer_id)
        if claim is None:
            raise Conflict("not_tracked")
        with self._db.transaction() as session:
            watch = session.get_one(TrackingWatch, (claim.transfer_id, claim.number))
            now, last = self._clock.now(), watch.last_polled_at
            if last is not None and timedelta(0) <= now - last < RESTS:
                return Asked.JUST_ASKED
            self._record(session, actor, graduate_id, transfer_id, "transfer.tracking_asked")
        return Asked.ANSWERED if self._tracking.ask(claim) else Asked.AWAY

    def seen(self, actor: Actor, graduate_id: UUID, transfer_id: UUID, number: int) -> None:
        """A person has looked; the same findings ask for nobody again. Raises Forbidden, NotFound."""
        _require_mover(actor)
        with self._db.transaction() as session:
            self._own(session, graduate_id, transfer_id)
            watch = session.scalar(
                select(TrackingWatch)
                .where(TrackingWatch.transfer_id == transfer_id, TrackingWatch.number == number)
                .with_for_update()
            )
            if watch is None:
                raise NotFound("transfer_not_found")
            if watch.needs_look:
                watch.needs_look = False
                self._record(session, actor, graduate_id, transfer_id, "transfer.tracking_seen", reasons=watch.reasons)

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _own(session: Session, graduate_id: UUID, transfer_id: UUID) -> None:
        query = select(Transfer.id).where(Transfer.id == transfer_id, Transfer.graduate_id == graduate_id)
        if session.scalar(query) is None:
            raise NotFound("transfer_not_found")

    def _record(
        self, session: Session, actor: Actor, graduate_id: UUID, transfer_id: UUID, kind: str, **data: str
    ) -> None:
        self._log.record(
            session,
            actor,
            kind,
            graduate_id=graduate_id,
            object_kind="transfer",
            object_id=transfer_id,
            data=data,
        )


def _require_mover(actor: Actor) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*MOVER_ROLES):
        raise Forbidden("role_required")


def _reasons(watch: TrackingWatch) -> tuple[str, ...]:
    return tuple(FINDING_WORDS[Finding(code)] for code in watch.reasons.split(",") if code)


def _view(watch: TrackingWatch, stored: Sequence[StoredEvent], *, staff: bool) -> TraceView:
    lines = [
        TraceLine(
            each.event.at,
            CODE_LABELS[each.event.code],
            each.event.place,
            each.event.words if staff else public_words(each.event),
            each.event.signer if staff else "",
        )
        for each in stored
    ]
    return TraceView(
        watch.transfer_id,
        watch.number,
        watch.handed_at,
        STANDING_LABELS[watch.standing],
        watch.last_polled_at,
        watch.next_poll_at is not None,
        staff and watch.needs_look,
        _reasons(watch) if staff else (),
        lines,
    )
