"""Periodic fixity (长期保存中的定期检测, DA/T 70-2018): rounds over everything kept, in slices that survive any crash.

A slice reads rows, verifies them outside any transaction, writes down what is wrong, mends from the replica, and only
then moves the round on, in one transaction with its counts: killed anywhere, the slice is simply done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind
from app.db import Database, new_id
from app.envelope import HOUSE, DataKey
from app.errors import NotFound, Tampered
from app.events import EventLog
from app.file_ports import FileStore, ReplicaStore
from app.jobs import FixitySlice, JobQueue
from app.keyring import Keyring
from app.materials import fixity_scope
from app.materials.fixity_board import require_watcher, run_view
from app.materials.fixity_check import Verified, Wrong, mend, verify
from app.materials.fixity_scope import STAGES, Kept, Sealed
from app.materials.models import FixityFinding, FixityRun
from app.materials.rules import PACE, Damage, Mended, Pace
from app.materials.views import RunView
from app.ports import Clock

COUNTS = ("rows", "cells", "files", "damaged", "missing", "repaired", "erased")


class FixityService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        files: FileStore,
        replica: ReplicaStore | None,
        log: EventLog,
        queue: JobQueue,
        clock: Clock,
        pace: Pace = PACE,
    ) -> None:
        self._db, self._keys, self._files, self._replica = db, keys, files, replica
        self._log, self._queue, self._clock, self._pace = log, queue, clock, pace

    # --- rounds -----------------------------------------------------------------------------------------------------

    def start(self, actor: Actor, *, afresh: bool = False, by_jobs: bool = True) -> UUID:
        """The round under way, or a new one. ``afresh`` gives the one under way up; ``by_jobs`` lets the workers do
        it slice by slice. Raises Forbidden.
        """
        require_watcher(actor)
        with self._db.transaction() as session:
            run = session.scalar(select(FixityRun).where(FixityRun.finished_at.is_(None)).with_for_update())
            if run is not None and afresh:
                run.abandoned, run.finished_at = True, self._clock.now()
                session.flush()
                run = None
            if run is not None:
                return run.id
            run_id = self._new_run(session, actor)
            if run_id is None:
                # another start came first: the unique index decides
                return session.scalars(select(FixityRun.id).where(FixityRun.finished_at.is_(None))).one()
            self._log.record(session, actor, "fixity.started", object_kind="fixity_run", object_id=run_id)
            if by_jobs:
                self._queue.enqueue(session, FixitySlice(run_id))
            return run_id

    def work(self, job: FixitySlice) -> None:
        """One slice, and the job for the next after a rest. A job that comes too late or twice does nothing."""
        began = time.monotonic()
        if not self.slice(job.run_id):
            return
        rest = max(self._pace.least_rest, timedelta(seconds=(time.monotonic() - began) * self._pace.rest))
        with self._db.transaction() as session:
            self._queue.enqueue(session, FixitySlice(job.run_id), at=self._clock.now() + rest)

    def run_to_end(self, actor: Actor, tell: Callable[[RunView], None], *, afresh: bool = False) -> RunView:
        """The whole round at once, without rests, for an operator who waits; ``tell`` hears of every slice."""
        run_id = self.start(actor, afresh=afresh, by_jobs=False)
        while True:
            self.slice(run_id)
            with self._db.transaction() as session:
                view = run_view(session.get_one(FixityRun, run_id))
            tell(view)
            if view.finished_at is not None:
                return view

    def tick(self) -> bool:
        """Begin a round when it is time, and wake one whose job was lost; tells whether it did either."""
        now = self._clock.now()
        with self._db.transaction() as session:
            last = session.scalar(select(FixityRun).order_by(FixityRun.started_at.desc()).limit(1))
            if last is not None and last.finished_at is None:
                if now - last.moved_at < self._pace.stuck_after:
                    return False
                last.moved_at = now
                self._queue.enqueue(session, FixitySlice(last.id))
                return True
        if last is not None and now - last.started_at < self._pace.every:
            return False
        self.start(SYSTEM)
        return True

    def slice(self, run_id: UUID) -> bool:
        """Verify the next rows. False when the round is over or somebody else did this slice meanwhile."""
        with self._db.transaction() as session:
            run = session.get(FixityRun, run_id)
            if run is None or run.finished_at is not None:
                return False
            seen, stage = run.slices, fixity_scope.of(run.stage)
            rows = fixity_scope.batch(session, stage, run.position, self._pace.rows)
            keys = self._keys_of(session, rows)
        done = verify(stage, rows, keys, self._files, self._replica)
        done.wrong = self._still_wrong(stage, done.wrong)
        if done.wrong and not self._write_down(run_id, seen, stage, done.wrong):
            return False
        left = [w for w in done.wrong if not self._mended(w, keys)]
        return self._move_on(run_id, seen, stage, rows, done, left)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _new_run(self, session: Session, actor: Actor) -> UUID | None:
        now = self._clock.now()
        return session.scalar(
            insert(FixityRun)
            .values(
                id=new_id(),
                started_by=actor.id if actor.kind is ActorKind.STAFF else None,
                stage=STAGES[0],
                total=fixity_scope.count(session),
                started_at=now,
                moved_at=now,
                slices=0,
                **dict.fromkeys(COUNTS, 0),
                abandoned=False,
            )
            .on_conflict_do_nothing()
            .returning(FixityRun.id)
        )

    def _keys_of(self, session: Session, rows: Sequence[Kept]) -> Callable[[UUID], DataKey | None]:
        owners = list({row.owner for row in rows if row.owner is not None})
        try:
            found = self._keys.many(session, owners)
        except Tampered:
            # one of them does not unwrap: find out which, one by one
            return self._key_of
        return found.get

    def _key_of(self, owner: UUID) -> DataKey | None:
        try:
            return self._keys.of(owner)
        except NotFound:
            return None

    def _still_wrong(self, sealed: Sealed, wrong: Sequence[Wrong]) -> list[Wrong]:
        """Without files whose row was swept away while we looked."""
        kept = []
        with self._db.transaction() as session:
            for w in wrong:
                named = w.file is not None and w.file.part in {f.place for f in sealed.files}
                now = fixity_scope.names_now(session, sealed, w.row) if named else {}
                if w.file is None or not named or now.get(w.file.part) == w.file.name:
                    kept.append(w)
        return kept

    def _write_down(self, run_id: UUID, seen: int, sealed: Sealed, wrong: Sequence[Wrong]) -> bool:
        """The findings, before anything is mended: a crash afterwards forgets none."""
        now = self._clock.now()
        with self._db.transaction() as session:
            if self._locked(session, run_id, seen) is None:
                return False
            for w in wrong:
                made = session.execute(
                    insert(FixityFinding)
                    .values(
                        id=new_id(),
                        run_id=run_id,
                        object_kind=sealed.table,
                        object_id=w.row,
                        part=w.part,
                        owner_id=w.owner,
                        damage=w.damage,
                        found_at=now,
                        seen_at=now,
                    )
                    .on_conflict_do_update(
                        index_elements=["object_kind", "object_id", "part"],
                        index_where=FixityFinding.mended_at.is_(None),
                        set_={"run_id": run_id, "seen_at": now, "damage": w.damage},
                    )
                    .returning(FixityFinding.found_at == FixityFinding.seen_at)
                ).scalar()
                if made:
                    self._tell(session, "fixity.damaged", sealed.table, w.row, w.part, w.owner)
        return True

    def _tell(self, session: Session, event: str, kind: str, row: UUID, part: str, owner: UUID) -> None:
        graduate = owner if owner != HOUSE else None
        self._log.record(
            session, SYSTEM, event, graduate_id=graduate, object_kind=kind[:30], object_id=row, data={"part": part}
        )

    def _mended(self, wrong: Wrong, keys: Callable[[UUID], DataKey | None]) -> bool:
        if wrong.file is None:
            return False
        key = keys(wrong.owner)
        return key is not None and mend(wrong, key, self._files, self._replica)

    @staticmethod
    def _locked(session: Session, run_id: UUID, seen: int) -> FixityRun | None:
        """The run under a lock, if it still stands where this slice began."""
        run = session.get(FixityRun, run_id, with_for_update=True, populate_existing=True)
        return run if run is not None and run.slices == seen and run.finished_at is None else None

    def _move_on(
        self, run_id: UUID, seen: int, sealed: Sealed, rows: Sequence[Kept], done: Verified, left: Sequence[Wrong]
    ) -> bool:
        with self._db.transaction() as session:
            run = self._locked(session, run_id, seen)
            if run is None:
                return False
            self._close_findings(session, run, sealed, rows, {(w.row, w.part) for w in left})
            run.rows += len(rows)
            run.cells += done.cells
            run.files += done.files
            run.erased += done.erased
            run.slices += 1
            run.moved_at = self._clock.now()
            if len(rows) == self._pace.rows:
                run.position = rows[-1].id
                return True
            self._close_gone(session, sealed)
            following = fixity_scope.after(run.stage)
            if following is not None:
                run.stage, run.position = following, None
                return True
            run.finished_at = run.moved_at
            counts = {
                n: getattr(run, n) for n in ("rows", "cells", "files", "damaged", "missing", "repaired", "erased")
            }
            self._log.record(
                session, SYSTEM, "fixity.finished", object_kind="fixity_run", object_id=run.id, data=counts
            )
            return False

    def _close_findings(
        self, session: Session, run: FixityRun, sealed: Sealed, rows: Sequence[Kept], left: set[tuple[UUID, str]]
    ) -> None:
        """Count what this round saw in the slice, and close what verifies now."""
        if not rows:
            return
        for finding in session.scalars(
            select(FixityFinding).where(
                FixityFinding.object_kind == sealed.table,
                FixityFinding.object_id.in_([r.id for r in rows]),
                FixityFinding.mended_at.is_(None),
            )
        ):
            here = finding.run_id == run.id
            if here:
                run.damaged += 1
                run.missing += finding.damage is Damage.MISSING
            if (finding.object_id, finding.part) in left:
                continue
            # seen by this very round and sound now: it was mended a moment ago, by us
            finding.mended_at = self._clock.now()
            finding.mended_how = Mended.REPLICA if here else Mended.INTACT
            run.repaired += here
            self._tell(session, "fixity.mended", sealed.table, finding.object_id, finding.part, finding.owner_id)

    def _close_gone(self, session: Session, sealed: Sealed) -> None:
        """Close what no round can meet again: the finding's row was taken back or replaced."""
        opened = session.scalars(
            select(FixityFinding).where(FixityFinding.object_kind == sealed.table, FixityFinding.mended_at.is_(None))
        ).all()
        gone = fixity_scope.absent(session, sealed, [f.object_id for f in opened])
        for finding in opened:
            if finding.object_id in gone:
                finding.mended_at, finding.mended_how = self._clock.now(), Mended.GONE
                self._tell(session, "fixity.gone", sealed.table, finding.object_id, finding.part, finding.owner_id)
