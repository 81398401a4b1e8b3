"""Training and certification (考核培训): courses, certificates, and roles that take effect only with a valid one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.actors import Actor, Role
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.events import EventLog
from app.governance import staffing
from app.governance import training_rules as rules
from app.governance.models import RolePolicy, StaffCertificate, TrainingCourse
from app.governance.rules import MAX_TITLE, READERS, TRAINERS
from app.governance.texts import checked
from app.governance.training_rules import CONDITIONAL, Requirement, Standing
from app.office_time import office_date
from app.people.models import StaffMember
from app.ports import Clock


@dataclass(frozen=True, slots=True)
class CourseView:
    id: UUID
    title: str
    role: Role
    months: int
    required: bool
    retired: bool


@dataclass(frozen=True, slots=True)
class CertificateView:
    id: UUID
    course_id: UUID
    course: str
    staff_id: UUID
    holder: str
    issued_on: date
    expires_on: date
    issued_by: str
    revoked_at: datetime | None
    standing: Standing
    days_left: int


@dataclass(frozen=True, slots=True)
class PolicyView:
    role: Role
    enforced: bool
    grace_days: int
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Holding:
    """How a colleague stands with one required course of a role they have."""

    staff_id: UUID
    name: str
    role: Role
    course: str
    standing: Standing
    expires_on: date | None
    held_back: bool


class TrainingService:
    def __init__(self, db: Database, log: EventLog, clock: Clock) -> None:
        self._db, self._log, self._clock = db, log, clock

    @property
    def today(self) -> date:
        """The office's day, in China's one time zone."""
        return office_date(self._clock.now())

    # --- the condition for a role -------------------------------------------------------------------------------------

    def asked(self) -> ColumnElement[bool]:
        """Whether any role has a condition that is enforced: most offices have none, and need not be asked further."""
        return (
            select(TrainingCourse.id)
            .join(RolePolicy, RolePolicy.role == TrainingCourse.role)
            .where(TrainingCourse.required, TrainingCourse.retired_at.is_(None), RolePolicy.enforced)
            .exists()
        )

    def held_back(self, staff_id: UUID, roles: Iterable[Role]) -> frozenset[Role]:
        """Roles of this account that do not take effect today. Asked on every request of staff."""
        with self._db.transaction() as session:
            required = self._required(session)
            if not required:
                return frozenset()
            return rules.held_back(frozenset(roles), required, self._latest(session, staff_id), self.today)

    def standing_of(self, actor: Actor) -> list[Holding]:
        """This person's own required courses that need attention: soon to expire, expired or missing."""
        with self._db.transaction() as session:
            row = session.get(StaffMember, actor.id)
            if row is None:
                return []
            return [h for h in self._holdings(session, [row]) if h.standing is not Standing.VALID]

    # --- reading ------------------------------------------------------------------------------------------------------

    def courses(self, actor: Actor) -> list[CourseView]:
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            rows = session.scalars(select(TrainingCourse).order_by(TrainingCourse.role, TrainingCourse.created_at))
            return [CourseView(r.id, r.title, r.role, r.months, r.required, r.retired_at is not None) for r in rows]

    def policies(self, actor: Actor) -> list[PolicyView]:
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            rows = {r.role: r for r in session.scalars(select(RolePolicy))}
        return [
            PolicyView(role, rows[role].enforced, rows[role].grace_days, rows[role].updated_at)
            if role in rows
            else PolicyView(role, False, 0, None)
            for role in CONDITIONAL
        ]

    def certificates(self, actor: Actor, *, offset: int = 0, limit: int = 20) -> tuple[list[CertificateView], int]:
        """Newest first, with those revoked and expired: the history."""
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            total = session.scalar(select(func.count(StaffCertificate.id))) or 0
            rows = session.execute(
                select(StaffCertificate, TrainingCourse)
                .join(TrainingCourse, TrainingCourse.id == StaffCertificate.course_id)
                .order_by(StaffCertificate.created_at.desc(), StaffCertificate.id)
                .offset(offset)
                .limit(limit)
            ).all()
            known = staffing.names(session, [i for c, _ in rows for i in (c.staff_id, c.issued_by)])
            grace = {p.role: p.grace_days for p in session.scalars(select(RolePolicy))}
        return [self._certificate(c, course, known, grace) for c, course in rows], total

    def holdings(self, actor: Actor) -> list[Holding]:
        """Every open account's required courses: who stands how."""
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            rows = session.scalars(
                select(StaffMember).where(StaffMember.disabled_at.is_(None)).order_by(StaffMember.display_name)
            ).all()
            return self._holdings(session, rows)

    # --- writing ------------------------------------------------------------------------------------------------------

    def add_course(self, actor: Actor, title: str, role: Role, months: int, *, required: bool) -> UUID:
        staffing.require(actor, TRAINERS)
        title = checked(title, "/title", MAX_TITLE)
        if not 1 <= months <= rules.MAX_MONTHS:
            raise Invalid("invalid_input", faults=[FieldFault("/months", "number_out_of_range")])
        row = TrainingCourse(
            id=new_id(),
            title=title,
            role=role,
            months=months,
            required=required,
            created_by=actor.id,
            created_at=self._clock.now(),
        )
        with self._db.transaction() as session:
            session.add(row)
            data = {"role": role.value, "months": months, "required": required}
            self._record(session, actor, "training.course_added", row.id, data)
        return row.id

    def retire_course(self, actor: Actor, course_id: UUID) -> None:
        """No longer offered nor required; certificates stay on file."""
        staffing.require(actor, TRAINERS)
        with self._db.transaction() as session:
            row = session.get(TrainingCourse, course_id, with_for_update=True)
            if row is None:
                raise NotFound("course_not_found")
            row.retired_at = row.retired_at or self._clock.now()
            self._record(session, actor, "training.course_retired", row.id, {})

    def certify(self, actor: Actor, course_id: UUID, staff_id: UUID, issued_on: date) -> UUID:
        """Raises Conflict('own_certificate'): nobody certifies themself, whichever account they use."""
        staffing.require(actor, TRAINERS)
        if issued_on > self.today:
            raise Invalid("invalid_input", faults=[FieldFault("/issued_on", "in_the_future")])
        with self._db.transaction() as session:
            course = session.get(TrainingCourse, course_id)
            if course is None:
                raise NotFound("course_not_found")
            if course.retired_at is not None:
                raise Conflict("course_retired")
            holder = staffing.serving(session, staff_id, "/staff")
            self._refuse_oneself(session, actor, holder.person_key)
            row = StaffCertificate(
                id=new_id(),
                course_id=course.id,
                staff_id=holder.id,
                person_key=holder.person_key,
                issued_on=issued_on,
                expires_on=rules.add_months(issued_on, course.months),
                issued_by=actor.id,
                created_at=self._clock.now(),
            )
            session.add(row)
            data = {"certificate_id": str(row.id), "staff_id": str(holder.id), "until": row.expires_on.isoformat()}
            self._record(session, actor, "training.certified", course.id, data)
        return row.id

    def revoke(self, actor: Actor, certificate_id: UUID) -> None:
        staffing.require(actor, TRAINERS)
        with self._db.transaction() as session:
            row = session.get(StaffCertificate, certificate_id, with_for_update=True)
            if row is None:
                raise NotFound("certificate_not_found")
            self._refuse_oneself(session, actor, row.person_key)
            if row.revoked_at is None:
                row.revoked_at, row.revoked_by = self._clock.now(), actor.id
                data = {"certificate_id": str(row.id), "staff_id": str(row.staff_id)}
                self._record(session, actor, "training.revoked", row.course_id, data)

    def set_policy(self, actor: Actor, role: Role, *, enforced: bool, grace_days: int) -> None:
        """Raises Conflict('role_not_conditional') for the administrator's, who could lock everybody out."""
        staffing.require(actor, TRAINERS)
        if role not in CONDITIONAL:
            raise Conflict("role_not_conditional")
        if not 0 <= grace_days <= rules.MAX_GRACE_DAYS:
            raise Invalid("invalid_input", faults=[FieldFault("/grace_days", "number_out_of_range")])
        with self._db.transaction() as session:
            row = session.get(RolePolicy, role, with_for_update=True)
            if row is None:
                row = RolePolicy(role=role)
                session.add(row)
            row.enforced, row.grace_days = enforced, grace_days
            row.changed_by, row.updated_at = actor.id, self._clock.now()
            data = {"role": role.value, "enforced": enforced, "grace_days": grace_days}
            self._record(session, actor, "training.policy_set", None, data)

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _refuse_oneself(session: Session, actor: Actor, person_key: UUID) -> None:
        row = session.get(StaffMember, actor.id)
        if row is not None and row.person_key == person_key:
            raise Conflict("own_certificate")

    @staticmethod
    def _required(session: Session, *, enforced_only: bool = True) -> list[Requirement]:
        query = (
            select(TrainingCourse.role, TrainingCourse.id, func.coalesce(RolePolicy.grace_days, 0))
            .outerjoin(RolePolicy, RolePolicy.role == TrainingCourse.role)
            .where(TrainingCourse.required, TrainingCourse.retired_at.is_(None))
        )
        if enforced_only:
            query = query.where(RolePolicy.enforced)
        return [Requirement(role, course_id, grace) for role, course_id, grace in session.execute(query)]

    @staticmethod
    def _latest(session: Session, staff_id: UUID) -> dict[UUID, date]:
        """The latest expiry per course of the person behind the account."""
        person = select(StaffMember.person_key).where(StaffMember.id == staff_id).scalar_subquery()
        rows = session.execute(
            select(StaffCertificate.course_id, func.max(StaffCertificate.expires_on).label("until"))
            .where(StaffCertificate.person_key == person, StaffCertificate.revoked_at.is_(None))
            .group_by(StaffCertificate.course_id)
        )
        return {row.course_id: row.until for row in rows}

    def _holdings(self, session: Session, members: Sequence[StaffMember]) -> list[Holding]:
        required = self._required(session, enforced_only=False)
        enforced = {p.role for p in session.scalars(select(RolePolicy).where(RolePolicy.enforced))}
        titles = {c.id: c.title for c in session.scalars(select(TrainingCourse))}
        found = []
        for member in members:
            latest = self._latest(session, member.id) if required else {}
            for need in required:
                if need.role.value in member.roles:
                    until = latest.get(need.course_id)
                    how = rules.standing(until, self.today, need.grace_days)
                    lacking = need.role in enforced and how not in rules.COUNTS
                    found.append(
                        Holding(member.id, member.display_name, need.role, titles[need.course_id], how, until, lacking)
                    )
        return found

    def _certificate(
        self, row: StaffCertificate, course: TrainingCourse, known: Mapping[UUID, str], grace: Mapping[Role, int]
    ) -> CertificateView:
        return CertificateView(
            id=row.id,
            course_id=course.id,
            course=course.title,
            staff_id=row.staff_id,
            holder=known.get(row.staff_id, ""),
            issued_on=row.issued_on,
            expires_on=row.expires_on,
            issued_by=known.get(row.issued_by, ""),
            revoked_at=row.revoked_at,
            standing=rules.standing(row.expires_on, self.today, grace.get(course.role, 0)),
            days_left=(row.expires_on - self.today).days,
        )

    def _record(
        self, session: Session, actor: Actor, kind: str, object_id: UUID | None, data: Mapping[str, object]
    ) -> None:
        self._log.record(session, actor, kind, object_kind="training", object_id=object_id, data=data)
