"""Completeness of one dossier: for staff, for the graduate, for the seal; and the stored result kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.completeness import rules
from app.completeness.assessor import Assessed, Assessor
from app.completeness.models import CompletenessGap, CompletenessResult
from app.completeness.rules import HELD, LACKING, Checklist, Finding, Standing
from app.completeness.views import CompletenessView, ItemView
from app.db import Database
from app.dossiers import class_map
from app.dossiers.models import Dossier
from app.dossiers.rules import MASKED_TITLE, MATERIAL_CLASSES, Zone
from app.errors import Conflict, Forbidden, NotFound, Tampered
from app.events import EventLog, Listener
from app.jobs import JobQueue, RecheckDossier, SweepCompleteness
from app.office_time import office_date
from app.people.models import Graduate
from app.ports import Clock

READERS = (Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER)
SWEEP = 300
Progress = Callable[[int, int], None]


class CompletenessService:
    def __init__(self, db: Database, assessor: Assessor, log: EventLog, queue: JobQueue, clock: Clock) -> None:
        self._db, self._assessor, self._log, self._queue, self._clock = db, assessor, log, queue, clock

    @property
    def checklist(self) -> Checklist:
        return self._assessor.checklist

    @property
    def rules_digest(self) -> str:
        """Of the class map and the checklist in force."""
        return self._assessor.digest

    # --- one dossier --------------------------------------------------------------------------------------------------

    def of(self, actor: Actor, graduate_id: UUID) -> CompletenessView:
        """Recorded as a reading. A graduate gets their own, without what is sealed; foreign is NotFound."""
        own = actor.kind is ActorKind.GRADUATE
        if own and actor.id != graduate_id:
            raise NotFound("dossier_not_found")
        if not own and not (actor.kind is ActorKind.STAFF and actor.has_role(*READERS)):
            raise Forbidden("role_required")
        assessed = self._assessor.assess(graduate_id)
        with self._db.transaction() as session:
            self._log.record(
                session,
                actor,
                "dossier.completeness_read",
                graduate_id=graduate_id,
                object_kind="dossier",
                object_id=session.scalar(select(Dossier.id).where(Dossier.graduate_id == graduate_id)),
                data={"checklist": assessed.checklist_version, "class_map": assessed.class_map_version},
            )
            self._keep(session, assessed)
        return self._view(assessed, own=own)

    def require_sealable(self, graduate_id: UUID) -> None:
        """For whoever seals. Raises Conflict('seal_needs_materials') naming what must be there first (2-domain §2)."""
        lacking = rules.blocking(self._assessor.assess(graduate_id).findings)
        if lacking:
            names = "、".join(f"{f.item.name}（{rules.STANDING_LABELS[f.standing]}）" for f in lacking)
            raise Conflict("seal_needs_materials", params={"items": names})

    # --- stored results -----------------------------------------------------------------------------------------------

    def recheck(self, job: RecheckDossier) -> None:
        """After a change. Running twice, late, or for a graduate who is gone does no harm."""
        try:
            assessed = self._assessor.assess(job.graduate_id)
        except NotFound:
            return
        with self._db.transaction() as session:
            self._keep(session, assessed)

    def sweep(self, _: SweepCompleteness) -> None:
        """Some stale dossiers; comes back for the others. Results of changed rules are stale too."""
        with self._db.transaction() as session:
            waiting = self._stale(session, None, SWEEP)
        done, _unread = self._compute(waiting)
        if done and len(waiting) == SWEEP:
            with self._db.transaction() as session:
                self._queue.enqueue(session, SweepCompleteness())

    def enqueue_sweep(self) -> int:
        """How many dossiers wait to be computed (at most one sweep's worth is counted)."""
        with self._db.transaction() as session:
            waiting = len(self._stale(session, None, SWEEP))
            if waiting:
                self._queue.enqueue(session, SweepCompleteness())
        return waiting

    def recompute(
        self, cohort: int | None, *, everything: bool = False, progress: Progress | None = None
    ) -> tuple[int, int]:
        """(computed, could not be read) of the stale results, or of all; for the command line."""
        with self._db.transaction() as session:
            query = select(Dossier.graduate_id).join(Graduate, Graduate.id == Dossier.graduate_id)
            query = query if cohort is None else query.where(Graduate.cohort_year == cohort)
            wanted = list(session.scalars(query)) if everything else self._stale(session, cohort, None)
        return self._compute(wanted, progress)

    def _compute(self, graduate_ids: list[UUID], progress: Progress | None = None) -> tuple[int, int]:
        done = unread = 0
        for number, graduate_id in enumerate(graduate_ids, 1):
            try:
                assessed = self._assessor.assess(graduate_id)
            except (NotFound, Tampered):
                unread += 1  # one damaged dossier must not hold up a cohort; the fixity check reports it
            else:
                with self._db.transaction() as session:
                    self._keep(session, assessed)
                done += 1
            if progress is not None:
                progress(number, len(graduate_ids))
        return done, unread

    def _stale(self, session: Session, cohort: int | None, limit: int | None) -> list[UUID]:
        query = (
            select(Dossier.graduate_id)
            .join(Graduate, Graduate.id == Dossier.graduate_id)
            .outerjoin(CompletenessResult, CompletenessResult.graduate_id == Dossier.graduate_id)
            .where(stale(self._assessor.digest))
        )
        if cohort is not None:
            query = query.where(Graduate.cohort_year == cohort)
        return list(session.scalars(query.limit(limit)))

    def _keep(self, session: Session, found: Assessed) -> None:
        """The newest version of the dossier wins, whoever computes; unchanged results are not written again."""
        listed, scanned = rules.score(found.findings)
        lacking = [f for f in found.findings if f.lacking]
        values = {
            "cohort_year": found.who.cohort_year,
            "computed_at": self._clock.now(),
            "dossier_version": found.dossier_version,
            "class_map_version": found.class_map_version,
            "checklist_version": found.checklist_version,
            "rules_digest": found.rules_digest,
            "complete": not lacking,
            "listed_percent": listed,
            "scanned_percent": scanned,
            "missing": [f.item.code for f in lacking],
        }
        kept = session.execute(
            insert(CompletenessResult)
            .values(graduate_id=found.who.graduate_id, **values)
            .on_conflict_do_update(
                index_elements=["graduate_id"],
                set_=values,
                where=CompletenessResult.dossier_version <= found.dossier_version,
            )
            .returning(CompletenessResult.graduate_id)
        ).scalar()
        if kept is None:
            return
        session.execute(delete(CompletenessGap).where(CompletenessGap.graduate_id == found.who.graduate_id))
        rows = list(_gaps(found))
        if rows:
            session.execute(insert(CompletenessGap), rows)

    # --- views --------------------------------------------------------------------------------------------------------

    def _view(self, found: Assessed, *, own: bool) -> CompletenessView:
        # what the graduate may not know of counts for nothing either: totals would tell
        shown = [(f, item) for f in found.findings if (item := self._item(f, own)) is not None]
        listed, scanned = rules.score([f for f, _ in shown])
        return CompletenessView(
            graduate_id=found.who.graduate_id,
            cohort_year=found.who.cohort_year,
            dossier_version=found.dossier_version,
            class_map_version=found.class_map_version,
            checklist_version=found.checklist_version,
            complete=not any(f.lacking for f, _ in shown),
            listed_percent=listed,
            scanned_percent=scanned,
            items=tuple(item for _, item in shown),
        )

    def _item(self, found: Finding, own: bool) -> ItemView | None:
        """None for what the graduate may not know of: a sealed kind that is not on file.

        A sealed one that is on file stands with its title masked, as in the catalogue.
        """
        kinds, item = class_map.current(), found.item
        kind = kinds.kinds.get(item.code)
        sealed = kind is not None and kinds.zone_of(kind.class_code, kind.code).zone is Zone.C
        hidden = own and (found.sealed or sealed)
        if hidden and found.standing not in HELD:
            return None
        return ItemView(
            kind="" if hidden else item.code,
            name=MASKED_TITLE if hidden else item.name,
            class_label=MATERIAL_CLASSES[kind.class_code] if kind is not None and not hidden else "",
            need=item.need,
            need_label=rules.NEED_LABELS[item.need],
            standing=found.standing,
            standing_label=rules.STANDING_LABELS[found.standing],
            owner="" if hidden else item.owner,
            owner_label="" if hidden else self._assessor.checklist.owners[item.owner],
            due_on=None if hidden or found.standing is Standing.NOT_APPLICABLE else found.due_on,
            overdue=not hidden and found.lacking and found.due_on < office_date(self._clock.now()),
            ground="" if hidden else item.ground,
            advice="" if hidden else item.advice,
            form=kind.form_words if kind is not None and not hidden else "",
            why=item.otherwise if found.standing is Standing.NOT_APPLICABLE else "",
            mark=item.mark,
        )


def stale(digest: str) -> ColumnElement[bool]:
    """The condition over a Dossier with its (perhaps absent) CompletenessResult."""
    return or_(
        func.coalesce(CompletenessResult.dossier_version, 0) < Dossier.version,
        func.coalesce(CompletenessResult.rules_digest, "") != digest,
    )


def _gaps(found: Assessed) -> Iterator[dict[str, object]]:
    for f in found.findings:
        if f.counts and f.standing in (*LACKING, Standing.PAPER_ONLY):
            yield {
                "graduate_id": found.who.graduate_id,
                "kind": f.item.code,
                "cohort_year": found.who.cohort_year,
                "owner": f.item.owner,
                "due_on": f.due_on,
                "standing": f.standing,
            }


def recheck_on_change(queue: JobQueue) -> Listener:
    """A dossier that changes is computed anew, whichever room changed it. Filing is left to the sweep, which takes a
    cohort in one go.
    """

    def follow(session: Session, kind: str, graduate_id: UUID | None) -> None:
        changed = kind.startswith("dossier.") and not kind.endswith("_read") and kind != "dossier.filed"
        if changed and graduate_id is not None:
            queue.enqueue(session, RecheckDossier(graduate_id))

    return follow
