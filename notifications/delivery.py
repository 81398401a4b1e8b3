"""The worker's side of pushes: a notice through each bound account, once, and otherwise where else it may go."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import Database, new_id
from app.errors import Unavailable
from app.jobs import DeliverNotice, JobQueue
from app.people.service import IdentityView, PeopleService
from app.ports import Clock, OutboundMessage, SendFailed, SendFault
from notifications import breaker_words
from notifications.breaker import Breakers, Outlet, Standing
from notifications.campaigns.halting import Halt, halted
from notifications.catalogue.text import NoticeText, Promise
from notifications.catalogue.words import notice_for
from notifications.channel_rules import OTHER_WAY_AFTER, CreditCause
from notifications.channels import Channels
from notifications.fault_actions import ACTIONS, Again, follows
from notifications.inbox import SubscriptionService
from notifications.models import AttemptState, DeliveryAttempt, Notice
from notifications.routing import GONE, Router, begun_at
from notifications.staff_lines import StaffLines
from notifications.turns import LATER, LEASE, Busy, Turns

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 6
LOST = "worker_lost"
NO_TEMPLATE, UNFIT = "config:no_template", "content:unfit"
"""Why a push that was to be tried again is not."""
BACKOFF = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=3),
)


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt whose row is committed. ``tries`` counts those since staff last asked, from 1."""

    attempt_id: UUID
    tries: int
    standing: Standing


@dataclass(slots=True)
class Round:
    """What came of one job's pushes: when accounts come again; whether a push is ``delayed``, by a breaker or since it
    is tried again; whether one waits till tomorrow (``limited``); whether one was taken; why accounts are passed over.
    """

    due: list[datetime] = field(default_factory=list)
    delayed: bool = False
    limited: bool = False
    arrived: bool = False
    passed_over: dict[UUID, str] = field(default_factory=dict)


class Waits(Exception):
    """Nothing is begun before ``until``. ``delayed``: the push is held or tried again, not under way elsewhere;
    ``limited``: till tomorrow.
    """

    def __init__(self, until: datetime, *, delayed: bool, limited: bool = False) -> None:
        super().__init__(f"waits until {until.isoformat()}")
        self.until, self.delayed, self.limited = until, delayed, limited


def waiting(row: DeliveryAttempt) -> bool:
    """Staff asked for it and nothing was begun: the next attempt is this row."""
    return row.state is AttemptState.RETRY and row.settled_at is None


def tries_of(rows: Sequence[DeliveryAttempt]) -> int:
    """How often the message was tried and is tried again, since it last ended."""
    settled = [row for row in rows if not waiting(row)]
    return sum(1 for _ in takewhile(lambda r: r.state is AttemptState.RETRY or r.reason == LOST, reversed(settled)))


def due_after(at: datetime, tries: int) -> datetime:
    return at + BACKOFF[min(max(tries, 1), len(BACKOFF)) - 1]


