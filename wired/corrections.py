"""Corrections: the graduate's side, the desk, its queues and its clocks."""

from __future__ import annotations

from typing import TypedDict

from app.corrections.assigning import AssignmentService
from app.corrections.book import TicketBook
from app.corrections.bulk import BulkDesk
from app.corrections.casework import Casework
from app.corrections.changes import TicketChanges
from app.corrections.clock_board import ClockBoard
from app.corrections.clock_watch import ClockWatch
from app.corrections.clocks import TicketClocks
from app.corrections.desk import CorrectionDesk
from app.corrections.desk_building import build_desk_work
from app.corrections.drafts import DraftService
from app.corrections.history import CorrectionHistory
from app.corrections.macros import MacroService
from app.corrections.presence import TicketPresence
from app.corrections.previews import EvidencePreviews
from app.corrections.queues import TicketQueues
from app.corrections.ratings import RatingService
from app.corrections.replying import ReplyDesk
from app.corrections.reports import ReportService
from app.corrections.saved_views import SavedViews
from app.corrections.service import CorrectionService
from app.corrections.undoing import UndoService
from app.dossiers.filing import FilingService
from app.transfers.steps import TransferSteps
from app.transfers.supplements import SupplementaryTransfers
from wired.ground import Ground


class CorrectionParts(TypedDict):
    corrections: CorrectionService
    desk: CorrectionDesk
    casework: Casework
    correction_history: CorrectionHistory
    drafts: DraftService
    previews: EvidencePreviews
    undoing: UndoService
    ticket_queues: TicketQueues
    saved_views: SavedViews
    assigning: AssignmentService
    replies: ReplyDesk
    bulk: BulkDesk
    macros: MacroService
    ticket_presence: TicketPresence
    ticket_changes: TicketChanges
    ratings: RatingService
    reports: ReportService
    clock_watch: ClockWatch
    clock_board: ClockBoard


def wire_corrections(ground: Ground, filing: FilingService, steps: TransferSteps) -> CorrectionParts:
    db, keys, log, queue, clock = ground.db, ground.keys, ground.log, ground.queue, ground.clock
    files, cleaner = ground.outside.files, ground.outside.cleaner
    clocks = TicketClocks(ground.calendar)
    book = TicketBook(ground.people, log, queue, clock, clocks, SupplementaryTransfers(steps, clock))
    desk = CorrectionDesk(db, keys, filing, book, files, cleaner)
    smallest = ground.settings.statistics_smallest
    work = build_desk_work(db, keys, book, desk, ground.outside.cache, smallest, ground.absences)
    return {
        "corrections": CorrectionService(db, keys, filing, book, files, cleaner),
        "desk": desk,
        "casework": Casework(db, keys, filing, book, files, cleaner),
        "correction_history": CorrectionHistory(db, keys, filing, book, files, cleaner),
        "drafts": DraftService(db, keys, clock),
        "previews": EvidencePreviews(desk.evidence_file, cleaner),
        "undoing": UndoService(db, book),
        "ticket_queues": work.queues,
        "saved_views": work.views,
        "assigning": work.assigning,
        "replies": work.replies,
        "bulk": work.bulk,
        "macros": work.macros,
        "ticket_presence": work.presence,
        "ticket_changes": work.changes,
        "ratings": work.ratings,
        "reports": work.reports,
        "clock_watch": ClockWatch(db, clocks, log, queue, clock),
        "clock_board": ClockBoard(db, book),
    }
