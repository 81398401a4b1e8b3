"""The worker's side of e-mail and SMS: one letter per notice and kind of address, as surely as the notice promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import SYSTEM
from app.db import Database, new_id
from app.errors import Unavailable
from app.events import EventLog
from app.jobs import Announce, DeliverByContact, JobQueue
from app.ports import Clock, SendFailed, SendFault
from notifications import breaker_words
from notifications.breaker import Breakers, Outlet, Standing
from notifications.campaigns.halting import Halt
from notifications.catalogue.text import NoticeText, Promise
from notifications.catalogue.words import notice_for
from notifications.channel_models import ContactAttempt, NoticeContact
from notifications.channel_rules import ContactKind
from notifications.contacts import ContactBook
from notifications.fault_actions import ACTIONS, Again, alarms, follows, next_day
from notifications.models import AttemptState, Notice
from notifications.routing import GONE, Router, asked, begun_at
from notifications.staff_lines import StaffLines
from notifications.writing import Letter, LetterWriter

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 5
OPEN = (AttemptState.RETRY, AttemptState.SENDING)
LOST = "worker_lost"
"""A worker died between the call and its answer: the letter may have arrived."""
LEASE = timedelta(minutes=2)  # longer than any server takes over one letter: whoever began an older one is gone
BACKOFF = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
HELD = "held"  # its kind of letter was stopped for too long


class UnderWay(Exception):
    """Another worker may be sending it until then."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"under way until {until.isoformat()}")
        self.until = until


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt whose row is committed. ``first``: of its kind of address, or since staff asked for it."""

    attempt_id: UUID
    first: bool
    outlet: Outlet
    standing: Standing


class ContactDelivery:
    def __init__(
        self,
        db: Database,
        book: ContactBook,
        writer: LetterWriter,
        router: Router,
        lines: StaffLines,
        queue: JobQueue,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._book, self._writer, self._router = db, book, writer, router
        self._lines, self._queue, self._log, self._clock = lines, queue, log, clock
        self._breakers = Breakers(clock)

    def deliver(self, job: DeliverByContact) -> None:
        with self._db.transaction() as session:
            notice = session.get(Notice, job.notice_id)
        text = notice_for(notice.event_type, notice.data, notice.catalogue_version) if notice is not None else None
        if notice is None or text is None:
            return
        if self._router.held(notice, text, job):
            return
        letter = self._book.letter(job.contact_id, _reference(notice.id, job.contact_id))
        try:
            begun = self._begin(job, notice, text, letter)
        except UnderWay as other:
            with self._db.transaction() as session:
                self._queue.enqueue(session, job, at=other.until)
            return
        if letter is None or begun is None:
            self._router.fall_back(notice, text, bulk=job.bulk)
            return
        try:
            provider_id = self._writer.send_notice(letter, notice.id, text, notice.created_at)
        except SendFailed as error:
            self._fail(job, notice, text, begun, error.fault, error.reason)
        except Unavailable as error:
            self._fail(job, notice, text, begun, SendFault.RETRY, error.code)
        else:
            self._arrive(begun, provider_id)

    def _begin(self, job: DeliverByContact, notice: Notice, text: NoticeText, letter: Letter | None) -> Begun | None:
        """Commit a row before calling. None where nothing is to be sent: any more, before its campaign goes on, or
        while its kind of letter is stopped. Raises UnderWay while another worker sends it, to this or to another kind
        of address.
        """
        with self._db.transaction() as session:
            session.get_one(Notice, notice.id, with_for_update=True)
            query = select(ContactAttempt).where(ContactAttempt.notice_id == notice.id).order_by(ContactAttempt.number)
            letters = session.scalars(query).all()
            rows = _tries(letters, job.contact_id, letter)
            last, now = rows[-1] if rows else None, self._clock.now()
            if last is not None and last.state not in OPEN:
                return None
            for row in letters:
                if row.state is AttemptState.SENDING and now < row.created_at + LEASE:
                    raise UnderWay(row.created_at + LEASE)
            lost = last if last is not None and last.state is AttemptState.SENDING else None
            if lost is not None and text.promise is Promise.AT_MOST_ONCE:
                _end(lost, AttemptState.UNKNOWN, LOST, now)
                return None
            contact, refusal = session.get(NoticeContact, job.contact_id), GONE
            if letter is not None:
                refusal = self._router.refusal(session, notice, text, contact, asked=last is not None and asked(last))
            if refusal == Halt.HELD:
                return None
            if letter is None or refusal:
                self._drop(session, last, refusal, known=contact is not None)
                return None
            return self._take_up(session, job, notice, text, letter.kind, last)

    def _drop(self, session: Session, last: ContactAttempt | None, refusal: str, *, known: bool) -> None:
        """It is not sent after all. ``known``: its address still stands somewhere."""
        now = self._clock.now()
        if last is None:
            return
        if last.state is AttemptState.SENDING:
            _end(last, AttemptState.UNKNOWN, LOST, now)
        elif last.settled_at is None and last.number == 1 and (not known or refusal != GONE):
            session.delete(last)  # never tried, and its kind stays open for an address to come
        else:
            _end(last, AttemptState.FAILED, refusal, now)

    def _take_up(
        self,
        session: Session,
        job: DeliverByContact,
        notice: Notice,
        text: NoticeText,
        kind: ContactKind,
        last: ContactAttempt | None,
    ) -> Begun | None:
        """None while its kind of letter is stopped: it waits and uses up no try, or has waited for too long."""
        outlet, now = Outlet.of_letter(kind), self._clock.now()
        standing = self._breakers.look(session, outlet, within=LEASE)
        if standing.held_until is not None:
            last = last or _next(session, job, kind, None, now)
            due = standing.comes_again(notice.id, _waits_since(notice, last, now), text.promise, now)
            if due is not None:
                last.held_until = standing.held_until
                self._queue.enqueue(session, job, at=due)
                return None
        if last is not None and last.state is AttemptState.SENDING:
            _end(last, AttemptState.UNKNOWN, LOST, now)
        first = last is None or last.settled_at is None
        row = _next(session, job, kind, last, now)
        if standing.held_until is not None:
            _end(row, AttemptState.FAILED, HELD, now)
            return None
        row.contact_id, row.state, row.created_at, row.held_until = job.contact_id, AttemptState.SENDING, now, None
        return Begun(row.id, first, outlet, standing)

    def _arrive(self, begun: Begun, provider_id: str) -> None:
        with self._db.transaction() as session:
            row = session.get_one(ContactAttempt, begun.attempt_id)
            row.state, row.provider_id, row.settled_at = AttemptState.SENT, provider_id[:80], self._clock.now()
            healed = begun.standing.struck and self._breakers.passed(session, begun.outlet)
        if healed:
            self._lines.say(breaker_words.healed(begun.outlet))

    def _fail(
        self, job: DeliverByContact, notice: Notice, text: NoticeText, begun: Begun, fault: SendFault, reason: str
    ) -> None:
        action = ACTIONS[fault]
        retry = follows(fault, sure=text.promise is Promise.AT_LEAST_ONCE) and job.attempt < MAX_ATTEMPTS
        ended = AttemptState.UNKNOWN if fault is SendFault.UNKNOWN else AttemptState.FAILED
        now, outlet = self._clock.now(), begun.outlet
        with self._db.transaction() as session:
            row = session.get_one(ContactAttempt, begun.attempt_id)
            row.state = AttemptState.RETRY if retry else ended
            row.reason, row.settled_at = f"{fault.value}:{reason}"[:80], now
            if action.address_gone and row.contact_id is not None:
                self._lose(session, row.contact_id)
            verdict = self._breakers.judge(session, outlet, begun.standing, fault, reason, first=begun.first)
            tomorrow = action.again is Again.NEXT_DAY
            if retry:
                again = replace(job, attempt=job.attempt + 1)
                due = next_day(now) if tomorrow else now + BACKOFF[min(job.attempt, len(BACKOFF)) - 1]
                self._queue.enqueue(session, again, at=verdict.held or due)
        way = outlet.way.value
        log.info("letter_not_sent", attempt=str(begun.attempt_id), way=way, fault=fault.value, reason=reason)
        if alarms(fault, reason):
            self._lines.say(f"{breaker_words.NAMES[outlet.way]}通知未能发出（{reason}），请检查配置")
        for line in breaker_words.lines(outlet, verdict, fault, reason):
            self._lines.say(line)
        if not retry or tomorrow:
            self._router.fall_back(notice, text, bulk=job.bulk)

    def _lose(self, session: Session, contact_id: UUID) -> None:
        """The address is dead: nothing more goes there, and its owner hears of it, once."""
        contact = session.get(NoticeContact, contact_id, with_for_update=True, populate_existing=True)
        if contact is None or contact.unreachable_at is not None:
            return
        contact.unreachable_at = self._clock.now()
        kind = {"kind": contact.kind.value}
        event = self._log.record(
            session, SYSTEM, "account.contact_unreachable", graduate_id=contact.graduate_id, data=kind
        )
        self._queue.enqueue(session, Announce(event))


def _tries(letters: Sequence[ContactAttempt], contact_id: UUID, letter: Letter | None) -> Sequence[ContactAttempt]:
    """Those by that kind of address; of an address that was removed those that lost it."""
    if letter is not None:
        return [row for row in letters if row.kind is letter.kind]
    return [row for row in letters if row.contact_id in (contact_id, None) and row.state is AttemptState.RETRY]


def _next(
    session: Session, job: DeliverByContact, kind: ContactKind, last: ContactAttempt | None, now: datetime
) -> ContactAttempt:
    """The row that waits to be begun, else one after the last."""
    if last is not None and last.settled_at is None:
        return last
    number = last.number + 1 if last is not None else 1
    row = ContactAttempt(
        id=new_id(),
        notice_id=job.notice_id,
        contact_id=job.contact_id,
        kind=kind,
        number=number,
        state=AttemptState.RETRY,
        created_at=now,
    )
    session.add(row)
    return row


def _waits_since(notice: Notice, row: ContactAttempt, now: datetime) -> datetime:
    return max(begun_at(notice, now), row.settled_at or row.created_at)


def _end(row: ContactAttempt, state: AttemptState, reason: str, at: datetime) -> None:
    row.state, row.reason, row.settled_at, row.held_until = state, reason, at, None


def _reference(notice_id: UUID, contact_id: UUID) -> UUID:
    """One letter's name: the same for every try at it."""
    return UUID(int=notice_id.int ^ contact_id.int)
