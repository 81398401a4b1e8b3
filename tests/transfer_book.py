"""The rule book of transfers written a second time, from 2-domain §3 and decision 0017, for tests alone.

It imports nothing of the rule book it judges: states, actors and evidence are plain words here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

LINE = ["draft", "destination_registered", "college_reviewed", "school_approved", "assembled", "checked", "sealed"]
LINE += ["handed_to_carrier", "in_transit", "delivered_unconfirmed", "received", "closed"]
DESK, TWO = frozenset({"archivist", "dispatcher"}), frozenset({"archivist", "dispatcher", "reviewer"})
COLLEGE, SCHOOL = frozenset({"archivist", "reviewer"}), frozenset({"archivist"})
ROLES = {"desk": DESK, "college": COLLEGE, "school": SCHOOL}
READERS = TWO
ROAD, DOOR = "handed_to_carrier in_transit", "delivered_unconfirmed receipt_overdue"
TRACED, RECEIPT = "carrier desk", "receipt_number manifest_code"
# from, to, by whom, shown
TABLE = (
    ("draft", "destination_registered", "graduate desk", ""),
    ("destination_registered", "college_reviewed", "college", ""),
    ("destination_registered", "draft", "college school", "reason"),
    ("college_reviewed", "draft", "school", "reason"),
    ("college_reviewed", "school_approved", "school", ""),
    ("college_reviewed", "held_at_school", "school", "kept_until"),
    ("college_reviewed school_approved", "destination_registered", "graduate desk", ""),
    ("held_at_school", "draft", "graduate desk", ""),
    ("school_approved", "assembled", "desk", ""),
    ("assembled", "checked", "desk", ""),
    ("assembled checked", "school_approved", "desk", "reason"),
    ("checked", "sealed", "two", "seal_number photo_digest"),
    ("sealed", "school_approved", "two", "reason"),
    ("sealed", "withdrawn", "two", "reason"),
    ("sealed", "handed_to_carrier", "desk", "tracking_number"),
    ("handed_to_carrier", "in_transit", TRACED, ""),
    (ROAD, "delivered_unconfirmed", TRACED, ""),
    ("delivered_unconfirmed", "receipt_overdue", "clock", ""),
    (f"{ROAD} {DOOR}", "received", "receiver desk", RECEIPT),
    (f"{ROAD} {DOOR}", "refused", f"receiver {TRACED}", "reason"),
    (f"{ROAD} {DOOR} refused tracing", "returned", TRACED, "reason"),
    (f"{ROAD} {DOOR} refused", "lost_suspected", "desk clock", "reason"),
    ("received", "closed", "desk", ""),
    ("received closed", "supplement_open", "clock", ""),
    ("supplement_open", "closed", "clock", ""),
    ("returned", "sealed", "desk", "reason"),
    ("returned", "school_approved", "two", "reason"),
    ("returned", "redirected", "two", "reason"),
    ("returned", "withdrawn", "two", "reason"),
    ("lost_suspected", "tracing", "desk", "letter_number"),
    ("lost_suspected tracing", "in_transit", TRACED, ""),
    ("lost_suspected tracing", "delivered_unconfirmed", TRACED, ""),
    ("tracing", "lost_confirmed", "school", "letter_number"),
    ("lost_confirmed", "rebuilding", "school", ""),
    ("lost_confirmed", "delivered_unconfirmed", "desk", "reason"),
    ("rebuilding", "school_approved", "school", "reason"),
    (
        "draft destination_registered college_reviewed school_approved held_at_school assembled checked",
        "withdrawn",
        "desk",
        "reason",
    ),
)
END = frozenset(["closed", "supplement_open", "redirected", "withdrawn"])
ARRIVED = frozenset(["received", "closed", "supplement_open"])
BEFORE_CARRIER = frozenset(
    ["destination_registered", "college_reviewed", "school_approved", "assembled", "checked", "sealed"],
)
AGAIN = frozenset(["sealed", "school_approved"])
AWAY = frozenset(f"{ROAD} delivered_unconfirmed".split())
WORKING_DAYS = {
    "receipt_overdue": ("chase", 15),
    "returned": ("resend", 15),
    "refused": ("resend", 15),
    "lost_suspected": ("search", 3),
    "tracing": ("answer", 10),
    "lost_confirmed": ("rebuild", 30),
    "rebuilding": ("rebuild", 30),
}
Later = Callable[[date, int], date]
Edges = dict[tuple[str, str], tuple[frozenset[str], tuple[str, ...]]]


def edges() -> Edges:
    """(from, to): (by whom, what is shown)."""
    return {
        (source, target): (frozenset(by.split()), tuple(shown.split()))
        for sources, target, by, shown in TABLE
        for source in sources.split()
    }


@dataclass(frozen=True, slots=True)
class Who:
    """``kind``: staff, graduate, system or partner; accounts of one human being share ``person``."""

    kind: str
    roles: frozenset[str] = frozenset()
    person: int = 0


@dataclass(frozen=True, slots=True)
class Act:
    id: UUID
    target: str
    person: int
    number_of_edits: int = 0


@dataclass
class Folder:
    """A dossier. ``edits`` counts its changes; ``held`` is the first day it was kept at school."""

    owner: UUID
    state: str = "open"
    edits: int = 0
    held: date | None = None
    slips: list[Slip] = field(default_factory=list)

    @property
    def open(self) -> list[Slip]:
        return [s for s in self.slips if s.parent is None and s.state not in END]


@dataclass
class Slip:
    """A transfer. ``frozen`` is the number of edits when the catalogue was frozen. One that follows a redirected one is
    not ``addressed`` before its destination is registered, which then ``rests``. ``elsewhere``: to the other of two
    places. ``stays``: the registered destination is to be kept at school.
    """

    id: UUID
    folder: Folder
    state: str
    entered: date
    parent: Slip | None = None
    version: int = 0
    asked: date | None = None
    handed: date | None = None
    kept: date | None = None
    stays: bool = False
    elsewhere: bool = False
    frozen: int | None = None
    act: Act | None = None
    addressed: bool = True
    rests: datetime | None = None
    numbers: list[str] = field(default_factory=list)


class Book:
    """What must be refused and why, and what a step that goes through leaves behind."""

    def __init__(self, table: Edges, working: Later, now: Callable[[], datetime]) -> None:
        """``working``: a day so many working days after another."""
        self.edges, self._working, self._now = table, working, now
        self.used: set[str] = set()
        self.waiting: dict[UUID, tuple[Slip, str]] = {}

    def refusals(
        self,
        slip: Slip,
        who: Who,
        target: str,
        *,
        stale: bool = False,
        spoilt: bool = False,
        number: str = "",
        kept: date | None = None,
    ) -> set[str]:
        """Codes of everything that stands against one person's step; empty where it must go through."""
        if who.kind == "staff" and not who.roles & READERS:
            return {"role_required"}
        found = {"transfer_changed"} if stale else set()
        edge = self.edges.get((slip.state, target))
        if edge is None:
            return found | {"move_not_allowed"}
        by, _ = edge
        if not self._may(by, who):
            found.add("two_persons_required" if by == {"two"} and who.roles & TWO else "role_required")
        held = slip.folder.held
        # two years in all, however often the wish is renewed
        spoilt = spoilt or (kept is not None and held is not None and kept > held.replace(year=held.year + 2))
        return found | self._against(slip, target, spoilt, number)

    def act_refusals(self, slip: Slip, who: Who, target: str, *, stale: bool, spoilt: bool) -> set[str]:
        """Against proposing what two persons do."""
        if not who.roles & TWO:
            return {"role_required"}
        found = {"transfer_changed"} if stale else set()
        edge = self.edges.get((slip.state, target))
        if edge is None or "two" not in edge[0]:
            return found | {"move_not_allowed"}
        return found | ({"invalid_input"} if spoilt else set()) | ({"act_waiting"} if slip.act else set())

    def confirm_refusals(self, slip: Slip, who: Who, act: Act) -> set[str]:
        if not who.roles & TWO:
            return {"role_required"}
        if slip.act is not act:
            return {"act_gone"}
        if act.person == who.person:
            return {"same_person"}
        if (slip.state, act.target) not in self.edges:
            return {"move_not_allowed"}
        return self._against(slip, act.target, spoilt=False, number="")

    def scan_refusals(self, slip: Slip, who: Who, number: str) -> set[str]:
        if not who.roles & DESK:
            return {"role_required"}
        if slip.state != "sealed":
            return {"not_sealed", "already_handed_over"}
        held = number in self.used or any(number == n for _, n in self.waiting.values())
        found = {"tracking_number_used"} if held else set()
        return found | ({"already_scanned"} if slip.id in self.waiting else set())

    def open_refusals(self, folder: Folder, who: Who, today: date, last_day: date) -> set[str]:
        if who.kind == "staff" and not who.roles & DESK:
            return {"role_required"}
        if folder.state == "transferred":
            return {"dossier_transferred"}
        # what the school withdrew it waits for
        waited_for = any(s.parent is None and s.state == "withdrawn" for s in folder.slips)
        late = who.kind == "graduate" and today > last_day and not waited_for
        return ({"transfer_open"} if folder.open else set()) | ({"destination_closed"} if late else set())

    def opened(self, slip: Slip) -> None:
        """After an earlier one another place rests, and a rest that was begun is slept out."""
        earlier = [s for s in slip.folder.slips if s.parent is None][-1:]
        for last in earlier:
            moved = not last.addressed or last.elsewhere != slip.elsewhere
            slip.rests = self._now() + timedelta(hours=24) if moved else last.rests
        slip.folder.slips.append(slip)

    def supplement_refusals(self, folder: Folder) -> set[str]:
        arrived = any(s.parent is None and s.state in ARRIVED for s in folder.slips)
        return set() if arrived else {"no_receipt"}

    def step(self, slip: Slip, target: str, today: date, *, number: str = "", kept: date | None = None) -> None:
        """One that was not refused."""
        before, slip.state, slip.entered, slip.act = slip.state, target, today, None
        if target == "destination_registered" or (before in {"returned", "rebuilding"} and target in AGAIN):
            slip.asked = today
        if target == "assembled":
            slip.frozen = slip.folder.edits
        slip.kept = kept if target == "held_at_school" else None
        if target == "held_at_school":
            slip.folder.held = slip.folder.held or today
        if target == "handed_to_carrier":
            slip.handed = today
            slip.numbers.append(number)
            self.used.add(number)
        if slip.parent is None:
            self._follow(slip, before)
        elif target in (END | {"received"}) - {"redirected"}:
            # what is redirected goes on in another, which is still waited for
            self._settle(slip.parent, today)

    @staticmethod
    def readdress_refusals(slip: Slip, who: Who) -> set[str]:
        """Against choosing the destination of one that follows a redirected one. The last day does not count there; a
        supplement's is the desk's to choose.
        """
        if who.kind == "staff":
            return set() if who.roles & DESK else {"role_required"}
        return set() if slip.parent is None else {"destination_settled"}

    def readdressed(self, slip: Slip, today: date) -> None:
        slip.addressed, slip.rests = True, self._now() + timedelta(hours=24)
        self.step(slip, "destination_registered", today)

    def succeeded(self, slip: Slip, successor: UUID, today: date) -> None:
        """A redirected one goes on in a draft of the same dossier, which brings what it brought."""
        slip.folder.slips.append(Slip(successor, slip.folder, "draft", today, slip.parent, addressed=False))

    def supplemented(self, parent: Slip, slip: Slip, today: date) -> None:
        slip.asked = today
        slip.folder.slips.append(slip)
        if (parent.state, "supplement_open") in self.edges:
            parent.state, parent.entered = "supplement_open", today

    def handed_over(self, today: date, done: Collection[UUID]) -> list[str]:
        """What the batch should have done, item by item; ``done``: what it did. Gives the differences."""
        wrong = []
        for slip, number in self.waiting.values():
            goes = slip.state == "sealed" and number not in self.used
            if goes != (slip.id in done):
                wrong.append(f"batch: {'not handed over' if goes else 'handed over'} in state {slip.state}")
            if goes:
                self.step(slip, "handed_to_carrier", today, number=number)
        self.waiting.clear()
        return wrong

    def due(self, slip: Slip) -> tuple[str, date] | None:
        """Which clock runs and until when. Who wishes to be kept at school waits for no dispatch."""
        if slip.state in BEFORE_CARRIER:
            unheard = slip.stays and slip.state in {"destination_registered", "college_reviewed"}
            return "review" if unheard else "dispatch", self._working(slip.asked or slip.entered, 15)
        if slip.state in AWAY:
            return "receipt", month_later(slip.handed or slip.entered)
        if slip.state == "held_at_school":
            return None if slip.kept is None else ("hold", slip.kept)
        if slip.state not in WORKING_DAYS:
            return None
        clock, days = WORKING_DAYS[slip.state]
        return clock, self._working(slip.entered, days)

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _may(by: frozenset[str], who: Who) -> bool:
        if who.kind == "system":
            return bool(by & {"carrier", "clock"})
        if who.kind != "staff":
            return {"graduate": "graduate", "partner": "receiver"}[who.kind] in by
        return any(who.roles & ROLES[b] for b in by if b in ROLES)

    def _against(self, slip: Slip, target: str, spoilt: bool, number: str) -> set[str]:
        found = {"invalid_input"} if spoilt else set()
        if target == "handed_to_carrier" and number in self.used:
            found.add("tracking_number_used")
        if target == "destination_registered" and not slip.addressed:
            found.add("destination_missing")
        ahead = target in {"college_reviewed", "school_approved", "assembled"}
        if ahead and slip.rests is not None and self._now() < slip.rests:
            found.add("destination_rests")
        if target == "held_at_school" and not slip.stays:
            found.add("not_kept_at_school")
        if target == "school_approved" and slip.state == "college_reviewed" and slip.stays:
            found.add("kept_at_school")
        changed = slip.frozen is not None and slip.frozen != slip.folder.edits
        if target == "sealed" and slip.folder.state == "open" and changed and slip.parent is None:
            found.add("catalogue_changed")
        return found

    @staticmethod
    def _follow(slip: Slip, before: str) -> None:
        opened = {"school_approved", "withdrawn", "redirected", "rebuilding"}
        if slip.state == "sealed":
            slip.folder.state = "sealed"
        elif slip.state in opened and slip.folder.state == "sealed":
            slip.folder.state = "open"
        elif slip.state == "received" and before not in ARRIVED:
            slip.folder.state = "transferred"

    @staticmethod
    def _settle(parent: Slip, today: date) -> None:
        """A received transfer is closed again when nothing that follows it is on its way."""
        following = [s for s in parent.folder.slips if s.parent is parent and s.state not in END | {"received"}]
        if parent.state == "supplement_open" and not following:
            parent.state, parent.entered = "closed", today


def month_later(day: date) -> date:
    """The same day of the next month, or its last."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    for number in range(day.day, 0, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise AssertionError(day)
