"""The wired application as a type: what a door, a worker or a command may use. wiring.py builds it."""

from __future__ import annotations

from dataclasses import dataclass

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
from app.corrections.clock_watch import ClockWatch
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
from app.corrections.service import CorrectionService
from app.corrections.undoing import UndoService
from app.custody.keeping import PaperCustody
from app.custody.loan_watch import LoanWatch
from app.custody.loans import LoanDesk
from app.custody.places import PlaceRegistry
from app.custody.reading import CustodyReading
from app.custody.shelving import ShelvingDesk
from app.custody.stock_reading import StockReading
from app.custody.stock_take import StockTaking
from app.db import Database
from app.dossiers.filing import FilingService
from app.dossiers.holdings import Holdings
from app.dossiers.service import DossierService
from app.events import EventLog
from app.governance.duties import DutyService
from app.governance.meters import MeterService
from app.governance.review_print import ReviewPrinter
from app.governance.reviews import ReviewService
from app.governance.rulebook import RuleBook
from app.governance.training import TrainingService
from app.idempotency import Idempotency
from app.imports.service import ImportService
from app.jobs import JobQueue
from app.keyring import Keyring
from app.materials.desk import SupplementDesk
from app.materials.fixity import FixityService
from app.materials.fixity_board import FixityBoard
from app.materials.scans import ScanService
from app.materials.service import SupplementService
from app.operations.alarms import QueueAlarms
from app.operations.figures import OperationsFigures
from app.operations.sweeps import SweepBook
from app.people.absences import AbsenceService
from app.people.service import PeopleService
from app.people.staff_notices import StaffNotices
from app.ports import Clock, Outside
from app.receivers.importing import ReceiverImport
from app.receivers.service import ReceiverRegistry
from app.retrieval.kept import KeptSearches
from app.retrieval.own import OwnDossier
from app.retrieval.purposes import PurposeRegister
from app.retrieval.search import SearchService
from app.retrieval.upkeep import IndexUpkeep
from app.settings import Settings
from app.statistics.feed import AwardCensus, StatisticsFeed
from app.statistics.service import StatisticsService
from app.transfers.batches import DispatchDesk
from app.transfers.channel_rules import ChannelSet
from app.transfers.counting import CountingService
from app.transfers.counting_desk import CaseDesk
from app.transfers.destination import DestinationService
from app.transfers.double_acts import DoubleActs
from app.transfers.electronic import ElectronicDesk
from app.transfers.electronic_packing import ElectronicPacker
from app.transfers.electronic_push import ElectronicPush
from app.transfers.electronic_receiving import ReceiverDoor
from app.transfers.electronic_watch import ElectronicWatch
from app.transfers.footing_desk import FootingDesk
from app.transfers.holds import HoldDesk, HoldWatch
from app.transfers.left_work import LeftWork
from app.transfers.paper_desk import PaperDesk
from app.transfers.receiver_watch import ReceiverWatch
from app.transfers.sealing import SealingDesk
from app.transfers.service import TransferService
from app.transfers.steps import TransferSteps
from app.transfers.tracking import TrackingService
from app.transfers.tracking_desk import TrackingDesk
from app.transfers.tracking_expiry import TraceExpiry
from app.transfers.watch import TransferWatch
from app.transfers.waybills import WaybillImport
from app.working_days.calendar import WorkingDays
from auth.accounts import AccountService
from auth.activation import ActivationService
from auth.claims import ClaimService
from auth.enrolment import EnrolmentService
from auth.factors import FactorService
from auth.links import StaffLinks
from auth.lockouts import Lockouts
from auth.login import LoginService
from auth.machine_keys import MachineKeys
from auth.partners import PartnerService
from auth.passkeys import PasskeyService
from auth.replacements import ReplacementService
from auth.sessions import SessionService
from auth.staff import StaffService
from auth.staff_factors import StaffFactors
from auth.staff_sessions import StaffSessions
from auth.totp import GraduateTotpService
from auth.verifications import VerificationService
from notifications.announcing import Announcer
from notifications.campaigns.desk import CampaignDesk
from notifications.campaigns.reading import CampaignReading
from notifications.campaigns.sending import CampaignSending
from notifications.chat.answering import ChatAnswering, ChatDelivery
from notifications.chat.desk import ChatDesk
from notifications.chat.service import ChatService
from notifications.check_codes import MessageChecks
from notifications.contact_delivery import ContactDelivery
from notifications.contacts import ContactService
from notifications.delivery import NoticeDelivery
from notifications.feed import EventFeed
from notifications.figures import TellingFigures
from notifications.history import NoticeHistory
from notifications.inbox import InboxService, SubscriptionService
from notifications.partner_figures import PartnerFigures
from notifications.partner_refusals import PartnerRefusals
from notifications.partner_sending import PartnerSending
from notifications.preferences import PreferenceService
from notifications.pushes import PushService
from notifications.replays.desk import ReplayDesk
from notifications.replays.sending import ReplaySending
from notifications.staff_lines import StaffLines
from notifications.staff_mailbox import StaffMailboxes
from notifications.template_watch import TemplateWatch
from notifications.trials import NoticeTrials
from notifications.undelivered import UndeliveredDesk
from notifications.webhook_delivery import WebhookDelivery
from notifications.webhook_log import WebhookLog
from notifications.webhooks import WebhookService


