"""The talent pool's statistics (人才库统计): counting, releasing, and reading what was released."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.db import Database, new_id
from app.errors import Conflict, Forbidden, NotFound
from app.events import EventLog
from app.people.models import Graduate
from app.ports import Clock
from app.statistics import rules, tables
from app.statistics.models import AwardFact, StatisticRelease
from app.statistics.rules import Dimension, Person
from app.statistics.tables import Base, Published
from app.statistics.views import ReleaseView, StudyYear, TableView

READERS = (Role.ARCHIVIST, Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR)
PUBLISHERS = (Role.ARCHIVIST, Role.ADMINISTRATOR)
EVERY = timedelta(hours=22)
"""A release is made at night; the clock's slack keeps it from wandering through the day."""


def _view(row: StatisticRelease) -> ReleaseView:
    return ReleaseView(row.number, row.smallest, row.persons, row.rules_version, row.digest, row.created_at)


class StatisticsService:
    def __init__(self, db: Database, log: EventLog, clock: Clock, smallest: int = rules.SMALLEST_SHOWN) -> None:
        self._db, self._log, self._clock, self._smallest = db, log, clock, smallest

    # --- releasing ----------------------------------------------------------------------------------------------------

    def publish(self, actor: Actor) -> ReleaseView:
        """Count and release anew. Raises Conflict('statistics_too_few', 'statistics_few_changes'): a release that
        differs from the last one by fewer than k persons would tell about them by subtraction.
        """
        if actor.kind is not ActorKind.SYSTEM and not actor.has_role(*PUBLISHERS):
            raise Forbidden("role_required")
        with self._db.transaction() as session:
            counts, last = self._count(session), self._last(session)
        if sum(counts.values()) < self._smallest:
            raise Conflict("statistics_too_few", params={"k": self._smallest})
        if last is not None and last.smallest == self._smallest and last.rules_version == rules.RULES_VERSION:
            moved = tables.moved_persons(_counted(last), counts)
            if moved < self._smallest:
                raise Conflict("statistics_few_changes", params={"k": self._smallest})
        body = tables.release_body(counts, self._smallest)
        row = StatisticRelease(
            id=new_id(),
            number=last.number + 1 if last is not None else 1,
            smallest=self._smallest,
            rules_version=rules.RULES_VERSION,
            persons=body["persons"],
            body=body,
            counted=[[*person, n] for person, n in sorted(counts.items())],
            digest=tables.digest(body),
            made_by=actor.id,
            created_at=self._clock.now(),
        )
        with self._db.transaction() as session:
            session.add(row)
            try:
                session.flush()
            except IntegrityError:
                raise Conflict("busy") from None
            self._log.record(
                session,
                actor,
                "statistics.published",
                object_kind="statistics",
                object_id=row.id,
                data={"number": row.number, "digest": row.digest},
            )
        return _view(row)

    def publish_if_due(self) -> bool:
        """The nightly run; false when nothing had to be or could be released."""
        with self._db.transaction() as session:
            last = self._last(session)
        if last is not None and self._clock.now() - last.created_at < EVERY:
            return False
        try:
            self.publish(SYSTEM)
        except Conflict:
            return False
        return True

    # --- reading ------------------------------------------------------------------------------------------------------

    def release(self, actor: Actor) -> ReleaseView | None:
        """The latest one; None before the first."""
        self._require_reader(actor)
        with self._db.transaction() as session:
            row = self._last(session)
        return _view(row) if row is not None else None

    def categories(self, actor: Actor) -> dict[Dimension, list[str]]:
        self._require_reader(actor)
        with self._db.transaction() as session:
            published = self._published(session)
        return {d: published.categories(d) for d in Dimension} if published else {d: [] for d in Dimension}

    def table(
        self,
        actor: Actor,
        rows: Dimension,
        across: Dimension | None = None,
        *,
        base: Base = "count",
        within: tuple[Dimension, str] | None = None,
        exported: bool = False,
    ) -> TableView:
        """One published table. ``within`` keeps to one category of another dimension, for a single dimension only.

        Raises NotFound before the first release, Conflict('statistics_not_published') for what is not in the closed
        set.
        """
        self._require_reader(actor)
        with self._db.transaction() as session:
            published = self._published(session)
            if published is None:
                raise NotFound("statistics_not_yet")
            found = self._find(published, rows, across, base, within)
            if found is None:
                raise Conflict("statistics_not_published")
            self._log.record(
                session,
                actor,
                "statistics.exported" if exported else "statistics.read",
                object_kind="statistics",
                data={"rows": rows.value, "across": across.value if across else ""},
            )
        return found

    def study_years(self, actor: Actor) -> list[StudyYear]:
        self._require_reader(actor)
        with self._db.transaction() as session:
            published = self._published(session)
        return published.study_years() if published is not None else []

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _find(
        published: Published,
        rows: Dimension,
        across: Dimension | None,
        base: Base,
        within: tuple[Dimension, str] | None,
    ) -> TableView | None:
        if across is not None:
            return None if within is not None else published.cross(rows, across, base)
        return published.single(rows) if within is None else published.slice(rows, *within)

    @staticmethod
    def _require_reader(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*READERS):
            raise Forbidden("role_required")

    @staticmethod
    def _last(session: Session) -> StatisticRelease | None:
        return session.scalar(select(StatisticRelease).order_by(StatisticRelease.number.desc()).limit(1))

    @staticmethod
    def _published(session: Session) -> Published | None:
        body = session.scalar(select(StatisticRelease.body).order_by(StatisticRelease.number.desc()).limit(1))
        return Published(body) if body is not None else None

    @staticmethod
    def _count(session: Session) -> dict[Person, int]:
        """Every graduate once, by cohort, college, major, degree level and highest award."""
        best = (
            select(AwardFact.graduate_id, func.min(AwardFact.rank).label("rank"))
            .group_by(AwardFact.graduate_id)
            .subquery()
        )
        keys = (
            Graduate.cohort_year,
            Graduate.college,
            Graduate.major,
            Graduate.degree_level,
            func.coalesce(best.c.rank, 0),
        )
        query = select(*keys, func.count()).outerjoin(best, best.c.graduate_id == Graduate.id).group_by(*keys)
        return {
            Person(str(cohort), college, rules.major_name(college, major), degree, rules.AWARD_LEVELS[rank][1]): n
            for cohort, college, major, degree, rank, n in session.execute(query)
        }


def _counted(row: StatisticRelease) -> dict[Person, int]:
    return {Person(*keys): n for *keys, n in row.counted}
