"""kill -9 of the worker that packs and pushes, of the web that is pulled from, and of the receiving office, at random
points: every package is receipted once, none is lost, and both registers agree.

Planted at the end: an acknowledgement is taken out of our log and another is written twice, a digest is changed in the
receiver's book, both by the owner's hand; the comparison must find each.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from unittest.mock import patch
from uuid import UUID

from sqlalchemy import select

from app.envelope import open_json
from app.errors import Conflict, NotFound
from app.events import Event
from app.jobs import PackElectronic, PushElectronic
from app.transfers import electronic_store
from app.transfers.electronic_models import ElectronicLeg, words_place
from app.transfers.electronic_ports import ElectronicReceiver
from app.transfers.electronic_rules import ENDED, VISIBLE, Leg
from providers.embedded.children import free_port
from providers.sandbox.hr_checks import HrIdentity
from providers.sandbox.hr_register import Got, HrRegister
from tests.electronic import CODE, Registry
from tests.moving import Pair, desk_pair
from tests.proof import delivery_cast as cast
from tests.proof.electronic import ordered
from tests.proof.house import House, house
from tests.proof.outcome import Budget, Outcome

KILLS, SHORT_KILLS = 200, 6
BACKLOG = 4
REACH_S = {cast.worker: 1.2, cast.web: 0.02, cast.office: 0.05}
CATCHES, IDLE_S, BOTH_LIMIT_S = 6, 1.0, 120.0
BUSY_LIMIT_S, SETTLED_LIMIT_S = 30.0, 240.0
WAY = [
    Leg.PREPARING,
    Leg.PACKAGED,
    Leg.ENCRYPTED,
    Leg.SUBMITTED,
    Leg.TRANSPORT_ACK,
    Leg.CHECKED,
    Leg.ACCEPTED,
    Leg.E_RECEIPT,
]
UNDONE_JOBS = "select count(*) from procrastinate_jobs where status in ('todo', 'doing')"
UNFINISHED = "select count(*) from electronic_leg where state <> 'e_receipt'"
CHECKS = {
    "packages without an e-receipt": UNFINISHED,
    "transfers with a second attempt": "select count(*) from electronic_leg where attempt <> 1",
    "jobs that failed for good": "select count(*) from procrastinate_jobs where status = 'failed'",
    # the graduate is told of these three, once each, and of nothing else
    "moves told wrongly": (
        "select count(*) from event e where e.type = 'electronic.moved' and (select count(*) from notice n"
        " where n.event_id = e.public_id) <> (e.data->>'state' in ('submitted', 'accepted', 'e_receipt'))::int"
    ),
}


@dataclass
class BothWays(Registry):
    """The receiver has an address to push to at every other order."""

    inbox: str = ""

    def next(self) -> None:
        pushed = self.receiver is not None and self.receiver.push_url is None
        url = self.inbox if pushed else None
        self.receiver = ElectronicReceiver(CODE, "某市人才服务中心", self.keys.recipient, url)


@dataclass
class Drill:
    home: House
    pair: Pair
    rng: Random
    place: cast.Place
    registry: BothWays
    legs: list[UUID] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    looked_at: set[UUID] = field(default_factory=set)

    # --- work and adversity -------------------------------------------------------------------------------------------

    def feed(self) -> None:
        """New packages until enough is under way, and now and then a job too many, as a queue may well bring."""
        while self.home.count(UNFINISHED) < BACKLOG:
            self.order()
        if self.rng.random() < 0.25:
            again = self.rng.choice([PackElectronic, PushElectronic])(self.rng.choice(self.legs))
            with self.home.parts.db.transaction() as session:
                self.home.parts.queue.enqueue(session, again)

    def order(self) -> None:
        self.registry.next()
        self.legs.append(ordered(self.home, self.pair))

    def strike(self, roles: Sequence[cast.Role], kills: int) -> None:
        queue: list[cast.Role] = []
        for _ in range(kills):
            self.feed()
            queue = queue or self.rng.sample(roles, len(roles))
            victim = queue.pop()
            self.catch_at_work(victim)
            self.killed[victim.name] += 1
            self.met[victim.name] += victim.kill()
            self.look()

    def see_both_ways(self) -> None:
        """A busy worker pushes late, and the office fetches first: it is left in peace until something was pushed."""
        deadline = time.monotonic() + BOTH_LIMIT_S
        while len(self.ways()) < 2 and time.monotonic() < deadline:
            self.order()
            _until(self.settled, BUSY_LIMIT_S)

    def ways(self) -> Counter[str]:
        """How the packages in the office's book came."""
        return Counter(entry.came for entry in HrRegister(self.place.office).all())

    def catch_at_work(self, victim: cast.Role) -> None:
        """Until it is somewhere in its work. A quick machine is through with it before the moment that was drawn: then
        the next thing it takes up, and sooner.
        """
        reach = victim.reach_s
        for _ in range(CATCHES):
            if not self.busied(victim):
                return
            time.sleep(self.rng.uniform(0.0, reach))
            if victim.gauge.busy:
                return
            reach /= 2
        self.busied(victim)

    def busied(self, victim: cast.Role) -> bool:
        """Whether it took something up. Each package has to be packed, carried and received: one more is ordered,
        however many are under way, as long as the victim stands idle.
        """
        deadline = time.monotonic() + BUSY_LIMIT_S
        while not victim.until_busy(IDLE_S) and not victim.ended and time.monotonic() < deadline:
            self.order()
        return victim.gauge.busy

    def look(self) -> None:
        """What the receiver is offered is whole: each package is read once, soon after it may be seen."""
        with self.home.parts.db.transaction() as session:
            seen = session.scalars(select(ElectronicLeg).where(ElectronicLeg.state.in_(VISIBLE))).all()
        for row in seen:
            if row.id not in self.looked_at and row.state not in ENDED and row.box is not None:
                self.looked_at.add(row.id)
                self._look_at(row)

    def _look_at(self, row: ElectronicLeg) -> None:
        assert row.box is not None
        key = self.home.parts.keys.of(row.graduate_id)
        try:
            cipher = b"".join(self.home.parts.packer._pieces.read(key, row.id, row.box, 0, row.size or 0))
        except NotFound:
            cipher = b""
        if hashlib.sha256(cipher).digest() == row.digest:
            return
        with self.home.parts.db.transaction() as session:
            ended = session.get_one(ElectronicLeg, row.id).state in ENDED
        if not ended:  # else it was swept meanwhile
            self.faults.append(f"package {row.id} is offered without being whole")

    def settled(self) -> bool:
        return not self.home.count(UNFINISHED) and not self.home.count(UNDONE_JOBS)

    # --- the end ------------------------------------------------------------------------------------------------------

    def compared(self) -> list[str]:
        """What is wrong with our rows, our log and the receiver's book."""
        found = {what: self.home.count(query) for what, query in CHECKS.items()}
        faults = [f"{number} {what}" for what, number in found.items() if number]
        book = {entry.id: entry for entry in HrRegister(self.place.office).all()}
        with self.home.parts.db.transaction() as session:
            rows = session.scalars(select(ElectronicLeg)).all()
            moves = session.execute(
                select(Event.object_id, Event.data).where(Event.type == "electronic.moved").order_by(Event.id)
            ).all()
        said: dict[UUID | None, list[str]] = {row.id: [] for row in rows}
        for leg_id, data in moves:
            said.setdefault(leg_id, []).append(data["state"])
        faults += [f"package {leg}: its moves are {way}" for leg, way in said.items() if way != WAY]
        if {row.id for row in rows} != set(self.legs) or set(book) != {str(leg) for leg in self.legs}:
            faults.append(
                f"{len(self.legs)} packages ordered, {len(rows)} in our rows, {len(book)} in the office's book"
            )
        for row in rows:
            entry = book.get(str(row.id))
            if entry is not None and self._ours(row) != _theirs(entry):
                faults.append(f"package {row.id}: the office's book differs ({entry.state} {entry.reason})")
        return faults

    def _ours(self, row: ElectronicLeg) -> tuple[object, ...]:
        words = open_json(self.home.parts.keys.of(row.graduate_id), words_place(row), row.sealed_words)
        return (
            "accepted",
            str(row.transfer_id),
            row.size,
            (row.digest or b"").hex(),
            (row.receipt_digest or b"").hex(),
            words.get("receipt"),
            words.get("receipt_on"),
        )

    def left_in_the_store(self) -> list[str]:
        while self.home.parts.electronic.sweep():
            pass
        length = len(electronic_store._name(electronic_store.new_box(), 0))
        files = self.home.folder / "data" / "files"
        pieces = [path for path in files.rglob("*") if path.is_file() and len(path.name) == length]
        return [f"{len(pieces)} pieces of ended packages left in the store"] if pieces else []

    def planted(self) -> list[str]:
        faults = []
        ack = f"object_id = '{self.rng.choice(self.legs)}' and data->>'state' = 'transport_ack'"
        columns = "at, type, actor_kind, actor_id, graduate_id, object_kind, object_id, data, request_id"
        twice = f"insert into event (public_id, {columns}) select gen_random_uuid(), {columns} from event where {ack}"
        with self.home.owner() as owner:
            owner.execute("alter table event disable trigger user")
            owner.execute(twice.encode())
            if not any("its moves" in fault for fault in self.compared()):
                faults.append("void: nobody noticed a doubled acknowledgement")
            owner.execute(f"delete from event where {ack}".encode())
            if not any("its moves" in fault for fault in self.compared()):
                faults.append("void: nobody noticed a missing acknowledgement")
        register = HrRegister(self.place.office)
        register.note(str(self.rng.choice(self.legs)), sha256="0" * 64)
        if not any("book differs" in fault for fault in self.compared()):
            faults.append("void: nobody noticed another digest in the office's book")
        return faults


