"""Campaigns, the recipients frozen when one starts, and the pace all of them share."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from notifications.campaigns.rules import State, Told
from notifications.campaigns.texts import CampaignNotice


class NoticeCampaign(Base):
    """``colleges`` is the segment's, empty for the whole cohort. ``counted`` is the dry run's number when it was made
    ready, ``total`` the number frozen at the start; ``reached`` the last recipient dealt with, in the order of ids;
    ``releasing``: what a pause held is being let go.
    """

    __tablename__ = "notice_campaign"
    __table_args__ = (
        CheckConstraint("greatest(told, skipped) <= coalesce(total, 0)", name="no_more_than_frozen"),
        Index("ix_notice_campaign_running", "sliced_at", postgresql_where=text("state = 'running'")),
        Index("ix_notice_campaign_releasing", "sliced_at", postgresql_where=text("releasing")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    notice: Mapped[CampaignNotice] = mapped_column(EnumText(CampaignNotice, 30))
    fields: Mapped[dict[str, str]] = mapped_column(JSONB)
    segment: Mapped[dict[str, Any]] = mapped_column(JSONB)
    colleges: Mapped[list[str]] = mapped_column(ARRAY(String(60)))
    state: Mapped[State] = mapped_column(EnumText(State, 12), default=State.DRAFT)
    version: Mapped[int] = mapped_column(Integer, default=1)
    counted: Mapped[int | None] = mapped_column(Integer)
    total: Mapped[int | None] = mapped_column(Integer)
    told: Mapped[int] = mapped_column(Integer, default=0)
    skipped: Mapped[int] = mapped_column(Integer, default=0)
    reached: Mapped[UUID | None]
    releasing: Mapped[bool] = mapped_column(default=False)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    proposed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    proposed_person: Mapped[UUID | None]
    proposed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    started_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    sliced_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)


class CampaignRecipient(Base):
    """``bound``: whether they had an account when they were told, or before that when the campaign started. ``held``: a
    push or a letter came to be sent while the campaign was paused.
    """

    __tablename__ = "notice_campaign_recipient"
    __table_args__ = (Index("ix_notice_campaign_recipient_held", "campaign_id", postgresql_where=text("held")),)

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("notice_campaign.id"), primary_key=True)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), primary_key=True, index=True)
    bound: Mapped[bool]
    held: Mapped[bool] = mapped_column(default=False)
    state: Mapped[Told] = mapped_column(EnumText(Told, 10))
    reason: Mapped[str] = mapped_column(String(20), default="")
    notice_id: Mapped[UUID | None] = mapped_column(ForeignKey("notice.id"), unique=True)
    at: Mapped[datetime | None] = mapped_column(UtcTime)


class CampaignPace(Base):
    """One row: how many notices may be written at once, as of ``at``. Workers on every machine draw from it."""

    __tablename__ = "notice_campaign_pace"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    tokens: Mapped[float] = mapped_column(Float)
    at: Mapped[datetime] = mapped_column(UtcTime)
