"""The staff's side of corrections: queue, one ticket, take, ask. Decisions stand in deciding.py, the rest of the work
on a ticket in casework.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.corrections import rules
from app.corrections.checking import MAX_STATEMENT, clean_text
from app.corrections.deciding import Deciding
from app.corrections.handling import DESK_ROLES as DESK_ROLES
from app.corrections.models import Evidence, Ticket, TicketApproval
from app.corrections.places import evidence_place
from app.corrections.queue_sql import IS_OPEN, worked_by
from app.corrections.rules import Kind, Move, Side, State
from app.corrections.views import TicketLine, TicketView
from app.envelope import open_bytes
from app.errors import NotFound
from app.office_time import office_date
from app.people.absences import stood_in_for
from app.people.models import StaffMember

# a ticket is its own purpose (调取目的): app/retrieval/rules.py names it for the graduate's access log
PURPOSE = {"purpose": "correction"}
OPEN_STATES = tuple(s for s in State if s not in rules.CLOSED)


def _agreed_by(actor: Actor) -> ColumnElement[bool]:
    """The reader as a person: two accounts of one are one pair of eyes. What was voided stands no more in the table."""
    person = select(StaffMember.person_key).where(StaffMember.id == actor.id).scalar_subquery()
    return exists().where(TicketApproval.ticket_id == Ticket.id, TicketApproval.person_key == person)


class CorrectionDesk(Deciding):
    """Queue, one ticket, take and ask; accepting and refusing come from Deciding."""

    def queue(
        self,
        actor: Actor,
        *,
        states: Sequence[State] = OPEN_STATES,
        kind: Kind | None = None,
        mine: bool = False,
        unclaimed: bool = False,
        overdue: bool = False,
        offset: int = 0,
        limit: int = 25,
    ) -> tuple[list[TicketLine], int]:
        """(lines, total), the nearest deadline first.

        ``mine``: the reader's and theirs whom they stand in for today. ``unclaimed``: nobody's, and what waits for a
        second person. Either leaves out what the reader has agreed to and another must: it is not theirs to do next.
        """
        self._require_desk(actor)
        now = self._book.clock.now()
        query = select(Ticket).where(Ticket.state.in_(states))
        if kind is not None:
            query = query.where(Ticket.kind == kind)
        if unclaimed:
            query = query.where(or_(Ticket.assigned_to.is_(None), Ticket.state == State.AWAITING_SECOND))
        if mine or unclaimed:
            query = query.where(IS_OPEN, or_(Ticket.state != State.AWAITING_SECOND, ~_agreed_by(actor)))
        if overdue:
            query = query.where(Ticket.presses_on < office_date(now), Ticket.stopped_at.is_(None))
        with self._db.transaction() as session:
            absent = stood_in_for(session, actor.id, office_date(now)) if mine else []
            if mine:
                query = query.where(worked_by([actor.id, *absent]))
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            rows = session.scalars(query.order_by(Ticket.presses_on, Ticket.serial).offset(offset).limit(limit)).all()
            names = self._book.people.names([t.graduate_id for t in rows])
            return [self._book.line(t, now, names.get(t.graduate_id, ""), absent) for t in rows], total

    def counts(self, actor: Actor) -> dict[str, int]:
        """Open tickets by state, and the overdue ones, for the head of the queue."""
        self._require_desk(actor)
        with self._db.transaction() as session:
            rows = session.execute(
                select(Ticket.state, func.count()).where(Ticket.state.in_(OPEN_STATES)).group_by(Ticket.state)
            ).all()
            overdue = session.scalar(
                select(func.count(Ticket.id)).where(
                    Ticket.state.in_(OPEN_STATES),
                    Ticket.presses_on < office_date(self._book.clock.now()),
                    Ticket.stopped_at.is_(None),
                )
            )
        return {**{state.value: n for state, n in rows}, "overdue": overdue or 0}

    def tickets_of(self, actor: Actor, graduate_id: UUID) -> list[TicketLine]:
        self._require_desk(actor)
        with self._db.transaction() as session:
            rows = session.scalars(
                select(Ticket).where(Ticket.graduate_id == graduate_id).order_by(Ticket.serial.desc()).limit(50)
            ).all()
            now = self._book.clock.now()
            return [self._book.line(t, now) for t in rows]

    def ticket(self, actor: Actor, ticket_id: UUID) -> TicketView:
        """One ticket with the record as it stands now beside what is asked for. The opening is recorded."""
        self._require_desk(actor)
        with self._db.transaction() as session:
            found = session.get(Ticket, ticket_id)
        if found is None:
            raise NotFound("ticket_not_found")
        key = self._keys.of(found.graduate_id)
        with self._db.transaction() as session:
            ticket = session.get_one(Ticket, ticket_id)
            self._book.log.record(
                session,
                actor,
                "ticket.read",
                graduate_id=ticket.graduate_id,
                object_kind="ticket",
                object_id=ticket.id,
                data=PURPOSE,
            )
            return self._view(session, actor, key, ticket)

    def evidence_file(self, actor: Actor, ticket_id: UUID, evidence_id: UUID) -> tuple[str, bytes]:
        """(media type, content) of a proof of this ticket; the opening is recorded."""
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            row = self._evidence_of(session, ticket_id, evidence_id)
            self._book.log.record(
                session,
                actor,
                "evidence.read",
                graduate_id=row.graduate_id,
                object_kind="evidence",
                object_id=row.id,
                data=PURPOSE,
            )
        return row.media_type, open_bytes(key, evidence_place(row.id), self._files.get(row.file_name))

    @staticmethod
    def _evidence_of(session: Session, ticket_id: UUID, evidence_id: UUID) -> Evidence:
        """Of this ticket or of a duplicate that went into it."""
        row = session.scalar(
            select(Evidence)
            .join(Ticket, Ticket.id == Evidence.ticket_id)
            .where(Evidence.id == evidence_id, or_(Ticket.id == ticket_id, Ticket.merged_into == ticket_id))
        )
        if row is None:
            raise NotFound("evidence_not_found")
        return row

    def take(self, actor: Actor, ticket_id: UUID, version: int) -> TicketView:
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            ticket.state = self._book.require(ticket, Move.TAKE, actor)
            before, ticket.assigned_to = ticket.assigned_to, actor.id
            return self._done(session, actor, key, ticket, "ticket.taken", before=str(before or ""))

    def ask(self, actor: Actor, ticket_id: UUID, version: int, text: str) -> TicketView:
        """Ask the graduate for more. Voids approvals, because what is answered may change the picture."""
        text = clean_text(text, "/text", MAX_STATEMENT)
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            ticket.state = self._book.require(ticket, Move.ASK, actor)
            ticket.assigned_to = ticket.assigned_to or actor.id
            self._book.void_approvals(session, ticket)
            self._book.say(session, key, ticket, Side.STAFF, actor, text)
            return self._done(session, actor, key, ticket, "ticket.asked")
