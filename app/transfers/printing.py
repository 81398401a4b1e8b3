"""The papers of transfers as PDFs: data already gathered in, print-ready bytes out. Knows no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from app.errors import Conflict, Unavailable
from app.file_ports import PdfPrinter
from app.office_time import OFFICE_TIME
from app.ports import Clock
from app.transfers import papers
from app.transfers.papers import (
    CatalogueRow,
    HandOverRow,
    LabelData,
    LabelLayout,
    LetterData,
    LetterIncomplete,
    Sender,
    SlipData,
)


class TransferPrinter:
    """Every method raises Unavailable('printing_unavailable') where nothing can be printed."""

    def __init__(self, printer: PdfPrinter | None, sender: Sender, clock: Clock) -> None:
        self._printer, self._sender, self._clock = printer, sender, clock

    def require(self) -> None:
        """Before anything is recorded as printed."""
        if self._printer is None:
            raise Unavailable("printing_unavailable")

    def slips(self, slips: Sequence[SlipData]) -> bytes:
        """One A4 a slip, in the order given."""
        return self._print("transfer_slip", papers.slips_sheet(slips, self._sender, self._now()))

    def labels(self, labels: Sequence[LabelData], layout: LabelLayout, skip: int = 0) -> bytes:
        return self._print("transfer_labels", papers.labels_sheet(labels, self._sender, layout, skip))

    def hand_over(self, rows: Sequence[HandOverRow], channel: str, carrier: str, on: date) -> bytes:
        sheet = papers.hand_over_sheet(rows, self._sender, channel, carrier, on, self._now())
        return self._print("transfer_hand_over", sheet)

    def letter(self, letter: LetterData) -> bytes:
        """Raises Conflict('letter_incomplete')."""
        try:
            sheet = papers.letter_sheet(letter, self._sender)
        except LetterIncomplete as error:
            raise Conflict("letter_incomplete", params={"missing": "、".join(error.missing)}) from None
        return self._print("transfer_letter", sheet)

    def catalogue(self, rows: Sequence[CatalogueRow], facts: Sequence[tuple[str, str]], manifest_code: str) -> bytes:
        footer = f"打印于 {self._now():%Y-%m-%d %H:%M}"
        return self._print("catalogue", papers.catalogue_sheet(rows, facts, manifest_code, self._sender, footer))

    def _now(self) -> datetime:
        return self._clock.now().astimezone(OFFICE_TIME)

    def _print(self, form: str, sheet: Mapping[str, Any]) -> bytes:
        if self._printer is None:
            raise Unavailable("printing_unavailable")
        return self._printer.print(form, sheet, self._clock.now())
