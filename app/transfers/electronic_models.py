"""The electronic leg of a transfer: one row per attempt. What happened to it are its events."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
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
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import Place
from app.transfers.electronic_clocks import LegTimer
from app.transfers.electronic_rules import Leg

OPEN = "state not in ('rejected', 'withdrawn')"


class ElectronicLeg(Base):
    """The receiver, its key and its address are frozen into the row.

    ``box`` names the pieces of cipher text in the file store (electronic_store.py). ``envelope`` is the canonical JSON
    that ``signature`` (Ed25519, base64) covers: ids, sizes and digests only. ``manifest_digest`` is that of the
    manifest whose code stands on the slip, ``bag_digest`` that of the package's own manifest-sha256.txt.
    ``check_passed`` is the receiver's word; ``sealed_words`` holds what it wrote: note, number and day of the receipt.

    ``push_due_at`` is when the next push is tried, None where none is to come. ``trouble`` without it waits for staff;
    ``trouble_at`` is since when, tries anew included, until the package gets on. ``due_on`` and ``timer`` are
    the clock that runs, ``late_told`` the last one of which the graduate was told that its day had passed.
    """

    __tablename__ = "electronic_leg"
    __table_args__ = (
        UniqueConstraint("transfer_id", "attempt"),
        Index("uq_electronic_leg_open", "transfer_id", unique=True, postgresql_where=text(OPEN)),
        Index("ix_electronic_leg_receiver", "receiver_code", "serial"),
        Index("ix_electronic_leg_due", "due_on", postgresql_where=text("due_on is not null")),
        CheckConstraint(
            "state not in ('accepted', 'e_receipt')"
            " or (receipt_digest is not null and manifest_digest is not null and receipt_digest = manifest_digest)",
            name="receipt_names_manifest",
        ),
        CheckConstraint(
            "state in ('preparing', 'packaged', 'withdrawn') or (digest is not null and signature is not null)",
            name="sent_is_signed",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfer.id"))
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), index=True)
    attempt: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[Leg] = mapped_column(EnumText(Leg, 30), default=Leg.PREPARING)
    trouble: Mapped[str | None] = mapped_column(String(40))
    trouble_at: Mapped[datetime | None] = mapped_column(UtcTime)
    receiver_code: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(120))
    push_url: Mapped[str | None] = mapped_column(String(300))
    package_file: Mapped[str | None] = mapped_column(String(80))
    box: Mapped[str | None] = mapped_column(String(32))
    size: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    envelope: Mapped[str | None] = mapped_column(Text)
    signature: Mapped[str | None] = mapped_column(String(88))
    manifest_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    manifest_sm3: Mapped[bytes | None] = mapped_column(LargeBinary)
    bag_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    dossier_version: Mapped[int | None] = mapped_column(Integer)
    check_passed: Mapped[bool | None]
    reasons: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    receipt_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    receipt_signature: Mapped[str | None] = mapped_column(String(88))
    receipt_key: Mapped[str | None] = mapped_column(String(64))
    sealed_words: Mapped[bytes] = mapped_column(LargeBinary)
    push_tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    push_due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    pushed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    acked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    moved_at: Mapped[datetime] = mapped_column(UtcTime)
    due_on: Mapped[date | None] = mapped_column(Date)
    timer: Mapped[LegTimer | None] = mapped_column(EnumText(LegTimer, 12))
    late_told: Mapped[LegTimer | None] = mapped_column(EnumText(LegTimer, 12))
    version: Mapped[int] = mapped_column(Integer, default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


def words_place(row: ElectronicLeg) -> Place:
    return Place("electronic_leg", "sealed_words", row.id)
