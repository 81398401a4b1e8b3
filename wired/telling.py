"""Telling people after the fact: inbox, subscriptions, delivery and the platforms' pushes."""

from __future__ import annotations

from datetime import time
from typing import TypedDict

from app.ports import Platform
from app.settings import Settings
from notifications.announcing import Announcer
from notifications.catalogue.text import Template
from notifications.channels import Channels
from notifications.chat.answering import ChatAnswering, ChatDelivery
from notifications.chat.book import ChatBook
from notifications.chat.desk import ChatDesk
from notifications.chat.facts import OwnFacts
from notifications.chat.service import ChatService, Duty
from notifications.check_codes import CheckCodes, MessageChecks, MessageWriter
from notifications.contact_delivery import ContactDelivery
from notifications.contacts import ContactBook, ContactService
from notifications.delivery import NoticeDelivery
from notifications.history import NoticeHistory
from notifications.inbox import InboxService, SubscriptionService
from notifications.preferences import PreferenceService, shipped
from notifications.pushes import PushService
from notifications.replays.desk import ReplayDesk
from notifications.replays.sending import ReplaySending
from notifications.routing import Router
from notifications.sending_again import SendingAgain
from notifications.staff_lines import StaffLines
from notifications.staff_mailbox import StaffMailboxes
from notifications.template_watch import TemplateWatch
from notifications.trials import NoticeTrials
from notifications.undelivered import UndeliveredDesk
from notifications.writing import LetterWriter
from wired.ground import Ground


class AgainParts(TypedDict):
    undelivered: UndeliveredDesk
    replays: ReplayDesk
    replay_sending: ReplaySending


class TellingParts(AgainParts):
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


def wire_telling(ground: Ground, facts: OwnFacts) -> TellingParts:
    db, people, queue, clock = ground.db, ground.people, ground.queue, ground.clock
    templates, outside = _template_ids(ground.settings), ground.outside
    settings = ground.settings
    subscriptions = _subscriptions(ground, templates)
    codes = CheckCodes(outside.keys.secret("message-checks"))
    writer = MessageWriter(settings.school_name, codes)
    channels = Channels(outside.senders, templates, writer)
    preferences = PreferenceService(db, ground.log, clock, shipped(settings.quiet_begins, settings.quiet_ends))
    lines = StaffLines(db, outside.alerts, clock)
    letters = LetterWriter(
        outside.mailer, outside.sms, settings.school_name, ground.contact, _mail_domain(settings), codes
    )
    router = Router(db, preferences, subscriptions, letters.kinds, queue, clock)
    delivery = NoticeDelivery(db, people, subscriptions, channels, router, lines, queue, clock)
    contact_book = ContactBook(db, ground.keys)
    mailboxes = StaffMailboxes(
        db,
        ground.keys,
        ground.index,
        ground.log,
        outside.limits,
        outside.mailer,
        clock,
        settings.school_name,
        _mail_domain(settings),
    )
    book = ChatBook(ground.keys, clock)
    duty = _duty(ground)
    chat = ChatService(db, book, people, outside.limits, queue, clock, duty, ground.settings.wechat_app_id)
    return {
        "inbox": InboxService(db, clock, ground.contact, codes),
        "message_checks": MessageChecks(db, codes, outside.limits),
        "staff_mailboxes": mailboxes,
        "notice_trials": NoticeTrials(
            db, ground.log, outside.limits, lines, mailboxes, clock, settings.school_name, ground.contact
        ),
        "template_watch": TemplateWatch(
            outside.templates, templates[Platform.WECHAT.value], outside.cache, lines if outside.alerts else None, clock
        ),
        "subscriptions": subscriptions,
        "preferences": preferences,
        "contacts": ContactService(
            db, ground.keys, people, letters, outside.limits, ground.index, queue, ground.log, clock
        ),
        "staff_lines": lines,
        "announcing": Announcer(db, channels, lines, delivery.deliver, clock),
        "delivery": delivery,
        "contact_delivery": ContactDelivery(db, contact_book, letters, router, lines, queue, ground.log, clock),
        "notice_history": NoticeHistory(db, people, subscriptions, ground.log, clock),
        "pushes": PushService(db, people, subscriptions, chat, queue, clock),
        **_again(ground, letters),
        "chat": chat,
        "chat_desk": ChatDesk(db, book, people, queue, ground.log, clock),
        "chat_answering": ChatAnswering(db, book, facts, queue, ground.log, clock, duty),
        "chat_delivery": ChatDelivery(db, book, people, outside.chat, queue, ground.log, clock),
    }


def _again(ground: Ground, letters: LetterWriter) -> AgainParts:
    """What was not delivered, and sending it again."""
    db, log, clock, settings = ground.db, ground.log, ground.clock, ground.settings
    again = SendingAgain(letters.kinds, ground.queue, log, clock)
    quiet = shipped(settings.quiet_begins, settings.quiet_ends)
    return {
        "undelivered": UndeliveredDesk(db, again, ground.queue, log, clock),
        "replays": ReplayDesk(db, again, log, clock),
        "replay_sending": ReplaySending(db, again, log, clock, settings.campaign_per_second, quiet),
    }


def _duty(ground: Ground) -> Duty:
    settings = ground.settings
    return Duty(ground.calendar, time.fromisoformat(settings.chat_opens), time.fromisoformat(settings.chat_closes))


def _subscriptions(ground: Ground, templates: dict[str, dict[Template, str]]) -> SubscriptionService:
    settings = ground.settings
    long_term = [(Platform.WECHAT, Template(name)) for name in settings.wechat_long_term]
    told = [Platform.WECHAT] if settings.wechat_push_token.get_secret_value() else []
    return SubscriptionService(ground.db, templates, ground.clock, long_term, told)


def _template_ids(settings: Settings) -> dict[str, dict[Template, str]]:
    return {
        platform: {t: str(getattr(settings, f"{platform}_template_{t.value}")) for t in Template}
        for platform in ("wechat", "alipay")
    }


def _mail_domain(settings: Settings) -> str:
    """The right-hand side of Message-IDs: the domain letters are sent from."""
    return settings.mail_from.rpartition("@")[2] or "lantai.invalid"
