"""Who works a ticket: by hand, by turn, by the college's team. Every change is an event with whom it names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor, Role
from app.corrections import rules
from app.corrections.book import TicketBook
from app.corrections.members import Presence, present_on_desk
from app.corrections.models import Ticket
from app.corrections.queue_models import CollegeDuty, DeskTurn
from app.corrections.queues import members, require_desk
from app.db import Database
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.people.models import Graduate

DUTY_KEEPERS = (Role.REVIEWER, Role.ADMINISTRATOR)
MOST_PER_COLLEGE = 20
# any number of one's own: two who give out turns at once must not name the same person twice
_TURN_LOCK = text("select pg_advisory_xact_lock(7310016)")
_COLLEGES = text(
    "with recursive c(year, college) as ((select cohort_year, college from graduate order by cohort_year, college"
    " limit 1) union all select n.cohort_year, n.college from c, lateral (select g.cohort_year, g.college from"
    " graduate g where (g.cohort_year, g.college) > (c.year, c.college) order by g.cohort_year, g.college limit 1) n)"
    " select distinct college from c where college <> '' order by college"
)


class How(StrEnum):
    """``me`` and ``nobody`` are by hand too; a person's id stands for itself."""

    ME = "me"
    NOBODY = "nobody"
    TURN = "turn"
    COLLEGE = "college"


HOW_LABELS: Mapping[How, str] = {
    How.ME: "由我办理",
    How.NOBODY: "取消分派",
    How.TURN: "轮流分派",
    How.COLLEGE: "按学院分派",
}


@dataclass(frozen=True, slots=True)
class CollegeLine:
    college: str
    members: Sequence[tuple[UUID, str]]


