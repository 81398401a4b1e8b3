"""Sessions, claims, verifications, codes, consents, lock-outs and machines."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, String
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.actors import ActorKind, Purpose
from app.db import Base, EnumText, UtcTime, new_id
from app.ports import Platform
from auth.rules import Factor


class LoginSession(Base):
    """``token_hash`` = HMAC of the opaque token. ``proofs`` lists factor, purpose and time: no personal data.

    Of staff: ``factor`` was shown last, at ``factor_at``; ``device`` is the browser in few words.
    """

    __tablename__ = "login_session"
    __table_args__ = (Index("ix_login_session_subject", "subject_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    kind: Mapped[ActorKind] = mapped_column(EnumText(ActorKind, 12))
    subject_id: Mapped[UUID]
    identity_id: Mapped[UUID | None] = mapped_column(ForeignKey("platform_identity.id"), index=True)
    platform: Mapped[Platform | None] = mapped_column(EnumText(Platform, 20))
    bound: Mapped[bool] = mapped_column(default=False)
    proofs: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    device: Mapped[str] = mapped_column(String(60), default="")
    factor: Mapped[str] = mapped_column(String(12), default="")
    factor_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Claim(Base):
    """Who somebody says they are. ``graduate_id`` is None on a miss; nobody is told before a proof."""

    __tablename__ = "claim"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("login_session.id"), index=True)
    graduate_id: Mapped[UUID | None]
    sealed_person: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)


class VerificationState(StrEnum):
    WAITING = "waiting"  # for the client: frames, code, platform dialogue
    QUEUED = "queued"  # frames on their way to the face worker
    VERIFIED = "verified"  # by the face worker; counts once the client collects it
    PASSED = "passed"
    FAILED = "failed"
    RETAKE = "retake"  # no try spent
    EXPIRED = "expired"


class Verification(Base):
    """One attempt at one factor. ``order_no`` is what the platform knows it by; ``sealed_state`` its secrets."""

    __tablename__ = "verification"
    __table_args__ = (Index("ix_verification_queue", "state", "queued_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("login_session.id"), index=True)
    graduate_id: Mapped[UUID | None]
    factor: Mapped[Factor] = mapped_column(EnumText(Factor, 20))
    purpose: Mapped[Purpose] = mapped_column(EnumText(Purpose, 20))
    state: Mapped[VerificationState] = mapped_column(EnumText(VerificationState, 12))
    reason: Mapped[str] = mapped_column(String(60), default="")
    order_no: Mapped[str] = mapped_column(String(32), unique=True)
    sealed_state: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    queued_at: Mapped[datetime | None] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ActivationCode(Base):
    __tablename__ = "activation_code"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), index=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    issued_by: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    document_kind: Mapped[str] = mapped_column(String(30))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    voided_at: Mapped[datetime | None] = mapped_column(UtcTime)


class GraduateTotp(Base):
    __tablename__ = "graduate_totp"

    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), primary_key=True)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int] = mapped_column(default=0)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Consent(Base):
    """Every giving and withdrawing is a row of its own; the newest decides."""

    __tablename__ = "consent"
    __table_args__ = (Index("ix_consent_identity", "identity_id", "kind", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    identity_id: Mapped[UUID] = mapped_column(ForeignKey("platform_identity.id"))
    kind: Mapped[str] = mapped_column(String(30))
    text_version: Mapped[str] = mapped_column(String(20))
    granted: Mapped[bool]
    at: Mapped[datetime] = mapped_column(UtcTime)


class Lockout(Base):
    """Failures in a row for one keyed subject. The truth: a lost Redis forgets nothing of this."""

    __tablename__ = "lockout"

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    failures: Mapped[int] = mapped_column(SmallInteger, default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class UsedProof(Base):
    """A platform's proof that carries no nonce of its own (Alipay's phone text): good once, whatever Redis forgets."""

    __tablename__ = "used_proof"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)


class CampusTerminal(Base):
    """A self-service terminal on campus, known by the HMAC of its credential."""

    __tablename__ = "campus_terminal"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    credential_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)


class PartnerClient(Base):
    """A campus system, data terminal or receiving office, known by the HMAC of its credential.

    ``previous_hash`` opens the door until ``previous_until``: the overlap after a rotation. ``receiver_code`` is the
    one receiver whose packages it may take, ``receipt_key`` the Ed25519 key (hexadecimal) that signs its receipts.
    What a client of the ``sandbox`` does has no effect on anybody.
    """

    __tablename__ = "partner_client"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    credential_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    previous_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    previous_until: Mapped[datetime | None] = mapped_column(UtcTime)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    receiver_code: Mapped[str | None] = mapped_column(String(40))
    receipt_key: Mapped[str | None] = mapped_column(String(64))
    sandbox: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)
