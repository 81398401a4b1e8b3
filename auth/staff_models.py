"""Staff's passkeys, ceremonies under way, one-time links and replacements of lost authenticators."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id


class StaffPasskey(Base):
    """``credential_id`` and ``public_key`` (COSE) are base64url: what the authenticator made public."""

    __tablename__ = "staff_passkey"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    name: Mapped[str] = mapped_column(String(40))
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)
    public_key: Mapped[str] = mapped_column(String(4000))
    sign_count: Mapped[int] = mapped_column(BigInteger, default=0)
    transports: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    backed_up: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class CeremonyKind(StrEnum):
    SIGN_IN = "sign_in"
    STEP_UP = "step_up"
    REGISTER = "register"
    ENROL = "enrol"


class StaffCeremony(Base):
    """One challenge, good once and shortly. ``bound_to`` is the session (step-up, registration) or the one-time link
    (enrolment) it was made for.
    """

    __tablename__ = "staff_ceremony"
    __table_args__ = (Index("ix_staff_ceremony_expires", "expires_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[CeremonyKind] = mapped_column(EnumText(CeremonyKind, 12))
    bound_to: Mapped[UUID | None]
    challenge: Mapped[str] = mapped_column(String(100))
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class LinkKind(StrEnum):
    INVITATION = "invitation"
    REPLACEMENT = "replacement"


class StaffLink(Base):
    """A one-time link, known by the HMAC of its code. ``staff_id`` is whose factors it replaces or, once an invitation
    is used, the account it made. ``sealed_totp`` is the secret offered on the page until it is confirmed.
    """

    __tablename__ = "staff_link"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[LinkKind] = mapped_column(EnumText(LinkKind, 12))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    label: Mapped[str] = mapped_column(String(40))
    roles: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    person_key: Mapped[UUID]
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"), index=True)
    sealed_totp: Mapped[bytes] = mapped_column(LargeBinary)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ReplacementState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    DONE = "done"


class StaffReplacement(Base):
    """A lost authenticator: one administrator asks, another agrees, neither is the owner (by natural person)."""

    __tablename__ = "staff_replacement"
    __table_args__ = (
        Index(
            "uq_staff_replacement_open",
            "staff_id",
            unique=True,
            postgresql_where=text("state = 'requested'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    state: Mapped[ReplacementState] = mapped_column(EnumText(ReplacementState, 12))
    reason: Mapped[str] = mapped_column(String(200))
    requested_by: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    link_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff_link.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
