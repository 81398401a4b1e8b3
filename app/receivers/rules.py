"""Who may receive a dossier, and from when to when (2-domain §3). Pure tables and functions.

A private person, an ordinary company and self-carry have no value here on purpose: a receiver is one of four kinds of
bodies, it has a unified social credit code (which no private person has), and an enterprise passes only as a state
unit that names the document of its personnel authority.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from stdnum.cn import uscc

from app.actors import Role
from app.people.rules import region_code_fault
from app.receivers.age_keys import is_recipient
from app.text_rules import hides_something

READERS = (Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER)
KEEPERS = (Role.ARCHIVIST,)
EXPIRING_DAYS = 60
CHANGED_DAYS = 30
"""How far the warnings look ahead, and how far back."""
WARNED_DAYS = 365


class ReceiverKind(StrEnum):
    PUBLIC_BODY = "public_body"
    AUTHORISED_UNIT = "authorised_unit"
    STATE_UNIT = "state_unit"
    ADMITTING_SCHOOL = "admitting_school"


KIND_LABELS: Mapping[ReceiverKind, str] = {
    ReceiverKind.PUBLIC_BODY: "公共就业和人才服务机构（县级以上）",
    ReceiverKind.AUTHORISED_UNIT: "省级人社部门授权单位",
    ReceiverKind.STATE_UNIT: "有人事管理权限的机关、国有企事业单位",
    ReceiverKind.ADMITTING_SCHOOL: "招生学校",
}
_MOBILE_PERSONS = "《流动人员人事档案管理服务规定》（人社部发〔2021〕112 号）"
KIND_GROUNDS: Mapping[ReceiverKind, str] = {
    ReceiverKind.PUBLIC_BODY: f"{_MOBILE_PERSONS}：由县级以上人民政府设立的公共就业和人才服务机构管理",
    ReceiverKind.AUTHORISED_UNIT: f"{_MOBILE_PERSONS}：由经省级人力资源社会保障行政部门授权的单位管理",
    ReceiverKind.STATE_UNIT: "《干部人事档案工作条例》：机关、国有企事业单位按干部人事管理权限管理",
    ReceiverKind.ADMITTING_SCHOOL: "高校招生录取规定：凭招生学校的调档函转递",
}
# the first characters of the credit code (GB 32100-2015: who registers, and what): 1 by the office of state posts, 5 by
# civil affairs (民办学校), 8 by the unions, 91 an enterprise; never 92 (individual businesses) nor 93 (cooperatives).
_CODES: Mapping[ReceiverKind, tuple[str, ...]] = {
    ReceiverKind.PUBLIC_BODY: ("1",),
    ReceiverKind.AUTHORISED_UNIT: ("1", "5"),
    ReceiverKind.STATE_UNIT: ("1", "8", "91"),
    ReceiverKind.ADMITTING_SCHOOL: ("1", "5"),
}
_PRIVATE_CODES = ("92", "93")
_ENTERPRISE = "91"


class DestinationCase(StrEnum):
    """Why a dossier goes where it goes (毕业去向)."""

    STATE_UNIT = "state_unit"
    PRIVATE_EMPLOYMENT = "private_employment"
    FURTHER_STUDY = "further_study"
    UNEMPLOYED = "unemployed"
    KEPT_AT_SCHOOL = "kept_at_school"


CASE_LABELS: Mapping[DestinationCase, str] = {
    DestinationCase.STATE_UNIT: "到国有单位就业、定向就业",
    DestinationCase.PRIVATE_EMPLOYMENT: "到非公单位就业、灵活就业、自主创业",
    DestinationCase.FURTHER_STUDY: "升学",
    DestinationCase.UNEMPLOYED: "未就业，转回户籍地",
    DestinationCase.KEPT_AT_SCHOOL: "暂缓转递，留校保管（不超过两年）",
}


@dataclass(frozen=True, slots=True)
class ReceiverFacts:
    """What one version says. ``valid_to`` is the first day it no longer holds, None while it is open; ``public_key`` an
    age recipient or empty; ``source`` where the entry comes from (a list, a letter, a call-back).
    """

    kind: ReceiverKind
    name: str
    credit_code: str
    region_code: str
    address: str
    valid_from: date
    department: str = ""
    postal_code: str = ""
    phone: str = ""
    authority: str = ""
    valid_to: date | None = None
    public_key: str = ""
    push_url: str = ""
    source: str = ""


FIELD_LABELS: Mapping[str, str] = {
    "kind": "类型",
    "name": "名称",
    "credit_code": "统一社会信用代码",
    "region_code": "行政区划代码",
    "address": "办公地址",
    "department": "部门",
    "postal_code": "邮政编码",
    "phone": "办公电话",
    "authority": "授权或管理权限文件",
    "valid_from": "有效期起",
    "valid_to": "有效期止",
    "public_key": "加密公钥",
    "push_url": "推送地址",
    "source": "登记依据",
}
LONGEST: Mapping[str, int] = {
    "name": 120,
    "address": 200,
    "department": 60,
    "authority": 120,
    "source": 120,
    "push_url": 300,
}
_NEEDED = ("name", "credit_code", "region_code", "address", "source")
_CODE = re.compile(r"[0-9A-Z][0-9A-Z-]{1,29}")
# a landline with its area code and maybe an extension, or a service number; a mobile belongs to a person
_OFFICE_PHONE = re.compile(r"0\d{2,3}-?\d{7,8}(?:-\d{1,6})?|400-?\d{3}-?\d{4}|1[0-9]{4}")
_PERSONS_NUMBER = re.compile(r"(?<!\d)(?:1[3-9]\d{9}|\d{17}[\dXx])(?!\d)")
_LOOPBACK = ("127.0.0.1", "localhost")

Fault = tuple[str, str]
"""(field of ReceiverFacts, word of app/wording/receivers.py)."""


def normal_code(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()


def code_fault(code: str) -> str | None:
    return None if _CODE.fullmatch(code) else "receiver_code_characters"


def normal(facts: ReceiverFacts) -> ReceiverFacts:
    """Trimmed, half-width numbers, one space where there were several."""

    def tidy(text: str) -> str:
        return " ".join(text.split())

    def number(text: str) -> str:
        return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).translate(_DASHES)

    return replace(
        facts,
        name=tidy(facts.name),
        credit_code=normal_code(facts.credit_code).replace("-", ""),
        region_code=number(facts.region_code),
        address=tidy(facts.address),
        department=tidy(facts.department),
        postal_code=number(facts.postal_code),
        phone=number(facts.phone),
        authority=tidy(facts.authority),
        public_key=tidy(facts.public_key),
        push_url=tidy(facts.push_url),
        source=tidy(facts.source),
    )


_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")


def faults(facts: ReceiverFacts, *, local_push: bool = False) -> list[Fault]:
    """What keeps these facts, in normal form, from being recorded. ``local_push``: a push address on this machine is
    taken, for demonstrations.
    """
    found: list[Fault] = [(name, "required") for name in _NEEDED if not getattr(facts, name)]
    texts = [(name, getattr(facts, name)) for name in LONGEST]
    found += [(name, "too_long") for name, value in texts if len(value) > LONGEST[name]]
    found += [(name, "invisible_characters") for name, value in texts if hides_something(value) or "\n" in value]
    found += [(n, "persons_number") for n, v in texts if n not in ("push_url",) and _PERSONS_NUMBER.search(v)]
    checks = (
        ("credit_code", credit_code_fault(facts.credit_code, facts.kind, facts.authority)),
        ("authority", _authority_fault(facts)),
        ("region_code", region_code_fault(facts.region_code)),
        ("postal_code", None if re.fullmatch(r"(?:\d{6})?", facts.postal_code, re.ASCII) else "postal_code_wrong"),
        ("phone", _phone_fault(facts.phone)),
        ("valid_to", "ends_before_it_begins" if facts.valid_to and facts.valid_to <= facts.valid_from else None),
        ("public_key", None if not facts.public_key or is_recipient(facts.public_key) else "public_key_wrong"),
        ("push_url", _push_url_fault(facts.push_url, local_push)),
    )
    told = {name for name, _ in found}
    return found + [(name, code) for name, code in checks if code and name not in told]


def credit_code_fault(code: str, kind: ReceiverKind, authority: str) -> str | None:
    """credit_code_wrong (form or check digit, GB 32100-2015), credit_code_private (92, 93), credit_code_company (an
    enterprise without personnel authority on record), credit_code_kind (this kind of body has no such code).
    """
    if not uscc.is_valid(code):
        return "credit_code_wrong"
    if code.startswith(_PRIVATE_CODES):
        return "credit_code_private"
    if code.startswith(_ENTERPRISE) and (kind is not ReceiverKind.STATE_UNIT or not authority):
        return "credit_code_company"
    return None if code.startswith(_CODES[kind]) else "credit_code_kind"


def _authority_fault(facts: ReceiverFacts) -> str | None:
    wanted = facts.kind is ReceiverKind.AUTHORISED_UNIT or facts.credit_code.startswith(_ENTERPRISE)
    return "authority_missing" if wanted and not facts.authority else None


def _phone_fault(phone: str) -> str | None:
    if not phone or _OFFICE_PHONE.fullmatch(phone):
        return None
    return "persons_number" if _PERSONS_NUMBER.search(phone) else "phone_wrong"


def _push_url_fault(url: str, local: bool) -> str | None:
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "push_url_wrong"
    plain = not (parts.username or parts.password or parts.query or parts.fragment or url != url.strip())
    if local and plain and parts.scheme == "http" and host in _LOOPBACK:
        return None
    named = "." in host and not re.fullmatch(r"[0-9.]+", host) and url.isascii()
    return None if plain and parts.scheme == "https" and named else "push_url_wrong"


# --- dates ------------------------------------------------------------------------------------------------------------


class Refusal(StrEnum):
    """Why a body is no receiver on a day."""

    NOT_YET = "not_yet"
    EXPIRED = "expired"
    NOT_ENTITLED = "not_entitled"


REFUSAL_WORDS: Mapping[Refusal, str] = {
    Refusal.NOT_YET: "授权尚未开始",
    Refusal.EXPIRED: "授权已经到期",
    Refusal.NOT_ENTITLED: "登记内容不符合接收条件",
}


def authorised_on(facts: ReceiverFacts, on: date) -> Refusal | None:
    """None when the body may receive on this day: valid_from ≤ on < valid_to, or open."""
    if on < facts.valid_from:
        return Refusal.NOT_YET
    if facts.valid_to is not None and on >= facts.valid_to:
        return Refusal.EXPIRED
    if credit_code_fault(facts.credit_code, facts.kind, facts.authority) is not None:
        return Refusal.NOT_ENTITLED
    return None


class Standing(StrEnum):
    """How a receiver stands on a day, for lists."""

    VALID = "valid"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    NOT_YET = "not_yet"


STANDING_LABELS: Mapping[Standing, str] = {
    Standing.VALID: "有效",
    Standing.EXPIRING: "即将到期",
    Standing.EXPIRED: "已到期",
    Standing.NOT_YET: "尚未生效",
}


def standing(valid_from: date, valid_to: date | None, on: date, days: int = EXPIRING_DAYS) -> Standing:
    if on < valid_from:
        return Standing.NOT_YET
    if valid_to is None:
        return Standing.VALID
    if on >= valid_to:
        return Standing.EXPIRED
    return Standing.EXPIRING if valid_to <= on + timedelta(days=days) else Standing.VALID


def governing(begins: Sequence[tuple[int, date]], on: date) -> int | None:
    """Out of (number, valid_from): the number of the version that speaks for this day, None before the first.

    What was recorded last speaks from its own beginning on; an earlier version speaks for the days before that.
    """
    return max((number for number, begin in begins if begin <= on), default=None)


def continued(last: ReceiverFacts, told: ReceiverFacts, since: date) -> ReceiverFacts:
    """What a list tells of a body on record, as its next version: a list repeats the day the entitlement began, while
    other facts changed later, so they hold from ``since`` on. Gives ``last`` itself when the list tells nothing new.
    """
    if told.valid_from > last.valid_from:
        return told
    if replace(told, valid_from=last.valid_from) == last:
        return last
    begin = max(since, last.valid_from)
    if told.valid_to is not None and told.valid_to <= begin:  # it ended before that: the end is what is new
        begin = last.valid_from if last.valid_from < told.valid_to else told.valid_from
    return replace(told, valid_from=begin)


def changes(before: ReceiverFacts, after: ReceiverFacts) -> tuple[str, ...]:
    """Fields that differ, in the order of FIELD_LABELS."""
    return tuple(name for name in FIELD_LABELS if getattr(before, name) != getattr(after, name))
