"""Workload and deadlines kept, by handler, kind, college and month. Every number is a list of the queues."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, String, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.actors import Actor
from app.corrections import report_rules, rules
from app.corrections.book import TicketBook
from app.corrections.models import Ticket, TicketDecision
from app.corrections.queue_rules import NOBODY, Fact
from app.corrections.queue_sql import DECISIONS, FACTS, at_decision, between, office_day
from app.corrections.report_rules import Dimension, Period, ReportLine
from app.db import Database

_OPENED = {
    "answered": Fact.ANSWERED,
    "answered_in_time": Fact.ANSWERED_IN_TIME,
    "reopened": Fact.REOPENED,
    "appealed": Fact.APPEALED,
}


@dataclass(frozen=True, slots=True)
class WorkloadReport:
    dimension: Dimension
    period: Period
    lines: Sequence[ReportLine]
    whole: ReportLine


@dataclass(slots=True)
class _Closed:
    """``days``: working days spent -> how many, of those where it was kept."""

    count: int = 0
    in_time: int = 0
    days: Counter[int] = field(default_factory=Counter)


class ReportService:
    def __init__(self, db: Database, book: TicketBook) -> None:
        self._db, self._book = db, book

    def report(self, actor: Actor, dimension: Dimension, period: Period) -> WorkloadReport:
        """Raises Forbidden. Handlers by how much they decided, colleges and kinds by name, months by time.

        What was decided is counted for whoever decided it, what was opened or dropped for the present handler.
        """
        report_rules.require_reader(actor)
        with self._db.transaction() as session:
            opened = {_key(row.key): row for row in self._opened(session, dimension, period)}
            closed = self._closed(session, dimension, period)
            dropped = self._dropped(session, dimension, period)
        keys = {*opened, *closed, *dropped}
        labels = self._labels(dimension, keys)
        days: Counter[int] = Counter()
        lines = []
        for key in keys:
            row, done = opened.get(key), closed.get(key, _Closed())
            days += done.days
            counted = {name: getattr(row, name) for name in ("opened", *_OPENED)} if row is not None else {}
            lines.append(
                ReportLine(
                    key,
                    labels[key],
                    **counted,
                    closed=done.count,
                    decided_in_time=done.in_time,
                    dropped=dropped.get(key, 0),
                    median_days=report_rules.median(done.days),
                )
            )
        if dimension is Dimension.HANDLER:
            lines.sort(key=lambda line: (-line.closed, -line.opened, line.label))
        else:
            lines.sort(key=lambda line: line.key)
        return WorkloadReport(dimension, period, lines, report_rules.whole(lines, days))

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _opened(session: Session, dimension: Dimension, period: Period) -> Sequence[Row[Any]]:
        key = _column(dimension, Ticket.opened_at, Ticket.assigned_to)
        facts = [func.count().filter(FACTS[fact]()).label(name) for name, fact in _OPENED.items()]
        query = select(key.label("key"), func.count().label("opened"), *facts).group_by(key)
        return session.execute(query.where(*between(Ticket.opened_at, period.first, period.last))).all()

    @staticmethod
    def _closed(session: Session, dimension: Dimension, period: Period) -> dict[str, _Closed]:
        """From the decisions: a later round takes nothing away from what was done."""
        key = _column(dimension, TicketDecision.decided_at, TicketDecision.decided_by)
        used = at_decision(TicketDecision.used_days, Ticket.used_days)
        in_time = func.count().filter(DECISIONS[Fact.DECIDED_IN_TIME]())
        query = (
            select(key.label("key"), used.label("used"), func.count().label("closed"), in_time.label("in_time"))
            .join_from(TicketDecision, Ticket, Ticket.id == TicketDecision.ticket_id)
            .where(*between(TicketDecision.decided_at, period.first, period.last))
            .group_by(key, used)
        )
        found: dict[str, _Closed] = defaultdict(_Closed)
        for row in session.execute(query):
            done = found[_key(row.key)]
            done.count += row.closed
            done.in_time += row.in_time
            if row.used is not None:
                done.days[row.used] += row.closed
        return found

    @staticmethod
    def _dropped(session: Session, dimension: Dimension, period: Period) -> dict[str, int]:
        key = _column(dimension, Ticket.decided_at, Ticket.assigned_to)
        query = select(key.label("key"), func.count().label("dropped")).group_by(key)
        met = (FACTS[Fact.DROPPED](), *between(Ticket.decided_at, period.first, period.last))
        return {_key(row.key): row.dropped for row in session.execute(query.where(*met))}

    def _labels(self, dimension: Dimension, keys: set[str]) -> Mapping[str, str]:
        if dimension is Dimension.HANDLER:
            names = self._book.people.staff_names([UUID(k) for k in keys if k != NOBODY])
            return {k: "未分派" if k == NOBODY else names.get(UUID(k), "") for k in keys}
        if dimension is Dimension.KIND:
            return {k: rules.KINDS[rules.Kind(k)].label for k in keys}
        return {k: k or "（未知学院）" for k in keys}


def _column(
    dimension: Dimension, moment: InstrumentedAttribute[Any], person: InstrumentedAttribute[Any]
) -> ColumnElement[Any]:
    if dimension is Dimension.MONTH:
        return func.to_char(office_day(moment), "YYYY-MM")
    column = {Dimension.HANDLER: person, Dimension.KIND: Ticket.kind, Dimension.COLLEGE: Ticket.college}
    return cast(column[dimension], String)


def _key(value: str | None) -> str:
    return value if value is not None else NOBODY
