"""Asking carriers what became of hand-overs: traces are stored before they expire and move transfers on.

Every hand-over by a channel whose carrier answers queries gets a watch. Due watches are claimed with SKIP LOCKED and a
lease, the carrier is asked outside any transaction, and the answer takes effect under the transfer's row lock: two
workers with the same answer make one effect, a killed one's watch is due again when its lease ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import SYSTEM
from app.carrier_ports import Carrier, CarrierEvent
from app.db import Database
from app.envelope import BlindIndex, DataKey, open_json
from app.errors import FieldFault, NotFound, Unavailable
from app.events import EventLog
from app.jobs import JobQueue, TrackCarriers
from app.keyring import Keyring
from app.office_time import office_date
from app.ports import Clock
from app.transfers import rules, tracking_moves
from app.transfers import tracking_rules as rule
from app.transfers.models import Dispatch, Transfer, numbers_place
from app.transfers.rules import Evidence
from app.transfers.states import OUTSIDE
from app.transfers.steps import TransferSteps
from app.transfers.tracking_book import StoredEvent, TrackingBook
from app.transfers.tracking_models import TrackingWatch
from app.transfers.tracking_rules import Finding, Patience, Standing
from app.working_days.calendar import WorkingDays

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=5)
"""Longer than the questions of one claim may take; after it a claimed watch is due again."""
CLAIMED_AT_ONCE = 20

PER_JOB = 200
ADOPTED_AT_ONCE = 500
GIVE_UP_AFTER = 3
"""Unanswered questions in a row: the carrier is away, and the next round asks again."""

UNKNOWN_AFTER_DAYS = 2
"""Working days until a number the carrier does not know is a person's business: first scans may come late."""

LINGER = timedelta(days=14)
"""How long a trace that never told an end is followed after the transfer itself has ended."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A hand-over to be asked after, and whose it is."""

    handed: Dispatch
    owner: UUID

    @property
    def transfer_id(self) -> UUID:
        return self.handed.transfer_id

    @property
    def number(self) -> int:
        return self.handed.number


@dataclass(frozen=True, slots=True)
class Answer:
    """``events`` is None where the carrier does not know the number."""

    key: DataKey = field(repr=False)
    events: Sequence[CarrierEvent] | None = field(repr=False)


class CarrierAway(Exception):
    """No usable answer came."""


