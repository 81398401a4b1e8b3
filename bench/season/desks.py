"""A working day inside the house: registration, reviews, assembling, sealing by two, handing over by batches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from uuid import UUID

from sqlalchemy import select

from app.actors import Actor
from app.jobs import DispatchWork
from app.office_time import office_date
from app.receivers.rules import DestinationCase
from app.transfers.clocks import last_change_day, months_after
from app.transfers.destination import Destination
from app.transfers.models import ActState, DoubleAct, Transfer
from app.transfers.proving import Shown
from app.transfers.rules import Evidence
from app.transfers.showing import transfer_number
from app.transfers.states import Channel, State
from bench.season.book import Book, Life, SeasonClock
from bench.season.carrier import SeasonCarrier
from bench.season.odds import Odds, Staffing, drawn
from bench.season.people import Desk
from parts import Lantai

REASON = {Evidence.REASON: "模拟：按规定办理"}
LETTER, COHORT = "TDH-2026-1", 2026


class Desks:
    def __init__(
        self,
        parts: Lantai,
        book: Book,
        desk: Desk,
        receivers: dict[DestinationCase, list[str]],
        carrier: SeasonCarrier,
        clock: SeasonClock,
        rng: Random,
        odds: Odds,
    ) -> None:
        self.parts, self.book, self.desk, self.receivers = parts, book, desk, receivers
        self.carrier, self.clock, self.rng = carrier, clock, rng
        self.odds, self.staffing = odds, Staffing()
        self._numbers, self._used = 0, dict[Channel, str]()

    def most(self, share: float) -> int:
        return self.staffing.of(share, len(self.book.lives))

    # --- graduates ----------------------------------------------------------------------------------------------------

    def register(self, today: date, newcomers: Sequence[Life]) -> None:
        """First registrations, those who were sent back, changes of address, and those who leave the shelter."""
        for life in newcomers:
            transfer = self.parts.destinations.open(life.actor, life.graduate, self._wanted(life))
            self.book.opened(life, transfer, State.DESTINATION_REGISTERED)
            life.wake = today + timedelta(days=1)
        for life in self.book.due(State.DRAFT, today):
            self._change(life)
            self.book.moved(life, State.DESTINATION_REGISTERED, today + timedelta(days=1))
        waiting = self.book.queues[State.COLLEGE_REVIEWED]
        for life in list(waiting):
            if (
                not life.changed
                and today <= last_change_day(COHORT)
                and self.rng.random() < self.odds.changes_address / 10
            ):
                life.changed = True
                del waiting[life]
                self._change(life)
                self.book.moved(life, State.DESTINATION_REGISTERED, today + timedelta(days=1))
        for life in self.book.due(State.HELD_AT_SCHOOL, today):
            if self.rng.random() > self.odds.leaves_shelter:
                self.book.stays(life, date.max)
                continue
            life.case = DestinationCase.PRIVATE_EMPLOYMENT
            self._change(life)
            self.book.tally.steps[State.DRAFT] += 1
            self.book.moved(life, State.DESTINATION_REGISTERED, today + timedelta(days=1))

    def _change(self, life: Life) -> None:
        """By the graduate as long as the calendar lets them, else taken down at the desk."""
        version = self.book.versions([life])[id_of(life)]
        late = office_date(self.clock.now()) > last_change_day(COHORT)
        actor = self.desk.pair[0] if late else life.actor
        self.parts.destinations.change(actor, id_of(life), version, self._wanted(life))
        self.book.tally.acts += 1

    def _wanted(self, life: Life) -> Destination:
        study = life.case is DestinationCase.FURTHER_STUDY
        return Destination(
            life.case,
            self.rng.choice(self.receivers[life.case]),
            life.channel,
            letter_on=office_date(self.clock.now()) if study else None,
            letter_number=LETTER if study else "",
        )

    # --- reviews ------------------------------------------------------------------------------------------------------

    def review(self, today: date) -> None:
        """College, then school. A stale form is refused; an address that rests is left until tomorrow."""
        day = self.book.due(State.DESTINATION_REGISTERED, today, self.most(self.staffing.college))
        versions = self.book.versions(day)
        for life in day:
            version, draw = versions[id_of(life)], self.rng.random()
            if draw < self.odds.stale_form:
                with self.book.refusal("transfer_changed"):
                    self.move(life, State.COLLEGE_REVIEWED, version - 1, actor=self.desk.college)
            if self.rng.random() < self.odds.sent_back:
                self.move(life, State.DRAFT, version, REASON, actor=self.desk.college)
                self.book.moved(life, State.DRAFT, today + timedelta(days=self.rng.randrange(1, 6)))
                continue
            forward = State.COLLEGE_REVIEWED
            if self._forward(life, forward, version, self.desk.college):
                self.book.moved(life, forward, today)
            else:
                self.book.stays(life, today + timedelta(days=1))
        day = self.book.due(State.COLLEGE_REVIEWED, today, self.most(self.staffing.school))
        versions = self.book.versions(day)
        for life in day:
            version = versions[id_of(life)]
            if life.case is DestinationCase.KEPT_AT_SCHOOL:
                until = months_after(today, 12)
                self.move(life, State.HELD_AT_SCHOOL, version, {Evidence.KEPT_UNTIL: until.isoformat()})
                self.book.moved(life, State.HELD_AT_SCHOOL, today + timedelta(days=self.rng.randrange(30, 120)))
            elif self._forward(life, State.SCHOOL_APPROVED, version, self.desk.school):
                self.book.moved(life, State.SCHOOL_APPROVED, today)
            else:
                self.book.stays(life, today + timedelta(days=1))

    def _forward(self, life: Life, target: State, version: int, actor: Actor) -> bool:
        return self.book.tried(lambda: self.move(life, target, version, actor=actor), "destination_rests")

    # --- the archive's desk -------------------------------------------------------------------------------------------

    def assemble(self, today: date) -> None:
        """Freezes catalogues and checks them; now and then one is begun anew, withdrawn, or a state is skipped."""
        day = self.book.due(State.SCHOOL_APPROVED, today, self.most(self.staffing.desk))
        versions = self.book.versions(day)
        for life in day:
            version = versions[id_of(life)]
            if self.rng.random() < self.odds.skips_a_state:
                with self.book.refusal("move_not_allowed"):
                    self.move(life, State.CHECKED, version)
            if self.rng.random() < self.odds.withdrawn:
                self.move(life, State.WITHDRAWN, version, REASON)
                self.book.moved(life, State.WITHDRAWN)
                continue
            view = self.parts.transfers.move(self.desk.pair[0], id_of(life), version, State.ASSEMBLED)
            self.book.tally.acts += 1
            life.code = view.manifest_code or ""
            self.book.moved(life, State.ASSEMBLED, today)
        day = self.book.due(State.ASSEMBLED, today, self.most(self.staffing.desk))
        versions = self.book.versions(day)
        for life in day:
            version = versions[id_of(life)]
            again = self.rng.random() < self.odds.assembled_anew
            target = State.SCHOOL_APPROVED if again else State.CHECKED
            self.move(life, target, version, REASON if again else {})
            self.book.moved(life, target, today + timedelta(days=1) if again else today)

    def seal(self, today: date) -> None:
        """By two persons; one alone is refused. Of those sealed, some are opened again."""
        opened = [
            life
            for life in list(self.book.queues[State.SEALED])
            if not life.opened_seal and self.rng.random() < self.odds.seal_opened
        ]
        for life in opened:
            life.opened_seal = True
            del self.book.queues[State.SEALED][life]
            self.two(life, State.SCHOOL_APPROVED, REASON)
            self.book.moved(life, State.SCHOOL_APPROVED, today)
        for number, life in enumerate(self.book.due(State.CHECKED, today, self.most(self.staffing.sealing)), 1):
            shown = {Evidence.SEAL_NUMBER: f"MF{today:%Y%m%d}-{number}", Evidence.PHOTO_DIGEST: "0" * 64}
            self.two(life, State.SEALED, shown)
            self.book.moved(life, State.SEALED, today)

    def two(self, life: Life, target: State, shown: Shown) -> None:
        """Proposed by the first and confirmed by the second person."""
        first, second = self.desk.pair
        transfer = id_of(life)
        version = self.book.versions([life])[transfer]
        self.parts.double_acts.propose(first, transfer, version, target, shown)
        with self.parts.db.transaction() as session:
            act = session.scalars(
                select(DoubleAct.id).where(DoubleAct.transfer_id == transfer, DoubleAct.state == ActState.WAITING)
            ).one()
        if self.rng.random() < self.odds.one_person_seals:
            with self.book.refusal("same_person"):
                self.parts.double_acts.confirm(first, transfer, act)
        self.parts.double_acts.confirm(second, transfer, act)
        self.book.tally.acts += 2

    # --- handing over -------------------------------------------------------------------------------------------------

    def dispatch(self, today: date) -> None:
        """One batch for each channel: scanned, handed over in one act, carried out by the worker's own code."""
        sealed = self.book.due(State.SEALED, today)
        for channel in Channel:
            lives = [life for life in sealed if life.channel is channel]
            if not lives:
                continue
            batch = self.parts.dispatching.begin(self.desk.pair[0], channel)
            written = self._written(lives)
            for life in lives:
                self._scan(batch, life, written[id_of(life)])
            self.parts.dispatching.hand_over(self.desk.pair[0], batch)
            self.parts.dispatching.work(DispatchWork(batch))
            for life in lives:
                life.fate, life.silent = drawn(self.rng, self.odds.fates), False
                if channel is Channel.EMS:
                    self.carrier.takes(life.number, self.clock.now(), life.fate)
                self.book.moved(life, State.HANDED_TO_CARRIER, today + timedelta(days=1))

    def _scan(self, batch: UUID, life: Life, written: str) -> None:
        add = self.parts.dispatching.add
        used = self._used.get(life.channel)
        life.number = self._number(life.channel)
        if used and self.rng.random() < self.odds.number_reused:
            with self.book.refusal("tracking_number_used"):
                add(self.desk.pair[0], batch, written, used)
        add(self.desk.pair[0], batch, written, life.number)
        self.book.tally.acts += 1
        if self.rng.random() < self.odds.scanned_twice:
            with self.book.refusal("already_scanned", "tracking_number_used"):
                add(self.desk.pair[0], batch, written, life.number)

    def _number(self, channel: Channel) -> str:
        self._numbers += 1
        number = f"1{self._numbers:012d}" if channel is Channel.EMS else f"JY-{self._numbers:08d}"
        self._used[channel] = number
        return number

    def _written(self, lives: Sequence[Life]) -> dict[UUID, str]:
        found: dict[UUID, str] = {}
        with self.parts.db.transaction() as session:
            for start in range(0, len(lives), 1000):
                ids = [life.transfer for life in lives[start : start + 1000]]
                rows = session.scalars(select(Transfer).where(Transfer.id.in_(ids)))
                found.update((row.id, transfer_number(row)) for row in rows)
        return found

    def move(
        self, life: Life, target: State, version: int, shown: Shown | None = None, *, actor: Actor | None = None
    ) -> None:
        """By the archive's school desk where no other actor is named."""
        self.parts.transfers.move(actor or self.desk.school, id_of(life), version, target, shown or {})
        self.book.tally.acts += 1


def id_of(life: Life) -> UUID:
    if life.transfer is None:
        raise LookupError("this graduate has no transfer yet")
    return life.transfer
