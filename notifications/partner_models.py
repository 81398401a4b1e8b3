"""Notices that outside systems have asked for, and how many of their requests were refused at once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Integer, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import Place
from notifications.partner_notices import Kind


class Progress(StrEnum):
    ACCEPTED = "accepted"
    HANDLED = "handled"  # whether or not there was anybody to tell: ``event_id`` knows, and its client is not told
    SIMULATED = "simulated"  # of the sandbox: nobody was looked for


class PartnerNotice(Base):
    """``sealed_recipient`` is what the client named its graduate by, until the worker has looked. ``event_id`` is the
    event that told somebody, None where there was nobody within the client's reach. ``catalogue_version`` is the
    edition it was taken in: shown in the newest instead, the words would change for the absent alone.
    """

    __tablename__ = "partner_notice"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("partner_client.id"))
    kind: Mapped[Kind] = mapped_column(EnumText(Kind, 30))
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    catalogue_version: Mapped[str] = mapped_column(String(20))
    state: Mapped[Progress] = mapped_column(EnumText(Progress, 12))
    sealed_recipient: Mapped[bytes | None] = mapped_column(LargeBinary)
    event_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime)


class PartnerRefusal(Base):
    """How many requests of a client were refused with one code in the hour from ``hour`` on. Without a foreign key:
    what was counted in Redis may be about a client that a restored database does not know.
    """

    __tablename__ = "partner_refusal"

    hour: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(60), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)


def recipient_place(notice: UUID) -> Place:
    return Place("partner_notice", "sealed_recipient", notice)
