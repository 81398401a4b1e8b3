"""Which way one notice goes to one graduate, and when: the seam between the choices and the senders."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.db import Database, new_id
from app.jobs import DeliverByContact, Job, JobQueue
from app.people.service import IdentityView
from app.ports import Clock, SendFault
from notifications.breaker import Breakers, Outlet
from notifications.campaigns.halting import Halt, halted
from notifications.catalogue.text import NoticeText
from notifications.channel_models import ContactAttempt, NoticeContact
from notifications.channel_rules import (
    CHANNEL_OF,
    FALL_BACK,
    OTHER_WAY_AFTER,
    Channel,
    Choices,
    ContactKind,
    may_push,
    morning_spread,
    waits_until,
)
from notifications.inbox import SubscriptionService
from notifications.models import AttemptState, DeliveryAttempt, Notice
from notifications.preferences import PreferenceService

SKEW = timedelta(minutes=1)  # the queue goes by the database's clock
NOT_WANTED, NO_CREDIT, GONE = "not_wanted", "no_credit:estimate", "recipient:gone"
ARRIVED_OTHERWISE = "arrived"
UNANSWERED = f"{SendFault.UNKNOWN.value}:"
ARRIVED = (AttemptState.SENT, AttemptState.UNKNOWN, AttemptState.SENDING)


@dataclass(frozen=True, slots=True)
class Pushes:
    """The accounts to push to now, and why others are passed over. ``held``: the job comes again after quiet hours."""

    accounts: Sequence[IdentityView] = ()
    passed_over: Mapping[UUID, str] = field(default_factory=dict)
    held: bool = False


class Router:
    def __init__(
        self,
        db: Database,
        preferences: PreferenceService,
        subscriptions: SubscriptionService,
        ways: Collection[ContactKind],
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        """``ways``: the kinds of address for which there is a sender."""
        self._db, self._preferences, self._subscriptions = db, preferences, subscriptions
        self._ways, self._queue, self._clock = ways, queue, clock
        self._breakers = Breakers(clock)

    def pushes(self, notice: Notice, text: NoticeText, bound: Sequence[IdentityView], job: Job) -> Pushes:
        """In quiet hours none: ``job`` comes again at their end; while its campaign is paused none, until that goes on.
        What was begun, or is sent again at the wish of staff, is seen through, whatever the estimate of credits says by
        now.
        """
        with self._db.transaction() as session:
            halt = halted(session, notice)
            if halt is Halt.CANCELLED:
                return Pushes(passed_over={i.id: halt.value for i in bound})
            choices = self._preferences.choices_of(session, notice.graduate_id)
            if halt is Halt.HELD or self._held(session, notice.id, choices, text, job):
                return Pushes(held=True)
            if not choices.wants(text.topic, Channel.PUSH):
                return Pushes(passed_over={i.id: NOT_WANTED for i in bound})
            known = self._subscriptions.standings(session, [i.id for i in bound])
            begun = set(
                session.scalars(select(DeliveryAttempt.identity_id).where(DeliveryAttempt.notice_id == notice.id))
            )
        accounts = [i for i in bound if i.id in begun or may_push(text.importance, known.get((i.id, text.template)))]
        return Pushes(accounts, {i.id: NO_CREDIT for i in bound if i not in accounts})

    def held(self, notice: Notice, text: NoticeText, job: Job) -> bool:
        """True in quiet hours, and while its campaign is paused: ``job`` comes again at the end of either."""
        with self._db.transaction() as session:
            if halted(session, notice) is Halt.HELD:
                return True
            choices = self._preferences.choices_of(session, notice.graduate_id)
            return self._held(session, notice.id, choices, text, job)

    def fall_back(self, notice: Notice, text: NoticeText, *, bulk: bool) -> None:
        """No push arrived, or none in time: go on by the first kind of address that importance, choices and contacts
        allow. The letter's row is written with its job, so that nobody asks for a second one meanwhile. ``bulk``: it is
        one of very many, as the message was that did not arrive.
        """
        if not FALL_BACK[text.importance]:
            return
        with self._db.transaction() as session:
            row = session.get_one(Notice, notice.id, with_for_update=True)
            found = (
                None
                if halted(session, row) or self._arrived(session, row.id)
                else self._next_contact(session, row, text)
            )
            if found is None:
                return
            kind, contact_id = found
            session.add(
                ContactAttempt(
                    id=new_id(),
                    notice_id=row.id,
                    contact_id=contact_id,
                    kind=kind,
                    number=1,
                    state=AttemptState.RETRY,
                    created_at=self._clock.now(),
                )
            )
            self._queue.enqueue(session, DeliverByContact(row.id, contact_id, bulk=bulk))

    def refusal(
        self, session: Session, notice: Notice, text: NoticeText, contact: NoticeContact | None, *, asked: bool
    ) -> str:
        """Why a letter that waits is not sent after all; '' if it is. Halt.HELD: not before its campaign goes on.
        ``asked``: staff want it sent although the notice may have arrived by another way.
        """
        if (halt := halted(session, notice, begins=True)) is not None:
            return halt.value
        if contact is None or contact.verified_at is None or contact.unreachable_at is not None:
            return GONE
        if not self._preferences.choices_of(session, notice.graduate_id).wants(text.topic, CHANNEL_OF[contact.kind]):
            return NOT_WANTED
        # what was begun by another way, and whose end nobody knows, may have arrived too
        pushed_to = (AttemptState.SENT,) if asked else (AttemptState.SENT, AttemptState.UNKNOWN)
        open_states = (AttemptState.UNKNOWN, AttemptState.SENDING)
        open_end = false() if asked else or_(ContactAttempt.state.in_(open_states), _tried_unanswered())
        pushed = select(DeliveryAttempt.id).where(DeliveryAttempt.state.in_(pushed_to))
        written = select(ContactAttempt.id).where(
            or_(
                ContactAttempt.state == AttemptState.SENT,
                and_(ContactAttempt.kind != contact.kind, open_end),
            )
        )
        arrived = session.scalar(pushed.where(DeliveryAttempt.notice_id == notice.id).limit(1)) or session.scalar(
            written.where(ContactAttempt.notice_id == notice.id).limit(1)
        )
        return ARRIVED_OTHERWISE if arrived else ""

    def _held(self, session: Session, notice_id: UUID, choices: Choices, text: NoticeText, job: Job) -> bool:
        now = self._clock.now()
        until = waits_until(choices, text.importance, text.topic, now)
        spread = morning_spread(text.importance, notice_id)
        if until is None:
            return False
        row = session.get_one(Notice, notice_id, with_for_update=True)
        before = row.held_until is not None and abs(row.held_until - until) <= SKEW
        if before and now >= until - SKEW:
            return False  # the queue's clock is a little ahead of ours
        row.held_until = until
        # a second job for the same message does no harm, a missing one loses it; one that came too early was woken
        # by a clock that is ahead of ours, so the rest is waited for by that clock
        queue_now = session.scalars(select(func.clock_timestamp())).one() if before else now
        self._queue.enqueue(session, job, at=queue_now + (until - now) + spread)
        return True

    @staticmethod
    def _arrived(session: Session, notice_id: UUID) -> bool:
        """By any way, as far as is known; what is not known is not sent twice."""
        pushed = select(func.count()).select_from(DeliveryAttempt)
        pushed = pushed.where(DeliveryAttempt.notice_id == notice_id, DeliveryAttempt.state.in_(ARRIVED))
        written = select(func.count()).select_from(ContactAttempt)
        written = written.where(ContactAttempt.notice_id == notice_id, ContactAttempt.state.in_(ARRIVED))
        return bool(session.scalar(pushed)) or bool(session.scalar(written))

    def _next_contact(self, session: Session, notice: Notice, text: NoticeText) -> tuple[ContactKind, UUID] | None:
        """None also while a letter waits or is tried again: one way at a time, except where it gives way."""
        choices = self._preferences.choices_of(session, notice.graduate_id)
        tried: dict[ContactKind, bool] = {}
        query = select(ContactAttempt).where(ContactAttempt.notice_id == notice.id).order_by(ContactAttempt.number)
        rows = session.scalars(query).all()
        open_end = any(row.reason.startswith(UNANSWERED) for row in rows)
        for row in rows:
            gives_way = waits_for_tomorrow(row) or (not open_end and self._gives_way(session, notice, text, row))
            tried[row.kind] = row.state is AttemptState.RETRY and not gives_way
        if any(tried.values()):
            return None
        contacts = {
            c.kind: c.id
            for c in session.scalars(
                select(NoticeContact).where(
                    NoticeContact.graduate_id == notice.graduate_id,
                    NoticeContact.verified_at.is_not(None),
                    NoticeContact.unreachable_at.is_(None),
                )
            )
        }
        for kind in FALL_BACK[text.importance]:
            open_way = kind in self._ways and kind in contacts and kind not in tried
            if open_way and choices.wants(text.topic, CHANNEL_OF[kind]):
                return kind, contacts[kind]
        return None

    def _gives_way(self, session: Session, notice: Notice, text: NoticeText, row: ContactAttempt) -> bool:
        """Whether the other kind goes beside a letter whose own kind is stopped: an urgent one at once, an important
        one after its time, any while a limit of the day holds. Never beside what staff asked for.
        """
        if row.held_until is None or asked(row):
            return False
        now, standing = self._clock.now(), self._breakers.peek(session, Outlet.of_letter(row.kind))
        if standing.held_until is None:  # it goes itself in a moment
            return False
        span = OTHER_WAY_AFTER.get(text.importance)
        return standing.limited(now) or (span is not None and now - begun_at(notice, now) >= span)


def _tried_unanswered() -> ColumnElement[bool]:
    """A letter that nobody answered and that is tried again: what follows it says how it ended."""
    follows = aliased(ContactAttempt)
    followed = exists().where(
        follows.notice_id == ContactAttempt.notice_id,
        follows.kind == ContactAttempt.kind,
        follows.number > ContactAttempt.number,
    )
    tried_again = ContactAttempt.state == AttemptState.RETRY
    return and_(tried_again, ContactAttempt.reason.startswith(UNANSWERED), ~followed)


def begun_at(notice: Notice, now: datetime) -> datetime:
    """When the notice could first go out: the quiet hours it fell into are no delay."""
    held = notice.held_until
    return max(notice.created_at, held) if held is not None and held <= now else notice.created_at


def asked(row: ContactAttempt) -> bool:
    """Staff asked for it, and nothing was begun."""
    return row.state is AttemptState.RETRY and row.settled_at is None and row.number > 1


def waits_for_tomorrow(row: ContactAttempt) -> bool:
    """A limit of the day, or a full mailbox."""
    limited = row.reason.partition(":")[0] in (SendFault.LATER.value, SendFault.FULL.value)
    return limited and row.settled_at is not None  # else staff asked for it
