"""What every room stands on: the settings, the outside world, the database, the log, keys, jobs and people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from app.completeness import checklist
from app.completeness.rules import Checklist
from app.db import Database
from app.dossiers import class_map
from app.envelope import BlindIndex
from app.events import EventLog
from app.idempotency import Idempotency
from app.jobs import JobQueue
from app.keyring import Keyring
from app.people.absences import AbsenceService
from app.people.service import PeopleService
from app.people.staff_notices import StaffNotices
from app.ports import Clock, Outside
from app.receivers.importing import ReceiverImport
from app.receivers.service import ReceiverRegistry
from app.settings import Settings, SettingsError
from app.transfers import channel_file
from app.transfers.channel_rules import ChannelSet
from app.transfers.papers import Sender
from app.working_days import notices
from app.working_days.calendar import WorkingDays
from providers.embedded.records import ServiceUrls
from providers.outside import build_outside


@dataclass(frozen=True, slots=True)
class Ground:
    settings: Settings
    outside: Outside
    clock: Clock
    pepper: bytes
    db: Database
    log: EventLog
    keys: Keyring
    queue: JobQueue
    index: BlindIndex
    people: PeopleService
    staff_notices: StaffNotices
    absences: AbsenceService
    calendar: WorkingDays
    listed: Checklist
    channel_rules: ChannelSet
    receivers: ReceiverRegistry

    @property
    def office(self) -> str:
        """How the school's service names itself to staff."""
        return f"{self.settings.school_name} 兰台"

    @property
    def letterhead(self) -> str:
        return f"{self.settings.school_name} {self.settings.archive_office}"

    @property
    def sender(self) -> Sender:
        """The office on the papers of a transfer."""
        s = self.settings
        return Sender(self.letterhead, s.archive_address, s.archive_postal_code, s.archive_phone)

    @property
    def contact(self) -> str:
        """Whom a graduate calls."""
        return f"{self.settings.archive_office} {self.settings.archive_phone}".strip()


class GroundParts(TypedDict):
    settings: Settings
    outside: Outside
    clock: Clock
    pepper: bytes
    db: Database
    log: EventLog
    keys: Keyring
    queue: JobQueue
    people: PeopleService
    staff_notices: StaffNotices
    absences: AbsenceService
    calendar: WorkingDays
    idempotency: Idempotency
    channel_rules: ChannelSet
    receivers: ReceiverRegistry
    receiver_import: ReceiverImport


def lay_ground(settings: Settings, urls: ServiceUrls, queue: JobQueue, outside: Outside | None) -> Ground:
    listed, calendar = _configured_lists(settings), _calendar(settings)
    outside = outside or build_outside(settings, urls.redis_url)
    clock, wrapper = outside.clock, outside.keys
    db = Database(urls.database_url, pool_size=settings.database_pool)
    log = EventLog(clock)
    keys = Keyring(db, wrapper, clock, settings.seal_suite)
    index = BlindIndex(wrapper.secret("blind-index"))
    staff_notices = StaffNotices(db, clock)
    return Ground(
        settings=settings,
        outside=outside,
        clock=clock,
        pepper=wrapper.secret("session-pepper"),
        db=db,
        log=log,
        keys=keys,
        queue=queue,
        index=index,
        people=PeopleService(db, keys, index, log, clock),
        staff_notices=staff_notices,
        absences=AbsenceService(db, staff_notices, log, clock),
        calendar=calendar,
        listed=listed,
        channel_rules=_channel_rules(settings),
        receivers=ReceiverRegistry(db, log, clock, local_push=settings.environment != "production"),
    )


def ground_parts(ground: Ground) -> GroundParts:
    return {
        "settings": ground.settings,
        "outside": ground.outside,
        "clock": ground.clock,
        "pepper": ground.pepper,
        "db": ground.db,
        "log": ground.log,
        "keys": ground.keys,
        "queue": ground.queue,
        "people": ground.people,
        "staff_notices": ground.staff_notices,
        "absences": ground.absences,
        "calendar": ground.calendar,
        "idempotency": Idempotency(ground.db, ground.keys, ground.index, ground.clock),
        "channel_rules": ground.channel_rules,
        "receivers": ground.receivers,
        "receiver_import": ReceiverImport(ground.db, ground.receivers, ground.log, ground.clock),
    }


def _configured_lists(settings: Settings) -> Checklist:
    """The class map goes into force for the process; the checklist is handed on."""
    try:
        kinds = class_map.use(settings.class_map)
        return checklist.load(settings.checklist, kinds)
    except class_map.ClassMapInvalid as error:
        raise SettingsError([f"LANTAI_CLASS_MAP: {fault}" for fault in error.faults]) from None
    except checklist.ChecklistInvalid as error:
        raise SettingsError([f"LANTAI_CHECKLIST: {fault}" for fault in error.faults]) from None


def _channel_rules(settings: Settings) -> ChannelSet:
    try:
        return channel_file.load(settings.channel_rules)
    except channel_file.ChannelRulesInvalid as error:
        raise SettingsError([f"LANTAI_CHANNEL_RULES: {fault}" for fault in error.faults]) from None


def _calendar(settings: Settings) -> WorkingDays:
    try:
        return WorkingDays(notices.load(settings.working_days))
    except notices.NoticesInvalid as error:
        raise SettingsError([f"LANTAI_WORKING_DAYS: {fault}" for fault in error.faults]) from None
