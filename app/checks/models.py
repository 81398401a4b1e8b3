"""Check runs and what people confirmed. Both are history: never updated, never deleted (trigger)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.actors import ActorKind
from app.checks.rules import Stage, Verdict
from app.db import Base, EnumText, UtcTime, new_id


class CheckRun(Base):
    """``sealed_report`` holds report.json and report-signature.json as they stand in the package."""

    __tablename__ = "check_run"
    __table_args__ = (Index("ix_check_run_dossier", "dossier_id", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossier.id"))
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), index=True)
    stage: Mapped[Stage] = mapped_column(EnumText(Stage, 12))
    outcome: Mapped[Verdict] = mapped_column(EnumText(Verdict, 20))
    dossier_version: Mapped[int] = mapped_column(Integer)
    rules_version: Mapped[str] = mapped_column(String(20))
    sealed_report: Mapped[bytes] = mapped_column(LargeBinary)
    report_digest: Mapped[str] = mapped_column(String(64))
    package_digest: Mapped[str] = mapped_column(String(64))
    ran_kind: Mapped[ActorKind] = mapped_column(EnumText(ActorKind, 12))
    ran_by: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(UtcTime)


class CheckItem(Base):
    """A person's word on one assisted or manual check, for one version of the dossier; the latest counts."""

    __tablename__ = "check_item"
    __table_args__ = (Index("ix_check_item_dossier", "dossier_id", "dossier_version"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossier.id"))
    check_code: Mapped[str] = mapped_column(String(10))
    dossier_version: Mapped[int] = mapped_column(Integer)
    agreed: Mapped[bool]
    sealed_note: Mapped[bytes] = mapped_column(LargeBinary)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    at: Mapped[datetime] = mapped_column(UtcTime)
