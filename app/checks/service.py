"""Four-property checks of dossiers in the archive: running, keeping, confirming by people, and packages out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.checks import layout
from app.checks import report as reports
from app.checks.archive import Made, write_folder, zip_stream
from app.checks.assembly import House, part_of
from app.checks.models import CheckItem, CheckRun
from app.checks.registry import BY_ID, people_checks
from app.checks.rules import NOTHING_MISSING, RULES_VERSION, ChecklistState, Confirmation, Mode, Stage, Verdict
from app.checks.views import HumanItem, PackageFile, RunLine, RunView, properties_of
from app.checks.workshop import Workshop, handed
from app.db import Database, new_id
from app.dossiers.holdings import Holding, Holdings
from app.dossiers.models import Dossier
from app.envelope import Place, open_json, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.events import EventLog
from app.jobs import CheckDossier
from app.keyring import Keyring
from app.package_ports import HandedPackage, HandOver, PackedMaterial, Prober, Signer
from app.people.models import Graduate
from app.people.service import PeopleService
from app.ports import Clock

READERS = (Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER)
CHECKERS = (Role.ARCHIVIST, Role.REVIEWER)
PACKERS = (Role.ARCHIVIST,)  # a package holds all zones and the ID photo: more than a dispatcher may read
MAX_NOTE = 300
_BAD = (Verdict.FAILED, Verdict.WAITING, Verdict.NOTED)


class ChecklistReader(Protocol):
    """The completeness room's word on one dossier; plugged in by wiring. Without it the check is 'not run'."""

    def state_of(self, graduate_id: UUID) -> ChecklistState: ...


def _report_place(row: CheckRun) -> Place:
    return Place("check_run", "sealed_report", row.id)


def _note_place(row: CheckItem) -> Place:
    return Place("check_item", "sealed_note", row.id)


