"""What reached neither phone nor mailbox: listed with its reason and what to do, and sent again when staff ask for it.

The inbox has every one of these; what failed is the hint on the phone, or the letter in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, union, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Forbidden, Invalid
from app.events import EventLog
from app.jobs import DeliverByContact, DeliverNotice, JobQueue
from app.people.models import IdentityState, PlatformIdentity
from app.ports import Clock, SendFault
from notifications import unarrived
from notifications.breaker import LIMITED_SPREAD_S, Breakers, OpenBreaker, Outlet
from notifications.campaigns.halting import Halt
from notifications.catalogue.words import notice_for
from notifications.channel_models import ContactAttempt
from notifications.channel_rules import KIND_OF, PLATFORM_OF, PUSHED_BY, WRITTEN_BY, ContactKind, Way
from notifications.fault_actions import DROPPED, OTHERS, TWICE, Action, action_of, letter_action_of
from notifications.models import AttemptState, DeliveryAttempt, Notice
from notifications.unarrived import KEEP

WATCHERS = (Role.ARCHIVIST, Role.ADMINISTRATOR, Role.AUDITOR)
SENDERS = (Role.ARCHIVIST, Role.ADMINISTRATOR)
MOST = 200
"""So many are sent again in one act."""
CAUSES: Mapping[str, str] = {kind: action_of(kind).words for kind in (*(fault.value for fault in SendFault), *OTHERS)}
"""Kind of fault, as an attempt's reason begins with it -> its words."""
COUNTED = tuple(kind for kind in CAUSES if kind not in DROPPED)
"""Those kinds that are failures."""


@dataclass(frozen=True, slots=True)
class UndeliveredFilter:
    """``cause`` '' leaves out what staff can do nothing about: whoever has not subscribed or does not want it, whose
    account or address is dead, what was cancelled, and what arrives or arrived by letter.
    """

    cause: str = ""
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class UndeliveredView:
    """``doubtful``: the graduate may have it already, by this way or another. ``replayable``: the account still stands
    and can be reached, or there is a verified address; and its campaign was not ``cancelled``.
    """

    id: UUID
    title: str
    way: Way
    at: datetime
    attempts: int
    reason: str
    words: str
    advice: str
    doubtful: bool
    replayable: bool
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    again: int
    passed_over: int


