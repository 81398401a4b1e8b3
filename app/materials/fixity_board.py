"""What fixity found, for those who watch over it: rounds, coverage and findings. Ids and counts only."""

from __future__ import annotations

from sqlalchemy import func, select

from app.actors import Actor, ActorKind, Role
from app.db import Database
from app.errors import Forbidden
from app.materials.models import FixityFinding, FixityRun
from app.materials.rules import DAMAGE_LABELS, MENDED_LABELS
from app.materials.views import FindingView, FixityOverview, RunView

WATCHERS = (Role.ARCHIVIST, Role.AUDITOR)
RUNS_SHOWN = 10


def require_watcher(actor: Actor) -> None:
    """Raises Forbidden for staff of other roles, graduates and partners."""
    if actor.kind is ActorKind.SYSTEM:
        return
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*WATCHERS):
        raise Forbidden("role_required")


def run_view(run: FixityRun) -> RunView:
    return RunView(**{name: getattr(run, name) for name in RunView.__slots__})


def finding_view(row: FixityFinding) -> FindingView:
    return FindingView(
        row.id,
        row.object_kind,
        row.object_id,
        row.part,
        row.damage,
        DAMAGE_LABELS[row.damage],
        row.found_at,
        row.seen_at,
        row.mended_at,
        MENDED_LABELS[row.mended_how] if row.mended_how is not None else "",
    )


class FixityBoard:
    """``has_replica``: damaged files can be mended from a second copy."""

    def __init__(self, db: Database, *, has_replica: bool) -> None:
        self._db, self._has_replica = db, has_replica

    def overview(self, actor: Actor) -> FixityOverview:
        """The last rounds, the last whole one, and how much is still damaged. Raises Forbidden."""
        require_watcher(actor)
        with self._db.transaction() as session:
            runs = session.scalars(select(FixityRun).order_by(FixityRun.started_at.desc()).limit(RUNS_SHOWN)).all()
            whole = session.scalar(
                select(FixityRun)
                .where(FixityRun.finished_at.is_not(None), FixityRun.abandoned.is_(False))
                .order_by(FixityRun.finished_at.desc())
                .limit(1)
            )
            return FixityOverview(
                tuple(run_view(r) for r in runs),
                run_view(whole) if whole is not None else None,
                self.damaged(),
                self._has_replica,
            )

    def damaged(self) -> int:
        """How many findings are open."""
        with self._db.transaction() as session:
            return session.scalar(select(func.count(FixityFinding.id)).where(FixityFinding.mended_at.is_(None))) or 0

    def findings(
        self, actor: Actor, *, open_only: bool = False, offset: int = 0, limit: int = 20
    ) -> tuple[list[FindingView], int]:
        """(findings, total), the unmended first, then the newest."""
        require_watcher(actor)
        query = select(FixityFinding)
        if open_only:
            query = query.where(FixityFinding.mended_at.is_(None))
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            order = (FixityFinding.mended_at.is_not(None), FixityFinding.found_at.desc(), FixityFinding.id)
            rows = session.scalars(query.order_by(*order).offset(offset).limit(limit)).all()
            return [finding_view(r) for r in rows], total
