"""Who takes part: filed graduates with complete dossiers, receivers of every kind, and the staff of the desks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from stdnum.cn import uscc

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.dossiers.incoming import NewDossier, NewMaterial
from app.dossiers.rules import Section
from app.people.rules import id_check_digit
from app.people.service import Card
from app.receivers.rules import DestinationCase, ReceiverFacts, ReceiverKind
from parts import Lantai

KINDS = {
    DestinationCase.STATE_UNIT: ReceiverKind.STATE_UNIT,
    DestinationCase.PRIVATE_EMPLOYMENT: ReceiverKind.PUBLIC_BODY,
    DestinationCase.FURTHER_STUDY: ReceiverKind.ADMITTING_SCHOOL,
    DestinationCase.UNEMPLOYED: ReceiverKind.PUBLIC_BODY,
    DestinationCase.KEPT_AT_SCHOOL: ReceiverKind.PUBLIC_BODY,
}
EACH_KIND = 6
COLLEGES = ("文学院", "数学学院", "土木学院", "医学院")


@dataclass(frozen=True, slots=True)
class Desk:
    """``pair``: two persons who may seal together."""

    college: Actor
    school: Actor
    pair: tuple[Actor, Actor]


def desk_of(parts: Lantai, prefix: str = "") -> Desk:
    def member(name: str, *roles: Role) -> Actor:
        made = parts.staff.add(SYSTEM, prefix + name, prefix + name, roles)
        return Actor(ActorKind.STAFF, made.staff_id, frozenset(roles), factor_at=parts.clock.now())

    sealers = (Role.ARCHIVIST, Role.DISPATCHER)
    return Desk(
        member("college", Role.REVIEWER),
        member("school", Role.ARCHIVIST),
        (member("first", *sealers), member("second", *sealers)),
    )


def receivers_of(parts: Lantai, desk: Desk) -> dict[DestinationCase, list[str]]:
    """Codes of the registry for each case."""
    codes: dict[ReceiverKind, list[str]] = {}
    for order, kind in enumerate(dict.fromkeys(KINDS.values())):
        for n in range(EACH_KIND):
            region = f"33010{n % 5 + 2}"
            credit = f"12{region}{order}{n:08d}"
            code = f"JJ-{order}{n:02d}"
            facts = ReceiverFacts(
                kind=kind,
                name=f"某市第{order}{n}号接收单位",
                credit_code=credit + uscc.calc_check_digit(credit),
                region_code=region,
                address=f"某市某路 {n + 1} 号",
                valid_from=date(2020, 1, 1),
                source="名录",
            )
            parts.receivers.record(desk.school, code, facts, 0)
            codes.setdefault(kind, []).append(code)
    return {case: codes[kind] for case, kind in KINDS.items()}


def file_graduates(parts: Lantai, count: int) -> list[UUID]:
    return [parts.filing.file_dossier(SYSTEM, _dossier(serial)) for serial in range(1, count + 1)]


def _dossier(serial: int) -> NewDossier:
    body = (
        f"330106{1990 + serial % 16}{serial // 16 % 12 + 1:02d}{serial // 192 % 28 + 1:02d}{serial // 5376 % 1000:03d}"
    )
    card = Card("测试季", body + id_check_digit(body), f"2026{serial:08d}", f"139{serial:08d}")
    records = {
        Section.IDENTITY: [{"name": card.name, "id_number": card.id_number, "phone": card.phone}],
        Section.ENROLMENT: [
            {
                "student_number": card.student_number,
                "college": COLLEGES[serial % len(COLLEGES)],
                "major": "档案学",
                "destination_code": f"ZD2026{serial:012d}",
            }
        ],
    }
    materials = (
        NewMaterial("4-1", "transcript", "成绩单", "2026-06-01", 2),
        NewMaterial("3", "", "学年鉴定表", "2026-06-01", 1),
    )
    return NewDossier(card, 2026, COLLEGES[serial % len(COLLEGES)], "档案学", "本科", records, materials)