class CheckService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        people: PeopleService,
        holdings: Holdings,
        photo: Callable[[UUID], bytes | None],
        signer: Signer,
        prober: Prober,
        house: House,
        log: EventLog,
        clock: Clock,
        checklist: ChecklistReader | None = None,
    ) -> None:
        self._db, self._keys, self._people, self._holdings = db, keys, people, holdings
        self._workshop = Workshop(people, holdings, photo, signer, prober, house)
        self._log, self._clock, self._checklist = log, clock, checklist

    # --- running ------------------------------------------------------------------------------------------------------

    def run(self, actor: Actor, graduate_id: UUID, stage: Stage) -> RunView:
        """Checks the dossier as it stands now and keeps the signed report. Raises NotFound, Forbidden, Unavailable."""
        self._require(actor, CHECKERS)
        key = self._keys.of(graduate_id)
        holding = self._holdings.of(graduate_id)
        now = self._clock.now()
        confirmations, state = self._confirmations(holding), self._state(graduate_id)
        report, signed, outcome = self._workshop.judged(
            actor, self._workshop.source(holding), holding, stage, now, state, confirmations
        )
        row = CheckRun(
            id=new_id(),
            dossier_id=holding.dossier_id,
            graduate_id=graduate_id,
            stage=stage,
            outcome=outcome,
            dossier_version=holding.version,
            rules_version=RULES_VERSION,
            report_digest=signed.digest,
            package_digest=report.package.digest,
            ran_kind=actor.kind,
            ran_by=actor.id,
            at=now,
        )
        texts = {"report": signed.report.decode(), "signature": signed.signature.decode()}
        row.sealed_report = seal_json(key, _report_place(row), texts)
        with self._db.transaction() as session:
            session.add(row)
            session.flush()
            self._record(session, actor, row, "dossier.checked", {"outcome": row.outcome.value, "stage": stage.value})
        return self._view(row, report, holding.version)

    def run_due(self, job: CheckDossier) -> None:
        """The job's way in: a check at archiving, unless this version of the dossier has one. Safe to run twice."""
        with self._db.transaction() as session:
            done = session.scalar(_fresh_rows(Stage.ARCHIVING).where(CheckRun.graduate_id == job.graduate_id).limit(1))
        if done is None:
            self.run(SYSTEM, job.graduate_id, Stage.ARCHIVING)

    def due(self, cohort_year: int, stage: Stage) -> list[UUID]:
        """Graduates of the cohort whose dossier, as it stands, has not been checked at this stage with these rules."""
        fresh = _fresh_rows(stage).where(CheckRun.graduate_id == Graduate.id).exists()
        query = (
            select(Graduate.id)
            .join(Dossier, Dossier.graduate_id == Graduate.id)
            .where(Graduate.cohort_year == cohort_year, ~fresh)
            .order_by(Graduate.id)
        )
        with self._db.transaction() as session:
            return list(session.scalars(query))

    def stands(self, session: Session, graduate_id: UUID) -> bool:
        """Whether the latest check of the dossier as it stands did not fail; False where there is none."""
        query = _fresh_rows(None).where(CheckRun.graduate_id == graduate_id).order_by(CheckRun.at.desc()).limit(1)
        latest = session.scalar(query.with_only_columns(CheckRun.outcome))
        return latest in (Verdict.PASSED, Verdict.NOTED)

    # --- people's word ------------------------------------------------------------------------------------------------

    def human_items(self, actor: Actor, graduate_id: UUID, stage: Stage) -> list[HumanItem]:
        """What people are asked at this stage, with the latest word for the dossier as it stands."""
        self._require(actor, READERS)
        key = self._keys.of(graduate_id)
        dossier = self._dossier(graduate_id)
        with self._db.transaction() as session:
            said = {r.check_code: r for r in self._words(session, dossier)}
        items = []
        for check in people_checks(stage):
            row = said.get(check.id)
            if row is None:
                items.append(HumanItem(check))
            else:
                note = open_json(key, _note_place(row), row.sealed_note)["note"]
                items.append(HumanItem(check, row.agreed, note, row.staff_id, row.at))
        return items

    def confirm(self, actor: Actor, graduate_id: UUID, check_id: str, agreed: bool, note: str) -> None:
        """One person's word on one check, for the dossier as it stands; it counts from the next run on.

        Raises Invalid naming the field.
        """
        self._require(actor, CHECKERS)
        check = BY_ID.get(check_id)
        if check is None or check.mode is Mode.MACHINE:
            raise Invalid("invalid_input", faults=[FieldFault("/check", "unknown_check")])
        note = note.strip()
        if len(note) > MAX_NOTE:
            raise Invalid("invalid_input", faults=[FieldFault("/note", "too_long")])
        if not note and (check.note_required or not agreed):
            raise Invalid("invalid_input", faults=[FieldFault("/note", "required")])
        key = self._keys.of(graduate_id)
        dossier = self._dossier(graduate_id)
        row = CheckItem(
            id=new_id(),
            dossier_id=dossier.id,
            check_code=check.id,
            dossier_version=dossier.version,
            agreed=agreed,
            staff_id=actor.id,
            at=self._clock.now(),
        )
        row.sealed_note = seal_json(key, _note_place(row), {"note": note})
        with self._db.transaction() as session:
            session.add(row)
            self._log.record(
                session,
                actor,
                "dossier.check_confirmed",
                graduate_id=graduate_id,
                object_kind="dossier",
                object_id=dossier.id,
                data={"check": check.id, "agreed": agreed},
            )

    # --- reading ------------------------------------------------------------------------------------------------------

    def runs_of(self, actor: Actor, graduate_id: UUID, limit: int = 20) -> list[RunLine]:
        """Newest first."""
        self._require(actor, READERS)
        version = self._dossier(graduate_id).version
        query = select(CheckRun).where(CheckRun.graduate_id == graduate_id).order_by(CheckRun.at.desc()).limit(limit)
        with self._db.transaction() as session:
            rows = session.scalars(query).all()
        return [RunLine(r.id, r.graduate_id, r.stage, r.outcome, r.at, r.dossier_version == version) for r in rows]

    def run_view(self, actor: Actor, graduate_id: UUID, run_id: UUID) -> RunView:
        """Raises NotFound, also for another graduate's run."""
        row, signed = self._kept(actor, graduate_id, run_id, READERS, "dossier.check_read")
        return self._view(row, reports.read_report(signed.report), self._dossier(graduate_id).version)

    def report(self, actor: Actor, graduate_id: UUID, run_id: UUID) -> reports.Signed:
        return self._kept(actor, graduate_id, run_id, READERS, "dossier.check_report_read")[1]

    def troubled(
        self, actor: Actor, outcome: Verdict | None = None, *, offset: int = 0, limit: int = 20
    ) -> tuple[list[RunLine], int]:
        """(latest run per dossier that is not a plain pass, total), oldest first."""
        self._require(actor, READERS)
        newest = (
            select(CheckRun).ext(distinct_on(CheckRun.dossier_id)).order_by(CheckRun.dossier_id, CheckRun.at.desc())
        )
        run = aliased(CheckRun, newest.subquery())
        query = (
            select(run, Dossier.version)
            .join(Dossier, Dossier.id == run.dossier_id)
            .where(run.outcome.in_((outcome,) if outcome is not None else _BAD))
        )
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            rows = session.execute(query.order_by(run.at, run.id).offset(offset).limit(limit)).all()
        return [RunLine(r.id, r.graduate_id, r.stage, r.outcome, r.at, r.dossier_version == v) for r, v in rows], total

    # --- packages -----------------------------------------------------------------------------------------------------

    def package(self, actor: Actor, graduate_id: UUID, run_id: UUID) -> PackageFile:
        """The dossier as a BagIt zip, with the run's report. All zones: it is for hand-over between archives.

        Raises Conflict('package_outdated') when the dossier changed since, Conflict('package_unreadable').
        """
        made = self._entries(actor, graduate_id, run_id)
        return PackageFile(f"{made.folder}.zip", lambda: zip_stream(made.folder, made.entries))

    def hand_over(self, graduate_id: UUID, to: HandOver) -> HandedPackage:
        """app.package_ports.PackageMaker: the house packs by itself, so no member of staff opens anything."""
        if to.only is not None:
            return self._hand_over_part(graduate_id, to, to.only)
        run = self.run(SYSTEM, graduate_id, Stage.HAND_OVER)
        if run.outcome is Verdict.FAILED:
            raise Conflict("hand_over_check_failed")
        return handed(self._entries(SYSTEM, graduate_id, run.id, to))

    def _hand_over_part(self, graduate_id: UUID, to: HandOver, only: frozenset[PackedMaterial]) -> HandedPackage:
        """A supplement: the records as they stand and these materials alone. It is judged like a whole dossier, and the
        report goes with it; no run is kept, for it says nothing about the dossier.
        """
        holding, now = part_of(self._holdings.of(graduate_id), only), self._clock.now()
        source = self._workshop.source(holding, photo=False)
        report, signed, outcome = self._workshop.judged(
            SYSTEM, source, holding, Stage.HAND_OVER, now, NOTHING_MISSING, {}
        )
        if report.package.unreadable:
            raise Conflict("package_unreadable")
        if outcome is Verdict.FAILED:
            raise Conflict("hand_over_check_failed")
        with self._db.transaction() as session:
            data = {"stage": Stage.HAND_OVER.value, "purpose": "supplement", "transfer": to.transfer}
            self._log.record(
                session,
                SYSTEM,
                "dossier.packaged",
                graduate_id=graduate_id,
                object_kind="dossier",
                object_id=holding.dossier_id,
                data=data,
            )
        package = self._workshop.reopened(source, holding, report)
        return handed(self._workshop.made(source, holding, package, signed, to))

    def write_package(self, actor: Actor, graduate_id: UUID, run_id: UUID, target: Path) -> None:
        """The same as a folder. Raises Conflict('package_target_exists')."""
        write_folder(target, self._entries(actor, graduate_id, run_id).entries)

    def _entries(self, actor: Actor, graduate_id: UUID, run_id: UUID, to: HandOver | None = None) -> Made:
        row, signed = self._kept(actor, graduate_id, run_id, PACKERS, "dossier.packaged")
        told = reports.read_report(signed.report)
        if told.package.unreadable:
            raise Conflict("package_unreadable")
        holding = self._holdings.of(graduate_id)
        if holding.version != row.dossier_version:
            raise Conflict("package_outdated")
        source = self._workshop.source(holding)
        package = self._workshop.reopened(source, holding, told)
        if package.files[layout.MANIFEST].sha256 != row.package_digest:
            raise Conflict("package_outdated")
        return self._workshop.made(source, holding, package, signed, to)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _state(self, graduate_id: UUID) -> ChecklistState | None:
        return self._checklist.state_of(graduate_id) if self._checklist is not None else None

    def _dossier(self, graduate_id: UUID) -> Dossier:
        with self._db.transaction() as session:
            found = session.scalar(select(Dossier).where(Dossier.graduate_id == graduate_id))
        if found is None:
            raise NotFound("dossier_not_found")
        return found

    @staticmethod
    def _words(session: Session, dossier: Dossier) -> Sequence[CheckItem]:
        """Oldest first, so that the latest of a check comes last."""
        query = select(CheckItem).where(
            CheckItem.dossier_id == dossier.id, CheckItem.dossier_version == dossier.version
        )
        return session.scalars(query.order_by(CheckItem.at)).all()

    def _confirmations(self, holding: Holding) -> Mapping[str, Confirmation]:
        with self._db.transaction() as session:
            rows = self._words(session, Dossier(id=holding.dossier_id, version=holding.version))
        return {r.check_code: Confirmation(r.check_code, r.agreed, r.staff_id, r.at) for r in rows}

    def _kept(
        self, actor: Actor, graduate_id: UUID, run_id: UUID, roles: Sequence[Role], event: str
    ) -> tuple[CheckRun, reports.Signed]:
        """The run and its report, opened; the reading is recorded."""
        self._require(actor, roles)
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            row = session.scalar(select(CheckRun).where(CheckRun.id == run_id, CheckRun.graduate_id == graduate_id))
            if row is None:
                raise NotFound("check_run_not_found")
            self._record(session, actor, row, event, {"stage": row.stage.value, "purpose": "checking"})
        texts = open_json(key, _report_place(row), row.sealed_report)
        return row, reports.Signed(texts["report"].encode(), texts["signature"].encode())

    def _record(self, session: Session, actor: Actor, row: CheckRun, event: str, data: Mapping[str, str]) -> None:
        self._log.record(
            session, actor, event, graduate_id=row.graduate_id, object_kind="check_run", object_id=row.id, data=data
        )

    @staticmethod
    def _require(actor: Actor, roles: Sequence[Role]) -> None:
        if actor.kind is ActorKind.SYSTEM:
            return
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*roles):
            raise Forbidden("role_required")

    @staticmethod
    def _view(row: CheckRun, report: reports.Report, version: int) -> RunView:
        return RunView(
            row.id,
            row.graduate_id,
            row.stage,
            row.outcome,
            row.at,
            row.ran_by,
            row.dossier_version == version,
            not report.package.unreadable,
            row.report_digest,
            row.package_digest,
            properties_of(report),
        )


def _fresh_rows(stage: Stage | None) -> Select[CheckRun]:
    """Runs that are about the dossier as it stands, by today's rules."""
    query = (
        select(CheckRun)
        .join(Dossier, (Dossier.id == CheckRun.dossier_id) & (Dossier.version == CheckRun.dossier_version))
        .where(CheckRun.rules_version == RULES_VERSION)
    )
    return query if stage is None else query.where(CheckRun.stage == stage)
