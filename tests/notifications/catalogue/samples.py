"""Every event a graduate hears of, in every state it may have: what tests of the whole catalogue go through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.corrections.rules import State as TicketState
from app.materials.rules import State as SupplementState
from app.transfers.clocks import HoldStage
from app.transfers.electronic_clocks import LegTimer
from app.transfers.electronic_rules import Leg
from app.transfers.states import State as TransferState
from notifications.campaigns.texts import FIELDS, Field
from notifications.catalogue.editions import CATALOGUE_VERSION
from notifications.channel_rules import ContactKind
from notifications.partner_notices import MATERIALS, MOST_MATERIALS

ACCOUNT = (
    "bound",
    "rebound",
    "unbound",
    "phone_lost",
    "totp_enrolled",
    "totp_removed",
    "contact_added",
    "contact_removed",
)
TICKET_STEPS = ("replied", "appealed", "reopened", "merged")
DECIDED = (TicketState.APPLIED, TicketState.RESOLVED, TicketState.REJECTED)

Happening = tuple[str, Mapping[str, Any]]


LATER = {
    "2026-1": {
        "account.contact_added",
        "account.contact_removed",
        "account.contact_unreachable",
        "partner.notice",
        "campaign.notice",
    }
}
"""What an edition says nothing of yet."""


def happenings(version: str = CATALOGUE_VERSION) -> Iterator[Happening]:
    """(event type, data) of everything that gives rise to a notice, as far as the edition knows it."""
    return (each for each in _everything() if each[0] not in LATER.get(version, ()))


def _everything() -> Iterator[Happening]:
    yield from ((f"account.{what}", {}) for what in ACCOUNT)
    yield from (("account.contact_unreachable", {"kind": kind.value}) for kind in ContactKind)
    yield from ((f"ticket.{what}", {}) for what in TICKET_STEPS)
    yield from (("ticket.decided", {"state": s.value}) for s in DECIDED)
    yield "ticket.asked", {"state": TicketState.NEEDS_INFO.value}
    for more in ({}, {"supplements": "0" * 32}):
        yield from (("transfer.moved", {"state": s.value, **more}) for s in TransferState)
        yield "transfer.opened", {"state": TransferState.DRAFT.value, **more}
        yield "transfer.opened", {"state": TransferState.DRAFT.value, "follows": "0" * 32, **more}
    yield from (("transfer.destination_changed", {"moved": moved}) for moved in (True, False))
    yield from (("transfer.hold_ending", {"kept_until": "2026-12-31", "stage": s.value}) for s in HoldStage)
    yield "transfer.count_mismatch", {}
    told = (Leg.SUBMITTED, Leg.ACCEPTED, Leg.REJECTED, Leg.E_RECEIPT)
    yield from (("electronic.moved", {"state": leg.value}) for leg in told)
    yield from (("electronic.overdue", {"timer": t.value}) for t in LegTimer)
    yield from (
        ("supplement.decided", {"state": s.value}) for s in (SupplementState.ACCEPTED, SupplementState.RETURNED)
    )
    yield "completeness.reminded", {}
    yield "chat.answered", {}
    for each, fields in FIELDS.items():
        filled = {f.value: "学校档案馆学生档案科服务窗口" if f is Field.PLACE else "2026-12-31" for f in fields}
        yield "campaign.notice", {"notice": each.value, **filled}
    yield "partner.notice", {"kind": "ask_visit", "place": "career_centre", "until": "2026-12-31", "room": "A1204B"}
    yield "partner.notice", {"kind": "appointment", "place": "registry", "day": "2026-12-31", "time": "09:30"}
    missing = {"materials": list(MATERIALS)[:MOST_MATERIALS], "place": "college_office", "until": "2026-12-31"}
    yield "partner.notice", {"kind": "materials_missing", **missing}


def staff_happenings() -> Iterator[Happening]:
    """(event type, data) of everything the staff's group hears of."""
    for name in ("transfer.count_mismatch", "webhook.disabled", "ticket.opened", "supplement.submitted"):
        yield name, {}
    yield "ticket.answered", {}
    yield "ticket.appealed", {}
    yield "completeness.digest", {"cohort": 2026, "incomplete": 1200, "soon": 31, "overdue": 4}
    yield "ticket.clock_digest", {"soon": 12, "overdue": 3, "unassigned": 2}
    yield "chat.waiting", {"waiting": 3}
    yield "transfer.trace_alarm", {"count": 5}
    yield "transfer.holds_ended", {"count": 7}
    yield "custody.loans_digest", {"soon": 2, "overdue": 1}
    yield "electronic.moved", {"state": Leg.REJECTED.value}
