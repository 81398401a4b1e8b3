"""What happens outside the house: traces, receipts, and the guided ways back from refusal, return and loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from random import Random

from sqlalchemy import select

from app.carrier_ports import CarrierCode
from app.transfers import rules
from app.transfers.models import Transfer
from app.transfers.rules import By, Evidence
from app.transfers.states import Channel, State
from bench.season.book import Book, Broken, Life, SeasonClock
from bench.season.carrier import SeasonCarrier
from bench.season.desks import REASON, Desks, id_of
from bench.season.odds import Fate
from parts import Lantai

FOLLOWED = (
    State.HANDED_TO_CARRIER,
    State.IN_TRANSIT,
    State.DELIVERED_UNCONFIRMED,
    State.REFUSED,
    State.LOST_SUSPECTED,
    State.TRACING,
)
PROVED_BY: Mapping[State, CarrierCode] = {
    State.IN_TRANSIT: CarrierCode.ACCEPTED,
    State.DELIVERED_UNCONFIRMED: CarrierCode.DELIVERED,
    State.REFUSED: CarrierCode.REFUSED,
    State.RETURNED: CarrierCode.RETURNED,
}
"""The least a carrier must have said for a state that its trace led to."""
ROUND = 200


class Way:
    def __init__(
        self, parts: Lantai, book: Book, desks: Desks, carrier: SeasonCarrier, clock: SeasonClock, rng: Random
    ) -> None:
        self.parts, self.book, self.desks, self.carrier = parts, book, desks, carrier
        self.clock, self.rng, self.odds = clock, rng, desks.odds

    # --- carriers -----------------------------------------------------------------------------------------------------

    def track(self, today: date) -> None:
        """The evening's round: new hand-overs are watched, due ones asked after, and the book learns of it."""
        while self.parts.tracking.adopt():
            pass
        while self.parts.tracking.poll(ROUND) == ROUND:
            pass
        followed = [life for state in FOLLOWED for life in self.book.queues[state] if life.channel is Channel.EMS]
        found = self.book.states(id_of(life) for life in followed)
        for life in followed:
            state = found[id_of(life)]
            if state is not life.state:
                self._learn(life, state, today)

    def _learn(self, life: Life, state: State, today: date) -> None:
        """Raises Broken where the trace does not prove what the services concluded."""
        for step in self._steps(life.state, state):
            code = PROVED_BY.get(step)
            if code is not None and code not in self.carrier.told(life.number):
                raise Broken(f"{step} without the carrier's word")
            if step is State.LOST_SUSPECTED:
                if life.fate not in (Fate.LOST, Fate.FOUND_AGAIN, Fate.SLOW):
                    raise Broken("held for lost, and the carrier had told of it")
                life.silent = True
            self.book.tally.steps[step] += 1
        del self.book.queues[life.state][life]
        self.book.tally.steps[state] -= 1  # the last one is counted by ``moved``
        wake = self._wake(state, today)
        self.book.moved(life, state, wake)

    @staticmethod
    def _steps(source: State, target: State) -> tuple[State, ...]:
        """Directly, or through "in transit"; every edge must be the carrier's or the clock's."""
        for way in ((target,), (State.IN_TRANSIT, target)):
            edges = [rules.edge(a, b) for a, b in zip((source, *way), way, strict=False)]
            if all(e is not None and {By.CARRIER, By.CLOCK} & set(e.by) for e in edges):
                direct = way
                break
        else:
            raise Broken(f"a carrier led from {source} to {target}")
        return direct

    def _wake(self, state: State, today: date) -> date:
        if state is State.DELIVERED_UNCONFIRMED:
            return self._answers_on(today)
        return today + timedelta(days=1)

    def _answers_on(self, today: date) -> date:
        """When the receiver sends the receipt back; some never do, until they are pressed."""
        never = self.rng.random() < self.odds.never_answers
        return date.max if never else today + timedelta(days=min(60, round(self.rng.lognormvariate(2.2, 0.6))))

    def by_hand(self, today: date) -> None:
        """机要 and 专人 answer no queries: the desk records what comes back on the list."""
        for state, target in (
            (State.HANDED_TO_CARRIER, State.IN_TRANSIT),
            (State.IN_TRANSIT, State.DELIVERED_UNCONFIRMED),
        ):
            lives = self.book.due(state, today)
            mine = [life for life in lives if life.channel is not Channel.EMS]
            for life in lives:
                if life.channel is Channel.EMS:
                    self.book.stays(life, today)
            versions = self.book.versions(mine)
            for life in mine:
                self.desks.move(life, target, versions[id_of(life)])
                wake = self._wake(target, today) if target is not State.IN_TRANSIT else today + timedelta(days=2)
                self.book.moved(life, target, wake)

    # --- receipts -----------------------------------------------------------------------------------------------------

    def receipts(self, today: date) -> None:
        """Receipts that came by post are taken down; one that names another catalogue is refused."""
        most = self.desks.most(self.desks.staffing.receipts)
        for state in (State.DELIVERED_UNCONFIRMED, State.RECEIPT_OVERDUE):
            day = self.book.due(state, today, most)
            versions = self.book.versions(day)
            for life in day:
                version = versions[id_of(life)]
                if self.rng.random() < self.odds.wrong_code:
                    with self.book.refusal("other_manifest"):
                        self._receipt(life, version, "ABCDEFGHJKMNPQRSTVWX")
                self._receipt(life, version, life.code)
                self.book.moved(life, State.RECEIVED, today + timedelta(days=1))
        day = self.book.due(State.RECEIVED, today, most)
        versions = self.book.versions(day)
        for life in day:
            self.desks.move(life, State.CLOSED, versions[id_of(life)])
            self.book.moved(life, State.CLOSED)

    def _receipt(self, life: Life, version: int, code: str) -> None:
        shown = {Evidence.RECEIPT_NUMBER: f"HZ-{life.number}", Evidence.MANIFEST_CODE: code}
        self.desks.move(life, State.RECEIVED, version, shown)

    def clocks(self, today: date) -> None:
        """The night's round of the clocks: the month for the receipt walks its edge, and no stored day differs."""
        overdue = self.parts.transfer_watch.press_receipts()
        waiting = list(self.book.queues[State.DELIVERED_UNCONFIRMED])
        found = self.book.states(id_of(life) for life in waiting)
        pressed = [life for life in waiting if found[id_of(life)] is State.RECEIPT_OVERDUE]
        if len(pressed) != overdue:
            raise Broken(f"{overdue} receipts were pressed for, {len(pressed)} are overdue")
        for life in pressed:
            del self.book.queues[State.DELIVERED_UNCONFIRMED][life]
            self.book.moved(life, State.RECEIPT_OVERDUE, today + timedelta(days=self.rng.randrange(3, 25)))

    # --- what went wrong ----------------------------------------------------------------------------------------------

    def mend(self, today: date) -> None:
        """Each side state's next guided step."""
        acts: Mapping[State, Callable[[Life, int], None]] = {
            State.RETURNED: lambda life, version: self._returned(life, version, today),
            State.LOST_SUSPECTED: lambda life, version: self._suspected(life, version, today),
            State.TRACING: lambda life, version: self._tracing(life, version, today),
            State.LOST_CONFIRMED: lambda life, version: self._on(life, version, State.REBUILDING, today, 10),
            State.REBUILDING: lambda life, version: self._on(life, version, State.SCHOOL_APPROVED, today, 0),
        }
        for state, act in acts.items():
            day = self.book.due(state, today)
            versions = self.book.versions(day)
            for life in day:
                act(life, versions[id_of(life)])

    def _on(self, life: Life, version: int, target: State, today: date, days: int) -> None:
        edge = rules.edge(life.state, target)
        self.desks.move(life, target, version, REASON if edge is not None and edge.evidence else {})
        self.book.moved(life, target, today + timedelta(days=days))

    def _returned(self, life: Life, version: int, today: date) -> None:
        draw = self.rng.random()
        if draw < self.odds.resent_whole:
            self._on(life, version, State.SEALED, today, 1)
        elif draw < self.odds.resent_whole + self.odds.redirected:
            self.desks.two(life, State.REDIRECTED, REASON)
            self._redirected(life, today)
        else:
            self.desks.two(life, State.SCHOOL_APPROVED, REASON)
            self.book.moved(life, State.SCHOOL_APPROVED, today)

    def _redirected(self, life: Life, today: date) -> None:
        """The successor that the services opened takes the life's place in the book."""
        former = id_of(life)
        self.book.ended[former] = State.REDIRECTED
        self.book.tally.steps[State.REDIRECTED] += 1
        with self.parts.db.transaction() as session:
            successor = session.scalars(select(Transfer.id).where(Transfer.follows == former)).one()
        del self.book.by_transfer[former]
        self.book.opened(life, successor, State.DRAFT)
        life.wake = today + timedelta(days=1)

    def _suspected(self, life: Life, version: int, today: date) -> None:
        shown = {Evidence.LETTER_NUMBER: f"CX-{life.number}"}
        self.desks.move(life, State.TRACING, version, shown)
        self.book.moved(life, State.TRACING, today + timedelta(days=6))

    def _tracing(self, life: Life, version: int, today: date) -> None:
        """Found by the carrier after the letter, or confirmed as lost and built anew."""
        if life.fate is not Fate.LOST:
            if life.fate is Fate.FOUND_AGAIN and life.silent:
                self.carrier.finds(life.number, self.clock.now())
                life.silent = False
            self.book.stays(life, today + timedelta(days=1))
            return
        self.desks.move(life, State.LOST_CONFIRMED, version, {Evidence.LETTER_NUMBER: f"QR-{life.number}"})
        self.book.moved(life, State.LOST_CONFIRMED, today + timedelta(days=2))
