"""The receiver's counting: invitations on printed slips, and cases where paper and catalogue differ."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import Place
from app.transfers.counting_rules import CaseKind, CaseState

LIVE = "used_at is null and voided_at is null"


class Slip(Base):
    """One printed invitation to count. ``code_bidx`` is keyed with the slip's own id, so equal codes do not meet.

    ``manifest_digest`` is the catalogue the slip lies beside; ``sealed_count`` who counted, what, and the receipt.
    """

    __tablename__ = "slip"
    __table_args__ = (
        UniqueConstraint("transfer_id", "number"),
        Index("uq_slip_live", "transfer_id", unique=True, postgresql_where=text(LIVE)),
        CheckConstraint("used_at is null or sealed_count is not null", name="used_is_counted"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfer.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    manifest_digest: Mapped[bytes] = mapped_column(LargeBinary)
    code_bidx: Mapped[bytes] = mapped_column(LargeBinary)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    voided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    sealed_count: Mapped[bytes | None] = mapped_column(LargeBinary)


class TransferCase(Base):
    """What the desk has to clear up with the receiver; one open at a time per transfer."""

    __tablename__ = "transfer_case"
    __table_args__ = (
        Index("uq_transfer_case_open", "transfer_id", unique=True, postgresql_where=text("state = 'open'")),
        CheckConstraint(
            "state <> 'settled' or (settled_by is not null and settled_at is not null)", name="settled_by_whom"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfer.id"))
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), index=True)
    slip_id: Mapped[UUID] = mapped_column(ForeignKey("slip.id"), unique=True)
    kind: Mapped[CaseKind] = mapped_column(EnumText(CaseKind, 12))
    state: Mapped[CaseState] = mapped_column(EnumText(CaseState, 10), default=CaseState.OPEN)
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary)
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    settled_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))


def count_place(row: Slip) -> Place:
    return Place("slip", "sealed_count", row.id)


def case_place(row: TransferCase) -> Place:
    return Place("transfer_case", "sealed_body", row.id)


def open_case(session: Session, transfer_id: UUID) -> TransferCase | None:
    return session.scalar(
        select(TransferCase).where(TransferCase.transfer_id == transfer_id, TransferCase.state == CaseState.OPEN)
    )


def latest_case(session: Session, transfer_id: UUID) -> CaseState | None:
    """How the last difference found at this transfer stands; None where none was found."""
    query = select(TransferCase.state).where(TransferCase.transfer_id == transfer_id)
    return session.scalar(query.order_by(TransferCase.opened_at.desc(), TransferCase.id.desc()).limit(1))