class UndeliveredDesk:
    def __init__(
        self, db: Database, kinds: Collection[ContactKind], queue: JobQueue, log: EventLog, clock: Clock
    ) -> None:
        """``kinds``: the kinds of address for which there is a sender."""
        self._db, self._kinds, self._queue, self._log, self._clock = db, kinds, queue, log, clock
        self._breakers = Breakers(clock)

    def page(
        self, actor: Actor, wanted: UndeliveredFilter, number: int, size: int
    ) -> tuple[list[UndeliveredView], int]:
        """(that page, counted from 1, the newest first; how many in all) of the last 30 days. Raises Forbidden."""
        _require(actor, WATCHERS)
        found = self._found(wanted)
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(found)) or 0
            rows = select(found.c.id).order_by(found.c.at.desc(), found.c.id)
            ids = session.scalars(rows.limit(size).offset((number - 1) * size)).all()
            views = self._views(session, ids)
        return [views[each] for each in ids], total

    def stopped(self) -> Sequence[OpenBreaker]:
        with self._db.transaction() as session:
            return Breakers.open_ones(session, self._clock.now())

    def reopen(self, actor: Actor, outlet: Outlet) -> None:
        """Close a breaker by hand: what waited for it is sent now, and the next failure opens it anew. Raises
        Forbidden, Conflict('channel_not_stopped').
        """
        _require(actor, SENDERS)
        with self._db.transaction() as session:
            until = self._breakers.reopen(session, outlet)
            if until is None:
                raise Conflict("channel_not_stopped")
            waiting = DeliverByContact if outlet.way in KIND_OF else DeliverNotice
            self._queue.hasten(session, waiting, until, until + timedelta(seconds=LIMITED_SPREAD_S))
            named = {"way": outlet.way.value, "template": outlet.template}
            self._log.record(session, actor, "channel.reopened", data=named)

    def replay(self, actor: Actor, chosen: Collection[UUID], *, double_known: bool) -> Replayed:
        """Send these attempts' messages again, each once however often this is asked for. Passed over: what is under
        way or has arrived meanwhile, what nothing can receive, what was cancelled, and a letter of a notice of which a
        push or another letter is sent again.

        Raises Forbidden; Invalid('double_unconfirmed') when one may have arrived and ``double_known`` is not said, and
        Invalid('nothing_chosen') or Invalid('too_many_chosen'); then nothing is sent.
        """
        _require(actor, SENDERS)
        if not chosen:
            raise Invalid("nothing_chosen")
        if len(chosen) > MOST:
            raise Invalid("too_many_chosen", params={"most": MOST})
        with self._db.transaction() as session:
            pushes, letters = self._locked(session, chosen)
            doubtful = any(double for _, _, double in pushes) or any(double for _, _, _, double in letters)
            if doubtful and not double_known:
                raise Invalid("double_unconfirmed", faults=[FieldFault("/double", "required")])
            for row, notice, double in pushes:
                self._push_again(session, actor, row, notice, double=double)
            for letter, notice, contact_id, double in letters:
                self._write_again(session, actor, letter, notice, contact_id, double=double)
            for notice_id in {notice.id for _, notice, _ in pushes}:
                self._queue.enqueue(session, DeliverNotice(notice_id))
        again = len(pushes) + len(letters)
        return Replayed(again, len(set(chosen)) - again)

    def _push_again(
        self, session: Session, actor: Actor, row: DeliveryAttempt, notice: Notice, *, double: bool
    ) -> None:
        """What ended stays as it ended; a row that waits follows it, which delivery begins at once."""
        session.add(
            DeliveryAttempt(
                id=new_id(),
                notice_id=notice.id,
                identity_id=row.identity_id,
                number=row.number + 1,
                state=AttemptState.RETRY,
                reason=row.reason,
                created_at=self._clock.now(),
            )
        )
        self._record(session, actor, notice, row, double=double)

    def _write_again(
        self, session: Session, actor: Actor, row: ContactAttempt, notice: Notice, contact_id: UUID, *, double: bool
    ) -> None:
        """The same of a letter, to the address that is verified now."""
        session.add(
            ContactAttempt(
                id=new_id(),
                notice_id=notice.id,
                contact_id=contact_id,
                kind=row.kind,
                number=row.number + 1,
                state=AttemptState.RETRY,
                reason=row.reason,
                created_at=self._clock.now(),
            )
        )
        self._queue.enqueue(session, DeliverByContact(notice.id, contact_id))
        self._record(session, actor, notice, row, double=double)

    def _record(
        self, session: Session, actor: Actor, notice: Notice, row: DeliveryAttempt | ContactAttempt, *, double: bool
    ) -> None:
        self._log.record(
            session,
            actor,
            "notice.replayed",
            graduate_id=notice.graduate_id,
            object_kind="notice",
            object_id=notice.id,
            data={"attempt": str(row.id), "reason": row.reason.partition(":")[0], "double": double},
        )

    def _locked(
        self, session: Session, chosen: Collection[UUID]
    ) -> tuple[list[tuple[DeliveryAttempt, Notice, bool]], list[tuple[ContactAttempt, Notice, UUID, bool]]]:
        # first the locks, of all notices in one order, then what has ended: whoever waited sees what the other wrote
        ids = list(chosen)
        noticed = union(
            select(DeliveryAttempt.notice_id).where(DeliveryAttempt.id.in_(ids)),
            select(ContactAttempt.notice_id).where(ContactAttempt.id.in_(ids)),
        )
        held = select(Notice.id).where(Notice.id.in_(noticed))
        # delivery, which locks attempts first, may go on: it begins nothing after what has ended
        session.execute(held.order_by(Notice.id).with_for_update(key_share=True))
        ended = unarrived.pushes().where(DeliveryAttempt.id.in_(ids)).order_by(DeliveryAttempt.id)
        pushes = [
            (row, notice, double)
            for row, notice, identity, double in session.execute(ended)
            if _reachable(notice, identity) and not _cancelled(row)
        ]
        pushed = {notice.id for _, notice, _ in pushes}
        lost = unarrived.letters().where(ContactAttempt.id.in_(ids)).order_by(ContactAttempt.id)
        letters: dict[UUID, tuple[ContactAttempt, Notice, UUID, bool]] = {}
        for row, notice, contact_id, double in session.execute(lost):
            if contact_id is None or row.kind not in self._kinds or _cancelled(row) or notice.id in pushed:
                continue
            letters.setdefault(notice.id, (row, notice, contact_id, double))  # one way at a time
        return pushes, list(letters.values())

    def _found(self, wanted: UndeliveredFilter) -> Any:
        """(id, at) of the attempts that fit."""
        since = self._clock.now() - KEEP
        pushes = unarrived.pushes().with_only_columns(DeliveryAttempt.id, DeliveryAttempt.created_at.label("at"))
        pushes = pushes.where(
            DeliveryAttempt.created_at > since,
            _of_cause(DeliveryAttempt.reason, wanted.cause) if wanted.cause else unarrived.PUSH_LACKS,
        )
        letters = unarrived.letters().with_only_columns(ContactAttempt.id, ContactAttempt.created_at.label("at"))
        letters = letters.where(
            ContactAttempt.created_at > since,
            _of_cause(ContactAttempt.reason, wanted.cause) if wanted.cause else unarrived.LETTER_LACKS,
        )
        if wanted.way is not None and wanted.way in PLATFORM_OF:
            return pushes.where(PlatformIdentity.platform == PLATFORM_OF[wanted.way]).subquery()
        if wanted.way is not None and wanted.way in KIND_OF:
            return letters.where(ContactAttempt.kind == KIND_OF[wanted.way]).subquery()
        return union_all(pushes, letters).subquery()

    def _views(self, session: Session, ids: Sequence[UUID]) -> Mapping[UUID, UndeliveredView]:
        pushes = session.execute(unarrived.pushes().where(DeliveryAttempt.id.in_(ids)))
        letters = session.execute(unarrived.letters().where(ContactAttempt.id.in_(ids)))
        views = [
            _view(
                row,
                notice,
                PUSHED_BY[identity.platform],
                action_of(row.reason),
                doubtful=double,
                reached=_reachable(notice, identity),
            )
            for row, notice, identity, double in pushes
        ]
        views += [
            _view(
                row,
                notice,
                WRITTEN_BY[row.kind],
                letter_action_of(row.reason),
                doubtful=double,
                reached=contact_id is not None and row.kind in self._kinds,
            )
            for row, notice, contact_id, double in letters
        ]
        return {view.id: view for view in views}


