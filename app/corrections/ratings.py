"""How satisfied graduates were: one answer per ticket, told in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import SystemRandom
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.corrections import rating_rules, rules
from app.corrections.book import TicketBook
from app.corrections.checking import clean_text
from app.corrections.models import Ticket
from app.corrections.queue_models import Satisfaction
from app.corrections.queue_sql import day_begins
from app.corrections.rating_rules import Group, Quarter
from app.corrections.report_rules import require_reader
from app.db import Database
from app.envelope import Place, open_json, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.keyring import Keyring
from app.office_time import office_date

QUARTERS = 8
MOST_READ = 200


@dataclass(frozen=True, slots=True)
class RatingView:
    """``score`` is the graduate's own answer, None before it; ``open_until`` is None where nothing is asked."""

    open_until: datetime | None
    score: int | None


@dataclass(frozen=True, slots=True)
class RatingReport:
    """``words`` come without their tickets and in no order; there are none where the quarter is too small."""

    quarter: Quarter
    whole: Group | None
    by: Mapping[str, Sequence[Group]]
    words: Sequence[str] = field(repr=False)


class RatingService:
    def __init__(self, db: Database, keys: Keyring, book: TicketBook, smallest: int) -> None:
        self._db, self._keys, self._book, self._smallest = db, keys, book, smallest

    def rate(self, actor: Actor, ticket_id: UUID, score: int, words: str = "") -> RatingView:
        """Raises Invalid, NotFound, Conflict (not_closed_yet, rating_too_late, rated_already)."""
        if not rating_rules.LEAST <= score <= rating_rules.MOST:
            raise Invalid("invalid_input", faults=[FieldFault("/score", "number_out_of_range")])
        words = clean_text(words, "/words", rating_rules.MOST_WORDS) if words.strip() else ""
        key, now = self._keys.of(actor.id), self._book.clock.now()
        sealed = seal_json(key, words_place(ticket_id), {"text": words}) if words else None
        with self._db.transaction() as session:
            ticket = self._own(session, actor, ticket_id)
            until = rating_rules.open_until(ticket.state, ticket.decided_at)
            if until is None:
                raise Conflict("not_closed_yet")
            if now > until:
                raise Conflict("rating_too_late")
            added = session.execute(
                insert(Satisfaction)
                .values(ticket_id=ticket_id, graduate_id=actor.id, score=score, sealed_words=sealed, answered_at=now)
                .on_conflict_do_nothing()
                .returning(Satisfaction.ticket_id)
            )
            if added.first() is None:
                raise Conflict("rated_already")
            # the log says that it was answered, not how: staff read the log
            self._book.log.record(
                session, actor, "rating.given", graduate_id=actor.id, object_kind="ticket", object_id=ticket_id
            )
        return RatingView(until, score)

    def rating(self, actor: Actor, ticket_id: UUID) -> RatingView:
        """The graduate's own. Raises NotFound."""
        with self._db.transaction() as session:
            ticket = self._own(session, actor, ticket_id)
            given = session.get(Satisfaction, ticket_id)
        return RatingView(
            rating_rules.open_until(ticket.state, ticket.decided_at), given.score if given is not None else None
        )

    def quarters(self, actor: Actor) -> list[Quarter]:
        """Those that may be read: the latest finished ones."""
        require_reader(actor)
        return rating_rules.finished(office_date(self._book.clock.now()), QUARTERS)

    def report(self, actor: Actor, quarter: Quarter) -> RatingReport:
        """Raises NotFound for a quarter that is not over."""
        if quarter not in self.quarters(actor):
            raise NotFound("not_found")
        inside = (
            Satisfaction.answered_at >= day_begins(quarter.first),
            Satisfaction.answered_at < day_begins(quarter.after),
        )
        with self._db.transaction() as session:
            rows = session.execute(
                select(Satisfaction.score, Ticket.assigned_to, Ticket.kind, Ticket.college)
                .join(Ticket, Ticket.id == Satisfaction.ticket_id)
                .where(*inside)
            ).all()
            tables = self._tables(rows)
            whole = tables["kind"][0]
            words = self._words(session, inside) if whole is not None else []
        return RatingReport(quarter, whole, {d: groups for d, (_, groups) in tables.items()}, words)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _tables(self, rows: Sequence[Any]) -> dict[str, tuple[Group | None, list[Group]]]:
        """By dimension. Two persons of one name stay two groups."""
        names = self._book.people.staff_names([r.assigned_to for r in rows if r.assigned_to is not None])
        by: dict[str, dict[str, list[int]]] = {"handler": {}, "kind": {}, "college": {}}
        labels: dict[str, str] = {}
        for row in rows:
            for dimension, key, label in (
                ("handler", str(row.assigned_to), names.get(row.assigned_to, "未分派")),
                ("kind", row.kind.value, rules.KINDS[row.kind].label),
                ("college", row.college, row.college),
            ):
                by[dimension].setdefault(key, []).append(row.score)
                labels[key] = label
        tables = {d: rating_rules.published(scores, self._smallest) for d, scores in by.items()}
        return {
            d: (whole, sorted((replace(g, name=labels[g.name]) for g in groups), key=lambda g: g.name))
            for d, (whole, groups) in tables.items()
        }

    def _words(self, session: Session, inside: Sequence[object]) -> list[str]:
        rows = session.scalars(
            select(Satisfaction).where(*inside, Satisfaction.sealed_words.is_not(None)).limit(MOST_READ)  # type: ignore[arg-type]
        ).all()
        # words of fewer than k persons would be known by their handful of tickets
        if len(rows) < self._smallest:
            return []
        keys = self._keys.many(session, list({r.graduate_id for r in rows}))
        found = [
            str(open_json(keys[r.graduate_id], words_place(r.ticket_id), r.sealed_words)["text"])
            for r in rows
            if r.sealed_words is not None
        ]
        SystemRandom().shuffle(found)
        return found

    @staticmethod
    def _own(session: Session, actor: Actor, ticket_id: UUID) -> Ticket:
        if actor.kind is not ActorKind.GRADUATE:
            raise Forbidden("role_required")
        ticket = session.scalar(select(Ticket).where(Ticket.id == ticket_id, Ticket.graduate_id == actor.id))
        if ticket is None:
            raise NotFound("ticket_not_found")
        return ticket


def words_place(ticket_id: UUID) -> Place:
    return Place("ticket_satisfaction", "sealed_words", ticket_id)
