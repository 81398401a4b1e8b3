"""Destinations: where the graduate's dossier is to go, among bodies that may receive it."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from flask import Response
from pydantic import Field

from app.actors import Assurance, Purpose
from app.receivers.rules import CASE_LABELS, DestinationCase
from app.receivers.suggesting import home_region, rules_of
from app.transfers.channel_rules import HISTORY_LABELS, PersonHistory
from app.transfers.destination import Destination
from auth.guards import current_actor, graduate
from miniprogram_api.door import In, Out, api, idempotent, if_match, lantai
from miniprogram_api.transfers import TransferOut, own_transfers


class CaseRuleOut(Out):
    words: str
    source: str


class CaseOut(Out):
    case: DestinationCase
    label: str
    rules: list[CaseRuleOut]


class HistoryOut(Out):
    code: PersonHistory
    label: str


class CasesOut(Out):
    items: list[CaseOut]
    histories: list[HistoryOut] = Field(
        description="What of one's past narrows the channels; kept encrypted with the transfer, as its channel's basis"
    )
    changes_until: date = Field(
        description="The last day on which a destination may be registered or changed here. What was sent back, kept at"
        " school, redirected or withdrawn may be registered later too"
    )


class SuggestIn(In):
    case: DestinationCase
    region: str = Field("", max_length=6, pattern="^[0-9]*$", description="Region code of the workplace")
    text: str = Field("", max_length=60, description="Part of a unit's or school's name")


class SuggestedOut(Out):
    code: str
    name: str
    address: str
    phone: str
    words: str = Field(description="The rule that leads to this body, in words")
    source: str


class SuggestionsOut(Out):
    items: list[SuggestedOut]


class DestinationIn(In):
    case: DestinationCase = Field(examples=["unemployed"])
    receiver: str = Field(max_length=30, description="Code of a body of the registry", examples=["GG-330100"])
    history: list[PersonHistory] | None = Field(
        None,
        max_length=3,
        description="What of one's past narrows the channels. Left out, what was declared before holds; an empty list"
        " declares that there is none",
    )
    letter_number: str = Field("", max_length=40, description="Of the admitting school's letter (调档函)")
    letter_on: date | None = None


@api.get("/destinations")
@graduate(Assurance.L1_CLAIMED)
@api.output(CasesOut)
def destinations() -> CasesOut:
    """The cases to choose from, each with the rule it follows."""
    cohort = lantai().people.graduate(current_actor().id).cohort_year
    return CasesOut(
        items=[
            CaseOut(
                case=case,
                label=label,
                rules=[CaseRuleOut(words=r.words, source=r.source) for r in rules_of(case)],
            )
            for case, label in CASE_LABELS.items()
        ],
        histories=[HistoryOut(code=code, label=label) for code, label in HISTORY_LABELS.items()],
        changes_until=lantai().destinations.last_day(cohort),
    )


@api.get("/destinations/suggestions")
@graduate(Assurance.L2_PROOFED)
@api.input(SuggestIn, location="query", arg_name="query")
@api.output(SuggestionsOut)
def destination_suggestions(query: SuggestIn) -> SuggestionsOut:
    """Bodies that may receive the dossier in this case, best first, with the rule that leads to each."""
    # where the ID was first given is the best guess at 户籍地; the graduate may name another region
    guessed = lantai().people.graduate(current_actor().id).card.id_number[:6]
    origin = home_region(query.case, guessed, query.region)
    registry = lantai().receivers
    found = registry.suggestions(query.case, origin, query.region, registry.today, text=query.text)
    return SuggestionsOut(
        items=[
            SuggestedOut(
                code=s.receiver.code,
                name=s.receiver.facts.name,
                address=s.receiver.facts.address,
                phone=s.receiver.facts.phone,
                words=s.words,
                source=s.rule.source,
            )
            for s in found[:50]
        ]
    )


def _wanted(body: DestinationIn) -> Destination:
    history = None if body.history is None else frozenset(body.history)
    return Destination(body.case, body.receiver, None, history, body.letter_on, body.letter_number)


def _shown(transfer_id: UUID) -> tuple[TransferOut, int]:
    shown = next(t for t in own_transfers() if t.id == transfer_id)
    return shown, shown.version


@api.post("/transfers")
@graduate(Assurance.L2_PROOFED, purpose=Purpose.DESTINATION)
@api.input(DestinationIn, arg_name="body")
@api.output(TransferOut, status_code=201)
def register_destination(body: DestinationIn) -> Response:
    """Register where the dossier is to go: opens the transfer, which college and school review."""
    actor = current_actor()

    def work() -> tuple[int, Out, int | None]:
        shown, version = _shown(lantai().destinations.open(actor, actor.id, _wanted(body)))
        return 201, shown, version

    return idempotent(work)


@api.post("/transfers/<uuid:transfer_id>/destination")
@graduate(Assurance.L2_PROOFED, purpose=Purpose.DESTINATION)
@api.input(DestinationIn, arg_name="body")
@api.output(TransferOut)
def change_destination(transfer_id: UUID, body: DestinationIn) -> Response:
    """Another destination, until 31 August and before the dossier is assembled; If-Match names the version seen.

    It is reviewed anew, a changed address rests for a day, and every account bound to the dossier is told.
    """
    version = if_match()

    def work() -> tuple[int, Out, int | None]:
        lantai().destinations.change(current_actor(), transfer_id, version, _wanted(body))
        return 200, *_shown(transfer_id)

    return idempotent(work)
