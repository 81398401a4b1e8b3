"""Stock-takes of a place: what was scanned there, and what was not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.office_time import office_date


class StockState(StrEnum):
    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


STOCK_LABELS: Mapping[StockState, str] = {
    StockState.OPEN: "清点中",
    StockState.DONE: "已完成",
    StockState.DROPPED: "已放弃",
}


class Finding(StrEnum):
    """How what was scanned at the place agrees with the record; ``missing`` is what was never scanned."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    UNPLACED = "unplaced"
    LENT = "lent"
    LEFT = "left"
    UNKNOWN = "unknown"
    MISSING = "missing"


FINDING_LABELS: Mapping[Finding, str] = {
    Finding.HERE: "在位",
    Finding.ELSEWHERE: "错位",
    Finding.UNPLACED: "未登记位置",
    Finding.LENT: "登记为借出",
    Finding.LEFT: "登记为已离馆",
    Finding.UNKNOWN: "查无此档案",
    Finding.MISSING: "应在未见",
}
MOVABLE = frozenset({Finding.ELSEWHERE, Finding.UNPLACED})
"""May be put on the place where it was found."""


class StockTake(Base):
    """One stock-take of one place; one is open at a time. ``expected``: how many should have stood there at its end."""

    __tablename__ = "stock_take"
    __table_args__ = (
        Index("uq_stock_take_open", "place_id", unique=True, postgresql_where=text("state = 'open'")),
        CheckConstraint("state = 'open' or (ended_by is not null and ended_at is not null)", name="ended_by_whom"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    place_id: Mapped[UUID] = mapped_column(ForeignKey("shelf_place.id"))
    state: Mapped[StockState] = mapped_column(EnumText(StockState, 10), default=StockState.OPEN)
    begun_by: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    begun_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    expected: Mapped[int | None] = mapped_column(Integer)


class StockLine(Base):
    """One dossier, or one code that is of none. ``place_id`` is where it stood by the record, as it was scanned;
    ``moved_at``: it was put on the place it was found at. What nobody scanned has no ``staff_id``.
    """

    __tablename__ = "stock_line"
    __table_args__ = (
        Index(
            "uq_stock_line_dossier",
            "stock_take_id",
            "dossier_id",
            unique=True,
            postgresql_where=text("dossier_id is not null"),
        ),
        Index("uq_stock_line_code", "stock_take_id", "code", unique=True, postgresql_where=text("dossier_id is null")),
        CheckConstraint("(finding = 'unknown') = (dossier_id is null)", name="unknown_is_nobodys"),
        CheckConstraint("finding = 'missing' or staff_id is not null", name="scanned_by_whom"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    stock_take_id: Mapped[UUID] = mapped_column(ForeignKey("stock_take.id"))
    dossier_id: Mapped[UUID | None] = mapped_column(ForeignKey("dossier.id"))
    graduate_id: Mapped[UUID | None] = mapped_column(ForeignKey("graduate.id"))
    code: Mapped[str] = mapped_column(String(24))
    finding: Mapped[Finding] = mapped_column(EnumText(Finding, 10))
    place_id: Mapped[UUID | None] = mapped_column(ForeignKey("shelf_place.id"))
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    at: Mapped[datetime] = mapped_column(UtcTime)
    moved_at: Mapped[datetime | None] = mapped_column(UtcTime)


def stock_number(row: StockTake) -> str:
    """What people call it."""
    return f"QD{office_date(row.begun_at).year}{row.serial:05d}"
