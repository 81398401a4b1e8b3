"""What is searched for and how: normal form, bigrams, award levels, strengths, purposes. Pure tables and functions.

Traditional and simplified characters are not folded into each other: 電子 does not find 电子.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.dossiers.rules import MATERIAL_CLASSES, SECTIONS, Section
from app.errors import Invalid

RULES_VERSION = "2026-1"
"""Of the tables below; a change of levels or strengths needs ``lantai index rebuild``."""

MOST_HITS = 1_000
"""Results and counts go no further; beyond stands 超过 1000 条."""
MOST_TEXTS = 200
MOST_DRIVER = 2_000
MOST_SHELVES = 20_000
SEARCH_LASTS = timedelta(hours=8)
MOST_SAVED = 50
MOST_NAME = 40

BETWEEN = "\x1f"
"""Stands between the texts of one unit, so that no bigram reaches from one into the next."""
MOST_QUERY = 60
MOST_TOKENS = 24
_HAN = r"\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_RUNS = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")


def normalise(text: str) -> str:
    """NFKC (full width to half width), case folded, white space single."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def joined(texts: Sequence[str]) -> str:
    """The normal form of all texts of a unit, title first."""
    return BETWEEN.join(n for n in map(normalise, texts) if n)


def tokens(normal: str) -> frozenset[str]:
    """Bigrams of Chinese runs, and words or numbers of other scripts whole. A Chinese character alone gives none:
    single characters would make frequencies easy to read and find half the archive.
    """
    found: set[str] = set()
    for run in _RUNS.findall(normal):
        if re.match(rf"[{_HAN}]", run):
            found.update(run[n : n + 2] for n in range(len(run) - 1))
        else:
            found.add(run)
    return frozenset(found)


def words(query: str) -> tuple[str, ...]:
    """The phrases asked for, each in normal form. Raises Invalid('search_too_short'), Invalid('search_too_long')."""
    normal = normalise(query)
    if len(normal) > MOST_QUERY:
        raise Invalid("search_too_long")
    phrases = tuple(dict.fromkeys(normal.split(" "))) if normal else ()
    if phrases and not all(tokens(p) for p in phrases):
        raise Invalid("search_too_short")
    if len({t for p in phrases for t in tokens(p)}) > MOST_TOKENS:
        raise Invalid("search_too_long")
    return phrases


def contains(normal: str, phrases: Sequence[str]) -> bool:
    """Whether every phrase stands there: a bigram of each half may come from different places."""
    return all(_stands(normal, p) for p in phrases)


def _stands(normal: str, phrase: str) -> bool:
    if not phrase.isascii():
        return phrase in normal
    return tokens(phrase) <= tokens(normal)


# --- award levels -----------------------------------------------------------------------------------------------------


class Level(StrEnum):
    """In the order of a catalogue: the highest first."""

    NATIONAL = "national"
    PROVINCIAL = "provincial"
    MUNICIPAL = "municipal"
    SCHOOL = "school"
    COLLEGE = "college"
    OTHER = "other"
    NONE = ""


LEVEL_LABELS: Mapping[Level, str] = {
    Level.NATIONAL: "国家级",
    Level.PROVINCIAL: "省级",
    Level.MUNICIPAL: "市级",
    Level.SCHOOL: "校级",
    Level.COLLEGE: "院级",
    Level.OTHER: "其他级别",
}
# the first that fits wins; schools write these freely, so the table is versioned and meant to grow
_LEVEL_WORDS: tuple[tuple[Level, tuple[str, ...]], ...] = (
    (Level.NATIONAL, ("国家", "全国", "国际", "教育部", "中央")),
    (Level.PROVINCIAL, ("省", "自治区", "直辖市")),
    (Level.COLLEGE, ("院级", "系级", "学院", "院系", "班级")),
    (Level.SCHOOL, ("校", "大学")),
    (Level.MUNICIPAL, ("市", "地区", "州级", "区级", "县")),
    (Level.COLLEGE, ("院", "系")),
)


def level_of(filed: str) -> Level:
    """An award's level from what was filed; OTHER for words the table does not know, NONE for nothing."""
    text = normalise(filed)
    if not text:
        return Level.NONE
    return next((level for level, parts in _LEVEL_WORDS if any(p in text for p in parts)), Level.OTHER)


# --- strengths --------------------------------------------------------------------------------------------------------


class Strength(StrEnum):
    """特长, as far as awards, research and evaluations tell of it."""

    STUDY = "study"
    CONTEST = "contest"
    RESEARCH = "research"
    ARTS = "arts"
    SPORTS = "sports"
    SERVICE = "service"
    LEADING = "leading"
    PRACTICE = "practice"
    NONE = ""


