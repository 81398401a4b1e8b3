"""Written rules, review campaigns, training, responsibility and meters. Nothing here is ever deleted."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.actors import Role
from app.db import Base, EnumText, UtcTime, new_id
from app.governance.review_rules import FindingKind, FindingState, Outcome, State
from app.governance.rules import DutyKind, Meter, RuleState, System


class OfficeRule(Base):
    """A written rule; what it says stands in its versions."""

    __tablename__ = "office_rule"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    system: Mapped[System] = mapped_column(EnumText(System, 20))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class OfficeRuleVersion(Base):
    __tablename__ = "office_rule_version"
    __table_args__ = (
        UniqueConstraint("rule_id", "number"),
        Index("uq_office_rule_draft", "rule_id", unique=True, postgresql_where=text("state = 'draft'")),
        Index("uq_office_rule_published", "rule_id", unique=True, postgresql_where=text("state = 'published'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    rule_id: Mapped[UUID] = mapped_column(ForeignKey("office_rule.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[RuleState] = mapped_column(EnumText(RuleState, 12))
    title: Mapped[str] = mapped_column(String(80))
    body: Mapped[str] = mapped_column(Text)
    topics: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    author_id: Mapped[UUID]
    published_by: Mapped[UUID | None]
    published_at: Mapped[datetime | None] = mapped_column(UtcTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


class ReviewCampaign(Base):
    """``seed`` and ``drawn_until`` allow the sample to be drawn again; ``report`` is frozen at the sign-off."""

    __tablename__ = "review_campaign"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str] = mapped_column(String(80))
    cohort_year: Mapped[int | None] = mapped_column(SmallInteger)
    college: Mapped[str | None] = mapped_column(String(60))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    population: Mapped[int]
    sample_size: Mapped[int]
    seed: Mapped[str] = mapped_column(String(32))
    drawn_until: Mapped[datetime] = mapped_column(UtcTime)
    state: Mapped[State] = mapped_column(EnumText(State, 12), default=State.OPEN)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    signed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    signed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    report: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    report_digest: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


class ReviewItem(Base):
    __tablename__ = "review_item"
    __table_args__ = (
        UniqueConstraint("campaign_id", "position"),
        Index("ix_review_item_waiting", "campaign_id", "outcome"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("review_campaign.id"))
    position: Mapped[int] = mapped_column(SmallInteger)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossier.id"))
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    college: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[Outcome] = mapped_column(EnumText(Outcome, 10), default=Outcome.WAITING)
    checked_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    checked_person: Mapped[UUID | None]
    checked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    version: Mapped[int] = mapped_column(Integer, default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


class ReviewFinding(Base):
    """``sealed_note`` says what was found, ``sealed_mending`` what was done, both under the graduate's key."""

    __tablename__ = "review_finding"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    item_id: Mapped[UUID] = mapped_column(ForeignKey("review_item.id"), unique=True)
    kind: Mapped[FindingKind] = mapped_column(EnumText(FindingKind, 20))
    state: Mapped[FindingState] = mapped_column(EnumText(FindingState, 10), default=FindingState.OPEN)
    sealed_note: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_mending: Mapped[bytes | None] = mapped_column(LargeBinary)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    due_on: Mapped[date]
    mended_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    mended_person: Mapped[UUID | None]
    mended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


class TrainingCourse(Base):
    __tablename__ = "training_course"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str] = mapped_column(String(80))
    role: Mapped[Role] = mapped_column(EnumText(Role, 20))
    months: Mapped[int] = mapped_column(SmallInteger)
    required: Mapped[bool]
    retired_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class StaffCertificate(Base):
    """Held by the natural person, whichever account they use."""

    __tablename__ = "staff_certificate"
    __table_args__ = (Index("ix_staff_certificate_person", "person_key", "course_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    course_id: Mapped[UUID] = mapped_column(ForeignKey("training_course.id"))
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    person_key: Mapped[UUID]
    issued_on: Mapped[date]
    expires_on: Mapped[date]
    issued_by: Mapped[UUID]
    revoked_by: Mapped[UUID | None]
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class RolePolicy(Base):
    """Whether a role waits for its required certificates; without a row it does not."""

    __tablename__ = "role_policy"

    role: Mapped[Role] = mapped_column(EnumText(Role, 20), primary_key=True)
    enforced: Mapped[bool]
    grace_days: Mapped[int] = mapped_column(SmallInteger, default=0)
    changed_by: Mapped[UUID]
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class Duty(Base):
    __tablename__ = "duty"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str] = mapped_column(String(80))
    words: Mapped[str] = mapped_column(String(500))
    role: Mapped[Role] = mapped_column(EnumText(Role, 20))
    retired_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class DutyAssignment(Base):
    """A new holder ends the one before; the ended rows are the history."""

    __tablename__ = "duty_assignment"
    __table_args__ = (
        Index("uq_duty_assignment_current", "duty_id", "kind", unique=True, postgresql_where=text("ended_at is null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    duty_id: Mapped[UUID] = mapped_column(ForeignKey("duty.id"), index=True)
    kind: Mapped[DutyKind] = mapped_column(EnumText(DutyKind, 10))
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    assigned_by: Mapped[UUID]
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class MeterTarget(Base):
    """A plan for one cohort. Changing it adds a row; the newest counts."""

    __tablename__ = "meter_target"
    __table_args__ = (Index("ix_meter_target_plan", "cohort_year", "meter", "created_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    cohort_year: Mapped[int] = mapped_column(SmallInteger)
    meter: Mapped[Meter] = mapped_column(EnumText(Meter, 12))
    percent: Mapped[int] = mapped_column(SmallInteger)
    due_on: Mapped[date]
    set_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class MeterSnapshot(Base):
    """What was done by the end of a day; ``done`` and ``whole`` are counts."""

    __tablename__ = "meter_snapshot"

    day: Mapped[date] = mapped_column(primary_key=True)
    cohort_year: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    meter: Mapped[Meter] = mapped_column(EnumText(Meter, 12), primary_key=True)
    done: Mapped[int]
    whole: Mapped[int]
