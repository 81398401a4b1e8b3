"""What a transfer stands on, day by day: its receiver may receive, its channel is allowed. Edges and words; pure.

The receiver was frozen when it was chosen, and rules of channels change: what counts is the day of the deed (2-domain
§3; 人社部发〔2021〕112 号).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.receivers.rules import (
    FIELD_LABELS,
    KIND_LABELS,
    REFUSAL_WORDS,
    DestinationCase,
    ReceiverFacts,
    ReceiverKind,
    Refusal,
)
from app.receivers.suggesting import rules_of
from app.transfers.states import ARRIVED, AWAITED, CHANGEABLE, CHANNEL_LABELS, ENDED, OUTSIDE, Channel, State

STOOD_ON = frozenset(
    {
        (State.DRAFT, State.DESTINATION_REGISTERED),
        (State.DESTINATION_REGISTERED, State.COLLEGE_REVIEWED),
        (State.COLLEGE_REVIEWED, State.SCHOOL_APPROVED),
        (State.CHECKED, State.SEALED),
        (State.RETURNED, State.SEALED),
        (State.SEALED, State.HANDED_TO_CARRIER),
    }
)
"""Edges that lead on to the receiver. What leads back to an approval is free: only there another may be chosen."""
MATTERS = ("kind", "name", "credit_code", "region_code", "address", "department", "postal_code", "phone")
"""What stands on the envelope or says who opens it; another source or key changes nothing for a dossier on its way."""
NOT_LISTED = "不是名录登记的单位"
NOT_FOR_CASE = "登记类型已变更，不再接收这类去向的档案"
_EARLY = "请在“更改去向”中{choice}"
_AGAIN = "请先“重新整理”，再在“更改去向”中{choice}"
WAY_OUT: Mapping[State, str] = {
    State.DRAFT: _EARLY,
    State.DESTINATION_REGISTERED: _EARLY,
    State.COLLEGE_REVIEWED: _EARLY,
    State.SCHOOL_APPROVED: _EARLY,
    State.HELD_AT_SCHOOL: _EARLY,
    State.ASSEMBLED: _AGAIN,
    State.CHECKED: _AGAIN,
    State.SEALED: "请两人“启封重新整理”，再在“更改去向”中{choice}",
    State.RETURNED: "请两人“启封并改寄”，再登记新的去向",
    State.REBUILDING: "补建完成后，请在“更改去向”中{choice}",
}
"""For staff, while the dossier has not left; all others are outside or have ended. ``choice``: what to choose anew."""
_WRITE_TO_IT = "档案已经寄出，请与该单位联系，确认由谁接收；必要时追回改寄"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One fact of a receiver, as it was frozen and as the registry has it today."""

    label: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Ground:
    """How a transfer stands on a day. ``against``: why its receiver may not receive; ``barred``: its channel is not
    allowed; ``allowed``: what is; ``changed``: labels of what matters and is not as it was frozen.
    """

    state: State
    receiver: str
    channel: Channel
    against: str = ""
    barred: bool = False
    allowed: tuple[Channel, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def allowed_words(self) -> str:
        return "、".join(CHANNEL_LABELS[c] for c in self.allowed)


def settled(state: State) -> bool:
    """Whether it matters no more: the receiver has it, or nothing goes."""
    return state in ARRIVED or state in ENDED


def against(refusal: Refusal | None, kind: ReceiverKind, case: DestinationCase | None) -> str:
    """Why a body may not receive in this case; empty where it may. ``case`` None: from before cases were kept."""
    if refusal is not None:
        return REFUSAL_WORDS[refusal]
    fitting = case is None or any(kind in rule.kinds for rule in rules_of(case))
    return "" if fitting else NOT_FOR_CASE


def changes_that_matter(before: ReceiverFacts, now: ReceiverFacts, changed: Sequence[str]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(FIELD_LABELS[name], _shown(before, name), _shown(now, name)) for name in changed if name in MATTERS
    )


def _shown(facts: ReceiverFacts, name: str) -> str:
    return KIND_LABELS[facts.kind] if name == "kind" else str(getattr(facts, name)) or "（未登记）"


def graduate_may(state: State, *, own: bool, in_time: bool) -> bool:
    """Whether the graduate may choose another receiver. ``own``: the destination is the graduate's to choose, as a
    supplement's is not; ``in_time``: until 31 August of the graduate's year (2-domain §2).
    """
    return own and (state in AWAITED or (state in CHANGEABLE and in_time))


def words_for_staff(ground: Ground, *, graduate_may: bool) -> str:
    """Why the transfer goes no further as it stands, and what to do; empty where it may."""
    if settled(ground.state):
        return ""
    way_out = WAY_OUT.get(ground.state, _WRITE_TO_IT)
    if ground.against:
        by_oneself = "，或请毕业生本人变更" if graduate_may else ""
        what_to_do = way_out.format(choice="另选接收单位") + by_oneself
        return f"接收单位现在不能接收档案（{ground.against}）。{what_to_do}。"
    if ground.barred and ground.state not in OUTSIDE:
        now = f"现在可经{ground.allowed_words}" if ground.allowed else "现行规则没有给出可用的方式，请先核实规则"
        what_to_do = way_out.format(choice="改选转递方式")
        return f"按现行规则不能再经{CHANNEL_LABELS[ground.channel]}转递，{now}。{what_to_do}。"
    return ""


def words_for_graduate(ground: Ground, contact: str, *, graduate_may: bool) -> str:
    """In plain words what is not as it was chosen, what happens next and whom to call; empty where nothing is."""
    if settled(ground.state):
        return ""
    away = ground.state in OUTSIDE
    if ground.against:
        if away:
            next_ = "档案已经寄出，学校正与该单位联系，确认由谁接收，进展会显示在这里；您无须办理"
        elif graduate_may:
            until = "" if ground.state in AWAITED else "；8 月 31 日以后请联系学校办理"
            next_ = f"档案不会寄往该单位。请重新选择接收单位{until}"
        else:
            next_ = "档案还在学校，不会寄往该单位；学校会与您联系，换定接收单位后再寄出"
        return f"接收单位“{ground.receiver}”现在不能接收档案（{ground.against}）。{next_}。咨询：{contact}。"
    if ground.barred and not away:
        now = f"学校会改用{ground.allowed_words}" if ground.allowed else "学校核实后会另行安排"
        return f"按现行规定，档案不能再经{CHANNEL_LABELS[ground.channel]}转递。{now}，您无须办理。咨询：{contact}。"
    if ground.changed:
        next_ = "学校会与该单位联系确认" if away else "学校会在寄出前核实"
        return f"接收单位登记的{'、'.join(ground.changed)}有变动，{next_}，您无须办理。咨询：{contact}。"
    return ""