def _of_cause(reason: InstrumentedAttribute[str], cause: str) -> ColumnElement[bool]:
    return or_(reason == cause, reason.startswith(f"{cause}:", autoescape=True))


def _cancelled(row: DeliveryAttempt | ContactAttempt) -> bool:
    return row.reason == Halt.CANCELLED.value


def _reachable(notice: Notice, identity: PlatformIdentity) -> bool:
    mine = identity.state is IdentityState.BOUND and identity.graduate_id == notice.graduate_id
    return identity.unreachable_at is None and (mine or str(identity.id) in notice.data.get("identities", []))


def _require(actor: Actor, roles: Collection[Role]) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*roles):
        raise Forbidden("role_required")


def _view(
    row: DeliveryAttempt | ContactAttempt, notice: Notice, way: Way, action: Action, *, doubtful: bool, reached: bool
) -> UndeliveredView:
    text = notice_for(notice.event_type, notice.data, notice.catalogue_version)
    return UndeliveredView(
        row.id,
        text.title if text is not None else "通知",
        way,
        row.created_at,
        row.number,
        row.reason,
        action.words,
        f"{action.advice}。{TWICE}" if doubtful and row.state is not AttemptState.UNKNOWN else action.advice,
        doubtful,
        text is not None and reached and not _cancelled(row),
        _cancelled(row),
    )
