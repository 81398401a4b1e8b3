"""Keys by which machines sign their requests."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, SmallInteger, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import Place
from auth.signatures import Algorithm


class MachineKey(Base):
    """``key_id`` is the keyid of signatures. ``public_key`` is an Ed25519 key in hexadecimal, ``sealed_secret`` a
    shared secret (HMAC). ``last_used_on`` is a day at the school, so that use costs one write a day.
    """

    __tablename__ = "machine_key"
    __table_args__ = (CheckConstraint("(public_key is not null) or (sealed_secret is not null)", "has_key"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("partner_client.id"), index=True)
    key_id: Mapped[str] = mapped_column(String(60), unique=True)
    algorithm: Mapped[Algorithm] = mapped_column(EnumText(Algorithm, 20))
    public_key: Mapped[str | None] = mapped_column(String(64))
    sealed_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    per_minute: Mapped[int | None] = mapped_column(SmallInteger)
    not_before: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_used_on: Mapped[date | None]
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)


def secret_place(key: UUID) -> Place:
    return Place("machine_key", "sealed_secret", key)
