"""Who is away, and who stands in. An absence lends nobody a right: the stand-in acts with their own roles only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.events import EventLog
from app.office_time import office_date
from app.people.models import StaffAbsence, StaffMember
from app.people.staff_notices import StaffNotices
from app.ports import Clock

MAX_DAYS, MAX_REASON = 366, 200


@dataclass(frozen=True, slots=True)
class NewAbsence:
    staff_id: UUID
    stand_in_id: UUID | None
    starts_on: date
    ends_on: date
    reason: str


@dataclass(frozen=True, slots=True)
class AbsenceView:
    """``uncovered`` are roles of the absent that the stand-in does not have: that work waits for other colleagues."""

    id: UUID
    staff_id: UUID
    name: str
    stand_in_id: UUID | None
    stand_in: str
    uncovered: frozenset[Role]
    starts_on: date
    ends_on: date
    reason: str
    now: bool


def _away(first: date, last: date | None = None) -> Select[Any]:
    return select(StaffAbsence).where(
        StaffAbsence.cancelled_at.is_(None),
        StaffAbsence.starts_on <= (last or first),
        StaffAbsence.ends_on >= first,
    )


def stood_in_for(session: Session, staff_id: UUID, on: date) -> list[UUID]:
    """Those whose work this member of staff does on that day."""
    query = _away(on).where(StaffAbsence.stand_in_id == staff_id).with_only_columns(StaffAbsence.staff_id)
    return list(session.scalars(query.order_by(StaffAbsence.staff_id)))


class AbsenceService:
    def __init__(self, db: Database, notices: StaffNotices, log: EventLog, clock: Clock) -> None:
        self._db, self._notices, self._log, self._clock = db, notices, log, clock

    @property
    def today(self) -> date:
        """The office's day: China has one time zone."""
        return office_date(self._clock.now())

    def record(self, actor: Actor, wanted: NewAbsence) -> None:
        """One's own, or an administrator's for anybody. Raises Forbidden, Invalid by field, NotFound,
        Conflict (absence_overlaps, stand_in_absent).
        """
        self._require_allowed(actor, wanted.staff_id)
        reason = " ".join(wanted.reason.split())
        faults = self._day_faults(wanted)
        if not 1 <= len(reason) <= MAX_REASON:
            faults.append(FieldFault("/reason", "required" if not reason else "too_long"))
        if faults:
            raise Invalid("invalid_input", faults=faults)
        with self._db.transaction() as session:
            # in one order, so that two who stand in for each other do not wait for each other
            for each in sorted({wanted.staff_id, wanted.stand_in_id or wanted.staff_id}):
                session.get(StaffMember, each, with_for_update=True)
            self._check_persons(session, wanted)
            row = StaffAbsence(
                id=new_id(),
                staff_id=wanted.staff_id,
                stand_in_id=wanted.stand_in_id,
                starts_on=wanted.starts_on,
                ends_on=wanted.ends_on,
                reason=reason,
                recorded_by=actor.id,
                created_at=self._clock.now(),
            )
            session.add(row)
            session.flush()
            self._log.record(session, actor, "staff.absence_recorded", object_kind="staff", object_id=row.staff_id)
            if row.stand_in_id is not None and row.stand_in_id != actor.id:
                self._notices.tell(session, row.stand_in_id, "stands_in", row.id)

    def cancel(self, actor: Actor, absence_id: UUID) -> None:
        """From now on the person is there again. Raises NotFound, Forbidden."""
        with self._db.transaction() as session:
            row = session.get(StaffAbsence, absence_id, with_for_update=True)
            if row is None or row.cancelled_at is not None:
                raise NotFound("absence_not_found")
            self._require_allowed(actor, row.staff_id)
            row.cancelled_at = self._clock.now()
            self._log.record(session, actor, "staff.absence_cancelled", object_kind="staff", object_id=row.staff_id)

    def coming(self, actor: Actor) -> list[AbsenceView]:
        """Those of today and later, the nearest first; for every member of staff."""
        if actor.kind is not ActorKind.STAFF:
            raise Forbidden("role_required")
        today = self.today
        query = select(StaffAbsence).where(StaffAbsence.cancelled_at.is_(None), StaffAbsence.ends_on >= today)
        with self._db.transaction() as session:
            rows = session.scalars(query.order_by(StaffAbsence.starts_on, StaffAbsence.id).limit(200)).all()
            wanted = {i for r in rows for i in (r.staff_id, r.stand_in_id) if i is not None}
            people = {m.id: m for m in session.scalars(select(StaffMember).where(StaffMember.id.in_(wanted)))}
            return [self._view(r, people, today) for r in rows]

    # --- for whoever gives out work -----------------------------------------------------------------------------------

    def present_members(self, session: Session) -> Sequence[UUID]:
        """Open accounts whose owner is not away today."""
        away = _away(self.today).with_only_columns(StaffAbsence.staff_id)
        query = select(StaffMember.id).where(StaffMember.disabled_at.is_(None), StaffMember.id.not_in(away))
        return list(session.scalars(query.order_by(StaffMember.created_at, StaffMember.id)))

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _require_allowed(actor: Actor, staff_id: UUID) -> None:
        own = actor.kind is ActorKind.STAFF and actor.id == staff_id
        if not own and not actor.has_role(Role.ADMINISTRATOR):
            raise Forbidden("role_required")

    def _day_faults(self, wanted: NewAbsence) -> list[FieldFault]:
        if wanted.ends_on < wanted.starts_on:
            return [FieldFault("/ends_on", "before_start")]
        if wanted.ends_on < self.today:
            return [FieldFault("/ends_on", "in_the_past")]
        return [FieldFault("/ends_on", "too_long")] if (wanted.ends_on - wanted.starts_on).days > MAX_DAYS else []

    def _check_persons(self, session: Session, wanted: NewAbsence) -> None:
        member = session.get(StaffMember, wanted.staff_id)
        if member is None or member.disabled_at is not None:
            raise NotFound("staff_not_found")
        days = _away(wanted.starts_on, wanted.ends_on).with_only_columns(StaffAbsence.id)
        if session.scalar(days.where(StaffAbsence.staff_id == wanted.staff_id).limit(1)):
            raise Conflict("absence_overlaps")
        if wanted.stand_in_id is None:
            return
        other = session.get(StaffMember, wanted.stand_in_id)
        if other is None or other.disabled_at is not None or other.person_key == member.person_key:
            raise Invalid("invalid_input", faults=[FieldFault("/stand_in", "unknown_colleague")])
        if session.scalar(days.where(StaffAbsence.staff_id == wanted.stand_in_id).limit(1)):
            raise Conflict("stand_in_absent")

    @staticmethod
    def _view(row: StaffAbsence, people: dict[UUID, StaffMember], today: date) -> AbsenceView:
        member = people[row.staff_id]
        other = people.get(row.stand_in_id) if row.stand_in_id is not None else None
        lacking = set(member.roles) - set(other.roles) if other is not None else set(member.roles)
        return AbsenceView(
            id=row.id,
            staff_id=row.staff_id,
            name=member.display_name,
            stand_in_id=row.stand_in_id,
            stand_in=other.display_name if other is not None else "",
            uncovered=frozenset(Role(r) for r in lacking),
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            reason=row.reason,
            now=row.starts_on <= today,
        )
