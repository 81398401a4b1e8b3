"""The responsibility table (岗位责任): who answers for which duty, who stands in, and who did before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, Role
from app.db import Database, new_id
from app.errors import Conflict, NotFound
from app.events import EventLog
from app.governance import staffing
from app.governance.models import Duty, DutyAssignment
from app.governance.rules import MAX_TITLE, READERS, TRAINERS, DutyKind
from app.governance.texts import checked
from app.ports import Clock


@dataclass(frozen=True, slots=True)
class AssignmentView:
    kind: DutyKind
    staff_id: UUID
    name: str
    since: datetime
    until: datetime | None
    assigned_by: str


@dataclass(frozen=True, slots=True)
class DutyView:
    id: UUID
    title: str
    words: str
    role: Role
    retired: bool
    primary: AssignmentView | None
    stand_in: AssignmentView | None
    history: Sequence[AssignmentView]


DUTIES: Sequence[tuple[str, str, Role]] = (
    ("归档与导入", "每届毕业生建档、批量导入、退回更正", Role.ARCHIVIST),
    ("材料整理与扫描", "收集、整理、扫描、编目，保证清晰完整", Role.ARCHIVIST),
    ("更正申请办理", "三个工作日内首次答复，十五个工作日内办结", Role.ARCHIVIST),
    ("更正复核与定期审查", "复核法定信息更正，按期抽查并确认整改", Role.REVIEWER),
    ("密封与转递", "两人密封，交寄并登记运单号", Role.DISPATCHER),
    ("回执催收", "寄出满一个月未签回执的书面催办", Role.DISPATCHER),
    ("账号、培训与证书", "账号开设停用，培训登记与发证", Role.ADMINISTRATOR),
    ("监督检查", "查看操作记录与统计，监督制度执行", Role.AUDITOR),
)
"""The duties an office begins with; `lantai rules seed` adds those that are missing."""


class DutyService:
    def __init__(self, db: Database, log: EventLog, clock: Clock) -> None:
        self._db, self._log, self._clock = db, log, clock

    def table(self, actor: Actor) -> list[DutyView]:
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            duties = session.scalars(select(Duty).order_by(Duty.created_at, Duty.role, Duty.title)).all()
            rows = session.scalars(select(DutyAssignment).order_by(DutyAssignment.created_at.desc())).all()
            known = staffing.names(session, [i for r in rows for i in (r.staff_id, r.assigned_by)])
        views = [
            (
                r.duty_id,
                AssignmentView(
                    r.kind,
                    r.staff_id,
                    known.get(r.staff_id, ""),
                    r.created_at,
                    r.ended_at,
                    known.get(r.assigned_by, "命令行"),
                ),
            )
            for r in rows
        ]
        return [_duty(duty, [v for duty_id, v in views if duty_id == duty.id]) for duty in duties]

    def colleagues(self, actor: Actor) -> list[tuple[UUID, str, frozenset[Role]]]:
        """Who may be chosen: open accounts."""
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            return staffing.colleagues(session)

    def add(self, actor: Actor, title: str, words: str, role: Role) -> UUID:
        staffing.require(actor, TRAINERS)
        row = Duty(
            id=new_id(),
            title=checked(title, "/title", MAX_TITLE),
            words=checked(words, "/words", 500, needed=False),
            role=role,
            created_at=self._clock.now(),
        )
        with self._db.transaction() as session:
            session.add(row)
            self._record(session, actor, "duty.added", row.id, {"role": role.value})
        return row.id

    def assign(self, actor: Actor, duty_id: UUID, kind: DutyKind, staff_id: UUID | None) -> None:
        """A new holder ends the one before; None leaves the place empty. Raises NotFound, Invalid,
        Conflict('same_person_twice') when one person would be both holder and stand-in.
        """
        staffing.require(actor, TRAINERS)
        with self._db.transaction() as session:
            duty = session.get(Duty, duty_id, with_for_update=True)
            if duty is None:
                raise NotFound("duty_not_found")
            current = self._current(session, duty_id)
            if staff_id is not None:
                holder = staffing.serving(session, staff_id, "/staff", duty.role)
                other = current.get(DutyKind.STAND_IN if kind is DutyKind.PRIMARY else DutyKind.PRIMARY)
                if other is not None and staffing.person_of(session, other.staff_id) == holder.person_key:
                    raise Conflict("same_person_twice")
            before = current.get(kind)
            if (before.staff_id if before is not None else None) == staff_id:
                return
            if before is not None:
                before.ended_at = self._clock.now()
                session.flush()
            if staff_id is not None:
                session.add(
                    DutyAssignment(
                        id=new_id(),
                        duty_id=duty_id,
                        kind=kind,
                        staff_id=staff_id,
                        assigned_by=actor.id,
                        created_at=self._clock.now(),
                    )
                )
            try:
                session.flush()
            except IntegrityError:
                raise Conflict("busy") from None
            data = {"kind": kind.value, "staff_id": str(staff_id) if staff_id else ""}
            self._record(session, actor, "duty.assigned", duty_id, data)

    def seed(self) -> int:
        """Add the usual duties that are not there yet; gives how many."""
        with self._db.transaction() as session:
            known = set(session.scalars(select(Duty.title)))
        missing = [row for row in DUTIES if row[0] not in known]
        for title, words, role in missing:
            self.add(SYSTEM, title, words, role)
        return len(missing)

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _current(session: Session, duty_id: UUID) -> dict[DutyKind, DutyAssignment]:
        rows = session.scalars(
            select(DutyAssignment).where(DutyAssignment.duty_id == duty_id, DutyAssignment.ended_at.is_(None))
        )
        return {r.kind: r for r in rows}

    def _record(self, session: Session, actor: Actor, kind: str, duty_id: UUID, data: dict[str, str]) -> None:
        self._log.record(session, actor, kind, object_kind="duty", object_id=duty_id, data=data)


def _duty(row: Duty, assignments: Sequence[AssignmentView]) -> DutyView:
    current = {a.kind: a for a in assignments if a.until is None}
    return DutyView(
        id=row.id,
        title=row.title,
        words=row.words,
        role=row.role,
        retired=row.retired_at is not None,
        primary=current.get(DutyKind.PRIMARY),
        stand_in=current.get(DutyKind.STAND_IN),
        history=[a for a in assignments if a.until is not None],
    )
