"""Transfers. The steps a transfer went through are its events."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import Place
from app.transfers.rules import Channel, State


class Transfer(Base):
    """The receiver is frozen into the row. ``sealed_proofs`` maps states to their numbers (tracking, seal, receipt).

    ``supplements`` is the received transfer that this one brings a later correction's papers after (补充材料转递).
    """

    __tablename__ = "transfer"
    __table_args__ = (
        Index(
            "uq_transfer_open",
            "dossier_id",
            unique=True,
            postgresql_where=text("supplements is null and state not in ('closed', 'withdrawn', 'returned')"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossier.id"), index=True)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), index=True)
    state: Mapped[State] = mapped_column(EnumText(State, 30), default=State.DRAFT)
    channel: Mapped[Channel] = mapped_column(EnumText(Channel, 20))
    receiver_name: Mapped[str] = mapped_column(String(120))
    receiver_address: Mapped[str] = mapped_column(String(200))
    sealed_proofs: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    moved_at: Mapped[datetime] = mapped_column(UtcTime)
    supplements: Mapped[UUID | None] = mapped_column(ForeignKey("transfer.id"), index=True)
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("ticket.id"), index=True)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


def proofs_place(row: Transfer) -> Place:
    return Place("transfer", "sealed_proofs", row.id)
