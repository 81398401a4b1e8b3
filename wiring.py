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
from app.corrections.casework import Casework
from app.corrections.clock_board import ClockBoard
from app.corrections.clock_watch import ClockWatch
from app.corrections.clocks import TicketClocks
from app.corrections.desk import CorrectionDesk
from app.corrections.desk_building import build_desk_work
from app.corrections.drafts import DraftService
from app.corrections.history import CorrectionHistory
from app.corrections.previews import EvidencePreviews
from app.corrections.service import CorrectionService
from app.corrections.undoing import UndoService
from app.db import Database
from app.dossiers import class_map
from app.dossiers.filing import FilingService
from app.dossiers.holdings import Holdings
from app.dossiers.service import DossierService
from app.envelope import BlindIndex
from app.events import EventLog
from app.governance.duties import DutyService
from app.governance.meters import MeterService
from app.governance.review_print import ReviewPrinter
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
from app.people.absences import AbsenceService
from app.people.service import PeopleService
from app.people.staff_notices import StaffNotices
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
from app.transfers.supplements import SupplementaryTransfers
from app.working_days import notices
from app.working_days.calendar import WorkingDays
from auth.accounts import AccountService
from auth.activation import ActivationService
from auth.ceremonies import Ceremonies, RelyingParty
from auth.claims import ClaimService
from auth.enrolment import EnrolmentService
from auth.factors import FacePolicy, FactorService
from auth.judging import FactorJudge, FactorProviders
from auth.links import StaffLinks
from auth.local_face import LocalFace
from auth.lockouts import Lockouts
from auth.login import LoginService
from auth.partners import PartnerService
from auth.passkeys import PasskeyService
from auth.replacements import ReplacementService
from auth.rules import Factor
from auth.sessions import SessionService
from auth.staff import StaffService
from auth.staff_factors import StaffFactors
from auth.staff_sessions import StaffSessions
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
    listed, calendar = _configured_lists(settings), _calendar(settings)
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
    clocks = TicketClocks(calendar)
    book = TicketBook(people, log, queue, clock, clocks, SupplementaryTransfers(log, queue, clock))
    desk = CorrectionDesk(db, keys, filing, book, outside.files, outside.cleaner)
    staff_notices = StaffNotices(db, clock)
    absences = AbsenceService(db, staff_notices, log, clock)
    work = build_desk_work(db, keys, book, desk, outside.cache, settings.statistics_smallest, absences)
    supplement_book = SupplementBook(log, queue, outside.files, clock)
    training = TrainingService(db, log, clock)
    sessions = SessionService(db, pepper, log, clock, training)
    lockouts = Lockouts(db, pepper, clock)
    staff_factors = StaffFactors(db, keys, sessions, lockouts, pepper, log, clock)
    ceremonies = Ceremonies(db, clock, _relying_party(settings))
    passkeys = PasskeyService(db, ceremonies, sessions, outside.limits, log, clock)
    hasher, office = _hasher(settings), f"{settings.school_name} 兰台"
    links = StaffLinks(db, keys, outside.limits, pepper, log, clock, office)
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
    letterhead = f"{settings.school_name} {settings.archive_office}"
    reviews = ReviewService(db, keys, log, clock)
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
        drafts=DraftService(db, keys, clock),
        previews=EvidencePreviews(desk.evidence_file, outside.cleaner),
        undoing=UndoService(db, book),
        desk=desk,
        ticket_queues=work.queues,
        saved_views=work.views,
        assigning=work.assigning,
        replies=work.replies,
        bulk=work.bulk,
        macros=work.macros,
        ticket_presence=work.presence,
        ticket_changes=work.changes,
        ratings=work.ratings,
        reports=work.reports,
        casework=Casework(db, keys, filing, book, outside.files, outside.cleaner),
        correction_history=CorrectionHistory(db, keys, filing, book, outside.files, outside.cleaner),
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
            letterhead,
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
            log,
            clock,
            office,
            hasher,
            staff_factors,
            work.assigning,
        ),
        staff_factors=staff_factors,
        passkeys=passkeys,
        staff_sessions=StaffSessions(db, sessions, log, clock),
        staff_notices=staff_notices,
        links=links,
        enrolment=EnrolmentService(
            db,
            keys,
            links,
            ceremonies,
            passkeys,
            staff_factors,
            sessions,
            lockouts,
            staff_notices,
            log,
            clock,
            hasher,
        ),
        replacements=ReplacementService(db, links, staff_notices, log, clock),
        absences=absences,
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
        reviews=reviews,
        review_print=ReviewPrinter(reviews, outside.printer, letterhead),
        training=training,
        calendar=calendar,
        clock_watch=ClockWatch(db, clocks, log, queue, clock),
        clock_board=ClockBoard(db, book),
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


def _calendar(settings: Settings) -> WorkingDays:
    try:
        return WorkingDays(notices.load(settings.working_days))
    except notices.NoticesInvalid as error:
        raise SettingsError([f"LANTAI_WORKING_DAYS: {fault}" for fault in error.faults]) from None


def _hasher(settings: Settings) -> PasswordHasher:
    return PasswordHasher(time_cost=settings.password_passes, memory_cost=settings.password_memory_kib, parallelism=2)


def _relying_party(settings: Settings) -> RelyingParty | None:
    origin = settings.passkey_origin
    return RelyingParty(settings.passkey_domain_used, origin, f"{settings.school_name} 兰台") if origin else None


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
