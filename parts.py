"""The wired application as a type: what a door, a worker or a command may use. wiring.py builds it."""

from __future__ import annotations

from dataclasses import dataclass

from app.checks.service import CheckService
from app.completeness.catalogue_print import CataloguePrinter
from app.completeness.forecast import CohortForecast
from app.completeness.reminders import ReminderService
from app.completeness.service import CompletenessService
from app.corrections.desk import CorrectionDesk
from app.corrections.service import CorrectionService
from app.db import Database
from app.dossiers.filing import FilingService
from app.dossiers.holdings import Holdings
from app.dossiers.service import DossierService
from app.events import EventLog
from app.governance.duties import DutyService
from app.governance.meters import MeterService
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
from app.people.service import PeopleService
from app.ports import Clock, Outside
from app.retrieval.kept import KeptSearches
from app.retrieval.own import OwnDossier
from app.retrieval.purposes import PurposeRegister
from app.retrieval.search import SearchService
from app.retrieval.upkeep import IndexUpkeep
from app.settings import Settings
from app.statistics.feed import AwardCensus, StatisticsFeed
from app.statistics.service import StatisticsService
from app.transfers.service import TransferService
from auth.accounts import AccountService
from auth.activation import ActivationService
from auth.claims import ClaimService
from auth.factors import FactorService
from auth.lockouts import Lockouts
from auth.login import LoginService
from auth.partners import PartnerService
from auth.sessions import SessionService
from auth.staff import StaffService
from auth.totp import GraduateTotpService
from auth.verifications import VerificationService
from notifications.delivery import NoticeDelivery
from notifications.inbox import InboxService, SubscriptionService
from notifications.pushes import PushService


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
    checks: CheckService
    transfers: TransferService
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
    partners: PartnerService
    inbox: InboxService
    subscriptions: SubscriptionService
    delivery: NoticeDelivery
    pushes: PushService
    idempotency: Idempotency
    importer: ImportService
    statistics: StatisticsService
    statistics_feed: StatisticsFeed
    award_census: AwardCensus
    rulebook: RuleBook
    reviews: ReviewService
    training: TrainingService
    duties: DutyService
    meters: MeterService

    def close(self) -> None:
        self.db.dispose()
