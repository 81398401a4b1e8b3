"""What reached neither phone nor mailbox: listed with its reason and what to do, and sent again when staff ask for it.

The inbox has every one of these; what failed is the hint on the phone, or the letter in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, case, func, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.actors import Actor, ActorKind, Role
from app.db import Database
from app.errors import Conflict, FieldFault, Forbidden, Invalid
from app.events import EventLog
from app.jobs import DeliverByContact, DeliverNotice, JobQueue
from app.people.models import PlatformIdentity
from app.ports import Clock, SendFault
from notifications import unarrived
from notifications.breaker import LIMITED_SPREAD_S, Breakers, OpenBreaker, Outlet
from notifications.catalogue.words import notice_for
from notifications.channel_models import ContactAttempt
from notifications.channel_rules import KIND_OF, PLATFORM_OF, PUSHED_BY, WRITTEN_BY, ContactKind, Way
from notifications.fault_actions import DROPPED, OTHERS, TWICE, Action, action_of, letter_action_of
from notifications.models import AttemptState, DeliveryAttempt, Notice
from notifications.sending_again import SendingAgain, cancelled, letter_may_go, push_may_go, reachable
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
    def __init__(self, db: Database, again: SendingAgain, queue: JobQueue, log: EventLog, clock: Clock) -> None:
        self._db, self._again, self._queue, self._log, self._clock = db, again, queue, log, clock
        self._breakers = Breakers(clock)

    def page(
        self, actor: Actor, wanted: UndeliveredFilter, number: int, size: int
    ) -> tuple[list[UndeliveredView], int]:
        """(that page, counted from 1, the newest first; how many in all) of the last 30 days. Raises Forbidden."""
        require(actor, WATCHERS)
        found = found_by(wanted, self._again.kinds, self._clock.now())
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
        require(actor, SENDERS)
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
        require(actor, SENDERS)
        if not chosen:
            raise Invalid("nothing_chosen")
        if len(chosen) > MOST:
            raise Invalid("too_many_chosen", params={"most": MOST})
        with self._db.transaction() as session:
            held = self._again.locked(session, chosen)
            if any(found.double for found in held.sent) and not double_known:
                raise Invalid("double_unconfirmed", faults=[FieldFault("/double", "required")])
            self._again.send(session, actor, held, bulk=False)
        return Replayed(len(held.sent), len(set(chosen)) - len(held.sent))

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
                reached=reachable(notice, identity),
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
                reached=contact_id is not None and row.kind in self._again.kinds,
            )
            for row, notice, contact_id, double in letters
        ]
        return {view.id: view for view in views}


def found_by(wanted: UndeliveredFilter, kinds: Collection[ContactKind], now: datetime) -> Subquery:
    """(id, at, notice_id, way, double, may_go) of the attempts of the last 30 days that fit. ``may_go``: it can be sent
    again, as far as its account or address and its campaign are concerned.
    """
    since = now - KEEP
    pushes = unarrived.pushes().with_only_columns(
        DeliveryAttempt.id,
        DeliveryAttempt.created_at.label("at"),
        DeliveryAttempt.notice_id,
        _named(PlatformIdentity.platform, PUSHED_BY).label("way"),
        unarrived.PUSH_DOUBTFUL.label("double"),
        push_may_go().label("may_go"),
    )
    pushes = pushes.where(
        DeliveryAttempt.created_at > since,
        _of_cause(DeliveryAttempt.reason, wanted.cause) if wanted.cause else unarrived.PUSH_LACKS,
    )
    letters = unarrived.letters().with_only_columns(
        ContactAttempt.id,
        ContactAttempt.created_at.label("at"),
        ContactAttempt.notice_id,
        _named(ContactAttempt.kind, WRITTEN_BY).label("way"),
        unarrived.LETTER_DOUBTFUL.label("double"),
        letter_may_go(kinds).label("may_go"),
    )
    letters = letters.where(
        ContactAttempt.created_at > since,
        _of_cause(ContactAttempt.reason, wanted.cause) if wanted.cause else unarrived.LETTER_LACKS,
    )
    if wanted.way is not None and wanted.way in PLATFORM_OF:
        return pushes.where(PlatformIdentity.platform == PLATFORM_OF[wanted.way]).subquery()
    if wanted.way is not None and wanted.way in KIND_OF:
        return letters.where(ContactAttempt.kind == KIND_OF[wanted.way]).subquery()
    return union_all(pushes, letters).subquery()


def _named(column: InstrumentedAttribute[Any], ways: Mapping[Any, Way]) -> ColumnElement[str]:
    return case(*((column == key, way.value) for key, way in ways.items()))


def _of_cause(reason: InstrumentedAttribute[str], cause: str) -> ColumnElement[bool]:
    return or_(reason == cause, reason.startswith(f"{cause}:", autoescape=True))


def require(actor: Actor, roles: Collection[Role]) -> None:
    """Raises Forbidden."""
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
        text is not None and reached and not cancelled(row),
        cancelled(row),
    )
