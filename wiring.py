"""Builds the shared parts once from Settings; the only file that knows everybody."""

from __future__ import annotations

import secrets
import time
from uuid import UUID

import procrastinate
from argon2 import PasswordHasher
from procrastinate import PsycopgConnector

from app.checks.assembly import House
from app.checks.rules import ChecklistState, MissingItem
from app.checks.service import CheckService
from app.completeness import checklist
from app.completeness import rules as completeness_rules
from app.completeness.assessor import Assessor
from app.completeness.catalogue_print import CataloguePrinter
from app.completeness.cohorts import CompleteCohorts
from app.completeness.forecast import CohortForecast
from app.completeness.reminders import ReminderService
from app.completeness.rules import Checklist
from app.completeness.service import CompletenessService, recheck_on_change
from app.corrections.book import TicketBook
from app.corrections.desk import CorrectionDesk
from app.corrections.service import CorrectionService
from app.db import Database
from app.dossiers import class_map
from app.dossiers.filing import FilingService
from app.dossiers.holdings import Holdings
from app.dossiers.service import DossierService
from app.envelope import BlindIndex
from app.events import EventLog
from app.governance.duties import DutyService
from app.governance.meters import MeterService
from app.governance.reviews import ReviewService
from app.governance.rulebook import RuleBook
from app.governance.training import TrainingService
from app.idempotency import Idempotency
from app.imports.building import build_importer
from app.job_worker import register
from app.jobs import (
    Announce,
    CheckDossier,
    DeliverNotice,
    FixitySlice,
    HandlePush,
    ImportWork,
    ProcrastinateQueue,
    RecheckDossier,
    SweepCompleteness,
)
from app.keyring import Keyring
from app.materials.book import SupplementBook
from app.materials.desk import SupplementDesk
from app.materials.fixity import FixityService
from app.materials.fixity_board import FixityBoard
from app.materials.scans import ScanService
from app.materials.service import SupplementService
from app.people.service import PeopleService
from app.ports import Outside, Platform
from app.retrieval.index import SearchIndex
from app.retrieval.kept import KeptSearches
from app.retrieval.keys import IndexKeys
from app.retrieval.own import OwnDossier
from app.retrieval.purposes import PurposeRegister
from app.retrieval.search import SearchService
from app.retrieval.upkeep import IndexUpkeep
from app.settings import Settings, SettingsError
from app.statistics.feed import AwardCensus, StatisticsFeed
from app.statistics.service import StatisticsService
from app.transfers.service import TransferService
from auth.accounts import AccountService
from auth.activation import ActivationService
from auth.claims import ClaimService
from auth.factors import FacePolicy, FactorService
from auth.judging import FactorJudge, FactorProviders
from auth.local_face import LocalFace
from auth.lockouts import Lockouts
from auth.login import LoginService
from auth.partners import PartnerService
from auth.rules import Factor
from auth.sessions import SessionService
from auth.staff import StaffService
from auth.totp import GraduateTotpService
from auth.verifications import VerificationService
from notifications.catalogue import Template
from notifications.delivery import Channels, NoticeDelivery
from notifications.inbox import InboxService, SubscriptionService
from notifications.pushes import PushService
from parts import Lantai
from providers.embedded.records import ServiceUrls, read_services
from providers.faces.challenge import issue_challenge
from providers.outside import build_outside
from providers.probe import ChildProber
from providers.signing import FileSigner

WAIT_FOR_SERVICES_S = 30.0


def service_urls(settings: Settings) -> ServiceUrls:
    """The configured servers, or the embedded ones once their process has published them."""
    database, redis_url = settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
    owner = settings.database_owner_url.get_secret_value() or database
    if database and redis_url:
        return ServiceUrls(database, owner, redis_url)
    deadline = time.monotonic() + WAIT_FOR_SERVICES_S
    found = read_services(settings.data_dir)
    while found is None and time.monotonic() < deadline:
        time.sleep(0.2)
        found = read_services(settings.data_dir)
    if found is None:
        raise SettingsError(
            [
                "neither DATABASE_URL and REDIS_URL are set nor are the embedded servers running under"
                f" {settings.data_dir}: start them with 'make demo' or 'python -m providers.embedded'"
            ]
        )
    return ServiceUrls(database or found.database_url, owner or found.database_owner_url, redis_url or found.redis_url)


