"""How a dossier becomes complete, is checked and leaves."""

from __future__ import annotations

from typing import TypedDict
from uuid import UUID

from app.checks.assembly import House
from app.checks.rules import ChecklistState, MissingItem
from app.checks.service import CheckService
from app.completeness import rules as completeness_rules
from app.completeness.assessor import Assessor
from app.completeness.catalogue_print import CataloguePrinter
from app.completeness.forecast import CohortForecast
from app.completeness.reminders import ReminderService
from app.completeness.service import CompletenessService, recheck_on_change
from app.imports.lone_table import table_rows
from app.transfers.batches import DispatchDesk
from app.transfers.counting import CountingService
from app.transfers.counting_desk import CaseDesk
from app.transfers.destination import DestinationService
from app.transfers.double_acts import DoubleActs
from app.transfers.footing import Footing
from app.transfers.footing_desk import FootingDesk
from app.transfers.guarding import PaperKeeping
from app.transfers.holds import HoldDesk, HoldWatch
from app.transfers.invitations import RegisteredAddressees, SlipInvitations
from app.transfers.paper_data import PaperData
from app.transfers.paper_desk import PaperDesk
from app.transfers.printing import TransferPrinter
from app.transfers.receiver_watch import ReceiverWatch
from app.transfers.sealing import SealingDesk
from app.transfers.service import TransferService
from app.transfers.steps import TransferSteps
from app.transfers.tracking import TrackingService
from app.transfers.tracking_desk import TrackingDesk
from app.transfers.tracking_expiry import TraceExpiry
from app.transfers.tracking_rules import Patience
from app.transfers.watch import TransferWatch
from app.transfers.waybills import WaybillImport
from providers.probe import ChildProber
from providers.signing import FileSigner
from wired.dossiers import DossierParts
from wired.ground import Ground


class LeavingParts(TypedDict):
    completeness: CompletenessService
    forecast: CohortForecast
    catalogue_print: CataloguePrinter
    reminders: ReminderService
    checks: CheckService
    transfers: TransferService
    destinations: DestinationService
    double_acts: DoubleActs
    waybills: WaybillImport
    sealing: SealingDesk
    dispatching: DispatchDesk
    transfer_steps: TransferSteps
    transfer_papers: PaperDesk
    transfer_watch: TransferWatch
    hold_watch: HoldWatch
    hold_desk: HoldDesk
    counting: CountingService
    transfer_cases: CaseDesk
    receiver_watch: ReceiverWatch
    transfer_footing: FootingDesk
    tracking: TrackingService
    tracking_desk: TrackingDesk
    trace_expiry: TraceExpiry


class TwoPersons(TypedDict):
    double_acts: DoubleActs
    sealing: SealingDesk


class TrackingParts(TypedDict):
    tracking: TrackingService
    tracking_desk: TrackingDesk
    trace_expiry: TraceExpiry


class ChecklistForChecks:
    """The completeness room's findings in the words of the four-property checks."""

    def __init__(self, assessor: Assessor) -> None:
        self._assessor = assessor

    def state_of(self, graduate_id: UUID) -> ChecklistState:
        found = self._assessor.assess(graduate_id)
        missing = tuple(
            MissingItem(f.item.code, f"{f.item.name}（{completeness_rules.STANDING_LABELS[f.standing]}）")
            for f in found.findings
            if f.lacking
        )
        return ChecklistState(found.checklist_version, missing, sum(f.counts for f in found.findings))


def wire_steps(ground: Ground, paper: PaperKeeping) -> TransferSteps:
    footing = Footing(ground.receivers, ground.channel_rules)
    return TransferSteps(ground.log, ground.queue, ground.clock, ground.calendar, ground.index, paper, footing)


def wire_leaving(ground: Ground, shelves: DossierParts, steps: TransferSteps) -> LeavingParts:
    db, keys, log, queue, clock = ground.db, ground.keys, ground.log, ground.queue, ground.clock
    settings, people, dossiers = ground.settings, ground.people, shelves["dossiers"]
    assessor = Assessor(db, shelves["holdings"], ground.listed)
    completeness = CompletenessService(db, assessor, log, queue, clock)
    forecast = CohortForecast(db, assessor, people, log, clock)
    log.listen(recheck_on_change(queue))
    checks = CheckService(
        db,
        keys,
        people,
        shelves["holdings"],
        dossiers.reference_photo,
        FileSigner(settings.key_dir),
        ChildProber(),
        House(settings.school_name, settings.archive_office),
        log,
        clock,
        ChecklistForChecks(assessor),
    )
    printer = ground.outside.printer
    return {
        "completeness": completeness,
        "forecast": forecast,
        "catalogue_print": CataloguePrinter(db, dossiers, people, ground.index, printer, log, clock, ground.letterhead),
        "reminders": ReminderService(db, forecast, log, queue, clock),
        "checks": checks,
        "transfers": TransferService(
            db,
            keys,
            steps,
            shelves["holdings"],
            log,
            queue,
            clock,
            ground.calendar,
            ground.contact,
            checks,
            settings.transfer_check,
        ),
        "destinations": DestinationService(db, keys, people, ground.receivers, steps, clock, ground.contact),
        "transfer_steps": steps,
        "dispatching": DispatchDesk(db, keys, steps, log, queue, clock),
        "waybills": WaybillImport(db, keys, steps, log, clock, table_rows),
        **_wire_two(ground, steps, completeness),
        "transfer_watch": TransferWatch(db, keys, steps, ground.calendar, clock),
        "hold_watch": HoldWatch(db, steps, log, queue, clock),
        "hold_desk": HoldDesk(db, steps, log, clock),
        "transfer_papers": _papers(ground, shelves),
        "counting": CountingService(db, keys, steps, ground.index, ground.outside.limits, clock),
        "transfer_cases": CaseDesk(db, keys, log, clock),
        "receiver_watch": ReceiverWatch(db, ground.receivers),
        "transfer_footing": FootingDesk(db, keys, steps.footing, ground.contact),
        **_wire_tracking(ground, steps),
    }


def _wire_two(ground: Ground, steps: TransferSteps, completeness: CompletenessService) -> TwoPersons:
    outside = ground.outside
    acts = DoubleActs(
        ground.db, ground.keys, steps, ground.log, ground.clock, outside.files, outside.cleaner, (completeness,)
    )
    return {"double_acts": acts, "sealing": SealingDesk(ground.db, ground.keys, acts)}


def _wire_tracking(ground: Ground, steps: TransferSteps) -> TrackingParts:
    db, keys, log, queue, clock = ground.db, ground.keys, ground.log, ground.queue, ground.clock
    patience = Patience(ground.settings.carrier_silent_days, ground.settings.carrier_stalled_days)
    carriers = ground.outside.carriers
    tracking = TrackingService(db, keys, ground.index, steps, carriers, ground.calendar, patience, log, queue, clock)
    return {
        "tracking": tracking,
        "tracking_desk": TrackingDesk(db, keys, tracking, log, clock),
        "trace_expiry": TraceExpiry(db, log, queue, clock),
    }


def _papers(ground: Ground, shelves: DossierParts) -> PaperDesk:
    data = PaperData(
        ground.keys,
        ground.settings.public_url,
        RegisteredAddressees(ground.receivers),
        SlipInvitations(ground.index, ground.clock),
    )
    printer = TransferPrinter(ground.outside.printer, ground.sender, ground.clock)
    return PaperDesk(ground.db, data, shelves["holdings"], printer, ground.log, ground.clock)
