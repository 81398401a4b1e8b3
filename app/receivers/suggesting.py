"""Where a dossier goes: receivers suggested for a case of destination, each with the rule that led to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from app.receivers.rules import DestinationCase, ReceiverFacts, ReceiverKind, authorised_on

KEPT_YEARS = 2
_ARRANGED = "《关于做好取消普通高等学校毕业生就业报到证有关衔接工作的通知》（人社部发〔2023〕26 号）"
_TRANSFERRED = "《关于积极稳妥做好高校毕业生档案转递接收工作的通知》（人社厅发〔2023〕20 号）"


class Place(StrEnum):
    """Which of the two regions a rule looks at."""

    DESTINATION = "destination"
    ORIGIN = "origin"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """``words`` say it to staff and graduates; ``mark`` how sure the source is (C, W, U of 2-domain)."""

    id: str
    case: DestinationCase
    kinds: tuple[ReceiverKind, ...]
    place: Place
    words: str
    source: str
    mark: str = "C"


_PUBLIC = (ReceiverKind.PUBLIC_BODY, ReceiverKind.AUTHORISED_UNIT)
RULES: Sequence[DestinationRule] = (
    DestinationRule(
        "D-1",
        DestinationCase.STATE_UNIT,
        (ReceiverKind.STATE_UNIT,),
        Place.ANYWHERE,
        "到机关、国有企事业单位就业或定向就业：转递至有人事管理权限的用人单位",
        _ARRANGED,
    ),
    DestinationRule(
        "D-2",
        DestinationCase.STATE_UNIT,
        _PUBLIC,
        Place.DESTINATION,
        "用人单位没有人事管理权限：转递至单位所在地的公共就业和人才服务机构",
        _ARRANGED,
    ),
    DestinationRule(
        "D-3",
        DestinationCase.PRIVATE_EMPLOYMENT,
        _PUBLIC,
        Place.DESTINATION,
        "到非公单位就业、灵活就业、自主创业：转递至就业地的公共就业和人才服务机构",
        _ARRANGED,
    ),
    DestinationRule(
        "D-4",
        DestinationCase.PRIVATE_EMPLOYMENT,
        _PUBLIC,
        Place.ORIGIN,
        "到非公单位就业、灵活就业、自主创业：也可转递至户籍地的公共就业和人才服务机构",
        _ARRANGED,
    ),
    DestinationRule(
        "D-5",
        DestinationCase.FURTHER_STUDY,
        (ReceiverKind.ADMITTING_SCHOOL,),
        Place.ANYWHERE,
        "升学：凭调档函转递至招生学校",
        _ARRANGED,
    ),
    DestinationRule(
        "D-6",
        DestinationCase.UNEMPLOYED,
        _PUBLIC,
        Place.ORIGIN,
        "暂未就业：转递至户籍地的公共就业和人才服务机构",
        _TRANSFERRED,
    ),
    DestinationRule(
        "D-7",
        DestinationCase.KEPT_AT_SCHOOL,
        _PUBLIC,
        Place.ORIGIN,
        f"本人自愿，暂缓转递：由学校保管，不超过 {KEPT_YEARS} 年，期满转递至户籍地的公共就业和人才服务机构",
        _TRANSFERRED,
    ),
)


class Near(StrEnum):
    """How a receiver's region lies to the one asked for, nearest first."""

    SAME = "same"
    CITY = "city"
    PROVINCE = "province"
    WITHIN = "within"
    ELSEWHERE = "elsewhere"


NEAR_WORDS: Mapping[Near, str] = {
    Near.SAME: "区划相同",
    Near.CITY: "所属地市",
    Near.PROVINCE: "所属省份",
    Near.WITHIN: "辖区内",
    Near.ELSEWHERE: "其他地区",
}
_ORDER = tuple(Near)


def near(of_receiver: str, asked: str) -> Near:
    """By GB/T 2260 codes: 330106 a county, 330100 its city, 330000 its province."""
    if of_receiver == asked:
        return Near.SAME
    if of_receiver.endswith("0000"):
        return Near.PROVINCE if of_receiver[:2] == asked[:2] else Near.ELSEWHERE
    if of_receiver.endswith("00") and of_receiver[:4] == asked[:4]:
        return Near.CITY
    within = (asked.endswith("0000") and of_receiver[:2] == asked[:2]) or (
        asked.endswith("00") and of_receiver[:4] == asked[:4]
    )
    return Near.WITHIN if within else Near.ELSEWHERE


class Candidate(Protocol):
    """A receiver that may be suggested."""

    @property
    def code(self) -> str: ...
    @property
    def facts(self) -> ReceiverFacts: ...


C = TypeVar("C", bound=Candidate)


@dataclass(frozen=True, slots=True)
class Suggestion(Generic[C]):
    receiver: C
    rule: DestinationRule
    near: Near

    @property
    def words(self) -> str:
        return f"{self.rule.words}（{NEAR_WORDS[self.near]}）"


def rules_of(case: DestinationCase) -> tuple[DestinationRule, ...]:
    """In the order of preference; also where no receiver is on record, the rule can be said."""
    return tuple(rule for rule in RULES if rule.case is case)


def home_region(case: DestinationCase, guessed: str, named: str) -> str:
    """户籍地: what somebody named, where the case looks at no other region; else the guess from the ID number."""
    alone = all(rule.place is not Place.DESTINATION for rule in rules_of(case))
    return named if named and alone else guessed


def suggest(
    case: DestinationCase, origin_region: str, destination_region: str, candidates: Sequence[C], on: date
) -> list[Suggestion[C]]:
    """Best first: by rule, then by nearness, then by code. Never a body that is not authorised on the day, nor, where
    the rule names a place, one of another region. A region may be empty: its rules then lead to nobody.
    """
    regions = {Place.ORIGIN: origin_region, Place.DESTINATION: destination_region}
    entitled = [c for c in candidates if authorised_on(c.facts, on) is None]
    found: list[Suggestion[C]] = []
    told: set[str] = set()
    for rule in rules_of(case):
        asked = regions.get(rule.place, destination_region)
        offered = [
            Suggestion(c, rule, near(c.facts.region_code, asked))
            for c in entitled
            if c.facts.kind in rule.kinds and c.code not in told and (asked or rule.place is Place.ANYWHERE)
        ]
        fitting = [s for s in offered if rule.place is Place.ANYWHERE or s.near is not Near.ELSEWHERE]
        found += sorted(fitting, key=lambda s: (_ORDER.index(s.near), s.receiver.code))
        told |= {s.receiver.code for s in fitting}
    return found
