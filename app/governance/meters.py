"""Plan against done (S17): how much of each cohort is digitised, complete and transferred, day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id
from app.dossiers.models import Dossier, Material, MaterialVersion
from app.dossiers.rules import DossierState
from app.errors import FieldFault, Invalid
from app.events import EventLog
from app.governance import staffing
from app.governance.models import MeterSnapshot, MeterTarget
from app.governance.rules import CAMPAIGN_KEEPERS, READERS, Meter
from app.office_time import office_date
from app.people.models import Graduate
from app.ports import Clock

TREND_DAYS = 30
Counted = Mapping[int, tuple[int, int]]
"""Cohort -> (done, whole)."""


class CompletenessCounts(Protocol):
    """What the room that knows when a dossier is complete tells; see wiring.py."""

    def complete_by_cohort(self, session: Session) -> Counted:
        """Only cohorts that were judged."""
        ...


@dataclass(frozen=True, slots=True)
class MeterView:
    """``percent`` None: nothing to measure, or not connected. ``trend``: (day, percent), oldest first."""

    meter: Meter
    cohort_year: int
    done: int
    whole: int
    percent: int | None
    target: int | None
    due_on: date | None
    trend: Sequence[tuple[date, int]]
    connected: bool

    @property
    def behind(self) -> bool:
        return self.target is not None and (self.percent or 0) < self.target


class MeterService:
    def __init__(
        self, db: Database, log: EventLog, clock: Clock, completeness: CompletenessCounts | None = None
    ) -> None:
        self._db, self._log, self._clock, self._completeness = db, log, clock, completeness

    @property
    def today(self) -> date:
        return office_date(self._clock.now())

    def snapshot(self) -> int:
        """Write today's counts, again if they were written already; gives how many."""
        with self._db.transaction() as session:
            rows = [
                {"day": self.today, "cohort_year": cohort, "meter": meter, "done": done, "whole": whole}
                for meter, counted in self._count(session).items()
                for cohort, (done, whole) in counted.items()
            ]
            if rows:
                added = insert(MeterSnapshot).values(rows)
                session.execute(
                    added.on_conflict_do_update(
                        index_elements=["day", "cohort_year", "meter"],
                        set_={"done": added.excluded.done, "whole": added.excluded.whole},
                    )
                )
        return len(rows)

    def snapshot_if_due(self) -> bool:
        """Once a day."""
        with self._db.transaction() as session:
            last = session.scalar(select(func.max(MeterSnapshot.day)))
        if last is not None and last >= self.today:
            return False
        return self.snapshot() > 0

    def plan(self, actor: Actor, cohort_year: int, meter: Meter, percent: int, due_on: date) -> None:
        """Raises Invalid. Earlier plans stay on file."""
        staffing.require(actor, CAMPAIGN_KEEPERS)
        if not 1 <= percent <= 100:
            raise Invalid("invalid_input", faults=[FieldFault("/percent", "number_out_of_range")])
        row = MeterTarget(
            id=new_id(),
            cohort_year=cohort_year,
            meter=meter,
            percent=percent,
            due_on=due_on,
            set_by=actor.id,
            created_at=self._clock.now(),
        )
        with self._db.transaction() as session:
            session.add(row)
            data = {"cohort_year": cohort_year, "meter": meter.value, "percent": percent}
            self._log.record(session, actor, "meter.planned", object_kind="meter", object_id=row.id, data=data)

    def meters(self, actor: Actor, *, cohorts: int = 4) -> list[MeterView]:
        """The latest snapshot beside the plan, newest cohorts first."""
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            days = session.scalars(
                select(MeterSnapshot)
                .where(MeterSnapshot.day > self.today - timedelta(days=TREND_DAYS))
                .order_by(MeterSnapshot.day)
            ).all()
            plans = session.scalars(select(MeterTarget).order_by(MeterTarget.created_at)).all()
        series: dict[tuple[int, Meter], list[MeterSnapshot]] = {}
        for row in days:
            series.setdefault((row.cohort_year, row.meter), []).append(row)
        latest = {(p.cohort_year, p.meter): p for p in plans}
        years = sorted({year for year, _ in series} | {year for year, _ in latest}, reverse=True)[:cohorts]
        return [
            self._view(year, meter, series.get((year, meter), []), latest.get((year, meter)))
            for year in years
            for meter in Meter
        ]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _view(self, year: int, meter: Meter, rows: Sequence[MeterSnapshot], plan: MeterTarget | None) -> MeterView:
        last = rows[-1] if rows else None
        return MeterView(
            meter=meter,
            cohort_year=year,
            done=last.done if last else 0,
            whole=last.whole if last else 0,
            percent=100 * last.done // last.whole if last and last.whole else None,
            target=plan.percent if plan else None,
            due_on=plan.due_on if plan else None,
            trend=[(r.day, 100 * r.done // r.whole) for r in rows if r.whole],
            connected=meter is not Meter.COMPLETE or self._completeness is not None,
        )

    def _count(self, session: Session) -> dict[Meter, Counted]:
        found: dict[Meter, Counted] = {
            Meter.DIGITISED: _digitised(session),
            Meter.TRANSFERRED: _transferred(session),
        }
        if self._completeness is not None:
            found[Meter.COMPLETE] = self._completeness.complete_by_cohort(session)
        return found


def _digitised(session: Session) -> dict[int, tuple[int, int]]:
    """Materials with content among all materials."""
    rows = session.execute(
        select(Graduate.cohort_year, func.count(MaterialVersion.file_name), func.count())
        .join(Dossier, Dossier.graduate_id == Graduate.id)
        .join(Material, Material.dossier_id == Dossier.id)
        .join(
            MaterialVersion,
            (MaterialVersion.material_id == Material.id) & (MaterialVersion.number == Material.current),
        )
        .group_by(Graduate.cohort_year)
    )
    return {year: (done, whole) for year, done, whole in rows}


def _transferred(session: Session) -> dict[int, tuple[int, int]]:
    """Dossiers that a receiver has signed for, among all."""
    rows = session.execute(
        select(
            Graduate.cohort_year,
            func.count().filter(Dossier.state == DossierState.TRANSFERRED),
            func.count(),
        )
        .join(Dossier, Dossier.graduate_id == Graduate.id)
        .group_by(Graduate.cohort_year)
    )
    return {year: (done, whole) for year, done, whole in rows}
