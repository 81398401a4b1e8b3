"""Graduates, the platform identities they come with, and staff members."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.ports import Platform


class IdentityState(StrEnum):
    UNBOUND = "unbound"
    BOUND = "bound"
    REVOKED = "revoked"


class Graduate(Base):
    """``sealed_card`` holds name, ID number, student number and phone: what an account is verified against."""

    __tablename__ = "graduate"
    __table_args__ = (Index("ix_graduate_cohort", "cohort_year", "college"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sealed_card: Mapped[bytes] = mapped_column(LargeBinary)
    student_number_bidx: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    id_number_bidx: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    phone_bidx: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    cohort_year: Mapped[int] = mapped_column(SmallInteger)
    college: Mapped[str] = mapped_column(String(60))
    major: Mapped[str] = mapped_column(String(60))
    degree_level: Mapped[str] = mapped_column(String(10))
    changes_held_until: Mapped[datetime | None] = mapped_column(UtcTime)
    card_version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class PlatformIdentity(Base):
    """One account key is (platform, app id, open id); a graduate may hold several."""

    __tablename__ = "platform_identity"
    __table_args__ = (UniqueConstraint("platform", "app_id", "open_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    platform: Mapped[Platform] = mapped_column(EnumText(Platform, 20))
    app_id: Mapped[str] = mapped_column(String(64))
    open_id: Mapped[str] = mapped_column(String(128))
    union_id: Mapped[str | None] = mapped_column(String(128))
    state: Mapped[IdentityState] = mapped_column(EnumText(IdentityState, 12), default=IdentityState.UNBOUND)
    graduate_id: Mapped[UUID | None] = mapped_column(ForeignKey("graduate.id"), index=True)
    bound_at: Mapped[datetime | None] = mapped_column(UtcTime)
    unreachable_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class StaffMember(Base):
    """``person_key`` names the natural person: one person with two accounts is still one pair of eyes.

    Who signs in with passkeys alone has an empty ``password_hash``, which no password fits, and no TOTP.
    """

    __tablename__ = "staff_member"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    username: Mapped[str] = mapped_column(String(40), unique=True)
    display_name: Mapped[str] = mapped_column(String(40))
    person_key: Mapped[UUID] = mapped_column(default=new_id)
    roles: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    password_hash: Mapped[str] = mapped_column(String(200))
    sealed_totp: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_last_step: Mapped[int] = mapped_column(Integer, default=0)
    must_change_password: Mapped[bool] = mapped_column(default=True)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class StaffRecoveryCode(Base):
    __tablename__ = "staff_recovery_code"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class StaffAbsence(Base):
    """Both days are included. The stand-in is a colleague with rights of their own; an absence lends none."""

    __tablename__ = "staff_absence"
    __table_args__ = (Index("ix_staff_absence_days", "starts_on", "ends_on"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    stand_in_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    reason: Mapped[str] = mapped_column(String(200))
    recorded_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcTime)


class StaffNotice(Base):
    """A line for one member of staff in the console: a word of the catalogue and what it is about."""

    __tablename__ = "staff_notice"
    __table_args__ = (Index("ix_staff_notice_staff", "staff_id", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    code: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(UtcTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcTime)
