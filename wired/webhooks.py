"""Events for other systems: the feed, the subscriptions to it, and their delivery. And the notices they ask for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypedDict
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.people.models import Graduate
from app.receivers.models import Receiver
from app.transfers.models import Transfer
from auth.models import PartnerClient
from auth.partners import PartnerService
from auth.rules import Scope
from notifications.feed import EventFeed, Subscriber
from notifications.partner_figures import PartnerFigures
from notifications.partner_refusals import PartnerRefusals
from notifications.partner_sending import PartnerSending
from notifications.preferences import shipped
from notifications.public_events import UNDER_WAY
from notifications.webhook_delivery import WebhookDelivery
from notifications.webhook_log import WebhookLog
from notifications.webhooks import WebhookService
from providers.webhook_calls import HttpWebhookCaller
from wired.ground import Ground


class WebhookParts(TypedDict):
    event_feed: EventFeed
    webhooks: WebhookService
    webhook_delivery: WebhookDelivery
    webhook_log: WebhookLog
    partner_sending: PartnerSending
    partner_figures: PartnerFigures
    partner_refusals: PartnerRefusals


class PartnerSubscribers:
    """The clients of the partner door as the feed knows them."""

    def __init__(self, partners: PartnerService) -> None:
        self._partners = partners

    def subscribers(self, session: Session) -> Mapping[UUID, Subscriber]:
        found = self._partners.of_scope(session, Scope.SUBSCRIBE)
        return {client: Subscriber(client, code) for client, code in found.items()}


class AddressedReceivers:
    """The receiver frozen into each transfer."""

    def codes(self, session: Session, transfers: Collection[UUID]) -> Mapping[UUID, str]:
        query = select(Transfer.id, Receiver.code).join(Receiver, Receiver.id == Transfer.receiver_id)
        return dict(session.execute(query.where(Transfer.id.in_(transfers))).all())


class PartnersReach:
    """An open client without a receiver reaches every graduate of the school, one with a receiver those whose dossier
    is on its way to it or there: whom it hears of.
    """

    def reaches(self, session: Session, client_id: UUID, graduate_id: UUID) -> bool:
        client = session.get(PartnerClient, client_id)
        if client is None or client.disabled_at is not None or session.get(Graduate, graduate_id) is None:
            return False
        if client.receiver_code is None:
            return True
        query = select(Transfer.id).join(Receiver, Receiver.id == Transfer.receiver_id)
        query = query.where(Transfer.graduate_id == graduate_id, Transfer.state.in_(UNDER_WAY))
        return session.scalar(query.where(Receiver.code == client.receiver_code).limit(1)) is not None


def wire_webhooks(ground: Ground, partners: PartnerService) -> WebhookParts:
    db, keys, log, queue, clock = ground.db, ground.keys, ground.log, ground.queue, ground.clock
    local = ground.settings.environment != "production"
    subscribers, caller = PartnerSubscribers(partners), HttpWebhookCaller(loopback=local)
    feed = EventFeed(db, subscribers, AddressedReceivers(), clock)
    return {
        "event_feed": feed,
        "webhooks": WebhookService(db, keys, caller, subscribers, ground.outside.limits, log, clock, local=local),
        "webhook_delivery": WebhookDelivery(db, keys, caller, feed, subscribers, log, queue, clock),
        "webhook_log": WebhookLog(db, subscribers, log, clock),
        "partner_sending": PartnerSending(
            db,
            keys,
            ground.people,
            PartnersReach(),
            ground.outside.limits,
            log,
            queue,
            clock,
            shipped(ground.settings.quiet_begins, ground.settings.quiet_ends),
        ),
        "partner_figures": PartnerFigures(db, clock),
        "partner_refusals": PartnerRefusals(db, ground.outside.tally, clock),
    }
