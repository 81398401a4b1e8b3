"""Workload and deadlines kept, by handler, kind, college and month. Every number is a list of the queues."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, String, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.actors import Actor
from app.corrections import report_rules, rules
from app.corrections.book import TicketBook
from app.corrections.models import Ticket
from app.corrections.queue_rules import NOBODY, Fact
from app.corrections.queue_sql import FACTS, IS_CLOSED, between, office_day
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


class ReportService:
    def __init__(self, db: Database, book: TicketBook) -> None:
        self._db, self._book = db, book

    def report(self, actor: Actor, dimension: Dimension, period: Period) -> WorkloadReport:
        """Raises Forbidden. Handlers by how much they closed, colleges and kinds by name, months by time."""
        report_rules.require_reader(actor)
        with self._db.transaction() as session:
            opened = {_key(row.key): row for row in self._opened(session, dimension, period)}
            closed = self._closed(session, dimension, period)
        labels = self._labels(dimension, {*opened, *closed})
        days: Counter[int] = Counter()
        lines = []
        for key in {*opened, *closed}:
            row, (in_time, spent) = opened.get(key), closed.get(key, (0, Counter()))
            days += spent
            counted = {name: getattr(row, name) for name in ("opened", *_OPENED)} if row is not None else {}
            lines.append(
                ReportLine(
                    key,
                    labels[key],
                    **counted,
                    closed=sum(spent.values()),
                    decided_in_time=in_time,
                    median_days=report_rules.median(spent),
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
        key = _column(dimension, Ticket.opened_at)
        facts = [func.count().filter(FACTS[fact]()).label(name) for name, fact in _OPENED.items()]
        query = select(key.label("key"), func.count().label("opened"), *facts).group_by(key)
        return session.execute(query.where(*between(Ticket.opened_at, period.first, period.last))).all()

    @staticmethod
    def _closed(session: Session, dimension: Dimension, period: Period) -> dict[str, tuple[int, Counter[int]]]:
        """key -> (decided in time, working days spent -> how many)."""
        key = _column(dimension, Ticket.decided_at)
        in_time = func.count().filter(FACTS[Fact.DECIDED_IN_TIME]())
        query = (
            select(key.label("key"), Ticket.used_days, func.count().label("closed"), in_time.label("in_time"))
            .where(IS_CLOSED, *between(Ticket.decided_at, period.first, period.last))
            .group_by(key, Ticket.used_days)
        )
        spent: dict[str, Counter[int]] = defaultdict(Counter)
        kept: Counter[str] = Counter()
        for row in session.execute(query):
            spent[_key(row.key)][row.used_days] += row.closed
            kept[_key(row.key)] += row.in_time
        return {name: (kept[name], days) for name, days in spent.items()}

    def _labels(self, dimension: Dimension, keys: set[str]) -> Mapping[str, str]:
        if dimension is Dimension.HANDLER:
            names = self._book.people.staff_names([UUID(k) for k in keys if k != NOBODY])
            return {k: "未分派" if k == NOBODY else names.get(UUID(k), "") for k in keys}
        if dimension is Dimension.KIND:
            return {k: rules.KINDS[rules.Kind(k)].label for k in keys}
        return {k: k or "（未知学院）" for k in keys}


def _column(dimension: Dimension, moment: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    if dimension is Dimension.MONTH:
        return func.to_char(office_day(moment), "YYYY-MM")
    column = {Dimension.HANDLER: Ticket.assigned_to, Dimension.KIND: Ticket.kind, Dimension.COLLEGE: Ticket.college}
    return cast(column[dimension], String)


def _key(value: str | None) -> str:
    return value if value is not None else NOBODY
