"""Places, where each paper dossier stands, every move before, and loans."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
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

from app.custody.rules import (
    OPEN_LOAN,
    Borrower,
    Condition,
    Flag,
    LoanState,
    Move,
    Purpose,
    Standing,
    Why,
)
from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import Place

TWO = (
    "state not in ('out', 'returned') or not takes_two or (second_person is not null and second_person <> first_person)"
)


class ShelfPlace(Base):
    """One place from the day it was named to the day it was closed; a name may come back as a new row. ``code_key`` is
    the code without leading zeros.
    """

    __tablename__ = "shelf_place"
    __table_args__ = (
        Index("uq_shelf_place_open", "code_key", unique=True, postgresql_where=text("closed_on is null")),
        Index("ix_shelf_place_code", "code"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(String(24))
    code_key: Mapped[str] = mapped_column(String(24))
    opened_on: Mapped[date] = mapped_column(Date)
    opened_by: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    closed_on: Mapped[date | None] = mapped_column(Date)
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))


class Custody(Base):
    """Where a paper dossier stands now, written under the lock of the dossier's row."""

    __tablename__ = "custody"
    __table_args__ = (
        CheckConstraint("standing <> 'shelved' or place_id is not null", name="shelved_somewhere"),
        Index("ix_custody_place", "place_id"),
        Index("ix_custody_standing", "standing", "since"),
    )

    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossier.id"), primary_key=True)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    standing: Mapped[Standing] = mapped_column(EnumText(Standing, 12))
    place_id: Mapped[UUID | None] = mapped_column(ForeignKey("shelf_place.id"))
    since: Mapped[datetime] = mapped_column(UtcTime)
    moves: Mapped[int] = mapped_column(Integer, default=0)


class Loan(Base):
    """One borrowing, from the wish to the return; one is open at a time per dossier.

    ``staff_id`` is a borrower of the staff. ``sealed_words``: the outside borrower's name, unit and letter, the reasons
    of extensions and of a refusal, the note on the condition and how a missing part was settled. ``reminded_for``: the
    due day that was told of before it came; ``pressed_on``: when it was last pressed for since.
    """

    __tablename__ = "loan"
    __table_args__ = (
        Index("uq_loan_open", "dossier_id", unique=True, postgresql_where=text(OPEN_LOAN)),
        Index("ix_loan_due", "due_on", postgresql_where=text("state = 'out'")),
        Index("ix_loan_graduate", "graduate_id"),
        Index("ix_loan_flag", "id", postgresql_where=text("flag = 'open'")),
        CheckConstraint(TWO, name="two_persons"),
        CheckConstraint("state <> 'out' or due_on is not null", name="out_until"),
        CheckConstraint("state <> 'returned' or condition is not null", name="condition_checked"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossier.id"))
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    state: Mapped[LoanState] = mapped_column(EnumText(LoanState, 12))
    borrower: Mapped[Borrower] = mapped_column(EnumText(Borrower, 12))
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    purpose: Mapped[Purpose] = mapped_column(EnumText(Purpose, 20))
    takes_two: Mapped[bool] = mapped_column(Boolean)
    sealed_words: Mapped[bytes] = mapped_column(LargeBinary)
    days: Mapped[int] = mapped_column(SmallInteger)
    due_on: Mapped[date | None] = mapped_column(Date)
    reminded_for: Mapped[date | None] = mapped_column(Date)
    pressed_on: Mapped[date | None] = mapped_column(Date)
    extensions: Mapped[int] = mapped_column(SmallInteger, default=0)
    first_staff: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    first_person: Mapped[UUID]
    first_at: Mapped[datetime] = mapped_column(UtcTime)
    second_staff: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    second_person: Mapped[UUID | None]
    second_at: Mapped[datetime | None] = mapped_column(UtcTime)
    out_at: Mapped[datetime | None] = mapped_column(UtcTime)
    returned_at: Mapped[datetime | None] = mapped_column(UtcTime)
    returned_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    condition: Mapped[Condition | None] = mapped_column(EnumText(Condition, 12))
    flag: Mapped[Flag] = mapped_column(EnumText(Flag, 10), default=Flag.NONE)


class CustodyMove(Base):
    """One move of a paper dossier; never updated, never deleted (trigger). ``staff_id`` is None where no person moved
    it: a carrier's trace said that it came back.
    """

    __tablename__ = "custody_move"
    __table_args__ = (
        UniqueConstraint("dossier_id", "number"),
        Index("ix_custody_move_staff", "staff_id", "serial"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossier.id"))
    number: Mapped[int] = mapped_column(Integer)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    kind: Mapped[Move] = mapped_column(EnumText(Move, 12))
    why: Mapped[Why] = mapped_column(EnumText(Why, 12))
    place_id: Mapped[UUID | None] = mapped_column(ForeignKey("shelf_place.id"))
    loan_id: Mapped[UUID | None] = mapped_column(ForeignKey("loan.id"))
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    at: Mapped[datetime] = mapped_column(UtcTime)


def words_place(row: Loan) -> Place:
    return Place("loan", "sealed_words", row.id)


def loan_number(row: Loan) -> str:
    """What people call it."""
    return f"JY{row.first_at.year}{row.serial:06d}"