def _theirs(entry: Got) -> tuple[object, ...]:
    return (
        entry.state,
        entry.transfer,
        entry.size,
        entry.sha256,
        entry.manifest,
        entry.receipt,
        entry.issued_on,
    )


def _until(true: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _refused_twice(drill: Drill) -> list[str]:
    """A second package while one is under way or receipted."""
    with drill.home.parts.db.transaction() as session:
        rows = session.scalars(select(ElectronicLeg).limit(5)).all()
    faults = []
    for row in rows:
        try:
            drill.home.parts.electronic.order(drill.pair.first, row.graduate_id, row.transfer_id)
            faults.append(f"a second package of transfer {row.transfer_id} was ordered")
        except Conflict:
            continue
    return faults


def _performed(drill: Drill, budget: Budget, kills: int) -> tuple[float, list[str]]:
    """(seconds from the last kill to the last receipt, faults)."""
    roles: list[cast.Role] = []
    try:
        drill.feed()
        roles += [cast.Role(drill.place, work, reach) for work, reach in REACH_S.items()]
        drill.strike(roles, kills)
        last = time.monotonic()
        drill.see_both_ways()
        if not _until(drill.settled, SETTLED_LIMIT_S):
            drill.faults.append(f"not everything was receipted {SETTLED_LIMIT_S:g} s after the last kill")
        settled = time.monotonic() - last
        drill.faults += [
            f"the {role.name} ended by itself: {role.log.read_text()[-1500:]}" for role in roles if role.ended
        ]
    finally:
        for role in roles:
            role.end()
    drill.faults += [*drill.compared(), *_refused_twice(drill), *drill.left_in_the_store()]
    return settled, drill.faults


def run(budget: Budget) -> Outcome:
    logging.getLogger("bagit").setLevel(logging.CRITICAL)
    kills, registry = SHORT_KILLS if budget.short else KILLS, BothWays()
    with ExitStack() as stack:
        stack.enter_context(patch("wiring.RegisteredReceivers", lambda *_: registry))
        stack.enter_context(cast.hastened())
        home = stack.enter_context(house())
        _, credential = home.parts.partners.add("人才服务中心", ["dossiers:receive"], CODE)
        who = HrIdentity(CODE, registry.keys.identity, home.parts.packer._signer.public_keys())
        web = free_port()
        place = cast.Place(home.urls, home.folder, web, free_port(but_not=web), who, credential)
        registry.inbox = place.inbox
        drill = Drill(home, desk_pair(home.parts), Random(budget.seed), place, registry)
        settled, faults = _performed(drill, budget, kills)
        came = drill.ways()
        for name, number in drill.killed.items():
            if drill.met[name] < (number + 1) // 2:
                faults.append(f"void: only {drill.met[name]} of {number} kills met the {name} at work")
        faults += [f"void: nothing was {way}" for way in ("pushed", "fetched") if not came[way]]
        faults += drill.planted()
    killed = ", ".join(f"{name} {drill.met[name]} of {number}" for name, number in sorted(drill.killed.items()))
    return Outcome(
        f"{drill.met.total()} of {kills} kills met a working process ({killed}); {len(drill.legs)} packages"
        f" ({came['pushed']} pushed, {came['fetched']} fetched) receipted {settled:.0f} s after the last kill",
        faults,
    )
