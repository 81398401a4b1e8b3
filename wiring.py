"""Builds the shared parts once from Settings: each group of rooms stands in wired/, this file plugs them together."""

from __future__ import annotations

import time

import procrastinate
from procrastinate import PsycopgConnector

from app.job_worker import register
from app.jobs import (
    Announce,
    AnswerChat,
    CheckDossier,
    DeliverByContact,
    DeliverChat,
    DeliverNotice,
    DeliverWebhooks,
    DispatchWork,
    FixitySlice,
    HandlePush,
    ImportWork,
    PackElectronic,
    ProcrastinateQueue,
    PushElectronic,
    RecheckDossier,
    SendPartnerNotice,
    SweepCompleteness,
    TrackCarriers,
)
from app.ports import Outside
from app.settings import Settings, SettingsError
from notifications.chat.facts import OwnFacts
from parts import Lantai
from providers.embedded.records import ServiceUrls, read_services
from wired.access import wire_access
from wired.campaigns import wire_campaigns
from wired.corrections import wire_corrections
from wired.custody import wire_custody
from wired.dossiers import wire_dossiers, wire_materials
from wired.electronic import FrozenManifests, RegisteredReceivers, wire_electronic
from wired.governance import wire_governance
from wired.ground import ground_parts, lay_ground
from wired.leaving import wire_leaving, wire_steps
from wired.operations import wire_operations
from wired.staff import wire_staff
from wired.telling import wire_telling
from wired.webhooks import wire_webhooks

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


def build_queue_app(urls: ServiceUrls) -> procrastinate.App:
    return procrastinate.App(connector=PsycopgConnector(conninfo=libpq_url(urls.database_url), min_size=1, max_size=4))


def build(settings: Settings, urls: ServiceUrls, outside: Outside | None = None) -> Lantai:
    """Wire everything. ``outside`` replaces the real providers in tests."""
    ground = lay_ground(settings, urls, ProcrastinateQueue(build_queue_app(urls)), outside)
    shelves = wire_dossiers(ground)
    custody = wire_custody(ground)
    steps = wire_steps(ground, custody["paper_custody"])
    corrections = wire_corrections(ground, shelves["filing"], steps)
    governance = wire_governance(ground)
    access = wire_access(ground, governance["training"])
    leaving = wire_leaving(ground, shelves, steps)
    facts = OwnFacts(
        leaving["transfers"], corrections["corrections"], leaving["completeness"], custody["paper_custody"]
    )
    telling = wire_telling(ground, facts)
    return Lantai(
        **ground_parts(ground),
        **shelves,
        **wire_materials(ground, shelves["filing"]),
        **leaving,
        **custody,
        **wire_electronic(
            ground,
            steps,
            leaving["checks"],
            RegisteredReceivers(ground.receivers, access["partners"]),
            FrozenManifests(steps.manifests),
        ),
        **corrections,
        **governance,
        **access,
        **wire_staff(ground, access, corrections["assigning"], telling["staff_mailboxes"]),
        **telling,
        **wire_campaigns(ground, telling["announcing"]),
        **wire_webhooks(ground, access["partners"]),
        **wire_operations(ground, telling["staff_lines"]),
    )


def register_work(queue: procrastinate.App, parts: Lantai) -> None:
    """The ordinary worker's jobs; the face worker registers its own."""
    register(queue, Announce, parts.announcing.tell)
    register(queue, DeliverNotice, parts.delivery.deliver)
    register(queue, DeliverByContact, parts.contact_delivery.deliver)
    register(queue, DeliverWebhooks, parts.webhook_delivery.work)
    register(queue, SendPartnerNotice, parts.partner_sending.work)
    register(queue, HandlePush, parts.pushes.handle)
    register(queue, AnswerChat, parts.chat_answering.answer)
    register(queue, DeliverChat, parts.chat_delivery.deliver)
    register(queue, CheckDossier, parts.checks.run_due)
    register(queue, FixitySlice, parts.fixity.work)
    register(queue, RecheckDossier, parts.completeness.recheck)
    register(queue, SweepCompleteness, parts.completeness.sweep)
    register(queue, ImportWork, parts.importer.work)
    register(queue, DispatchWork, parts.dispatching.work)
    register(queue, TrackCarriers, parts.tracking.work)
    register(queue, PackElectronic, parts.packer.work)
    register(queue, PushElectronic, parts.electronic_push.work)
