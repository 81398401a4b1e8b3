"""What the forms and addresses of campaigns hold, read; and how a segment is said in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import request
from werkzeug.datastructures import MultiDict

from app.errors import FieldFault, Invalid
from app.imports.columns import DEGREE_LEVELS
from app.transfers.states import STATE_LABELS as TRANSFER_LABELS
from app.transfers.states import State as TransferState
from notifications.campaigns.desk import Wish
from notifications.campaigns.rules import (
    ACCOUNT_LABELS,
    COLLEGE_CHARS,
    COLLEGES_MOST,
    MATERIALS_LABELS,
    NO_TRANSFER,
    RESULT_LABELS,
    SKIP_LABELS,
    STATE_LABELS,
    Account,
    Materials,
    Result,
    Segment,
    State,
)
from notifications.campaigns.texts import FIELD_LABELS, FIELDS, NOTICE_LABELS, CampaignNotice, Field
from notifications.fault_actions import action_of
from staff_console import forms

TRANSFERS: Mapping[str, str] = {
    NO_TRANSFER: "尚未建立转递",
    **{state.value: label for state, label in TRANSFER_LABELS.items()},
}
TONES: Mapping[State, tuple[str, str]] = {
    State.DRAFT: ("plain", "○"),
    State.READY: ("open", "◑"),
    State.RUNNING: ("work", "◐"),
    State.PAUSED: ("wait", "…"),
    State.DONE: ("done", "✓"),
    State.CANCELLED: ("shut", "✕"),
}
RESULT_TONES: Mapping[Result, tuple[str, str]] = {
    Result.WAITING: ("wait", "…"),
    Result.INBOX: ("plain", "○"),
    Result.SENT: ("done", "✓"),
    Result.WRITTEN: ("done", "✉"),
    Result.UNKNOWN: ("wait", "?"),
    Result.FAILED: ("bad", "✕"),
    Result.SKIPPED: ("shut", "–"),
}
VOCABULARY: Mapping[str, Any] = {
    "STATES": STATE_LABELS,
    "TONES": TONES,
    "CAMPAIGN_NOTICES": NOTICE_LABELS,
    "NOTICE_FIELDS": FIELDS,
    "FIELDS": FIELD_LABELS,
    "RESULTS": RESULT_LABELS,
    "RESULT_TONES": RESULT_TONES,
    "ACCOUNT_CHOICES": [(k.value, v) for k, v in ACCOUNT_LABELS.items()],
    "MATERIAL_CHOICES": [(k.value, v) for k, v in MATERIALS_LABELS.items()],
    "TRANSFER_CHOICES": list(TRANSFERS.items()),
    "LEVEL_CHOICES": [(level, level) for level in DEGREE_LEVELS],
}


def reason_words(code: str) -> str:
    """Why somebody was not told, or what came of a push or a letter; empty for no reason."""
    return SKIP_LABELS.get(code) or (action_of(code).words if code else "")


def segment_words(segment: Segment) -> str:
    """A segment in one line."""
    found = [f"{segment.cohort} 届", "、".join(segment.colleges) or "全部学院"]
    if segment.level:
        found.append(segment.level)
    if segment.transfer:
        found.append(f"转递：{TRANSFERS[segment.transfer]}")
    if segment.materials is not None:
        found.append(MATERIALS_LABELS[segment.materials])
    if segment.account is not None:
        found.append(ACCOUNT_LABELS[segment.account])
    return "，".join(found)


def _fault(field: str, code: str = "required") -> Invalid:
    return Invalid("invalid_input", faults=[FieldFault(f"/{field}", code)])


def read_segment() -> Segment:
    """Raises Invalid naming the field."""
    year = forms.text("cohort").strip()
    if not (year.isascii() and year.isdigit() and len(year) == 4):
        raise _fault("cohort", "campaign_cohort")
    colleges = tuple(dict.fromkeys(c.strip() for c in request.form.getlist("colleges") if c.strip()))
    if len(colleges) > COLLEGES_MOST or any(len(c) > COLLEGE_CHARS or "\x00" in c for c in colleges):
        raise _fault("colleges", "campaign_college")
    level, transfer = forms.text("level"), forms.text("transfer")
    if level and level not in DEGREE_LEVELS:
        raise _fault("level", "campaign_level")
    if transfer and transfer != NO_TRANSFER and transfer not in set(TransferState):
        raise _fault("transfer")
    return Segment(
        int(year),
        colleges,
        level,
        transfer,
        forms.choice(Materials, "materials") if forms.text("materials") else None,
        forms.choice(Account, "account") if forms.text("account") else None,
    )


def read_notice() -> CampaignNotice | None:
    """None where none is chosen yet: people are counted without one, too."""
    chosen = forms.text("notice")
    return CampaignNotice(chosen) if chosen in set(CampaignNotice) else None


def read_wish() -> Wish:
    """Raises Invalid naming the field; whether the notice's own fields fit is the desk's to say."""
    notice = forms.choice(CampaignNotice, "notice")
    return Wish(notice, {f.value: forms.text(f.value)[:60] for f in Field}, read_segment())


def typed(segment: Segment, notice: CampaignNotice, fields: Mapping[str, str]) -> MultiDict[str, str]:
    """A kept draft as the form would have sent it."""
    found = MultiDict(
        [
            ("notice", notice.value),
            ("cohort", str(segment.cohort)),
            ("level", segment.level),
            ("transfer", segment.transfer),
            ("materials", segment.materials.value if segment.materials else ""),
            ("account", segment.account.value if segment.account else ""),
            *fields.items(),
        ]
    )
    for college in segment.colleges:
        found.add("colleges", college)
    return found


@dataclass(frozen=True, slots=True)
class ListFilter:
    """What cannot be read is not filtered by."""

    state: State | None
    notice: CampaignNotice | None

    @classmethod
    def read(cls) -> ListFilter:
        state, notice = request.args.get("state", ""), request.args.get("notice", "")
        return cls(
            State(state) if state in set(State) else None,
            CampaignNotice(notice) if notice in set(CampaignNotice) else None,
        )

    @property
    def narrowed(self) -> bool:
        return self.state is not None or self.notice is not None

    def url(self, number: int) -> str:
        pairs = {"state": self.state, "notice": self.notice, "page": str(number)}
        return "/console/campaigns?" + urlencode({k: str(v) for k, v in pairs.items() if v})


@dataclass(frozen=True, slots=True)
class RecipientFilter:
    """``after`` is the last recipient of the page before."""

    campaign_id: UUID
    result: Result | None
    after: UUID | None

    @classmethod
    def read(cls, campaign_id: UUID) -> RecipientFilter:
        result = request.args.get("result", "")
        try:
            after = UUID(request.args.get("after", ""))
        except ValueError:
            after = None
        return cls(campaign_id, Result(result) if result in set(Result) else None, after)

    def url(self, after: UUID | None = None, file: str = "") -> str:
        """Of a page of the list, or with ``file`` of the table to download."""
        pairs = {"result": self.result, "after": after}
        query = urlencode({k: str(v) for k, v in pairs.items() if v})
        path = f"/console/campaigns/{self.campaign_id}{file}"
        return f"{path}?{query}" if query else path
