"""The forecast (毕业前完整性预测) of a cohort: how many are complete, what is missing most, who owes it, due when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, cast, distinct, func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.completeness import rules
from app.completeness.assessor import Assessor
from app.completeness.models import CompletenessGap, CompletenessResult
from app.completeness.rules import LACKING, Standing
from app.completeness.service import READERS, stale
from app.completeness.views import Filter, GapLine, GroupCount, KindCount, Overview
from app.db import Database
from app.dossiers.models import Dossier
from app.errors import Forbidden, TooLarge
from app.events import EventLog
from app.office_time import office_date
from app.people.models import Graduate
from app.people.service import PeopleService
from app.ports import Clock

MOST_EXPORTED = 20_000
_NAMES_AT_ONCE = 500
_MISSING = CompletenessGap.standing.in_([s.value for s in LACKING])


class CohortForecast:
    def __init__(self, db: Database, assessor: Assessor, people: PeopleService, log: EventLog, clock: Clock) -> None:
        self._db, self._assessor, self._people, self._log, self._clock = db, assessor, people, log, clock

    @property
    def owners(self) -> dict[str, str]:
        return dict(self._assessor.checklist.owners)

    def cohorts(self, actor: Actor) -> list[int]:
        """Years of graduation with at least one dossier, the latest first."""
        _require_reader(actor)
        with self._db.transaction() as session:
            return list(
                session.scalars(select(Graduate.cohort_year).distinct().order_by(Graduate.cohort_year.desc()).limit(80))
            )

    def places(self, actor: Actor, cohort: int) -> dict[str, list[str]]:
        """College -> its majors, for the filters."""
        _require_reader(actor)
        query = select(Graduate.college, Graduate.major).where(Graduate.cohort_year == cohort).distinct()
        with self._db.transaction() as session:
            pairs = session.execute(query.order_by(Graduate.college, Graduate.major).limit(2000)).all()
        return {college: [m for _, m in rows] for college, rows in groupby(pairs, key=lambda p: p[0])}

    def overview(self, actor: Actor, wanted: Filter) -> Overview:
        """Counts for the filter's cohort, college and major; kinds by how many lack them."""
        _require_reader(actor)
        today = self._today()
        people = _people(wanted)
        with self._db.transaction() as session:
            heads = session.execute(
                select(
                    func.count(),
                    func.count(CompletenessResult.graduate_id),
                    func.count().filter(CompletenessResult.complete),
                    func.count().filter(stale(self._assessor.digest)),
                    func.max(CompletenessResult.computed_at),
                )
                .select_from(Graduate)
                .join(Dossier, Dossier.graduate_id == Graduate.id)
                .outerjoin(CompletenessResult, CompletenessResult.graduate_id == Graduate.id)
                .where(*people)
            ).one()
            groups = self._groups(session, wanted)
            kinds = self._kinds(session, wanted, today)
            owners = session.execute(
                select(CompletenessGap.owner, func.count(distinct(CompletenessGap.graduate_id)))
                .join(Graduate, Graduate.id == CompletenessGap.graduate_id)
                .where(*people, _MISSING)
                .group_by(CompletenessGap.owner)
                .order_by(func.count(distinct(CompletenessGap.graduate_id)).desc())
            ).all()
        labels = self.owners
        return Overview(
            wanted.cohort, *heads, groups, kinds, tuple((code, labels.get(code, code), n) for code, n in owners)
        )

    def lacking(self, actor: Actor, wanted: Filter, *, offset: int = 0, limit: int = 20) -> tuple[list[GapLine], int]:
        """(graduates with masked names, total) who lack what the filter says, the earliest due first."""
        _require_reader(actor)
        with self._db.transaction() as session:
            query = self._matching(wanted)
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            query = query.order_by(func.min(CompletenessGap.due_on), Graduate.id)
            found = session.execute(query.offset(offset).limit(limit)).all()
            lines = self._lines(session, wanted, [(i, college, major) for i, college, major in found])
        return lines, total

    def export(self, actor: Actor, wanted: Filter) -> list[GapLine]:
        """All of them for a table, masked as on the page; recorded. Raises TooLarge."""
        lines, total = self.lacking(actor, wanted, limit=MOST_EXPORTED)
        if total > MOST_EXPORTED:
            raise TooLarge("export_too_large", params={"most": MOST_EXPORTED})
        with self._db.transaction() as session:
            self._log.record(
                session,
                actor,
                "completeness.exported",
                data={"cohort": wanted.cohort, "owner": wanted.owner, "kind": wanted.kind, "rows": total},
            )
        return lines

    def digest(self, cohort: int) -> dict[str, int]:
        """For the staff's daily line: counts only."""
        today = self._today()
        with self._db.transaction() as session:
            incomplete, soon, overdue = session.execute(
                select(
                    func.count(distinct(CompletenessGap.graduate_id)),
                    func.count().filter(CompletenessGap.due_on.between(today, today + rules.SOON)),
                    func.count().filter(CompletenessGap.due_on < today),
                ).where(CompletenessGap.cohort_year == cohort, _MISSING)
            ).one()
        return {"cohort": cohort, "incomplete": incomplete, "soon": soon, "overdue": overdue}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _today(self) -> date:
        return office_date(self._clock.now())

    def _groups(self, session: Session, wanted: Filter) -> tuple[GroupCount, ...]:
        """By college; within one college by major."""
        column = Graduate.major if wanted.college else Graduate.college
        rows = session.execute(
            select(
                column,
                func.count(),
                func.count(CompletenessResult.graduate_id),
                func.coalesce(func.sum(cast(CompletenessResult.complete, Integer)), 0),
            )
            .outerjoin(CompletenessResult, CompletenessResult.graduate_id == Graduate.id)
            .where(*_people(wanted))
            .group_by(column)
            .order_by(column)
        )
        return tuple(GroupCount(name, n, computed, complete) for name, n, computed, complete in rows)

    def _kinds(self, session: Session, wanted: Filter, today: date) -> tuple[KindCount, ...]:
        late, soon = CompletenessGap.due_on < today, CompletenessGap.due_on.between(today, today + rules.SOON)
        missing = func.count().filter(_MISSING)
        rows = session.execute(
            select(
                CompletenessGap.kind,
                CompletenessGap.owner,
                missing,
                func.count().filter(CompletenessGap.standing == Standing.PAPER_ONLY),
                func.count().filter(_MISSING, late),
                func.count().filter(_MISSING, soon),
                func.min(CompletenessGap.due_on).filter(_MISSING, CompletenessGap.due_on >= today),
            )
            .join(Graduate, Graduate.id == CompletenessGap.graduate_id)
            .where(*_people(wanted))
            .group_by(CompletenessGap.kind, CompletenessGap.owner)
            .order_by(missing.desc(), CompletenessGap.kind)
        )
        labels = self.owners
        return tuple(
            KindCount(r[0], self.name_of(r[0]), r[1], labels.get(r[1], r[1]), r[2], r[3], r[4], r[5], r[6])
            for r in rows
        )

    def name_of(self, code: str) -> str:
        item = self._assessor.checklist.item(code)
        return item.name if item is not None else code

    def _matching(self, wanted: Filter) -> Select[UUID, str, str]:
        return (
            select(Graduate.id, Graduate.college, Graduate.major)
            .join(CompletenessGap, CompletenessGap.graduate_id == Graduate.id)
            .where(*_people(wanted), *gap_conditions(wanted, self._today()))
            .group_by(Graduate.id, Graduate.college, Graduate.major)
        )

    def _lines(self, session: Session, wanted: Filter, found: Sequence[tuple[UUID, str, str]]) -> list[GapLine]:
        ids = [row[0] for row in found]
        gaps: dict[UUID, list[tuple[str, str, date]]] = {}
        labels = self.owners
        query = select(CompletenessGap).where(
            CompletenessGap.graduate_id.in_(ids), *gap_conditions(wanted, self._today())
        )
        for gap in session.scalars(query.order_by(CompletenessGap.due_on, CompletenessGap.kind)):
            line = (self.name_of(gap.kind), labels.get(gap.owner, gap.owner), gap.due_on)
            gaps.setdefault(gap.graduate_id, []).append(line)
        names = {k: v for part in _parts(ids) for k, v in self._people.names(part).items()}
        return [GapLine(i, names.get(i, "—"), college, major, tuple(gaps.get(i, ()))) for i, college, major in found]


def _parts(ids: list[UUID]) -> Iterator[list[UUID]]:
    for start in range(0, len(ids), _NAMES_AT_ONCE):
        yield ids[start : start + _NAMES_AT_ONCE]


def _people(wanted: Filter) -> list[ColumnElement[bool]]:
    found = [Graduate.cohort_year == wanted.cohort]
    found += [Graduate.college == wanted.college] if wanted.college else []
    return found + ([Graduate.major == wanted.major] if wanted.major else [])


def gap_conditions(wanted: Filter, today: date) -> list[ColumnElement[bool]]:
    """What is missing (not what merely lacks its content), narrowed by the filter."""
    found: list[ColumnElement[bool]] = [_MISSING]
    found += [CompletenessGap.owner == wanted.owner] if wanted.owner else []
    found += [CompletenessGap.kind == wanted.kind] if wanted.kind else []
    if wanted.due == "overdue":
        found.append(CompletenessGap.due_on < today)
    if wanted.due == "soon":
        found.append(CompletenessGap.due_on.between(today, today + rules.SOON))
    return found


def _require_reader(actor: Actor) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*READERS):
        raise Forbidden("role_required")
