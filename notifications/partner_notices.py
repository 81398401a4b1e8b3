"""Notices that outside systems may send: which there are, what each takes, and its words. Pure.

The words are the school's. What a machine gives is a day, a time, a place or a material from a list, or a room's
number: nothing in which a link, a name or another's sentence would fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from app.errors import FieldFault, Invalid

EVENT = "partner.notice"
"""The event's type; its data are ``kind`` and the fields."""
AHEAD = timedelta(days=366)
MOST_MATERIALS = 5
PLACES: Mapping[str, str] = {
    "archive_desk": "学校档案服务窗口",
    "student_affairs": "学生事务服务窗口",
    "career_centre": "就业指导中心",
    "graduate_school": "研究生院",
    "college_office": "所在学院办公室",
    "registry": "教务处服务窗口",
}
MATERIALS: Mapping[str, str] = {
    "registration_form": "毕业生登记表",
    "transcript": "成绩单",
    "physical_examination": "体检表",
    "degree_approval": "学位申请和审批材料",
    "league_records": "团员材料",
    "party_records": "党员材料",
    "award_forms": "奖励登记表",
    "employment_agreement": "就业协议",
    "student_registration": "学籍表",
}
_ROOM = re.compile(r"[A-Z]?[0-9]{1,4}[A-Z]?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class Kind(StrEnum):
    ASK_VISIT = "ask_visit"
    MATERIALS_MISSING = "materials_missing"
    APPOINTMENT = "appointment"


class Form(StrEnum):
    """What a field holds, always as text or as a list of texts."""

    DAY = "day"
    TIME = "time"
    PLACE = "place"
    ROOM = "room"
    MATERIALS = "materials"


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of notice. ``fields`` are needed, ``further`` are not."""

    title: str
    fields: Mapping[str, Form]
    further: Mapping[str, Form]


OFFERS: Mapping[Kind, Offer] = {
    Kind.ASK_VISIT: Offer("请到校办理", {"place": Form.PLACE, "until": Form.DAY}, {"room": Form.ROOM}),
    Kind.MATERIALS_MISSING: Offer(
        "档案材料待补齐", {"materials": Form.MATERIALS, "place": Form.PLACE, "until": Form.DAY}, {}
    ),
    Kind.APPOINTMENT: Offer(
        "预约办理提醒", {"place": Form.PLACE, "day": Form.DAY, "time": Form.TIME}, {"room": Form.ROOM}
    ),
}
SCHEMAS: Mapping[Form, Mapping[str, Any]] = {
    Form.DAY: {"type": "string", "format": "date", "description": "From today to a year ahead, in Beijing"},
    Form.TIME: {"type": "string", "pattern": f"^{_TIME.pattern}$", "description": "In Beijing"},
    Form.PLACE: {"type": "string", "enum": list(PLACES)},
    Form.ROOM: {"type": "string", "pattern": f"^{_ROOM.pattern}$"},
    Form.MATERIALS: {
        "type": "array",
        "items": {"type": "string", "enum": list(MATERIALS)},
        "minItems": 1,
        "maxItems": MOST_MATERIALS,
        "uniqueItems": True,
    },
}


def schema(kind: Kind) -> dict[str, Any]:
    """JSON Schema (2020-12) of a kind's ``fields``."""
    offer = OFFERS[kind]
    return {
        "type": "object",
        "title": offer.title,
        "properties": {name: dict(SCHEMAS[form]) for name, form in {**offer.fields, **offer.further}.items()},
        "required": list(offer.fields),
        "additionalProperties": False,
    }


# --- what is taken ----------------------------------------------------------------------------------------------------


def checked(kind: Kind, given: Mapping[str, Any], today: date) -> dict[str, Any]:
    """The fields as they are kept. Raises Invalid with a fault per field (``required``, ``unknown_field``, ``wrong``,
    ``date_past``, ``date_far``). ``today`` in Beijing.
    """
    offer = OFFERS[kind]
    known = {**offer.fields, **offer.further}
    faults = [FieldFault(f"/fields/{n}", "unknown_field") for n in given if n not in known]
    faults += [FieldFault(f"/fields/{n}", "required") for n in offer.fields if n not in given]
    for name, form in known.items():
        code = _fault(form, given[name], today) if name in given else ""
        faults += [FieldFault(f"/fields/{name}", code)] if code else []
    if faults:
        raise Invalid("invalid_input", faults=faults)
    return {name: given[name] for name in known if name in given}


def _fault(form: Form, value: Any, today: date) -> str:
    """A code, or nothing where the value will do."""
    if form is Form.MATERIALS:
        return "" if _are_materials(value) else "wrong"
    if not isinstance(value, str):
        return "wrong"
    if form is Form.DAY:
        return _day_fault(value, today)
    if form is Form.PLACE:
        return "" if value in PLACES else "wrong"
    pattern = _TIME if form is Form.TIME else _ROOM
    return "" if pattern.fullmatch(value) else "wrong"


def _are_materials(value: Any) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_MATERIALS:
        return False
    return all(isinstance(v, str) and v in MATERIALS for v in value) and len(set(value)) == len(value)


def _day_fault(value: str, today: date) -> str:
    try:
        day = date.fromisoformat(value) if _DAY.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None:
        return "wrong"
    if day < today:
        return "date_past"
    return "date_far" if day > today + AHEAD else ""


# --- what is said -----------------------------------------------------------------------------------------------------


def key_of(data: Mapping[str, Any]) -> str:
    """The notice in the school's catalogue, of an event of the type EVENT whose data passed ``checked``."""
    return f"{EVENT}.{Kind(data['kind']).value}"


def blanks_of(data: Mapping[str, Any]) -> dict[str, str]:
    """What fills the blanks of its words."""
    filled = {"place": _place(data)}
    filled |= {name: _day(data[name]) for name in ("until", "day") if name in data}
    if "time" in data:
        filled["time"] = data["time"]
    if "materials" in data:
        filled["materials"] = _listed(data["materials"])
    return filled


def _place(data: Mapping[str, Any]) -> str:
    return PLACES[data["place"]] + (f"（{data['room']} 室）" if "room" in data else "")


def _day(value: str) -> str:
    day = date.fromisoformat(value)
    return f"{day.year}年{day.month}月{day.day}日"


def _listed(codes: Sequence[str]) -> str:
    return "、".join(MATERIALS[code] for code in codes)