class NoticeDelivery:
    def __init__(
        self,
        db: Database,
        people: PeopleService,
        subscriptions: SubscriptionService,
        channels: Channels,
        router: Router,
        lines: StaffLines,
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        self._db, self._people, self._subscriptions = db, people, subscriptions
        self._channels, self._router, self._lines = channels, router, lines
        self._queue, self._clock, self._turns = queue, clock, Turns()
        self._breakers = Breakers(clock)

    def deliver(self, job: DeliverNotice) -> None:
        """Through each bound account, once; what has to wait gets a job of its own."""
        with self._db.transaction() as session:
            notice = session.get(Notice, job.notice_id)
            text = notice_for(notice.event_type, notice.data, notice.catalogue_version) if notice is not None else None
            if notice is None or text is None:
                return
            plan = self._router.pushes(notice, text, self._recipients(notice), job)
        if plan.held:
            return
        round_ = Round(passed_over=dict(plan.passed_over))
        for identity in plan.accounts:
            try:
                self._deliver_to(notice, text, identity, round_)
            except Waits as pause:
                round_.due.append(pause.until)
                round_.delayed = round_.delayed or pause.delayed
                round_.limited = round_.limited or pause.limited
            except Busy:
                round_.due.append(self._clock.now() + LATER)
        self._close_left(notice.id, round_.passed_over, {i.id for i in plan.accounts})
        self._go_on(job, notice, text, round_)

    def _go_on(self, job: DeliverNotice, notice: Notice, text: NoticeText, round_: Round) -> None:
        if round_.due:
            self._again(replace(job, attempt=job.attempt + round_.delayed), text, round_)
        if round_.arrived:
            return
        span, begun = OTHER_WAY_AFTER.get(text.importance), begun_at(notice, self._clock.now())
        # who is held till tomorrow would not be asked about again in half an hour
        by_then = min(round_.due) if round_.limited else self._clock.now()
        if not round_.due or (round_.delayed and span is not None and by_then - begun >= span):
            self._router.fall_back(notice, text, bulk=job.bulk)

    def _close_left(self, notice_id: UUID, passed_over: Mapping[UUID, str], pushed: Collection[UUID]) -> None:
        """What was to be tried again and is not any more has failed: staff find it among the undelivered."""
        query = select(DeliveryAttempt).where(DeliveryAttempt.notice_id == notice_id)
        with self._db.transaction() as session:
            rows = session.scalars(query.order_by(DeliveryAttempt.number).with_for_update())
            for row in {each.identity_id: each for each in rows}.values():
                reason = passed_over.get(row.identity_id) or ("" if row.identity_id in pushed else GONE)
                if row.state is AttemptState.RETRY and reason:
                    row.state, row.reason, row.settled_at = AttemptState.FAILED, reason, self._clock.now()

    def _again(self, job: DeliverNotice, text: NoticeText, round_: Round) -> None:
        """A new job when due: a waiting one would hold up everything behind it. A limit of the day that staff lifted
        since it was met holds it no longer.
        """
        with self._db.transaction() as session:
            lifted = round_.limited and self._breakers.closed(session, text.template)
            self._queue.enqueue(session, job, at=self._clock.now() + LATER if lifted else min(round_.due))

    def _recipients(self, notice: Notice) -> list[IdentityView]:
        """The bound accounts, and those the event itself parted: they must hear of it most of all."""
        parted = [UUID(i) for i in notice.data.get("identities", [])]
        bound = self._people.identities_of(notice.graduate_id)
        told = [*bound, *(self._people.identity(i) for i in parted if i not in {b.id for b in bound})]
        return [i for i in told if i.platform in self._channels.senders and i.reachable]

    def _deliver_to(self, notice: Notice, text: NoticeText, identity: IdentityView, round_: Round) -> None:
        """Raises Waits and Busy, before anything was begun."""
        template_id = self._channels.template_ids.get(identity.platform.value, {}).get(text.template, "")
        if not template_id:
            round_.passed_over[identity.id] = NO_TEMPLATE  # the inbox has the notice
            return
        writer, platform = self._channels.writer, identity.platform
        if writer.faults(platform, text, notice.id, notice.created_at):
            round_.passed_over[identity.id] = UNFIT  # staff have heard of it when the notice was written
            return
        begun = self._turns.in_turn(lambda: self._begin(notice, text, identity))
        if begun is Halt.CANCELLED:
            round_.passed_over[identity.id] = begun.value
        if begun is None or isinstance(begun, Halt):
            return
        message = OutboundMessage(
            identity.open_id,
            template_id,
            text.page,
            writer.fields(platform, text, notice.id, notice.created_at),
        )
        try:
            provider_id = self._channels.senders[identity.platform].send(message)
        except SendFailed as error:
            self._settle_failure(begun, text, identity, error.fault, error.reason, round_)
            return
        except Unavailable as error:
            self._settle_failure(begun, text, identity, SendFault.RETRY, error.code, round_)
            return
        round_.arrived = True
        with self._db.transaction() as session:
            self._close(session, begun.attempt_id, AttemptState.SENT, provider_id=provider_id)
            self._turns.give_back(session, identity.id)
            self._subscriptions.spent(session, identity.id, text.template, begun.attempt_id)
            outlet = Outlet.of_push(identity.platform, text.template)
            healed = begun.standing.struck and self._breakers.passed(session, outlet)
        if healed:
            self._lines.say(breaker_words.healed(outlet))

    def _begin(self, notice: Notice, text: NoticeText, identity: IdentityView) -> Begun | Halt | None:
        """Commit a row before calling. None where nothing is to be sent (any more), a Halt where its campaign was
        stopped meanwhile. Raises Waits while another worker sends it, before the next try is due, and while the breaker
        is open and the message may still wait.
        """
        with self._db.transaction() as session:
            rows = session.scalars(
                select(DeliveryAttempt)
                .where(DeliveryAttempt.notice_id == notice.id, DeliveryAttempt.identity_id == identity.id)
                .order_by(DeliveryAttempt.number)
                .with_for_update()
            ).all()
            if not self._open(rows, text.promise):
                return None
            if (halt := halted(session, notice, begins=True)) is not None:
                return halt
            last, now = rows[-1] if rows else None, self._clock.now()
            if last is not None and last.state is AttemptState.SENDING:
                self._lost(last, now)
            standing = self._breakers.look(session, Outlet.of_push(identity.platform, text.template))
            gives_up = standing.held_until is not None
            if gives_up:
                since = begun_at(notice, now)
                since = max(since, last.settled_at or last.created_at) if last is not None else since
                due = standing.comes_again(notice.id, since, text.promise, now)
                if due is not None:
                    raise Waits(due, delayed=True, limited=standing.limited(now))
            else:
                self._turns.take(session, identity.id)
            if last is None or not waiting(last):
                last = DeliveryAttempt(id=new_id(), notice_id=notice.id, identity_id=identity.id, number=len(rows) + 1)
                session.add(last)
            last.state = AttemptState.FAILED if gives_up else AttemptState.SENDING
            last.reason = "held" if gives_up else ""
            last.created_at, last.settled_at = now, now if gives_up else None
            return None if gives_up else Begun(last.id, tries_of(rows) + 1, standing)

    def _open(self, rows: Sequence[DeliveryAttempt], promise: Promise) -> bool:
        """Whether a further attempt follows these. Raises Waits if not yet."""
        last, now = rows[-1] if rows else None, self._clock.now()
        if last is None:
            return True
        if last.state is AttemptState.SENDING:
            if now < last.created_at + LEASE:
                raise Waits(last.created_at + LEASE, delayed=False)
            if promise is Promise.AT_LEAST_ONCE:
                return True
            self._lost(last, now)
        if last.state is not AttemptState.RETRY:
            return False
        # a limit of the day is the breaker's to keep: it holds all of them, and staff may lift it
        limited = last.reason.startswith(f"{SendFault.LATER.value}:")
        if limited or last.settled_at is None:
            return True
        due = due_after(last.settled_at, tries_of(rows))
        if now < due:
            raise Waits(max(due, now + LATER), delayed=True)
        return True

    @staticmethod
    def _lost(row: DeliveryAttempt, now: datetime) -> None:
        """A worker died between the call and its answer: the message may have arrived."""
        row.state, row.reason, row.settled_at = AttemptState.UNKNOWN, LOST, now

    def _settle_failure(
        self, begun: Begun, text: NoticeText, identity: IdentityView, fault: SendFault, reason: str, round_: Round
    ) -> None:
        action = ACTIONS[fault]
        retry = follows(fault, sure=text.promise is Promise.AT_LEAST_ONCE) and begun.tries < MAX_ATTEMPTS
        ended = AttemptState.UNKNOWN if fault is SendFault.UNKNOWN else AttemptState.FAILED
        with self._db.transaction() as session:
            state = AttemptState.RETRY if retry else ended
            self._close(session, begun.attempt_id, state, reason=f"{fault.value}:{reason}"[:80])
            self._turns.give_back(session, identity.id)
            if action.credit_gone:
                gone = CreditCause.EXHAUSTED
                self._subscriptions.spent(session, identity.id, text.template, begun.attempt_id, gone)
            if action.address_gone:
                self._people.mark_unreachable(session, identity.id)
            outlet, first = Outlet.of_push(identity.platform, text.template), begun.tries == 1
            verdict = self._breakers.judge(session, outlet, begun.standing, fault, reason, first=first)
        log.info("push_not_sent", attempt=str(begun.attempt_id), fault=fault.value, reason=reason)
        if action.alarm:
            self._lines.say(f"消息模板异常：{text.template.value}（{reason}），请检查配置")
        for line in breaker_words.lines(outlet, verdict, fault, reason):
            self._lines.say(line)
        if retry:
            round_.due.append(verdict.held or due_after(self._clock.now(), begun.tries))
            round_.delayed, round_.limited = True, round_.limited or action.again is Again.NEXT_DAY

    def _close(
        self, session: Session, attempt_id: UUID, state: AttemptState, *, reason: str = "", provider_id: str = ""
    ) -> None:
        values = {"state": state, "reason": reason, "provider_id": provider_id, "settled_at": self._clock.now()}
        session.execute(update(DeliveryAttempt).where(DeliveryAttempt.id == attempt_id).values(**values))
