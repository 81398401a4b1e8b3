"""The codes that slips and labels print for scanning: from a code to its transfer or dossier, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.transfers.models import Transfer
from app.transfers.showing import transfer_number

NUMBER = re.compile(r"ZD[0-9]{4}([0-9]{6,12})")


def serial_of(text: str) -> int | None:
    """Of a transfer's number as it is written; None for anything else."""
    match = NUMBER.fullmatch(text)
    return None if match is None else int(match.group(1))


def transfer_of(session: Session, text: str) -> Transfer | None:
    """By its number, typed or scanned."""
    written = text.strip().upper()
    serial = serial_of(written)
    row = None if serial is None else session.scalar(select(Transfer).where(Transfer.serial == serial))
    return row if row is not None and transfer_number(row) == written else None


class TransferLabels:
    """The labels as codes of whole dossiers. That of a supplement lies on a few papers and is none."""

    def dossier_of(self, session: Session, code: str) -> UUID | None:
        row = transfer_of(session, code)
        return None if row is None or row.supplements is not None else row.dossier_id

    def codes_of(self, session: Session, dossier_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        latest = (
            select(func.max(Transfer.serial))
            .where(Transfer.dossier_id.in_(dossier_ids), Transfer.supplements.is_(None))
            .group_by(Transfer.dossier_id)
        )
        rows = session.scalars(select(Transfer).where(Transfer.serial.in_(latest)))
        return {row.dossier_id: transfer_number(row) for row in rows}
