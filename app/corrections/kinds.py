"""Kinds of corrections as data: who works each, what must be proved, who agrees, how long it may take, why it may fail.

Sources: docs/architecture.md (corrections); 个人信息保护法 art. 46 and 50; 户口登记条例 art. 17 and 18; 档案法 art. 48.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.actors import Role


class Kind(StrEnum):
    TRANSCRIPTION = "transcription"
    MISSING_MATERIAL = "missing_material"
    FORMING_UNIT = "forming_unit"
    STATUTORY_IDENTITY = "statutory_identity"
    OTHER = "other"


class When(StrEnum):
    """By when a proof must be there."""

    INTAKE = "intake"
    DECISION = "decision"


WHEN_LABELS: Mapping[When, str] = {When.INTAKE: "提交申请时", When.DECISION: "作出同意决定前"}


@dataclass(frozen=True, slots=True)
class Proof:
    """A file the kind asks for. Those for the intake are the graduate's, those for the decision the desk's to get."""

    code: str
    label: str
    when: When


@dataclass(frozen=True, slots=True)
class Route:
    """Who works a ticket: the roles that may, and how the work goes, in words."""

    roles: tuple[Role, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Approvers:
    """``persons``: how many different persons must agree before the dossier changes; each has one of ``roles``."""

    persons: int
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class Clocks:
    """Working days. ``unit_stops``: whether waiting for a forming unit stops the decision's clock."""

    first_answer: int = 3
    decision: int = 15
    unit_stops: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a ticket may be refused, and the law that carries it, in words."""

    label: str
    law: str


REASONS: Mapping[str, Reason] = {
    "record_is_right": Reason(
        "经核对原件，现有记录无误",
        "《个人信息保护法》第四十六条：个人信息不准确或者不完整的，经核实后更正、补充",
    ),
    "proof_insufficient": Reason(
        "所附证明材料不足以支持更正",
        "《个人信息保护法》第四十六条第二款：请求更正、补充的，应当对其个人信息予以核实",
    ),
    "not_our_record": Reason(
        "该内容由其他单位形成，须由形成单位处理",
        "《档案法》第四十八条：不得篡改档案；内容有误的，由形成单位更正或说明后补充归档",
    ),
    "police_first": Reason(
        "法定身份信息须先由公安机关变更或更正",
        "《户口登记条例》第十七条、第十八条：变更、更正由户口登记机关审查属实后办理",
    ),
    "already_filed": Reason(
        "该材料已经归档，可在档案目录中查看",
        "《个人信息保护法》第四十六条：个人信息不完整的，经核实后补充",
    ),
    "not_archivable": Reason(
        "该材料不属于毕业生档案的归档范围",
        "《高等学校档案管理办法》：按规定的归档范围归档",
    ),
    "duplicate": Reason(
        "与已受理的申请重复",
        "《个人信息保护法》第五十条：同一请求由已受理的申请处理并答复",
    ),
    "other": Reason(
        "其他原因",
        "《个人信息保护法》第五十条：拒绝个人行使权利的请求的，应当说明理由",
    ),
}
_COMMON = ("record_is_right", "proof_insufficient", "not_our_record")
_REST = ("duplicate", "other")
_DESK = (Role.ARCHIVIST, Role.REVIEWER)


@dataclass(frozen=True, slots=True)
class KindRule:
    """``needs_change``: values of record fields must be asked for. ``takes_material``: it may end in a new material.

    ``takes_unit``: it may wait for the unit that formed the material.
    """

    label: str
    hint: str
    route: Route
    proofs: tuple[Proof, ...]
    approvers: Approvers
    clocks: Clocks
    refusals: tuple[str, ...]
    needs_change: bool
    takes_material: bool = False
    takes_unit: bool = False

    @property
    def approvals(self) -> int:
        return self.approvers.persons

    @property
    def needs_evidence(self) -> bool:
        return bool(self.at(When.INTAKE))

    def at(self, when: When) -> tuple[Proof, ...]:
        return tuple(p for p in self.proofs if p.when is when)


UNIT_REPLY = "unit_reply"
COLLECTED = "collected_material"
KINDS: Mapping[Kind, KindRule] = {
    Kind.TRANSCRIPTION: KindRule(
        "录入或扫描错误",
        "档案原件无误、电子记录录入有误",
        Route(_DESK, "档案员对照原件核对，一人同意后生成新版本"),
        (),
        Approvers(1, _DESK),
        Clocks(),
        (*_COMMON, *_REST),
        needs_change=True,
    ),
    Kind.MISSING_MATERIAL: KindRule(
        "材料缺失",
        "应当归档而未归档的材料",
        Route(_DESK, "档案员向形成单位或本人收集材料，扫描后随申请归档"),
        (Proof(COLLECTED, "收集到的材料扫描件", When.DECISION),),
        Approvers(1, _DESK),
        Clocks(),
        ("already_filed", "not_archivable", "proof_insufficient", "not_our_record", *_REST),
        needs_change=False,
        takes_material=True,
    ),
    Kind.FORMING_UNIT: KindRule(
        "形成单位错误",
        "原件本身有误，须由形成单位更正或说明",
        Route(_DESK, "档案员转形成单位核实，凭其更正件或说明办理"),
        (
            Proof("supporting_document", "说明原件有误的材料", When.INTAKE),
            Proof(UNIT_REPLY, "形成单位出具的更正件或说明", When.DECISION),
        ),
        Approvers(1, _DESK),
        Clocks(decision=30),
        (*_COMMON, *_REST),
        needs_change=True,
        takes_unit=True,
    ),
    Kind.STATUTORY_IDENTITY: KindRule(
        "法定身份信息",
        "姓名、身份证号、性别、民族、出生日期，须凭公安机关证明",
        Route(_DESK, "凭公安机关证明，由两位工作人员分别核对同意"),
        (Proof("police_certificate", "公安机关出具的证明或户口簿", When.INTAKE),),
        Approvers(2, _DESK),
        Clocks(),
        (*_COMMON, "police_first", *_REST),
        needs_change=True,
    ),
    Kind.OTHER: KindRule(
        "其他",
        "",
        Route(_DESK, "档案员核实后答复"),
        (),
        Approvers(1, _DESK),
        Clocks(),
        (*_COMMON, *_REST),
        needs_change=False,
    ),
}


def clock_words(clocks: Clocks) -> str:
    """What a graduate is promised at the intake."""
    return f"{clocks.first_answer} 个工作日内首次答复，{clocks.decision} 个工作日内作出决定；等待您补充期间不计时"


def approvals_needed(kind: Kind, *, guards_account: bool) -> int:
    """Persons who must agree: what an account is verified against is never changed by one alone."""
    return max(KINDS[kind].approvals, 2 if guards_account else 1)