class AssignmentService:
    def __init__(self, db: Database, book: TicketBook, presence: Presence) -> None:
        self._db, self._book, self._presence = db, book, presence

    def assign(self, actor: Actor, ticket_id: UUID, version: int, to: UUID | How) -> UUID | None:
        """Give the ticket to somebody; gives whom. The state stays: who is named still takes it up.

        Raises NotFound, VersionMismatch, Conflict (ticket_closed, nobody_present, nobody_responsible,
        assigned_already), Invalid for somebody who is not of the desk.
        """
        require_desk(actor)
        with self._db.transaction() as session:
            if to in (How.TURN, How.COLLEGE):
                session.execute(_TURN_LOCK)  # before the row's lock, so that no two wait for each other
            ticket = session.scalar(select(Ticket).where(Ticket.id == ticket_id).with_for_update())
            if ticket is None:
                raise NotFound("ticket_not_found")
            self._book.check_version(ticket, version)
            if ticket.state in rules.CLOSED:
                raise Conflict("ticket_closed")
            chosen = self._chosen(session, actor, ticket, to)
            if chosen == ticket.assigned_to:
                raise Conflict("assigned_already" if chosen else "assigned_to_nobody")
            before, ticket.assigned_to = ticket.assigned_to, chosen
            self._book.record_step(
                session,
                actor,
                ticket,
                "ticket.assigned" if chosen else "ticket.unassigned",
                to=str(chosen or ""),
                before=str(before or ""),
                how=to.value if isinstance(to, How) else "hand",
            )
            self._book.flush(session)
            return chosen

    def hand_over(self, session: Session, actor: Actor, staff_id: UUID) -> int:
        """Open tickets of somebody who leaves go back to nobody, in the caller's transaction; gives how many."""
        query = select(Ticket).where(Ticket.assigned_to == staff_id, Ticket.state.not_in(rules.CLOSED))
        rows = session.scalars(query.order_by(Ticket.serial).with_for_update()).all()
        for ticket in rows:
            ticket.assigned_to = None
            self._book.record_step(
                session, actor, ticket, "ticket.unassigned", to="", before=str(staff_id), how="hand_over"
            )
        session.flush()
        return len(rows)

    # --- who answers for which college --------------------------------------------------------------------------------

    def duties(self, actor: Actor) -> list[CollegeLine]:
        """Every college that has graduates or a team, by name."""
        _require_keeper_or_desk(actor)
        with self._db.transaction() as session:
            known = [row[0] for row in session.execute(_COLLEGES)]
            names = dict(members(session))
            teams: dict[str, list[tuple[UUID, str]]] = defaultdict(list)
            for row in session.scalars(select(CollegeDuty).order_by(CollegeDuty.created_at, CollegeDuty.staff_id)):
                teams[row.college].append((row.staff_id, names.get(row.staff_id, "（已停用）")))
        return [CollegeLine(c, teams.get(c, [])) for c in sorted({*known, *teams})]

    def colleagues(self, actor: Actor) -> list[tuple[UUID, str]]:
        """Who may be named: open accounts of the desk."""
        _require_keeper_or_desk(actor)
        with self._db.transaction() as session:
            return members(session)

    def set_team(self, actor: Actor, college: str, staff_ids: Sequence[UUID]) -> None:
        """Who answers for a college from now on; nobody is possible. Raises Invalid, Forbidden."""
        if not actor.has_role(*DUTY_KEEPERS):
            raise Forbidden("role_required")
        wanted = list(dict.fromkeys(staff_ids))
        with self._db.transaction() as session:
            known = {member for member, _ in members(session)}
            if not set(wanted) <= known or len(wanted) > MOST_PER_COLLEGE:
                raise Invalid("invalid_input", faults=[FieldFault("/staff", "unknown_colleague")])
            # a college nobody has heard of would be a team without work
            if session.scalar(select(Graduate.id).where(Graduate.college == college).limit(1)) is None:
                raise Invalid("invalid_input", faults=[FieldFault("/college", "unknown_college")])
            for row in session.scalars(select(CollegeDuty).where(CollegeDuty.college == college).with_for_update()):
                if row.staff_id not in wanted:
                    session.delete(row)
            now = self._book.clock.now()
            for staff_id in wanted:
                session.execute(
                    insert(CollegeDuty)
                    .values(college=college, staff_id=staff_id, set_by=actor.id, created_at=now)
                    .on_conflict_do_nothing()
                )
            self._book.log.record(
                session,
                actor,
                "ticket.team_set",
                object_kind="college_duty",
                data={"college": college, "staff": [str(i) for i in wanted]},
            )

    # --- inside -------------------------------------------------------------------------------------------------------

    def _chosen(self, session: Session, actor: Actor, ticket: Ticket, to: UUID | How) -> UUID | None:
        if to is How.ME:
            return actor.id
        if to is How.NOBODY:
            return None
        if to is How.TURN:
            return self._next(session, present_on_desk(session, self._presence), "nobody_present")
        if to is How.COLLEGE:
            team = select(CollegeDuty.staff_id).where(CollegeDuty.college == ticket.college)
            responsible = set(session.scalars(team))
            if not responsible:
                raise Conflict("nobody_responsible")
            here = [m for m in present_on_desk(session, self._presence) if m in responsible]
            return self._next(session, here, "nobody_present")
        if to not in {member for member, _ in members(session)}:
            raise Invalid("invalid_input", faults=[FieldFault("/to", "unknown_colleague")])
        return to

    def _next(self, session: Session, present: Sequence[UUID], otherwise: str) -> UUID:
        """The one of the present whose turn lies longest back; their turn is now."""
        if not present:
            raise Conflict(otherwise)
        turns = select(DeskTurn.staff_id, DeskTurn.turned_at).where(DeskTurn.staff_id.in_(present))
        last = {row.staff_id: row.turned_at for row in session.execute(turns)}
        fresh = [m for m in present if m not in last]
        chosen = fresh[0] if fresh else min(present, key=last.__getitem__)
        now, newest = self._book.clock.now(), session.scalar(select(func.max(DeskTurn.turned_at)))
        if newest is not None:
            # the clock's step may be coarser than two turns
            now = max(now, newest + timedelta(microseconds=1))
        session.execute(
            insert(DeskTurn)
            .values(staff_id=chosen, turned_at=now)
            .on_conflict_do_update(index_elements=["staff_id"], set_={"turned_at": now})
        )
        return chosen


def _require_keeper_or_desk(actor: Actor) -> None:
    if not actor.has_role(*DUTY_KEEPERS):
        require_desk(actor)
