"""A printed slip in the receiver's hands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.transfers.counting import Count
from app.transfers.counting_models import Slip
from app.transfers.showing import TransferView
from parts import Lantai
from tests.moving import Pair
from tests.pdf_reading import pages_of

_CODE = re.compile(r"(?<![A-Z0-9-])[A-Z2-9]{4}(?:-[A-Z2-9]{4}){3}(?![A-Z0-9-])")
ADDRESS = "203.0.113.7"


@dataclass(frozen=True, slots=True)
class Printed:
    id: UUID
    code: str


def code_in(text: str) -> str:
    """The counting code printed on a slip; the catalogue's code has one group more."""
    found = _CODE.search(text)
    assert found is not None
    return found.group()


def latest_slip(lantai: Lantai, transfer_id: UUID) -> Slip:
    with lantai.db.transaction() as session:
        found = session.scalars(
            select(Slip).where(Slip.transfer_id == transfer_id).order_by(Slip.number.desc()).limit(1)
        ).one()
        session.expunge(found)
        return found


def slip_of(lantai: Lantai, view: TransferView, sheet: bytes) -> Printed:
    """What the sheet just printed for this transfer carries."""
    [text] = pages_of(sheet)
    return Printed(latest_slip(lantai, view.id).id, code_in(text))


def printed_slip(lantai: Lantai, pair: Pair, view: TransferView) -> Printed:
    return slip_of(lantai, view, lantai.transfer_papers.slips(pair.first, [view.id]))


def as_listed(receipt: str = "RS-2026-17") -> Count:
    return Count(receipt, "王清点", True, {})


def counted(**numbers: str) -> Count:
    """Names as ``items_4_1`` for the class 4-1."""
    return Count("RS-2026-17", "王清点", False, numbers)
