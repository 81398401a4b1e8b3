"""The registry of receivers: the list with its warnings, one body with its history, new versions, closing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from app.errors import Conflict, DomainError, FieldFault, Invalid, VersionMismatch
from app.problems import problem_of
from app.receivers.rules import (
    CHANGED_DAYS,
    EXPIRING_DAYS,
    FIELD_LABELS,
    KEEPERS,
    KIND_GROUNDS,
    KIND_LABELS,
    LONGEST,
    READERS,
    STANDING_LABELS,
    ReceiverFacts,
    ReceiverKind,
    Standing,
)
from app.receivers.views import ReceiverView, Wanted
from app.transfers.channel_rules import DEMAND_LABELS, HISTORY_LABELS, ChannelRule
from app.transfers.rules import CHANNEL_LABELS
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

PATH = "/console/receivers"
_EXPECTED = (Invalid, Conflict, VersionMismatch)
_REGION = re.compile(r"[0-9]{2,6}")
MOST_TEXT = 60
STANDING_TONES: Mapping[Standing, tuple[str, str]] = {
    Standing.VALID: ("done", "✓"),
    Standing.EXPIRING: ("wait", "…"),
    Standing.EXPIRED: ("bad", "✕"),
    Standing.NOT_YET: ("plain", "○"),
}
VOCABULARY: Mapping[str, object] = {
    "KINDS": KIND_LABELS,
    "GROUNDS": KIND_GROUNDS,
    "STANDINGS": STANDING_LABELS,
    "STANDING_TONES": STANDING_TONES,
    "FIELDS": FIELD_LABELS,
    "LONGEST": LONGEST,
}


# --- what is asked for ------------------------------------------------------------------------------------------------


def wanted_of(args: MultiDict[str, str]) -> Wanted:
    """What cannot be read is left out."""
    kind, standing, region = args.get("kind", ""), args.get("standing", ""), args.get("region", "").strip()
    return Wanted(
        text=args.get("text", "").strip()[:MOST_TEXT],
        region=region if _REGION.fullmatch(region) else "",
        kind=ReceiverKind(kind) if kind in set(ReceiverKind) else None,
        standing=Standing(standing) if standing in set(Standing) else None,
        valid_on=_day(args.get("on", "")),
        changed=args.get("changed") == "1",
    )


def address(wanted: Wanted, number: int = 1) -> str:
    pairs = {
        "text": wanted.text,
        "region": wanted.region,
        "kind": wanted.kind or "",
        "standing": wanted.standing or "",
        "on": wanted.valid_on.isoformat() if wanted.valid_on else "",
        "changed": "1" if wanted.changed else "",
        "page": str(number) if number > 1 else "",
    }
    query = urlencode({k: v for k, v in pairs.items() if v})
    return f"{PATH}?{query}" if query else PATH


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


# --- pages ------------------------------------------------------------------------------------------------------------


def _list() -> Response:
    actor, wanted, number = current_actor(), wanted_of(request.args), forms.page_number(request.args)
    found = parts().receivers.search(actor, wanted, offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE)
    return page(
        "receivers.html",
        200,
        **VOCABULARY,
        found=found,
        wanted=wanted,
        narrowed=wanted != Wanted(),
        warnings=parts().receivers.warnings(actor),
        tiles=[
            ("即将到期", f"{EXPIRING_DAYS} 天内", "expiring", address(Wanted(standing=Standing.EXPIRING))),
            ("已到期", "不能再选用", "expired", address(Wanted(standing=Standing.EXPIRED))),
            ("有变动", f"{CHANGED_DAYS} 天内", "changed", address(Wanted(changed=True))),
        ],
        url=lambda n: address(wanted, n),
        number=number,
        last=forms.last_page(found.total),
        may_keep=actor.has_role(*KEEPERS),
    )


def _one(view: ReceiverView, status: int = 200, error: DomainError | None = None, act: str = "") -> Response:
    """One body; with an error, what was typed into the form of ``act`` stays."""
    actor = current_actor()
    return page(
        "receiver.html",
        status,
        **VOCABULARY,
        view=view,
        makers=parts().people.staff_names([v.recorded_by for v in view.versions]),
        may_keep=actor.has_role(*KEEPERS),
        act=act,
        now=_as_text(replace(view.latest.facts, valid_from=parts().receivers.today)),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _new(status: int = 200, error: DomainError | None = None) -> Response:
    return page(
        "receiver_new.html",
        status,
        **VOCABULARY,
        now={"valid_from": parts().receivers.today.isoformat()},
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _as_text(facts: ReceiverFacts) -> dict[str, str]:
    """What stands in the form before anything is typed."""
    return {name: "" if (v := getattr(facts, name)) is None else str(v) for name in FIELD_LABELS}


def scope_words(rule: ChannelRule) -> str:
    """Whom a rule of channels is about."""
    days = [f"{rule.valid_from} 起"] if rule.valid_from else []
    days += [f"至 {rule.valid_to}（不含）"] if rule.valid_to else []
    regions = [f"地区 {'、'.join(rule.regions)}"] if rule.regions else []
    told = [HISTORY_LABELS[h] for h in HISTORY_LABELS if h in rule.history]
    told += [KIND_LABELS[k] for k in KIND_LABELS if k in rule.receivers]
    return "；".join([*told, *regions, *days]) or "所有人"


# --- acts -------------------------------------------------------------------------------------------------------------


def _facts() -> ReceiverFacts:
    """Out of the form. Raises Invalid for a kind or a day that cannot be read."""
    kind, begins, ends = forms.text("kind"), _day(forms.text("valid_from")), _day(forms.text("valid_to"))
    found = []
    if kind not in set(ReceiverKind):
        found.append(FieldFault("/kind", "receiver_kind_unknown"))
    if begins is None:
        found.append(FieldFault("/valid_from", "not_a_date"))
    if ends is None and forms.text("valid_to").strip():
        found.append(FieldFault("/valid_to", "not_a_date"))
    if found or begins is None:
        raise Invalid("invalid_input", faults=found)
    words: dict[str, Any] = {n: forms.text(n) for n in FIELD_LABELS if n not in ("kind", "valid_from", "valid_to")}
    return ReceiverFacts(kind=ReceiverKind(kind), valid_from=begins, valid_to=ends, **words)


def _close(view: ReceiverView) -> None:
    on = _day(forms.text("on"))
    if on is None:
        raise Invalid("invalid_input", faults=[FieldFault("/on", "not_a_date")])
    parts().receivers.close(current_actor(), view.line.id, on, forms.version(), forms.text("closing_source"))


def _do(receiver_id: UUID, act: str, deed: Callable[[ReceiverView], object], note: str) -> Response:
    view = parts().receivers.view(current_actor(), receiver_id)
    try:
        deed(view)
    except _EXPECTED as error:
        again = parts().receivers.view(current_actor(), receiver_id)
        return _one(again, problem_of(error).status, error, act)
    return go(f"{PATH}/{receiver_id}", note)


def add_receivers(console: Blueprint) -> None:
    @console.get("/receivers")
    @desk(*READERS)
    def receivers() -> Response:
        return _list()

    @console.get("/receivers/new")
    @desk(*KEEPERS)
    def receiver_new() -> Response:
        return _new()

    @console.post("/receivers")
    @desk(*KEEPERS)
    def add_receiver() -> Response:
        try:
            made = parts().receivers.record(current_actor(), forms.text("code"), _facts(), 0)
        except _EXPECTED as error:
            return _new(problem_of(error).status, error)
        return go(f"{PATH}/{made}", "receiver_recorded")

    @console.get("/receivers/<uuid:receiver_id>")
    @desk(*READERS)
    def receiver(receiver_id: UUID) -> Response:
        return _one(parts().receivers.view(current_actor(), receiver_id))

    @console.post("/receivers/<uuid:receiver_id>/versions")
    @desk(*KEEPERS)
    def change_receiver(receiver_id: UUID) -> Response:
        def change(view: ReceiverView) -> None:
            parts().receivers.record(current_actor(), view.line.code, _facts(), forms.version())

        return _do(receiver_id, "change", change, "receiver_recorded")

    @console.post("/receivers/<uuid:receiver_id>/close")
    @desk(*KEEPERS)
    def close_receiver(receiver_id: UUID) -> Response:
        return _do(receiver_id, "close", _close, "receiver_closed")

    @console.get("/receivers/channel-rules")
    @desk(*READERS)
    def channel_rules() -> Response:
        return page(
            "channel_rules.html",
            rules=parts().channel_rules,
            own=parts().settings.channel_rules is not None,
            scope=scope_words,
            channels=CHANNEL_LABELS,
            demand_labels=DEMAND_LABELS,
        )