def libpq_url(url: str) -> str:
    """SQLAlchemy's URL as libpq wants it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def template_ids(settings: Settings) -> dict[str, dict[Template, str]]:
    return {
        platform: {t: str(getattr(settings, f"{platform}_template_{t.value}")) for t in Template}
        for platform in ("wechat", "alipay")
    }


def build_queue_app(urls: ServiceUrls) -> procrastinate.App:
    return procrastinate.App(connector=PsycopgConnector(conninfo=libpq_url(urls.database_url), min_size=1, max_size=4))


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


def build(settings: Settings, urls: ServiceUrls, outside: Outside | None = None) -> Lantai:
    """Wire everything. ``outside`` replaces the real providers in tests."""
    listed = _configured_lists(settings)
    outside = outside or build_outside(settings, urls.redis_url)
    clock, wrapper = outside.clock, outside.keys
    pepper = wrapper.secret("session-pepper")
    db = Database(urls.database_url, pool_size=settings.database_pool)
    log = EventLog(clock)
    keys = Keyring(db, wrapper, clock, settings.seal_suite)
    queue = ProcrastinateQueue(build_queue_app(urls))
    index = BlindIndex(wrapper.secret("blind-index"))
    people = PeopleService(db, keys, index, log, clock)
    statistics_feed = StatisticsFeed()
    purposes = PurposeRegister(db, keys, log, clock)
    dossiers = DossierService(db, keys, outside.files, log, clock, purposes)
    index_keys = IndexKeys(wrapper.secret("search-index"))
    search_index = SearchIndex(index_keys)
    filing = FilingService(db, keys, index, people, outside.files, log, clock, (search_index, statistics_feed))
    holdings = Holdings(db, keys, outside.files)
    assessor = Assessor(db, holdings, listed)
    completeness = CompletenessService(db, assessor, log, queue, clock)
    forecast = CohortForecast(db, assessor, people, log, clock)
    log.listen(recheck_on_change(queue))
    checks = CheckService(
        db,
        keys,
        people,
        holdings,
        dossiers.reference_photo,
        FileSigner(settings.key_dir),
        ChildProber(),
        House(settings.school_name, settings.archive_office),
        log,
        clock,
        ChecklistForChecks(assessor),
    )
    book = TicketBook(people, log, queue, clock)
    supplement_book = SupplementBook(log, queue, outside.files, clock)
    training = TrainingService(db, log, clock)
    sessions = SessionService(db, pepper, log, clock, training)
    lockouts = Lockouts(db, pepper, clock)
    activation = ActivationService(db, pepper, log, clock)
    claims = ClaimService(db, keys, people, outside.limits, log, clock)
    factors = FactorService(db, _face_policy(settings), outside.cache, log, clock)
    totp = GraduateTotpService(db, keys, people, queue, log, clock, settings.school_name)
    local_face = LocalFace(
        db,
        outside.frames,
        lambda: issue_challenge(secrets.SystemRandom()),
        queue,
        log,
        clock,
        max_frames=settings.clip_max_frames,
        max_frame_bytes=settings.frame_max_bytes,
    )
    providers = FactorProviders(
        {Factor(name): c for name, c in outside.certifiers.items()}, outside.phones, outside.fingerprint
    )
    office = f"{settings.school_name} 兰台"
    subscriptions = SubscriptionService(db, template_ids(settings), clock)
    channels = Channels(outside.senders, template_ids(settings), outside.alerts, settings.school_name)
    return Lantai(
        settings=settings,
        outside=outside,
        clock=clock,
        pepper=pepper,
        db=db,
        log=log,
        keys=keys,
        queue=queue,
        people=people,
        dossiers=dossiers,
        filing=filing,
        holdings=holdings,
        purposes=purposes,
        search=SearchService(db, keys, people, index_keys, log),
        searches=KeptSearches(db, keys, log, clock),
        own=OwnDossier(dossiers),
        upkeep=IndexUpkeep(db, keys, search_index, clock),
        scans=ScanService(db, keys, filing.materials, outside.cleaner, clock),
        supplements=SupplementService(db, keys, people, supplement_book, outside.cleaner),
        supplement_desk=SupplementDesk(db, keys, people, filing.materials, supplement_book),
        fixity=FixityService(db, keys, outside.files, outside.replica, log, queue, clock),
        fixity_board=FixityBoard(db, has_replica=outside.replica is not None),
        corrections=CorrectionService(db, keys, filing, book, outside.files, outside.cleaner),
        desk=CorrectionDesk(db, keys, filing, book, outside.files),
        checks=checks,
        transfers=TransferService(db, keys, log, queue, clock, (completeness,), checks, settings.transfer_check),
        completeness=completeness,
        forecast=forecast,
        catalogue_print=CataloguePrinter(
            db,
            dossiers,
            people,
            index,
            outside.printer,
            log,
            clock,
            f"{settings.school_name} {settings.archive_office}",
        ),
        reminders=ReminderService(db, forecast, log, queue, clock),
        sessions=sessions,
        logins=LoginService(db, people, sessions, outside.logins, outside.limits, pepper, log, clock),
        claims=claims,
        factors=factors,
        verifications=VerificationService(
            db,
            keys,
            people,
            sessions,
            claims,
            factors,
            lockouts,
            FactorJudge(db, people, activation, totp, providers, clock),
            local_face,
            outside.limits,
            queue,
            log,
            clock,
        ),
        lockouts=lockouts,
        activation=activation,
        totp=totp,
        accounts=AccountService(db, people, sessions, activation, queue, log, clock),
        staff=StaffService(
            db,
            keys,
            sessions,
            lockouts,
            outside.limits,
            pepper,
            log,
            clock,
            office,
            _hasher(settings),
        ),
        partners=PartnerService(db, outside.limits, pepper, log, clock),
        inbox=InboxService(db, clock),
        subscriptions=subscriptions,
        delivery=NoticeDelivery(db, people, subscriptions, channels, queue, clock),
        pushes=PushService(db, people, subscriptions, queue, clock),
        idempotency=Idempotency(db, keys, clock),
        importer=build_importer(
            db, keys, index, people, outside.files, outside.cleaner, queue, log, clock, (search_index, statistics_feed)
        ),
        statistics=StatisticsService(db, log, clock, settings.statistics_smallest),
        statistics_feed=statistics_feed,
        award_census=AwardCensus(db, Holdings(db, keys, outside.files)),
        rulebook=RuleBook(db, log, clock),
        reviews=ReviewService(db, keys, log, clock),
        training=training,
        duties=DutyService(db, log, clock),
        meters=MeterService(db, log, clock, CompleteCohorts()),
    )


def _configured_lists(settings: Settings) -> Checklist:
    """The class map goes into force for the process; the checklist is handed on."""
    try:
        kinds = class_map.use(settings.class_map)
        return checklist.load(settings.checklist, kinds)
    except class_map.ClassMapInvalid as error:
        raise SettingsError([f"LANTAI_CLASS_MAP: {fault}" for fault in error.faults]) from None
    except checklist.ChecklistInvalid as error:
        raise SettingsError([f"LANTAI_CHECKLIST: {fault}" for fault in error.faults]) from None


def _hasher(settings: Settings) -> PasswordHasher:
    return PasswordHasher(time_cost=settings.password_passes, memory_cost=settings.password_memory_kib, parallelism=2)


def _face_policy(settings: Settings) -> FacePolicy:
    return FacePolicy(
        settings.face_enabled,
        {
            Platform.WECHAT: settings.wechat_verifiers,
            Platform.ALIPAY: settings.alipay_verifiers,
            Platform.CAMPUS_TERMINAL: settings.terminal_verifiers,
        },
    )


def register_work(queue: procrastinate.App, parts: Lantai) -> None:
    """The ordinary worker's jobs; the face worker registers its own."""
    register(queue, Announce, parts.delivery.announce)
    register(queue, DeliverNotice, parts.delivery.deliver)
    register(queue, HandlePush, parts.pushes.handle)
    register(queue, CheckDossier, parts.checks.run_due)
    register(queue, FixitySlice, parts.fixity.work)
    register(queue, RecheckDossier, parts.completeness.recheck)
    register(queue, SweepCompleteness, parts.completeness.sweep)
    register(queue, ImportWork, parts.importer.work)
