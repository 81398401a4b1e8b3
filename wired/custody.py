"""Custody of the paper: places, shelving, loans, and what they mean for transfers."""

from __future__ import annotations

from typing import TypedDict

from app.custody.book import CustodyBook
from app.custody.keeping import PaperCustody
from app.custody.loan_watch import LoanWatch
from app.custody.loans import LoanDesk
from app.custody.places import PlaceRegistry
from app.custody.reading import CustodyReading
from app.custody.shelving import ShelvingDesk
from app.custody.stock_reading import StockReading
from app.custody.stock_take import StockTaking
from app.transfers.labels import TransferLabels
from wired.ground import Ground


class CustodyParts(TypedDict):
    places: PlaceRegistry
    shelving: ShelvingDesk
    loans: LoanDesk
    loan_watch: LoanWatch
    stock_taking: StockTaking
    stock_reading: StockReading
    custody: CustodyReading
    paper_custody: PaperCustody


def wire_custody(ground: Ground) -> CustodyParts:
    db, keys, log, clock = ground.db, ground.keys, ground.log, ground.clock
    book = CustodyBook(TransferLabels(), log, clock)
    shelving = ShelvingDesk(db, book)
    return {
        "places": PlaceRegistry(db, log, clock),
        "shelving": shelving,
        "loan_watch": LoanWatch(db, ground.staff_notices, log, ground.queue, clock, ground.calendar),
        "stock_taking": StockTaking(db, book, shelving, log, clock),
        "stock_reading": StockReading(db, log),
        "loans": LoanDesk(db, keys, book, log, clock, ground.calendar),
        "custody": CustodyReading(db, keys, book, clock),
        "paper_custody": PaperCustody(db, book),
    }
