"""Campaigns: the desk, their reading, and the worker's side."""

from __future__ import annotations

from typing import TypedDict

from app.ports import Platform
from app.settings import SettingsError
from notifications.announcing import Announcer
from notifications.campaigns.desk import CampaignDesk, Policy
from notifications.campaigns.reading import CampaignReading
from notifications.campaigns.sending import CampaignSending
from notifications.campaigns.texts import place_fault
from notifications.catalogue.text import Template
from notifications.check_codes import CheckCodes
from notifications.preferences import shipped
from wired.ground import Ground


class CampaignParts(TypedDict):
    campaigns: CampaignDesk
    campaign_reading: CampaignReading
    campaign_sending: CampaignSending


def wire_campaigns(ground: Ground, announcing: Announcer) -> CampaignParts:
    """Raises SettingsError for a place that may not stand in a notice."""
    settings = ground.settings
    faults = [f"LANTAI_CAMPAIGN_PLACES: {p!r} {fault}" for p in settings.campaign_places if (fault := place_fault(p))]
    if faults:
        raise SettingsError(faults)
    office = () if place_fault(settings.archive_office) else (settings.archive_office,)
    codes = CheckCodes(ground.outside.keys.secret("message-checks"))
    places = tuple(dict.fromkeys((*office, *settings.campaign_places)))
    long_term = {Template(name) for name in settings.wechat_long_term}

    def counted(platform: Platform, template: Template) -> bool:
        """WeChat tells of accepted one-shot agreements by its pushes; without those, and elsewhere, nobody counts."""
        told = platform is Platform.WECHAT and ground.outside.wechat_push is not None
        return told and template not in long_term

    policy = Policy(settings.campaign_two_above, places, counted)
    return {
        "campaigns": CampaignDesk(ground.db, ground.log, ground.clock, policy, announcing.tell_of_faults),
        "campaign_reading": CampaignReading(ground.db, ground.log),
        "campaign_sending": CampaignSending(
            ground.db,
            codes,
            ground.queue,
            ground.log,
            ground.clock,
            settings.campaign_per_second,
            shipped(settings.quiet_begins, settings.quiet_ends),
        ),
    }
