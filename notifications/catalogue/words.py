"""Events -> notices: who is told of what. Texts name no person and no content; details wait in the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from app.corrections.rules import State as TicketState
from app.materials.rules import State as SupplementState
from app.transfers.clocks import HoldStage
from app.transfers.electronic_clocks import LegTimer
from app.transfers.electronic_rules import Leg
from app.transfers.states import State as TransferState
from notifications import partner_notices
from notifications.campaigns import texts as campaign_texts
from notifications.catalogue.editions import CATALOGUE_VERSION, words_of
from notifications.catalogue.text import NoticeText
from notifications.channel_rules import ContactKind

_AS_IT_IS = frozenset(
    {
        "account.bound",
        "account.rebound",
        "account.unbound",
        "account.phone_lost",
        "account.totp_enrolled",
        "account.totp_removed",
        "account.contact_added",
        "account.contact_removed",
        "chat.answered",
        "completeness.reminded",
        "ticket.replied",
        "ticket.appealed",
        "ticket.reopened",
        "ticket.merged",
        "transfer.count_mismatch",
    }
)
"""Events whose notice says the same every time, and has the event's name."""
TOLD_LEGS = (Leg.SUBMITTED, Leg.ACCEPTED, Leg.REJECTED, Leg.E_RECEIPT)
"""What of the electronic leg a graduate is told of by itself; the rest stands in the timeline."""
TOLD_DECISIONS = (TicketState.APPLIED, TicketState.RESOLVED, TicketState.REJECTED, TicketState.NEEDS_INFO)
TOLD_SUPPLEMENTS = (SupplementState.ACCEPTED, SupplementState.RETURNED)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A notice of the catalogue, and what its body says of this event alone."""

    key: str
    blanks: Mapping[str, str] = field(default_factory=dict)


def _decided(data: Mapping[str, Any]) -> _Choice:
    return _Choice(f"ticket.decided.{TicketState(data['state']).value}")


def _moved(data: Mapping[str, Any]) -> _Choice:
    what = "supplement_transfer" if "supplements" in data else "transfer"
    return _Choice(f"{what}.step.{TransferState(data['state']).value}")


def _opened(data: Mapping[str, Any]) -> _Choice:
    if "follows" in data:
        return _Choice("supplement_transfer.redirected" if "supplements" in data else "transfer.redirected")
    return _moved(data)


def _hold_ending(data: Mapping[str, Any]) -> _Choice:
    """Before and at the end of a hold: what to choose, until when, and what happens otherwise."""
    until = date.fromisoformat(data["kept_until"])
    day = f"{until.year}年{until.month}月{until.day}日"
    return _Choice(f"transfer.hold_ending.{HoldStage(data['stage']).value}", {"day": day})


def _destination_changed(data: Mapping[str, Any]) -> _Choice:
    """To every bound account: whoever took one over must not send a dossier away unnoticed."""
    return _Choice(f"transfer.destination_changed.{'moved' if data.get('moved') else 'edited'}")


def _address_dead(data: Mapping[str, Any]) -> _Choice:
    return _Choice(f"account.contact_unreachable.{ContactKind(data['kind']).value}")


def _leg_moved(data: Mapping[str, Any]) -> _Choice | None:
    leg = Leg(data["state"])
    return _Choice(f"electronic.moved.{leg.value}") if leg in TOLD_LEGS else None


def _leg_overdue(data: Mapping[str, Any]) -> _Choice:
    return _Choice(f"electronic.overdue.{LegTimer(data['timer']).value}")


def _supplement_decided(data: Mapping[str, Any]) -> _Choice:
    return _Choice(f"supplement.decided.{SupplementState(data['state']).value}")


def _from_partner(data: Mapping[str, Any]) -> _Choice:
    return _Choice(partner_notices.key_of(data), partner_notices.blanks_of(data))


def _from_campaign(data: Mapping[str, Any]) -> _Choice | None:
    key = campaign_texts.key_of(data)
    return _Choice(key, campaign_texts.blanks_of(data)) if key is not None else None


_BY_DATA: Mapping[str, Callable[[Mapping[str, Any]], _Choice | None]] = {
    "ticket.decided": _decided,
    "ticket.asked": _decided,
    "transfer.opened": _opened,
    "transfer.moved": _moved,
    "transfer.hold_ending": _hold_ending,
    "transfer.destination_changed": _destination_changed,
    "account.contact_unreachable": _address_dead,
    "electronic.moved": _leg_moved,
    "electronic.overdue": _leg_overdue,
    "supplement.decided": _supplement_decided,
    partner_notices.EVENT: _from_partner,
    campaign_texts.EVENT_TYPE: _from_campaign,
}


def notice_for(event_type: str, data: Mapping[str, Any], version: str = CATALOGUE_VERSION) -> NoticeText | None:
    """The notice an event gives rise to in the words of that edition, or None."""
    choose = _BY_DATA.get(event_type)
    if choose is None:
        return words_of(event_type, version) if event_type in _AS_IT_IS else None
    choice = choose(data)
    words = words_of(choice.key, version) if choice is not None else None
    if choice is None or words is None:
        return None
    return replace(words, body=words.body.format_map(choice.blanks)) if choice.blanks else words