@dataclass(frozen=True, slots=True)
class Lantai:
    """Everything a door, a worker or a command may need."""

    settings: Settings
    outside: Outside
    clock: Clock
    pepper: bytes
    db: Database
    log: EventLog
    keys: Keyring
    queue: JobQueue
    people: PeopleService
    dossiers: DossierService
    filing: FilingService
    holdings: Holdings
    purposes: PurposeRegister
    search: SearchService
    searches: KeptSearches
    own: OwnDossier
    upkeep: IndexUpkeep
    scans: ScanService
    supplements: SupplementService
    supplement_desk: SupplementDesk
    fixity: FixityService
    fixity_board: FixityBoard
    corrections: CorrectionService
    desk: CorrectionDesk
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
    casework: Casework
    correction_history: CorrectionHistory
    checks: CheckService
    transfers: TransferService
    destinations: DestinationService
    transfer_papers: PaperDesk
    double_acts: DoubleActs
    sealing: SealingDesk
    dispatching: DispatchDesk
    waybills: WaybillImport
    places: PlaceRegistry
    shelving: ShelvingDesk
    loans: LoanDesk
    loan_watch: LoanWatch
    stock_taking: StockTaking
    stock_reading: StockReading
    custody: CustodyReading
    paper_custody: PaperCustody
    transfer_steps: TransferSteps
    transfer_watch: TransferWatch
    hold_watch: HoldWatch
    hold_desk: HoldDesk
    counting: CountingService
    transfer_cases: CaseDesk
    receiver_watch: ReceiverWatch
    transfer_footing: FootingDesk
    receivers: ReceiverRegistry
    receiver_import: ReceiverImport
    channel_rules: ChannelSet
    tracking: TrackingService
    tracking_desk: TrackingDesk
    trace_expiry: TraceExpiry
    electronic: ElectronicDesk
    receiver_door: ReceiverDoor
    packer: ElectronicPacker
    electronic_push: ElectronicPush
    electronic_watch: ElectronicWatch
    left_work: LeftWork
    completeness: CompletenessService
    forecast: CohortForecast
    catalogue_print: CataloguePrinter
    reminders: ReminderService
    sessions: SessionService
    logins: LoginService
    claims: ClaimService
    factors: FactorService
    verifications: VerificationService
    lockouts: Lockouts
    activation: ActivationService
    totp: GraduateTotpService
    accounts: AccountService
    staff: StaffService
    staff_factors: StaffFactors
    passkeys: PasskeyService
    staff_sessions: StaffSessions
    staff_notices: StaffNotices
    links: StaffLinks
    enrolment: EnrolmentService
    replacements: ReplacementService
    absences: AbsenceService
    partners: PartnerService
    machine_keys: MachineKeys
    inbox: InboxService
    message_checks: MessageChecks
    template_watch: TemplateWatch
    notice_trials: NoticeTrials
    staff_mailboxes: StaffMailboxes
    subscriptions: SubscriptionService
    preferences: PreferenceService
    contacts: ContactService
    staff_lines: StaffLines
    announcing: Announcer
    delivery: NoticeDelivery
    contact_delivery: ContactDelivery
    notice_history: NoticeHistory
    pushes: PushService
    chat: ChatService
    chat_desk: ChatDesk
    chat_answering: ChatAnswering
    chat_delivery: ChatDelivery
    campaigns: CampaignDesk
    campaign_reading: CampaignReading
    campaign_sending: CampaignSending
    event_feed: EventFeed
    webhooks: WebhookService
    webhook_delivery: WebhookDelivery
    webhook_log: WebhookLog
    partner_sending: PartnerSending
    partner_figures: PartnerFigures
    partner_refusals: PartnerRefusals
    undelivered: UndeliveredDesk
    replays: ReplayDesk
    replay_sending: ReplaySending
    idempotency: Idempotency
    importer: ImportService
    statistics: StatisticsService
    statistics_feed: StatisticsFeed
    award_census: AwardCensus
    rulebook: RuleBook
    reviews: ReviewService
    review_print: ReviewPrinter
    training: TrainingService
    calendar: WorkingDays
    clock_watch: ClockWatch
    clock_board: ClockBoard
    duties: DutyService
    meters: MeterService
    figures: OperationsFigures
    telling_figures: TellingFigures
    queue_alarms: QueueAlarms
    sweep_book: SweepBook

    def close(self) -> None:
        self.db.dispose()