class TrackingService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        index: BlindIndex,
        steps: TransferSteps,
        carriers: Mapping[str, Carrier],
        calendar: WorkingDays,
        patience: Patience,
        events: EventLog,
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._steps, self._carriers = db, keys, steps, carriers
        self._calendar, self._patience = calendar, patience
        self._log, self._queue, self._clock = events, queue, clock
        self.book = TrackingBook(index)

    @property
    def channels(self) -> frozenset[str]:
        return frozenset(self._carriers)

    # --- rounds -------------------------------------------------------------------------------------------------------

    def tick(self) -> int:
        """One round of the worker's: new hand-overs are watched and, where something is due, a job asks the carriers.

        Gives the number of watches begun.
        """
        if not self._carriers:
            return 0
        begun = self.adopt()
        with self._db.transaction() as session:
            if session.scalar(select(exists().where(self._due(self._clock.now())))):
                self._queue.enqueue(session, TrackCarriers())
        return begun

    def adopt(self, transfer_id: UUID | None = None) -> int:
        """Begins a watch for every hand-over by a channel that can be tracked and has none yet; how many."""
        now = self._clock.now()
        watched = exists().where(
            TrackingWatch.transfer_id == Dispatch.transfer_id, TrackingWatch.number == Dispatch.number
        )
        query = (
            select(Dispatch.transfer_id, Dispatch.number, Dispatch.handed_at)
            .join(Transfer, Transfer.id == Dispatch.transfer_id)
            .where(Dispatch.channel.in_(list(self._carriers)), Transfer.state.in_(OUTSIDE), ~watched)
            .order_by(Dispatch.handed_at)
            .limit(ADOPTED_AT_ONCE)
        )
        if transfer_id is not None:
            query = query.where(Dispatch.transfer_id == transfer_id)
        with self._db.transaction() as session:
            rows = [
                {
                    "transfer_id": dispatched,
                    "number": number,
                    "handed_at": handed_at,
                    "standing": Standing.NOTHING,
                    "next_poll_at": now,
                    "failures": 0,
                    "needs_look": False,
                    "reasons": "",
                }
                for dispatched, number, handed_at in session.execute(query)
            ]
            if rows:
                session.execute(insert(TrackingWatch).values(rows).on_conflict_do_nothing())
        return len(rows)

    def work(self, job: TrackCarriers) -> None:
        """Asks for what is due, a bounded number of times; what is left is another job's."""
        del job
        if self.poll(PER_JOB) == PER_JOB:
            with self._db.transaction() as session:
                self._queue.enqueue(session, TrackCarriers())

    def poll(self, most: int = PER_JOB) -> int:
        """How many due watches were asked after. Stops early when the carrier is away."""
        done = away = 0
        while done < most and (claims := self._claim(min(CLAIMED_AT_ONCE, most - done))):
            for number, claim in enumerate(claims, 1):
                done += 1
                away = 0 if self._asked(claim) else away + 1
                if away == GIVE_UP_AFTER:
                    log.warning("carrier_away", asked=done)
                    self._give_back(claims[number:])
                    return done
        return done

    def _asked(self, claim: Claim) -> bool:
        """One hand-over that cannot be asked after, or whose answer cannot be taken in, holds up no other."""
        try:
            return self.ask(claim)
        except Exception as error:
            # by its class alone: a traceback may quote what was sealed
            log.error("carrier_question_failed", transfer_id=str(claim.transfer_id), error_type=type(error).__name__)
        self._failed(claim)
        return True

    def ask(self, claim: Claim) -> bool:
        """One question and its effect; False when no usable answer came."""
        try:
            answer = self._answer(claim)
        except CarrierAway:
            self._failed(claim)
            return False
        if answer is not None:
            self._take_in(claim, answer)
        return True

    def claim_of(self, transfer_id: UUID) -> Claim | None:
        """The latest hand-over of a transfer, for a question out of turn; None where it is not watched."""
        query = (
            _watched().where(TrackingWatch.transfer_id == transfer_id).order_by(TrackingWatch.number.desc()).limit(1)
        )
        with self._db.transaction() as session:
            found = session.execute(query).one_or_none()
        return None if found is None else Claim(found[0], found[1])

    # --- one question -------------------------------------------------------------------------------------------------

    @staticmethod
    def _due(now: datetime) -> ColumnElement[bool]:
        # nobody waits longer than the longest wait: what lies further ahead was set by a clock since set back
        ahead = TrackingWatch.next_poll_at > now + rule.LONGEST_WAIT + LEASE
        return and_(TrackingWatch.next_poll_at.is_not(None), or_(TrackingWatch.next_poll_at <= now, ahead))

    def _claim(self, most: int) -> list[Claim]:
        """Those due longest; another worker's are passed over."""
        now = self._clock.now()
        with self._db.transaction() as session:
            due = session.execute(
                _watched()
                .add_columns(TrackingWatch)
                .where(self._due(now))
                .order_by(TrackingWatch.next_poll_at, TrackingWatch.transfer_id)
                .limit(most)
                .with_for_update(of=TrackingWatch, skip_locked=True)
            ).all()
            for _, _, watch in due:
                watch.next_poll_at = now + LEASE
            return [Claim(handed, owner) for handed, owner, _ in due]

    def _give_back(self, claims: Sequence[Claim]) -> None:
        """Those that were claimed and not asked after are due again at once."""
        handed = [(claim.transfer_id, claim.number) for claim in claims]
        with self._db.transaction() as session:
            watches = tuple_(TrackingWatch.transfer_id, TrackingWatch.number).in_(handed)
            session.execute(update(TrackingWatch).where(watches).values(next_poll_at=self._clock.now()))

    def _answer(self, claim: Claim) -> Answer | None:
        """None where there is nothing to ask or nobody to ask. Raises CarrierAway."""
        carrier = self._carriers.get(claim.handed.channel)
        try:
            key = self._keys.of(claim.owner)
        except NotFound:  # erased: what was sealed for this graduate opens for nobody
            key = None
        if carrier is None or key is None:
            self._stop(claim, None)
            return None
        typed = open_json(key, numbers_place(claim.handed), claim.handed.sealed_numbers)[Evidence.TRACKING_NUMBER.value]
        number = rule.tracking_number(typed, claim.handed.channel)
        if isinstance(number, FieldFault):
            self._stop(claim, Finding.UNUSABLE_NUMBER)
            return None
        try:
            return Answer(key, carrier.track(number))
        except NotFound:
            return Answer(key, None)
        except Unavailable as error:
            log.warning("carrier_unavailable", transfer_id=str(claim.transfer_id), reason=error.params.get("reason"))
            raise CarrierAway from None

    def _failed(self, claim: Claim) -> None:
        now = self._clock.now()
        with self._db.transaction() as session:
            watch = _locked(session, claim)
            watch.failures += 1
            watch.last_polled_at = now
            if watch.next_poll_at is not None:
                watch.next_poll_at = rule.next_poll(now, watch.standing, watch.failures)

    def _stop(self, claim: Claim, finding: Finding | None) -> None:
        with self._db.transaction() as session:
            watch = _locked(session, claim)
            watch.next_poll_at = None
            self._report(watch, [] if finding is None else [(finding, "")])

    def _take_in(self, claim: Claim, answer: Answer) -> None:
        now = self._clock.now()
        with self._db.transaction() as session:
            row = self._steps.locked(session, claim.transfer_id)
            watch = _locked(session, claim)
            known = [
                each for each in self.book.of(session, answer.key, [row.id])[row.id] if each.number == claim.number
            ]
            told = list(answer.events or ())
            known += self.book.keep(session, answer.key, row.id, claim.number, told, known, now)
            # the answer once more beside what is stored: a line that was altered since shows as a contradiction
            trace = rule.fold([*(each.event for each in known), *told], handed_at=watch.handed_at, now=now)
            found = [*trace.findings, *self._unknown(watch, known, answer, now)]
            latest = self._latest(session, claim)
            if latest:
                found += self._move(session, answer.key, row, watch, trace, known)
            watch.standing, watch.last_sign_at = trace.standing, trace.last_at
            watch.last_polled_at, watch.failures = now, 0
            if told:
                watch.captured_at = now
            over = row.state not in OUTSIDE or not latest
            watch.next_poll_at = self._next(watch, row, now, over=over)
            self._report(watch, found)

    def _move(
        self,
        session: Session,
        key: DataKey,
        row: Transfer,
        watch: TrackingWatch,
        trace: rule.CarrierStanding,
        known: Sequence[StoredEvent],
    ) -> list[tuple[Finding, str]]:
        """Takes the steps that the trace proves; gives what trace and transfer disagree about."""
        silent = self._silent(row, watch, trace)
        fresh = any(each.fetched_at > row.moved_at for each in known)
        found = tracking_moves.verdict(row.state, trace, fresh=fresh, silent=silent)
        for target in found.way:
            edge = rules.edge(row.state, target)
            reason = {Evidence.REASON: found.reason} if edge is not None and edge.evidence else {}
            self._steps.take(session, SYSTEM, row, key, target, reason)
        last = "" if trace.last is None else trace.last.event_id
        quiet = [(Finding.SILENT, "")] if silent is not None else []
        return quiet + ([(found.finding, last)] if found.finding is not None else [])

    def _silent(self, row: Transfer, watch: TrackingWatch, trace: rule.CarrierStanding) -> date | None:
        # on the way it counts from the transfer's last step: whoever says that it was found is not contradicted by the
        # same silence; held for lost, the silence goes on until something is heard
        since = row.moved_at if row.state in tracking_moves.ON_THE_WAY else watch.handed_at
        if row.state not in tracking_moves.ON_THE_WAY | tracking_moves.HELD_LOST:
            return None
        return rule.silent_since(
            trace, since=since, now=self._clock.now(), calendar=self._calendar, patience=self._patience
        )

    def _unknown(
        self, watch: TrackingWatch, known: Sequence[StoredEvent], answer: Answer, now: datetime
    ) -> list[tuple[Finding, str]]:
        if answer.events is not None or known:
            return []
        days = self._calendar.between(office_date(watch.handed_at), office_date(now))
        return [(Finding.UNKNOWN_NUMBER, "")] if days > UNKNOWN_AFTER_DAYS else []

    @staticmethod
    def _latest(session: Session, claim: Claim) -> bool:
        newest = session.scalar(select(func.max(Dispatch.number)).where(Dispatch.transfer_id == claim.transfer_id))
        return newest == claim.number

    @staticmethod
    def _next(watch: TrackingWatch, row: Transfer, now: datetime, *, over: bool) -> datetime | None:
        ended = watch.standing not in rule.UNDER_WAY or now - row.moved_at > LINGER
        if over and ended and watch.captured_at is not None:
            return None
        return rule.next_poll(now, watch.standing, 0)

    def _report(self, watch: TrackingWatch, found: Sequence[tuple[Finding, str]]) -> None:
        """Asks a person to look, once for the same findings. A missed last capture stays said until there is one."""
        missed = watch.alarmed_at is not None and (watch.captured_at is None or watch.captured_at < watch.alarmed_at)
        found = [*found, *([(Finding.TRACE_EXPIRING, "")] if missed else [])]
        mark = self.book.mark(found) if found else None
        if not found:
            watch.needs_look = False
        elif mark != watch.look_mark:
            watch.needs_look = True
        watch.look_mark = mark
        watch.reasons = ",".join(sorted({finding.value for finding, _ in found}))


def _watched() -> Select[Dispatch, UUID]:
    return (
        select(Dispatch, Transfer.graduate_id)
        .join(Transfer, Transfer.id == Dispatch.transfer_id)
        .join(
            TrackingWatch,
            and_(TrackingWatch.transfer_id == Dispatch.transfer_id, TrackingWatch.number == Dispatch.number),
        )
    )


def _locked(session: Session, claim: Claim) -> TrackingWatch:
    return session.scalars(
        select(TrackingWatch)
        .where(TrackingWatch.transfer_id == claim.transfer_id, TrackingWatch.number == claim.number)
        .with_for_update()
    ).one()
