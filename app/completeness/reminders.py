"""Reminding graduates of what they owe themselves: by staff for a whole filter, by the calendar before the due day.

One reminder per graduate and kind in 14 days, whoever sends it. A reminder names no person and no content: codes of
kinds stand in the event, and what is sealed is never reminded of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.completeness import rules
from app.completeness.forecast import CohortForecast, gap_conditions
from app.completeness.models import CompletenessGap, CompletenessReminder, CompletenessResult
from app.completeness.rules import OWN, REMIND_EVERY
from app.completeness.views import Filter, Reminded
from app.db import Database, new_id
from app.dossiers import class_map
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState, Zone
from app.errors import Forbidden
from app.events import Event, EventLog
from app.jobs import Announce, JobQueue
from app.office_time import office_date
from app.people.models import Graduate
from app.ports import Clock

REMINDERS = (Role.ARCHIVIST,)
BATCH = 500
DIGEST_EVERY = timedelta(days=7)
_DIGEST_AHEAD = timedelta(days=max(rules.REMIND_BEFORE_DAYS))
Owed = Mapping[UUID, list[tuple[str, date]]]


class ReminderService:
    def __init__(self, db: Database, forecast: CohortForecast, log: EventLog, queue: JobQueue, clock: Clock) -> None:
        self._db, self._forecast, self._log, self._queue, self._clock = db, forecast, log, queue, clock

    def remind(self, actor: Actor, wanted: Filter, *, dry_run: bool) -> Reminded:
        """Everybody the filter names, for what they owe themselves; ``dry_run`` only counts.

        Raises Forbidden without the role.
        """
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*REMINDERS):
            raise Forbidden("role_required")
        wanted = replace(wanted, owner=OWN)
        graduates = items = 0
        for part in _parts(self._owing(wanted)):
            due = self._due(part)
            graduates, items = graduates + len(due), items + sum(map(len, due.values()))
            if not dry_run:
                self._send(actor, part, stages={})
        total = sum(map(len, self._owing(wanted).values()))
        if not dry_run:
            with self._db.transaction() as session:
                self._log.record(
                    session,
                    actor,
                    "completeness.reminders_sent",
                    data={"cohort": wanted.cohort, "graduates": graduates},
                )
        return Reminded(graduates, items, total - items)

    def remind_by_calendar(self) -> int:
        """Those whose due day is 60, 30 or 7 days away; how many graduates. A missed day is made up for."""
        today = office_date(self._clock.now())
        horizon = today + timedelta(days=max(rules.REMIND_BEFORE_DAYS))
        with self._db.transaction() as session:
            rows = session.execute(
                _open_gaps().where(
                    CompletenessGap.owner == OWN,
                    CompletenessGap.due_on.between(today, horizon),
                    *gap_conditions(Filter(0), today),
                )
            ).all()
            owed = _by_graduate((g, kind, due_on) for g, kind, due_on in rows)
        sent = 0
        for part in _parts(owed):
            stages = {(g, kind): rules.stage_of(due_on, today) for g, gaps in part.items() for kind, due_on in gaps}
            with self._db.transaction() as session:
                done = self._stages_done(session, part)
            fresh = {g: [(k, d) for k, d in gaps if (g, k, d, stages[g, k]) not in done] for g, gaps in part.items()}
            sent += self._send(SYSTEM, {g: gaps for g, gaps in fresh.items() if gaps}, stages=stages)
        return sent

    def digest(self) -> int:
        """A weekly line for the staff's group per cohort with something due; how many lines."""
        now = self._clock.now()
        today = office_date(now)
        with self._db.transaction() as session:
            cohorts = session.scalars(
                select(CompletenessGap.cohort_year)
                .where(CompletenessGap.due_on.between(today - _DIGEST_AHEAD, today + _DIGEST_AHEAD))
                .distinct()
            ).all()
        sent = 0
        for cohort in cohorts:
            counts = self._forecast.digest(cohort)
            with self._db.transaction() as session:
                if not counts["incomplete"] or self._told(session, cohort, now):
                    continue
                event = self._log.record(session, SYSTEM, "completeness.digest", data=counts)
                self._queue.enqueue(session, Announce(event))
                sent += 1
        return sent

    # --- inside -------------------------------------------------------------------------------------------------------

    def _owing(self, wanted: Filter) -> dict[UUID, list[tuple[str, date]]]:
        today = office_date(self._clock.now())
        query = _open_gaps().where(Graduate.cohort_year == wanted.cohort, *gap_conditions(wanted, today))
        query = query.where(Graduate.college == wanted.college) if wanted.college else query
        query = query.where(Graduate.major == wanted.major) if wanted.major else query
        with self._db.transaction() as session:
            return _by_graduate((g, kind, due_on) for g, kind, due_on in session.execute(query))

    def _due(self, owed: Owed) -> dict[UUID, list[tuple[str, date]]]:
        with self._db.transaction() as session:
            recent = self._recent(session, list(owed))
        return _without(owed, recent)

    def _recent(self, session: Session, graduate_ids: list[UUID]) -> set[tuple[UUID, str]]:
        """(graduate, kind) reminded of within the last 14 days."""
        rows = session.execute(
            select(CompletenessReminder.graduate_id, CompletenessReminder.kind).where(
                CompletenessReminder.graduate_id.in_(graduate_ids),
                CompletenessReminder.at > self._clock.now() - REMIND_EVERY,
            )
        )
        return {(g, kind) for g, kind in rows}

    def _stages_done(self, session: Session, owed: Owed) -> set[tuple[UUID, str, date, int | None]]:
        rows = session.execute(
            select(
                CompletenessReminder.graduate_id,
                CompletenessReminder.kind,
                CompletenessReminder.due_on,
                CompletenessReminder.stage,
            ).where(CompletenessReminder.graduate_id.in_(list(owed)), CompletenessReminder.stage > 0)
        )
        return {(g, k, d, s) for g, k, d, s in rows}

    def _send(self, actor: Actor, owed: Owed, *, stages: Mapping[tuple[UUID, str], int | None]) -> int:
        """One event and notice per graduate. The results' rows are locked, so two senders do not both remind."""
        now = self._clock.now()
        with self._db.transaction() as session:
            ids = sorted(owed)
            session.execute(
                select(CompletenessResult.graduate_id)
                .where(CompletenessResult.graduate_id.in_(ids))
                .order_by(CompletenessResult.graduate_id)
                .with_for_update()
            )
            due = _without(owed, self._recent(session, ids))
            for graduate_id, gaps in due.items():
                event = self._log.record(
                    session,
                    actor,
                    "completeness.reminded",
                    graduate_id=graduate_id,
                    object_kind="dossier",
                    data={"kinds": [kind for kind, _ in gaps], "due": min(d for _, d in gaps).isoformat()},
                )
                session.add_all(
                    self._row(graduate_id, kind, due_on, stages.get((graduate_id, kind)) or 0, event, now)
                    for kind, due_on in gaps
                )
                self._queue.enqueue(session, Announce(event))
        return len(due)

    @staticmethod
    def _row(
        graduate_id: UUID, kind: str, due_on: date, stage: int, event_id: UUID, now: datetime
    ) -> CompletenessReminder:
        return CompletenessReminder(
            id=new_id(), graduate_id=graduate_id, kind=kind, due_on=due_on, stage=stage, event_id=event_id, at=now
        )

    @staticmethod
    def _told(session: Session, cohort: int, now: datetime) -> bool:
        last = session.scalar(
            select(func.max(Event.at)).where(
                Event.type == "completeness.digest", Event.data["cohort"].as_integer() == cohort
            )
        )
        return last is not None and last > now - DIGEST_EVERY


