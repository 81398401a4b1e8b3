"""Random lives of transfers through the product's services, every step compared with tests.transfer_book."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app.actors import SYSTEM, Actor, ActorKind
from app.dossiers.models import Dossier
from app.errors import DomainError
from app.jobs import DispatchWork
from app.transfers.batch_models import DispatchItem, ItemState
from app.transfers.models import Dispatch, Transfer
from app.transfers.rules import Evidence
from app.transfers.states import Channel, State
from app.transfers.supplements import SupplementaryTransfers
from app.working_days.calendar import office_date
from parts import Lantai
from tests.fakes import FakeClock
from tests.moving import destination
from tests.transfer_book import LINE, Act, Book, Edges, Folder, Slip, Who, edges
from tests.transfer_sight import SPOILT, Desk, Sight

AT_CARRIER = LINE.index("handed_to_carrier")
STATES = tuple(s.value for s in State)
FIRST_DAY, LAST_DAY = date(2026, 2, 2), date(2027, 2, 1)


class Diverged(Exception):
    """Product and book disagree; the message tells after which steps."""


class Walk:
    """Sequences on one database. ``owner``: makes a filed graduate."""

    def __init__(self, lantai: Lantai, clock: FakeClock, owner: Callable[[], UUID], table: Edges | None = None) -> None:
        self.lantai, self.clock, self._new_owner = lantai, clock, owner
        # walked by the whole table, judged by the given one: an edge taken out of it is still tried
        self.table = edges()
        self.book = Book(self.table if table is None else table, lantai.calendar.add, clock.now)
        self.sight = Sight(lantai, clock)
        self.walked: Counter[tuple[str, str]] = Counter()
        self.steps = self.refused = 0
        # two accounts of the last person: the second must not confirm what the first has proposed
        people = (("archivist",), ("dispatcher",), ("reviewer",), ("auditor",), ("archivist", "dispatcher", "reviewer"))
        keys = [uuid.uuid4() for _ in people]
        self.desk = [self.sight.member(n, roles, keys[n]) for n, roles in enumerate(people)]
        self.desk.append(self.sight.member(4, people[4], keys[4]))
        self.supplements = SupplementaryTransfers(lantai.transfer_steps, clock)
        self._ticket: UUID | None = None

    def sequence(self, seed: int, length: int) -> None:
        """Raises Diverged."""
        self.rng, self.trace = Random(seed), list[str]()
        # every other life is led by people who mostly know what they do: it comes as far as losses and rebuilding
        self.steady = self.rng.random() < 0.5
        self.book.waiting.clear()
        self.batch: UUID | None = None
        self.folders = [Folder(self._new_owner()) for _ in range(2)]
        self._ticket = self._ticket or self.sight.ticket(self.folders[0].owner)
        acts: tuple[tuple[int, Callable[[], None]], ...] = (
            (60, self._move),
            (10, self._act),
            (4, self._readdress),
            (6, self._scan),
            (5, self._hand_over),
            (4, self._time),
            (4, self._edit),
            (3, self._open),
            (5, self._supplement),
            (3, self._press),
        )
        self._open()
        for _ in range(length):
            self.rng.choices([a for _, a in acts], [w for w, _ in acts])[0]()
            self._compare()
            self.steps += 1
        self._put_away()

    def _put_away(self) -> None:
        """What was scanned and not handed over waits for nobody in the next sequence."""
        if self.batch is not None:
            self.lantai.dispatching.drop(self.desk[4].actor, self.batch)

    # --- steps --------------------------------------------------------------------------------------------------------

    def _move(self) -> None:
        slip = self._slip()
        if slip is None:
            self._open()
            return
        target = self._target(slip)
        by, kinds = self.table.get((slip.state, target), (frozenset(), ()))
        if "two" in by and self.rng.random() < 0.9:
            self._act(slip, target)
            return
        desk = self._somebody(slip, by)
        shown, number, spoilt, kept = self._shown(slip, kinds)
        stale = desk.who.kind == "staff" and self.rng.random() < 0.04
        expected = self.book.refusals(slip, desk.who, target, stale=stale, spoilt=spoilt, number=number)
        version = slip.version - 1 if stale else slip.version
        self._try(
            f"{desk.who.kind} {sorted(desk.who.roles)} {slip.state}->{target} {number}"
            f"{' spoilt' if spoilt else ''}{' stale' if stale else ''}",
            expected,
            lambda: self._walk(desk, slip, State(target), version, shown),
        )
        if not expected:
            self.walked[slip.state, target] += 1
            self.book.step(slip, target, self.today, number=number, kept=kept)

    def _walk(self, desk: Desk, slip: Slip, target: State, version: int, shown: dict[Evidence, str]) -> None:
        if desk.who.kind == "staff":
            self.lantai.transfers.move(desk.actor, slip.id, version, target, shown)
            return
        key = self.lantai.keys.of(slip.folder.owner)
        with self.lantai.db.transaction() as session:
            steps = self.lantai.transfer_steps
            steps.take(session, desk.actor, steps.locked(session, slip.id), key, target, shown)

    def _act(self, slip: Slip | None = None, target: str = "") -> None:
        slip = slip or self._slip()
        if slip is None:
            return
        desk = self.rng.choice(self.desk)
        if slip.act is not None and self.rng.random() < 0.8:
            act = slip.act
            (self._drop_act if self.rng.random() < 0.1 else self._confirm)(slip, desk, act)
            return
        target = target or self._target(slip)
        _, kinds = self.table.get((slip.state, target), (frozenset(), ()))
        shown, _, spoilt, _ = self._shown(slip, kinds)
        stale = self.rng.random() < 0.04
        expected = self.book.act_refusals(slip, desk.who, target, stale=stale, spoilt=spoilt)
        version = slip.version - stale
        self._try(
            f"propose {sorted(desk.who.roles)} {slip.state}->{target}",
            expected,
            lambda: self.lantai.double_acts.propose(desk.actor, slip.id, version, State(target), shown),
        )
        if not expected:
            slip.act = Act(self.sight.waiting_act(slip.id), target, desk.who.person)
            if self.rng.random() < 0.7:
                self._confirm(slip, self.rng.choice(self.desk), slip.act)

    def _confirm(self, slip: Slip, desk: Desk, act: Act) -> None:
        expected = self.book.confirm_refusals(slip, desk.who, act)
        self._try(
            f"confirm {sorted(desk.who.roles)} of person {desk.who.person} {slip.state}->{act.target}",
            expected,
            lambda: self.lantai.double_acts.confirm(desk.actor, slip.id, act.id),
        )
        if not expected:
            self.walked[slip.state, act.target] += 1
            self.book.step(slip, act.target, self.today)
            if act.target == "redirected":
                self.book.succeeded(slip, self.sight.successor(slip.id), self.today)
                self.sight.versions(self._slips())
            # what was done once is not done again
            self._try(
                "confirm again",
                {"act_gone"},
                lambda: self.lantai.double_acts.confirm(self.desk[0].actor, slip.id, act.id),
            )

    def _drop_act(self, slip: Slip, desk: Desk, act: Act) -> None:
        expected = set() if desk.who.roles - {"auditor"} else {"role_required"}
        self._try("drop act", expected, lambda: self.lantai.double_acts.drop(desk.actor, slip.id, act.id))
        if not expected:
            slip.act = None

    def _scan(self) -> None:
        slip = self._slip()
        if slip is None:
            return
        desk, number = self.rng.choice(self.desk), self.sight.number(self.rng, self.book)
        if self.batch is None:
            self.batch = self.lantai.dispatching.begin(self.desk[4].actor, Channel.EMS)
        batch, serial = self.batch, self.sight.written(slip.id)
        expected = self.book.scan_refusals(slip, desk.who, number)
        self._try(
            f"scan {slip.state} {number}",
            expected,
            lambda: self.lantai.dispatching.add(desk.actor, batch, serial, number),
        )
        if not expected:
            self.book.waiting[slip.id] = (slip, number)

    def _hand_over(self) -> None:
        if self.batch is None:
            return
        batch, expected = self.batch, set() if self.book.waiting else {"batch_empty"}
        self._try("hand over", expected, lambda: self.lantai.dispatching.hand_over(self.desk[4].actor, batch))
        if expected:
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

    def _time(self) -> None:
        """Forwards more often than backwards; clocks of servers do both."""
        day = self.today + timedelta(days=self.rng.choice((-40, -3, -1, 1, 2, 5, 16, 45)))
        if FIRST_DAY <= day <= LAST_DAY:
            self.clock.advance(days=(day - self.today).days)
            self.trace.append(f"day {day}")

    def _edit(self) -> None:
        folder = self.rng.choice(self.folders)
        if folder.state != "open":
            return
        with self.lantai.db.transaction() as session:
            row = update(Dossier).where(Dossier.graduate_id == folder.owner)
            session.execute(row.values(version=Dossier.version + 1))
        folder.edits += 1
        self.trace.append("edit")

    def _open(self) -> None:
        folder = self._folder()
        desk = self.rng.choice(self.desk) if self.rng.random() < 0.7 else self._graduate(folder)
        expected = self.book.open_refusals(folder, desk.who, self.today, date(2026, 8, 31))
        made: list[UUID] = []
        wanted = destination(self.lantai)
        self._try(
            f"open by {desk.who.kind}",
            expected,
            lambda: made.append(self.lantai.destinations.open(desk.actor, folder.owner, wanted)),
        )
        if not expected:
            slip = Slip(made[0], folder, "draft", self.today)
            folder.slips.append(slip)
            if desk.who.kind == "graduate":
                self.book.step(slip, "destination_registered", self.today)
            self.sight.versions(self._slips())

    def _readdress(self) -> None:
        """Choosing where a redirected dossier goes."""
        waiting = [s for s in self._slips() if s.state == "draft" and not s.addressed]
        if not waiting:
            return
        slip = self.rng.choice(waiting)
        desk = self.rng.choice([*self.desk, self._graduate(slip.folder)])
        expected = self.book.readdress_refusals(desk.who)
        wanted = destination(self.lantai)
        self._try(
            f"readdress by {desk.who.kind}",
            expected,
            lambda: self.lantai.destinations.change(desk.actor, slip.id, slip.version, wanted),
        )
        if not expected:
            self.walked[slip.state, "destination_registered"] += 1
            self.book.readdressed(slip, self.today)

    def _supplement(self) -> None:
        folder = self._folder()
        expected = self.book.supplement_refusals(folder)
        made: list[UUID] = []
        key = self.lantai.keys.of(folder.owner)

        def work() -> None:
            with self.lantai.db.transaction() as session:
                assert self._ticket is not None
                made.append(self.supplements.open_supplement(session, SYSTEM, key, self._ticket))

        self._try("supplement", expected, work)
        if not expected:
            parent = next(
                s for s in folder.slips if s.parent is None and s.state in ("received", "closed", "supplement_open")
            )
            self.book.supplemented(parent, Slip(made[0], folder, "school_approved", self.today, parent), self.today)
            self.sight.versions(self._slips())

    def _press(self) -> None:
        """The clock's own round."""
        self.lantai.transfer_watch.press_receipts()
        self.trace.append("press")
        for slip in self._slips():
            due = self.book.due(slip)
            if slip.state == "delivered_unconfirmed" and due is not None and due < self.today:
                self.walked[slip.state, "receipt_overdue"] += 1
                self.book.step(slip, "receipt_overdue", self.today)

    # --- judging ------------------------------------------------------------------------------------------------------

    def _try(self, what: str, expected: set[str], work: Callable[[], object]) -> None:
        self.trace.append(what)
        try:
            work()
        except DomainError as error:
            self.refused += 1
            if error.code not in expected:
                self._require(f"refused with {error.code}, the book says {sorted(expected) or 'go'}")
            return
        if expected:
            self._require(f"went through, the book says {sorted(expected)}")

    def _require(self, *wrong: str) -> None:
        if wrong:
            raise Diverged("; ".join(wrong) + "\n      after " + "\n            ".join(self.trace[-12:]))

    def _compare(self) -> None:
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

    # --- choosing -----------------------------------------------------------------------------------------------------

    @property
    def today(self) -> date:
        return office_date(self.clock.now())

    def _slips(self) -> list[Slip]:
        return [s for f in self.folders for s in f.slips]

    def _folder(self) -> Folder:
        return self.folders[0 if self.rng.random() < 0.75 else 1]

    def _slip(self) -> Slip | None:
        slips = self._folder().slips
        return None if not slips else self.rng.choice(slips[-2:])

    def _target(self, slip: Slip) -> str:
        ways = [t for s, t in self.table if s == slip.state]
        ahead = slip.state in LINE[:-1]
        forward = 0.6 if not self.steady else 0.9 if ahead and LINE.index(slip.state) < AT_CARRIER else 0.2
        if ahead and self.rng.random() < forward:
            return LINE[LINE.index(slip.state) + 1]
        return self.rng.choice(ways) if ways and self.rng.random() < 0.85 else self.rng.choice(STATES)

    def _somebody(self, slip: Slip, by: frozenset[str]) -> Desk:
        others = [
            self._graduate(slip.folder),
            Desk(Who("system"), SYSTEM),
            Desk(Who("partner"), Actor(ActorKind.PARTNER, uuid.uuid4())),
        ]
        fit = {"graduate": others[0], "clock": others[1], "carrier": others[1], "receiver": others[2]}
        choice: list[Desk] = [fit[b] for b in by if b in fit]
        if by & {"desk", "college", "school"}:
            choice.append(self.desk[4])
        if choice and self.rng.random() < (0.95 if self.steady else 0.75):
            return self.rng.choice(choice)
        return self.rng.choice([*self.desk, *others])

    @staticmethod
    def _graduate(folder: Folder) -> Desk:
        return Desk(Who("graduate"), Actor(ActorKind.GRADUATE, folder.owner))

    def _shown(self, slip: Slip, kinds: tuple[str, ...]) -> tuple[dict[Evidence, str], str, bool, date | None]:
        """(evidence, tracking number, whether something is wrong with it, day until which it is kept)."""
        kept, number = self.today + timedelta(days=self.rng.randrange(1, 700)), self.sight.number(self.rng, self.book)
        good = {
            "tracking_number": number,
            "seal_number": "MF-1",
            "photo_digest": "0" * 64,
            "receipt_number": "HZ-1",
            "manifest_code": self.sight.code(slip) if "manifest_code" in kinds else "",
            "kept_until": kept.isoformat(),
            "letter_number": "CX-1",
            "reason": "按规定办理",
        }
        shown, spoilt = {Evidence(k): good[k] for k in kinds}, False
        if kinds and self.rng.random() < (0.03 if self.steady else 0.12):
            kind = self.rng.choice(kinds)
            shown[Evidence(kind)] = self.rng.choice(SPOILT[kind])
            spoilt = True
        return shown, number if "tracking_number" in kinds else "", spoilt, kept