STRENGTH_LABELS: Mapping[Strength, str] = {
    Strength.STUDY: "学业",
    Strength.CONTEST: "学科与创新竞赛",
    Strength.RESEARCH: "科研",
    Strength.ARTS: "文艺",
    Strength.SPORTS: "体育",
    Strength.SERVICE: "志愿服务",
    Strength.LEADING: "组织与干部工作",
    Strength.PRACTICE: "社会实践",
}
_STRENGTH_WORDS: tuple[tuple[Strength, tuple[str, ...]], ...] = (
    (Strength.ARTS, ("文艺", "艺术", "书法", "摄影", "合唱", "舞蹈", "音乐", "美术", "朗诵", "辩论", "主持", "文体")),
    (Strength.SPORTS, ("体育", "运动", "篮球", "足球", "羽毛球", "田径", "长跑", "身心")),
    (Strength.SERVICE, ("志愿", "义工", "无偿献血", "公益")),
    (Strength.LEADING, ("干部", "团员", "团支部", "班长", "学生会")),
    (Strength.CONTEST, ("竞赛", "大赛", "挑战杯", "建模", "创新创业", "互联网+")),
    (Strength.PRACTICE, ("实践", "三下乡", "支教", "调研")),
    (Strength.STUDY, ("奖学金", "学习", "学业", "三好", "优秀毕业生", "优秀毕业论文", "标兵")),
)
_TELLING = frozenset({Section.AWARD.value, Section.EVALUATION.value, Section.RESEARCH.value})


def strength_of(group: str, normal: str) -> Strength:
    if group == Section.RESEARCH.value:
        return Strength.RESEARCH
    if group not in _TELLING:
        return Strength.NONE
    return next((s for s, parts in _STRENGTH_WORDS if any(p in normal for p in parts)), Strength.NONE)


def group_label(group: str) -> str:
    return SECTIONS[Section(group)].label if group in set(Section) else MATERIAL_CLASSES[group]


SEARCHED_GROUPS: Mapping[str, str] = {
    **{s.value: SECTIONS[s].label for s in Section if s not in (Section.IDENTITY, Section.ENROLMENT)},
    **MATERIAL_CLASSES,
}
"""What can be browsed. Identity and enrolment are never searched by text: a name's bigrams would be half the name."""


# --- purposes of opening content (调取) ------------------------------------------------------------------------------

PURPOSE_LASTS = timedelta(minutes=30)
MOST_NOTE = 500
MOST_REFERENCE = 60


@dataclass(frozen=True, slots=True)
class PurposeRule:
    """``needs_note``: the purpose alone does not say enough; ``needs_reference``: a letter or ticket number."""

    label: str
    hint: str
    needs_note: bool = False
    needs_reference: bool = False
    offered: bool = True


PURPOSES: Mapping[str, PurposeRule] = {
    "correction": PurposeRule("更正办理", "核对更正申请涉及的记录与证明"),
    "filing": PurposeRule("材料归档", "整理、补充或核对归档材料"),
    "transfer": PurposeRule("转递核对", "转递前核对目录与内容"),
    "organisation": PurposeRule("组织调档", "凭调档函查阅，须填写函号", needs_reference=True),
    "own_request": PurposeRule("本人申请", "受毕业生本人委托查阅"),
    "teaching": PurposeRule("教学质量分析", "须说明分析项目与范围", needs_note=True),
    "inspection": PurposeRule("检查与审计", "须说明检查事项", needs_note=True),
    "checking": PurposeRule("四性检测", "检测时由系统登记", offered=False),
    "review": PurposeRule("材料审核", "审核毕业生补充材料时由系统登记", offered=False),
    "other": PurposeRule("其他", "须说明理由", needs_note=True),
}


def purpose_label(code: object) -> str | None:
    rule = PURPOSES.get(str(code))
    return rule.label if rule is not None else None


# --- filters ----------------------------------------------------------------------------------------------------------

TEXT_FILTERS = ("group", "level", "strength")
SHELF_FILTERS = ("cohort", "college", "major", "degree", "year")
_NUMBERS = ("cohort", "year")
_MOST_FILTER = 60


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows a search; '' or 0 for anything. ``entry`` is a catalogue entry's key in hexadecimal."""

    group: str = ""
    level: str = ""
    strength: str = ""
    cohort: int = 0
    college: str = ""
    major: str = ""
    degree: str = ""
    year: int = 0
    entry: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Filters:
        """From a query string; what means nothing is left out."""
        texts = {n: given.get(n, "").strip()[:_MOST_FILTER] for n in (*TEXT_FILTERS, *SHELF_FILTERS, "entry")}
        numbers = {n: int(texts[n]) if re.fullmatch("[0-9]{4}", texts[n], re.ASCII) else 0 for n in _NUMBERS}
        return cls(
            texts["group"] if texts["group"] in SEARCHED_GROUPS else "",
            texts["level"] if texts["level"] in set(Level) else "",
            texts["strength"] if texts["strength"] in set(Strength) else "",
            numbers["cohort"],
            texts["college"],
            texts["major"],
            texts["degree"],
            numbers["year"],
            texts["entry"] if re.fullmatch("[0-9a-f]{16}", texts["entry"]) else "",
        )

    def given(self) -> dict[str, str]:
        """Those that narrow, as a query string has them."""
        return {name: str(getattr(self, name)) for name in self.__slots__ if getattr(self, name)}

    def texts(self) -> dict[str, str]:
        return {n: str(getattr(self, n)) for n in TEXT_FILTERS if getattr(self, n)}

    def shelves(self) -> dict[str, str | int]:
        return {n: getattr(self, n) for n in SHELF_FILTERS if getattr(self, n)}
