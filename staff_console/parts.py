"""What the console needs of the wired application, and who is signed in."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, cast

from flask import current_app, g

from app.checks.service import CheckService
from app.completeness.catalogue_print import CataloguePrinter
from app.completeness.forecast import CohortForecast
from app.completeness.reminders import ReminderService
from app.completeness.service import CompletenessService
from app.corrections.assigning import AssignmentService
from app.corrections.bulk import BulkDesk
from app.corrections.casework import Casework
from app.corrections.changes import TicketChanges
from app.corrections.clock_board import ClockBoard
from app.corrections.desk import CorrectionDesk
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
from app.corrections.undoing import UndoService
from app.custody.loans import LoanDesk
from app.custody.places import PlaceRegistry
from app.custody.reading import CustodyReading
from app.custody.shelving import ShelvingDesk
from app.custody.stock_reading import StockReading
from app.custody.stock_take import StockTaking
from app.db import Database
from app.dossiers.service import DossierService
from app.governance.duties import DutyService
from app.governance.meters import MeterService
from app.governance.review_print import ReviewPrinter
from app.governance.reviews import ReviewService
from app.governance.rulebook import RuleBook
from app.governance.training import TrainingService
from app.imports.service import ImportService
from app.materials.desk import SupplementDesk
from app.materials.fixity import FixityService
from app.materials.fixity_board import FixityBoard
from app.materials.scans import ScanService
from app.people.absences import AbsenceService
from app.people.service import PeopleService
from app.people.staff_notices import StaffNotices
from app.ports import Clock
from app.receivers.importing import ReceiverImport
from app.receivers.service import ReceiverRegistry
from app.retrieval.kept import KeptSearches
from app.retrieval.purposes import PurposeRegister
from app.retrieval.search import SearchService
from app.settings import Settings
from app.statistics.service import StatisticsService
from app.transfers.batches import DispatchDesk
from app.transfers.channel_rules import ChannelSet
from app.transfers.counting_desk import CaseDesk
from app.transfers.destination import DestinationService
from app.transfers.double_acts import DoubleActs
from app.transfers.electronic import ElectronicDesk
from app.transfers.footing_desk import FootingDesk
from app.transfers.holds import HoldDesk
from app.transfers.paper_desk import PaperDesk
from app.transfers.receiver_watch import ReceiverWatch
from app.transfers.sealing import SealingDesk
from app.transfers.service import TransferService
from app.transfers.tracking_desk import TrackingDesk
from app.transfers.waybills import WaybillImport
from auth.accounts import AccountService
from auth.activation import ActivationService
from auth.enrolment import EnrolmentService
from auth.guards import current_actor
from auth.links import StaffLinks
from auth.machine_keys import MachineKeys
from auth.partners import PartnerService
from auth.passkeys import PasskeyService
from auth.replacements import ReplacementService
from auth.sessions import SessionService
from auth.staff import StaffService, StaffView
from auth.staff_factors import StaffFactors
from auth.staff_sessions import StaffSessions
from notifications.campaigns.desk import CampaignDesk
from notifications.campaigns.reading import CampaignReading
from notifications.campaigns.sending import CampaignSending
from notifications.chat.desk import ChatDesk
from notifications.history import NoticeHistory
from notifications.partner_figures import PartnerFigures
from notifications.staff_mailbox import StaffMailboxes
from notifications.trials import NoticeTrials
from notifications.undelivered import UndeliveredDesk
from notifications.webhook_log import WebhookLog
from notifications.webhooks import WebhookService


class ConsoleParts(Protocol):
    """The shape of the wired application as seen from this door."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def people(self) -> PeopleService: ...
    @property
    def dossiers(self) -> DossierService: ...
    @property
    def purposes(self) -> PurposeRegister: ...
    @property
    def scans(self) -> ScanService: ...
    @property
    def chat_desk(self) -> ChatDesk: ...
    @property
    def notice_history(self) -> NoticeHistory: ...
    @property
    def supplement_desk(self) -> SupplementDesk: ...
    @property
    def fixity(self) -> FixityService: ...
    @property
    def fixity_board(self) -> FixityBoard: ...
    @property
    def search(self) -> SearchService: ...
    @property
    def searches(self) -> KeptSearches: ...
    @property
    def desk(self) -> CorrectionDesk: ...
    @property
    def clock_board(self) -> ClockBoard: ...
    @property
    def drafts(self) -> DraftService: ...
    @property
    def previews(self) -> EvidencePreviews: ...
    @property
    def undoing(self) -> UndoService: ...
    @property
    def ticket_queues(self) -> TicketQueues: ...
    @property
    def saved_views(self) -> SavedViews: ...
    @property
    def assigning(self) -> AssignmentService: ...
    @property
    def replies(self) -> ReplyDesk: ...
    @property
    def bulk(self) -> BulkDesk: ...
    @property
    def macros(self) -> MacroService: ...
    @property
    def ticket_presence(self) -> TicketPresence: ...
    @property
    def ticket_changes(self) -> TicketChanges: ...
    @property
    def ratings(self) -> RatingService: ...
    @property
    def reports(self) -> ReportService: ...
    @property
    def casework(self) -> Casework: ...
    @property
    def correction_history(self) -> CorrectionHistory: ...
    @property
    def checks(self) -> CheckService: ...
    @property
    def transfers(self) -> TransferService: ...
    @property
    def dispatching(self) -> DispatchDesk: ...
    @property
    def waybills(self) -> WaybillImport: ...
    @property
    def places(self) -> PlaceRegistry: ...
    @property
    def shelving(self) -> ShelvingDesk: ...
    @property
    def loans(self) -> LoanDesk: ...
    @property
    def stock_taking(self) -> StockTaking: ...
    @property
    def stock_reading(self) -> StockReading: ...
    @property
    def hold_desk(self) -> HoldDesk: ...
    @property
    def custody(self) -> CustodyReading: ...
    @property
    def destinations(self) -> DestinationService: ...
    @property
    def double_acts(self) -> DoubleActs: ...
    @property
    def sealing(self) -> SealingDesk: ...
    @property
    def receivers(self) -> ReceiverRegistry: ...
    @property
    def receiver_import(self) -> ReceiverImport: ...
    @property
    def channel_rules(self) -> ChannelSet: ...
    @property
    def tracking_desk(self) -> TrackingDesk: ...
    @property
    def transfer_cases(self) -> CaseDesk: ...
    @property
    def receiver_watch(self) -> ReceiverWatch: ...
    @property
    def transfer_footing(self) -> FootingDesk: ...
    @property
    def transfer_papers(self) -> PaperDesk: ...
    @property
    def electronic(self) -> ElectronicDesk: ...
    @property
    def completeness(self) -> CompletenessService: ...
    @property
    def forecast(self) -> CohortForecast: ...
    @property
    def reminders(self) -> ReminderService: ...
    @property
    def catalogue_print(self) -> CataloguePrinter: ...
    @property
    def importer(self) -> ImportService: ...
    @property
    def statistics(self) -> StatisticsService: ...
    @property
    def rulebook(self) -> RuleBook: ...
    @property
    def reviews(self) -> ReviewService: ...
    @property
    def review_print(self) -> ReviewPrinter: ...
    @property
    def training(self) -> TrainingService: ...
    @property
    def duties(self) -> DutyService: ...
    @property
    def meters(self) -> MeterService: ...
    @property
    def sessions(self) -> SessionService: ...
    @property
    def activation(self) -> ActivationService: ...
    @property
    def accounts(self) -> AccountService: ...
    @property
    def partners(self) -> PartnerService: ...
    @property
    def partner_figures(self) -> PartnerFigures: ...
    @property
    def staff_mailboxes(self) -> StaffMailboxes: ...
    @property
    def notice_trials(self) -> NoticeTrials: ...
    @property
    def machine_keys(self) -> MachineKeys: ...
    @property
    def campaigns(self) -> CampaignDesk: ...
    @property
    def campaign_reading(self) -> CampaignReading: ...
    @property
    def campaign_sending(self) -> CampaignSending: ...
    @property
    def webhooks(self) -> WebhookService: ...
    @property
    def webhook_log(self) -> WebhookLog: ...
    @property
    def undelivered(self) -> UndeliveredDesk: ...
    @property
    def staff(self) -> StaffService: ...
    @property
    def staff_factors(self) -> StaffFactors: ...
    @property
    def passkeys(self) -> PasskeyService: ...
    @property
    def staff_sessions(self) -> StaffSessions: ...
    @property
    def staff_notices(self) -> StaffNotices: ...
    @property
    def links(self) -> StaffLinks: ...
    @property
    def enrolment(self) -> EnrolmentService: ...
    @property
    def replacements(self) -> ReplacementService: ...
    @property
    def absences(self) -> AbsenceService: ...

    @property
    def db(self) -> Database: ...


def parts() -> ConsoleParts:
    return cast(ConsoleParts, current_app.extensions["lantai"])


def me() -> StaffView | None:
    """The signed-in member of staff; None outside a guarded view."""
    if "lantai_session" not in g:
        return None
    if "console_me" not in g:
        # what the account's roles are today: one that waits for a certificate opens nothing and is not offered
        g.console_me = replace(parts().staff.view(current_actor().id), roles=current_actor().roles)
    return cast(StaffView, g.console_me)
