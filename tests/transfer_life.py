"""One life of two dossiers: every act goes through the product's services and into tests.transfer_book, which foretells
what comes of it. Nothing is chosen here; what may be tried is drawn in tests.transfer_machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app.actors import SYSTEM, Actor, ActorKind
from app.dossiers.models import Dossier
from app.errors import DomainError
from app.jobs import DispatchWork
from app.office_time import office_date
from app.receivers.rules import DestinationCase
from app.transfers.batch_models import DispatchItem, ItemState
from app.transfers.models import Dispatch, Transfer
from app.transfers.rules import Evidence
from app.transfers.states import Channel, State
from tests.moving import CODE, ELSEWHERE, destination
from tests.transfer_book import ARRIVED, Act, Book, Edges, Folder, Slip, Who, edges
from tests.transfer_sight import Desk, Ground, fitting

LAST_DAY_TO_CHOOSE = date(2026, 8, 31)
Place = tuple[int, int]
"""A transfer of this life: (which dossier, its how manieth)."""
Spoilt = tuple[str, str]
"""(evidence, what is shown in its place)."""


class Diverged(Exception):
    """Product and book disagree."""


@dataclass(frozen=True, slots=True)
class Move:
    """One person's step. ``number``: 0 is a new tracking number, n the last but n-1 of this life; ``keep``: days."""

    slip: Place
    target: str
    by: str
    number: int = 0
    keep: int = 365
    spoilt: Spoilt | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the first of two persons puts forward."""

    slip: Place
    target: str
    by: str
    spoilt: Spoilt | None = None
    stale: bool = False


class Life:
    """``book``: the rules it is judged by. Every act raises Diverged."""

    def __init__(self, ground: Ground, book: Edges | None = None) -> None:
        self._ground, self.lantai, self.clock, self.sight = ground, ground.lantai, ground.clock, ground.sight
        # tried by the whole table, judged by the given one: an edge taken out of it is still tried
        self.table = edges()
        self.book = Book(self.table if book is None else book, ground.lantai.calendar.add, ground.clock.now)
        self.folders: list[Folder] = []
        self.numbers: list[str] = []
        self.batch: UUID | None = None

    # --- acts ---------------------------------------------------------------------------------------------------------

    def begin(self, day: date, state: str) -> None:
        """The first dossier's transfer comes to a state by the shortest way, compared at each step of it."""
        self.clock.advance(days=(day - self.today).days)
        self.folders = [Folder(self._ground.owner()) for _ in range(2)]
        way = self._way(state)
        self.open(0, "chief", stays="held_at_school" in way)
        for target in way:
            by, _ = self.table[self.slip((0, 0)).state, target]
            if by == {"two"}:
                self.propose(Proposal((0, 0), target, "chief"))
                self.confirm((0, 0), "reviewer")
            else:
                self.move(Move((0, 0), target, fitting(by)[0]))
            self.compare()

    def move(self, move: Move) -> None:
        slip = self.slip(move.slip)
        desk, target = self._desk(move.by, slip.folder), move.target
        shown, number = self._shown(slip, target, move.spoilt, move.number, move.keep)
        spoilt = move.spoilt is not None
        kept = self.today + timedelta(days=move.keep) if target == "held_at_school" else None
        expected = self.book.refusals(slip, desk.who, target, stale=move.stale, spoilt=spoilt, number=number, kept=kept)
        version = slip.version - move.stale
        if self._went(expected, lambda: self._take(desk, slip, State(target), version, shown)):
            self._ground.tally.walked[slip.state, target] += 1
            self.book.step(slip, target, self.today, number=number, kept=kept)

    def _take(self, desk: Desk, slip: Slip, target: State, version: int, shown: dict[Evidence, str]) -> None:
        if desk.who.kind == "staff":
            self.lantai.transfers.move(desk.actor, slip.id, version, target, shown)
            return
        key = self.lantai.keys.of(slip.folder.owner)
        with self.lantai.db.transaction() as session:
            steps = self.lantai.transfer_steps
            steps.take(session, desk.actor, steps.locked(session, slip.id), key, target, shown)

    def propose(self, act: Proposal) -> None:
        slip, target = self.slip(act.slip), act.target
        desk = self._desk(act.by, slip.folder)
        shown, _ = self._shown(slip, target, act.spoilt)
        expected = self.book.act_refusals(slip, desk.who, target, stale=act.stale, spoilt=act.spoilt is not None)
        version = slip.version - act.stale
        if self._went(
            expected, lambda: self.lantai.double_acts.propose(desk.actor, slip.id, version, State(target), shown)
        ):
            slip.act = Act(self.sight.waiting_act(slip.id), target, desk.who.person)

    def confirm(self, place: Place, by: str) -> None:
        slip = self.slip(place)
        act, desk = slip.act, self._desk(by, slip.folder)
        assert act is not None
        expected = self.book.confirm_refusals(slip, desk.who, act)
        if not self._went(expected, lambda: self.lantai.double_acts.confirm(desk.actor, slip.id, act.id)):
            return
        self._ground.tally.walked[slip.state, act.target] += 1
        self.book.step(slip, act.target, self.today)
        if act.target == "redirected":
            self.book.succeeded(slip, self.sight.successor(slip.id), self.today)
            self.sight.versions(self._slips())
        # what was done once is not done again
        first = self._ground.cast["archivist"].actor
        self._went({"act_gone"}, lambda: self.lantai.double_acts.confirm(first, slip.id, act.id))

    def drop_act(self, place: Place, by: str) -> None:
        slip = self.slip(place)
        act, desk = slip.act, self._desk(by, slip.folder)
        assert act is not None
        expected = set() if desk.who.roles - {"auditor"} else {"role_required"}
        if self._went(expected, lambda: self.lantai.double_acts.drop(desk.actor, slip.id, act.id)):
            slip.act = None

    def scan(self, place: Place, by: str, number: int) -> None:
        slip, desk = self.slip(place), self._ground.cast[by]
        tracking = self._number(number)
        if self.batch is None:
            self.batch = self.lantai.dispatching.begin(self._chief, Channel.EMS)
        batch, serial = self.batch, self.sight.written(slip.id)
        expected = self.book.scan_refusals(slip, desk.who, tracking)
        if self._went(expected, lambda: self.lantai.dispatching.add(desk.actor, batch, serial, tracking)):
            self.book.waiting[slip.id] = (slip, tracking)

    def hand_over(self) -> None:
        batch = self.batch
        assert batch is not None
        expected = set() if self.book.waiting else {"batch_empty"}
        if not self._went(expected, lambda: self.lantai.dispatching.hand_over(self._chief, batch)):
            return
        self.lantai.dispatching.work(DispatchWork(batch))
        self.lantai.dispatching.work(DispatchWork(batch))
        with self.lantai.db.transaction() as session:
            query = select(DispatchItem.transfer_id).where(
                DispatchItem.batch_id == batch, DispatchItem.state == ItemState.DONE
            )
            done = set(session.scalars(query))
        self.batch = None
        self._require(*self.book.handed_over(self.today, done))
        self._ground.tally.walked["sealed", "handed_to_carrier"] += len(done)

    def drop_batch(self) -> None:
        """What was scanned stays sealed where it is."""
        batch = self.batch
        assert batch is not None
        self._went(set(), lambda: self.lantai.dispatching.drop(self._chief, batch))
        self.book.waiting.clear()
        self.batch = None

    def days_pass(self, days: int) -> None:
        self.clock.advance(days=days)

    def edit(self, number: int) -> None:
        folder = self.folders[number]
        with self.lantai.db.transaction() as session:
            row = update(Dossier).where(Dossier.graduate_id == folder.owner)
            session.execute(row.values(version=Dossier.version + 1))
        folder.edits += 1

    def open(self, number: int, by: str, *, stays: bool = False, elsewhere: bool = False) -> None:
        """``stays``: with the wish to be kept at school; ``elsewhere``: to the other of two receivers."""
        folder = self.folders[number]
        desk = self._desk(by, folder)
        expected = self.book.open_refusals(folder, desk.who, self.today, LAST_DAY_TO_CHOOSE)
        made: list[UUID] = []
        wanted = destination(self.lantai, code=ELSEWHERE if elsewhere else CODE)
        if stays:
            wanted = replace(wanted, case=DestinationCase.KEPT_AT_SCHOOL)
        if self._went(expected, lambda: made.append(self.lantai.destinations.open(desk.actor, folder.owner, wanted))):
            slip = Slip(made[0], folder, "draft", self.today, stays=stays, elsewhere=elsewhere)
            self.book.opened(slip)
            if desk.who.kind == "graduate":
                self.book.step(slip, "destination_registered", self.today)
            self.sight.versions(self._slips())

    def readdress(self, place: Place, by: str) -> None:
        """Choosing where a redirected dossier goes."""
        slip = self.slip(place)
        desk = self._desk(by, slip.folder)
        expected = self.book.readdress_refusals(slip, desk.who)
        wanted = destination(self.lantai)
        if self._went(expected, lambda: self.lantai.destinations.change(desk.actor, slip.id, slip.version, wanted)):
            self._ground.tally.walked[slip.state, "destination_registered"] += 1
            self.book.readdressed(slip, self.today)

    def supplement(self, number: int) -> None:
        folder = self.folders[number]
        expected = self.book.supplement_refusals(folder)
        made: list[UUID] = []
        key = self.lantai.keys.of(folder.owner)

        def work() -> None:
            with self.lantai.db.transaction() as session:
                made.append(self._ground.supplements.open_supplement(session, SYSTEM, key, self._ground.ticket))

        if self._went(expected, work):
            parent = next(s for s in folder.slips if s.parent is None and s.state in ARRIVED)
            self.book.supplemented(parent, Slip(made[0], folder, "school_approved", self.today, parent), self.today)
            self.sight.versions(self._slips())

    def press(self) -> None:
        """The clock's own round."""
        self.lantai.transfer_watch.press_receipts()
        for slip in self._slips():
            due = self.book.due(slip)
            if slip.state == "delivered_unconfirmed" and due is not None and due[1] < self.today:
                self._ground.tally.walked[slip.state, "receipt_overdue"] += 1
                self.book.step(slip, "receipt_overdue", self.today)

    # --- judging ------------------------------------------------------------------------------------------------------

    def compare(self) -> None:
        slips = {s.id: s for s in self._slips()}
        owners = [f.owner for f in self.folders]
        with self.lantai.db.transaction() as session:
            rows = {r.id: r for r in session.scalars(select(Transfer).where(Transfer.graduate_id.in_(owners)))}
            states: dict[UUID, Any] = {
                o: s.value
                for o, s in session.execute(
                    select(Dossier.graduate_id, Dossier.state).where(Dossier.graduate_id.in_(owners))
                )
            }
            sent = session.execute(
                select(Dispatch.transfer_id, Dispatch.tracking_bidx).where(Dispatch.transfer_id.in_(list(slips)))
            ).all()
        wrong = [
            f"dossier {states[f.owner]}, the book says {f.state}" for f in self.folders if states[f.owner] != f.state
        ]
        wrong += [f"{len(f.open)} open transfers of one dossier" for f in self.folders if len(f.open) > 1]
        if rows.keys() != slips.keys():
            wrong.append(f"{len(rows)} transfers, the book has {len(slips)}")
        for slip in slips.values():
            numbers = sorted(bidx for transfer, bidx in sent if transfer == slip.id)
            wrong += self.sight.differences(slip, rows[slip.id], self.book.due(slip), numbers)
        self._require(*wrong)

    def _went(self, expected: set[str], work: Callable[[], object]) -> bool:
        """Whether it went through, which is what the book says too. ``expected``: codes of which one must refuse it."""
        try:
            work()
        except DomainError as error:
            self._ground.tally.refused += 1
            if error.code not in expected:
                self._require(f"refused with {error.code}, the book says {sorted(expected) or 'go'}")
            return False
        if expected:
            self._require(f"went through, the book says {sorted(expected)}")
        return True

    @staticmethod
    def _require(*wrong: str) -> None:
        if wrong:
            raise Diverged("; ".join(wrong))

    # --- looking up ---------------------------------------------------------------------------------------------------

    @property
    def today(self) -> date:
        return office_date(self.clock.now())

    def slip(self, place: Place) -> Slip:
        folder, number = place
        return self.folders[folder].slips[number]

    @property
    def _chief(self) -> Actor:
        return self._ground.cast["chief"].actor

    def _slips(self) -> list[Slip]:
        return [s for f in self.folders for s in f.slips]

    def _desk(self, name: str, folder: Folder) -> Desk:
        if name == "graduate":
            return Desk(Who("graduate"), Actor(ActorKind.GRADUATE, folder.owner))
        return self._ground.cast[name]

    def _way(self, goal: str) -> list[str]:
        """The states between a draft and this one, by the shortest way of the table."""
        ways: dict[str, list[str]] = {"draft": []}
        for state in (queue := ["draft"]):
            for source, target in self.table:
                if source == state and target not in ways:
                    ways[target] = [*ways[state], target]
                    queue.append(target)
        return ways[goal]

    def _number(self, number: int) -> str:
        if number == 0:
            self.numbers.append(self._ground.number())
        return self.numbers[-max(number, 1)]

    def _shown(
        self, slip: Slip, target: str, spoilt: Spoilt | None, number: int = 0, keep: int = 1
    ) -> tuple[dict[Evidence, str], str]:
        """(evidence, the tracking number among it or '')."""
        _, kinds = self.table.get((slip.state, target), (frozenset(), ()))
        tracking = self._number(number) if "tracking_number" in kinds else ""
        good = {
            "tracking_number": tracking,
            "seal_number": "MF-1",
            "photo_digest": "0" * 64,
            "receipt_number": "HZ-1",
            "manifest_code": self.sight.code(slip) if "manifest_code" in kinds else "",
            "kept_until": (self.today + timedelta(days=keep)).isoformat(),
            "letter_number": "CX-1",
            "reason": "按规定办理",
        }
        if spoilt is not None:
            kind, shown = spoilt
            good[kind] = shown
        return {Evidence(k): good[k] for k in kinds}, tracking
