"""The desk's own services, built together: they share the book and one another."""

from __future__ import annotations

from dataclasses import dataclass

from app.corrections.assigning import AssignmentService
from app.corrections.book import TicketBook
from app.corrections.bulk import BulkDesk
from app.corrections.changes import TicketChanges
from app.corrections.desk import CorrectionDesk
from app.corrections.macros import MacroService
from app.corrections.members import Presence
from app.corrections.presence import TicketPresence
from app.corrections.queues import TicketQueues
from app.corrections.ratings import RatingService
from app.corrections.replying import ReplyDesk
from app.corrections.reports import ReportService
from app.corrections.saved_views import SavedViews
from app.db import Database
from app.keyring import Keyring
from app.ports import Cache


@dataclass(frozen=True, slots=True)
class DeskWork:
    queues: TicketQueues
    views: SavedViews
    assigning: AssignmentService
    replies: ReplyDesk
    bulk: BulkDesk
    macros: MacroService
    presence: TicketPresence
    changes: TicketChanges
    ratings: RatingService
    reports: ReportService


def build_desk_work(
    db: Database,
    keys: Keyring,
    book: TicketBook,
    desk: CorrectionDesk,
    cache: Cache,
    smallest: int,
    members: Presence,
) -> DeskWork:
    """``members`` knows who is away; ``smallest`` is the least group that is shown."""
    people, log, clock = book.people, book.log, book.clock
    assigning = AssignmentService(db, book, members)
    replies, macros = ReplyDesk(db, keys, book), MacroService(db, keys, people, log, clock)
    return DeskWork(
        TicketQueues(db, book),
        SavedViews(db, keys, people, log, clock),
        assigning,
        replies,
        BulkDesk(db, desk, assigning, replies, macros, clock),
        macros,
        TicketPresence(cache, people, clock),
        TicketChanges(db, book),
        RatingService(db, keys, book, smallest),
        ReportService(db, book),
    )
