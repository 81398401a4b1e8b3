"""Transfers. The steps a transfer went through are its events."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import Place
from app.receivers.rules import DestinationCase
from app.transfers.clocks import HoldStage, Timer
from app.transfers.states import Channel, State

HELD_BY_WISH = "state <> 'held_at_school' or destination_case is not distinct from 'kept_at_school'"
IS_OPEN = "supplements is null and state not in ('closed', 'supplement_open', 'redirected', 'withdrawn')"
RECEIPT_FITS = (
    "state not in ('received', 'closed', 'supplement_open') or manifest_digest is null"
    " or receipt_digest = manifest_digest"
)


class Transfer(Base):
    """The receiver is frozen into the row: which version of the registry, with its name and address copied.

    ``sealed_proofs`` maps states to their numbers (tracking, seal, receipt); ``sealed_basis`` is what each choice of
    the channel was based on (channel_basis), None for those from before it was kept.

    ``supplements`` is the received transfer that this one brings a later correction's papers after (补充材料转递);
    ``follows`` the one that was redirected, with no receiver (an empty name) until its new destination is registered.
    ``asked_on``: day of the 调档函, else of the registration. Nothing is
    done before ``resting_until``: the address was changed. ``held_since`` is the first day any transfer of the dossier
    was held at school; ``hold_told`` the stage of the present hold that was told last.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        Index("uq_transfer_open", "dossier_id", unique=True, postgresql_where=text(IS_OPEN)),
        Index("ix_transfer_due", "due_on", postgresql_where=text("due_on is not null")),
        Index("ix_transfer_state", "state", "moved_at"),
        CheckConstraint(RECEIPT_FITS, name="receipt_fits"),
        CheckConstraint(HELD_BY_WISH, name="held_by_wish"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
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
    follows: Mapped[UUID | None] = mapped_column(ForeignKey("transfer.id"), index=True)
    destination_case: Mapped[DestinationCase | None] = mapped_column(EnumText(DestinationCase, 20))
    receiver_id: Mapped[UUID | None] = mapped_column(ForeignKey("receiver.id"), index=True)
    receiver_version: Mapped[int | None] = mapped_column(SmallInteger)
    letter_on: Mapped[date | None] = mapped_column(Date)
    resting_until: Mapped[datetime | None] = mapped_column(UtcTime)
    asked_on: Mapped[date | None] = mapped_column(Date)
    handed_on: Mapped[date | None] = mapped_column(Date)
    kept_until: Mapped[date | None] = mapped_column(Date)
    held_since: Mapped[date | None] = mapped_column(Date)
    hold_told: Mapped[HoldStage | None] = mapped_column(EnumText(HoldStage, 8))
    due_on: Mapped[date | None] = mapped_column(Date)
    timer: Mapped[Timer | None] = mapped_column(EnumText(Timer, 12))
    manifest_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    receipt_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_basis: Mapped[bytes | None] = mapped_column(LargeBinary)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


class TransferManifest(Base):
    """The catalogue as it was frozen, each time it was; never updated, never deleted (trigger)."""

    __tablename__ = "transfer_manifest"
    __table_args__ = (UniqueConstraint("transfer_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfer.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Dispatch(Base):
    """One hand-over to a carrier. ``tracking_bidx`` keeps a number from being used twice; never updated (trigger)."""

    __tablename__ = "dispatch"
    __table_args__ = (UniqueConstraint("transfer_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfer.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    channel: Mapped[Channel] = mapped_column(EnumText(Channel, 20))
    tracking_bidx: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    sealed_numbers: Mapped[bytes] = mapped_column(LargeBinary)
    handed_by: Mapped[UUID]
    handed_at: Mapped[datetime] = mapped_column(UtcTime)


class ActState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    VOID = "void"


class DoubleAct(Base):
    """What two persons must do together (sealing, opening a seal): proposed by one, confirmed by another."""

    __tablename__ = "double_act"
    __table_args__ = (
        Index("uq_double_act_waiting", "transfer_id", unique=True, postgresql_where=text("state = 'waiting'")),
        CheckConstraint("second_person is null or second_person <> first_person", name="two_persons"),
        CheckConstraint("state <> 'done' or second_person is not null", name="done_by_two"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfer.id"), index=True)
    target: Mapped[State] = mapped_column(EnumText(State, 30))
    base_version: Mapped[int] = mapped_column(Integer)
    state: Mapped[ActState] = mapped_column(EnumText(ActState, 10), default=ActState.WAITING)
    sealed_evidence: Mapped[bytes] = mapped_column(LargeBinary)
    file_name: Mapped[str | None] = mapped_column(String(64))
    first_staff: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    first_person: Mapped[UUID]
    first_at: Mapped[datetime] = mapped_column(UtcTime)
    second_staff: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    second_person: Mapped[UUID | None]
    second_at: Mapped[datetime | None] = mapped_column(UtcTime)


def proofs_place(row: Transfer) -> Place:
    return Place("transfer", "sealed_proofs", row.id)


def basis_place(row: Transfer) -> Place:
    return Place("transfer", "sealed_basis", row.id)


def manifest_place(row: TransferManifest) -> Place:
    return Place("transfer_manifest", "sealed_body", row.id)


def numbers_place(row: Dispatch) -> Place:
    return Place("dispatch", "sealed_numbers", row.id)


def act_place(row: DoubleAct) -> Place:
    return Place("double_act", "sealed_evidence", row.id)
