"""The notices a campaign may send: an allow-list with typed short fields, so that no campaign carries free text.

Whoever wrote to a whole cohort in free words could be impersonated, and could send a link or a number; these texts hold
neither, only a day and a place from the school's own list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum

from app.errors import FieldFault, Invalid

EVENT_TYPE = "campaign.notice"
KEY = "notice"
"""Where a notice's data names its text; the fields stand beside it."""
FARTHEST = timedelta(days=366)
PLACE_CHARS = 20  # WeChat's `thing`
_DIGIT_RUN = re.compile(r"[0-9０-９]{5,}")
_LINK = re.compile(r"://|www\.|\.(com|cn|net|org|top|xyz)\b", re.IGNORECASE)


class CampaignNotice(StrEnum):
    CHECK_DOSSIER = "check_dossier"
    REGISTER_DESTINATION = "register_destination"
    HAND_IN = "hand_in"
    LEAVING = "leaving"


class Field(StrEnum):
    UNTIL = "until"
    ON = "on"
    PLACE = "place"


NOTICE_LABELS: Mapping[CampaignNotice, str] = {
    CampaignNotice.CHECK_DOSSIER: "请核对档案信息",
    CampaignNotice.REGISTER_DESTINATION: "毕业去向登记提醒",
    CampaignNotice.HAND_IN: "补交材料",
    CampaignNotice.LEAVING: "离校办理时间",
}
FIELD_LABELS: Mapping[Field, str] = {Field.UNTIL: "截止日期", Field.ON: "办理日期", Field.PLACE: "办理地点"}
FIELDS: Mapping[CampaignNotice, tuple[Field, ...]] = {
    CampaignNotice.CHECK_DOSSIER: (Field.UNTIL,),
    CampaignNotice.REGISTER_DESTINATION: (Field.UNTIL,),
    CampaignNotice.HAND_IN: (Field.UNTIL,),
    CampaignNotice.LEAVING: (Field.ON, Field.PLACE),
}


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.year}年{day.month}月{day.day}日"


def key(notice: CampaignNotice) -> str:
    """Its name in the school's catalogue."""
    return f"{EVENT_TYPE}.{notice.value}"


def key_of(data: Mapping[str, str]) -> str | None:
    """The notice in the school's catalogue, of a notice's data; None for one that another release wrote."""
    named = data.get(KEY, "")
    known = named in set(CampaignNotice) and all(f in data for f in FIELDS[CampaignNotice(named)])
    return key(CampaignNotice(named)) if known else None


def blanks_of(data: Mapping[str, str]) -> dict[str, str]:
    """What fills the blanks of its words, of fields as ``checked`` gave them."""
    wanted = FIELDS[CampaignNotice(data[KEY])]
    return {f.value: data[f] if f is Field.PLACE else _day(data[f]) for f in wanted}


def checked(notice: CampaignNotice, given: Mapping[str, str], today: date, places: Sequence[str]) -> dict[str, str]:
    """The notice's own fields, each of its type. Days are ISO dates from today up to a year ahead; a place is one of
    the school's. Raises Invalid naming each field.
    """
    kept: dict[str, str] = {}
    faults = []
    for each in FIELDS[notice]:
        value = given.get(each, "").strip()
        code = _fault(each, value, today, places)
        if code:
            faults.append(FieldFault(f"/{each}", code))
        kept[each.value] = value
    if faults:
        raise Invalid("invalid_input", faults=faults)
    return kept


def _fault(field: Field, value: str, today: date, places: Sequence[str]) -> str:
    if field is Field.PLACE:
        return "" if value in places else "campaign_place"
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return "campaign_day"
    return "" if today <= day <= today + FARTHEST else "campaign_day_far"


def place_fault(place: str) -> str:
    """Why a configured place may not stand in a notice, in English; empty where it may."""
    if not place or len(place) > PLACE_CHARS:
        return f"is empty or longer than {PLACE_CHARS} characters"
    if _DIGIT_RUN.search(place) or _LINK.search(place):
        return "holds a link or a run of five digits or more"
    return ""