def _open_gaps() -> Select[UUID, str, date]:
    """(graduate, kind, due day) of dossiers that may still be added to."""
    return (
        select(CompletenessGap.graduate_id, CompletenessGap.kind, CompletenessGap.due_on)
        .join(Graduate, Graduate.id == CompletenessGap.graduate_id)
        .join(Dossier, Dossier.graduate_id == CompletenessGap.graduate_id)
        .where(Dossier.state == DossierState.OPEN)
        .order_by(CompletenessGap.due_on, CompletenessGap.kind)
    )


def _by_graduate(rows: Iterable[tuple[UUID, str, date]]) -> dict[UUID, list[tuple[str, date]]]:
    """Without kinds of zone C: nothing tells a graduate that such a material is waited for."""
    owed: dict[UUID, list[tuple[str, date]]] = {}
    kinds = class_map.current()
    sealed = {k.code for k in kinds.kinds.values() if kinds.zone_of(k.class_code, k.code).zone is Zone.C}
    for graduate_id, kind, due_on in rows:
        if kind not in sealed:
            owed.setdefault(graduate_id, []).append((kind, due_on))
    return owed


def _without(owed: Owed, recent: set[tuple[UUID, str]]) -> dict[UUID, list[tuple[str, date]]]:
    left = {g: [(k, d) for k, d in gaps if (g, k) not in recent] for g, gaps in owed.items()}
    return {g: gaps for g, gaps in left.items() if gaps}


def _parts(owed: Owed) -> Iterable[dict[UUID, list[tuple[str, date]]]]:
    ids = sorted(owed)
    for start in range(0, len(ids), BATCH):
        yield {g: owed[g] for g in ids[start : start + BATCH]}
