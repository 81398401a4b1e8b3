"""An invented graduating class, the same for the same seed: for the demo, the tests and the benchmarks.

Nobody can be meant by it: identity numbers carry a province code without a county (``PP0000``), which no real number
does, with a right check digit; phone numbers start with 194.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from string import ascii_uppercase, digits
from typing import TypeVar

from providers.sandbox import cohort_tables as tables
from providers.sandbox.cohort_tables import College, Level

T = TypeVar("T")
_ORDINARY_FIRST = 3  # the first graduates have plain names: they get the portraits
_WITHOUT_TRANSFER_CODE = 17  # every so many, the destination is not registered yet
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class SampleCourse:
    """``term`` is year-year-term (2022-2023-1); ``grade`` 0 to 100, or one of 优秀 良好 中等 及格."""

    name: str
    term: str
    credits: str
    grade: str


@dataclass(frozen=True, slots=True)
class SampleAward:
    name: str
    level: str
    awarded_by: str
    on: date


@dataclass(frozen=True, slots=True)
class SampleSchooling:
    """One stage of education before this one; months as YYYY-MM."""

    stage: str
    school: str
    entered: str
    left: str


@dataclass(frozen=True, slots=True)
class SampleEvaluation:
    """One aspect of 综合素质评价 in one school year (2022-2023)."""

    school_year: str
    aspect: str
    grade: str
    remark: str


@dataclass(frozen=True, slots=True)
class SampleResearch:
    kind: str
    title: str
    role: str
    on: date
    state: str


@dataclass(frozen=True, slots=True)
class SampleGraduate:
    student_number: str
    name: str
    id_number: str
    phone: str
    sex: str
    ethnicity: str
    born: date
    standing: str
    college: str
    major: str
    class_name: str
    level: str
    study_form: str
    years: int
    entered: date
    graduated: date
    graduation_year: int
    degree: str
    thesis: str
    origin_code: str
    origin: str
    destination: str
    destination_unit: str
    transfer_code: str
    strengths: tuple[str, ...]
    schooling: tuple[SampleSchooling, ...]
    courses: tuple[SampleCourse, ...]
    awards: tuple[SampleAward, ...]
    evaluations: tuple[SampleEvaluation, ...]
    research: tuple[SampleResearch, ...]


def make_cohort(n: int, seed: int, year: int) -> list[SampleGraduate]:
    """``n`` graduates of ``year``. A larger ``n`` only adds: the first ones stay the same."""
    taken: set[str] = set()
    return [_graduate(index, Random(f"{seed}/{year}/{index}"), year, taken) for index in range(n)]  # noqa: S311 - samples


def _graduate(index: int, chance: Random, year: int, taken: set[str]) -> SampleGraduate:
    level = chance.choices(tables.LEVELS, [one.weight for one in tables.LEVELS])[0]
    college = chance.choice(tables.COLLEGES)
    entry_year = year - level.years
    name, sex, ethnicity = _person(index, chance)
    born = date(entry_year - level.entry_age, 1, 1) + timedelta(days=chance.randrange(-200, 300))
    origin_code, origin = chance.choice(tables.ORIGINS)
    destination, unit = _destination(chance)
    major = chance.choice(college.majors)
    return SampleGraduate(
        student_number=f"{entry_year}{tables.COLLEGES.index(college) + 1:02d}{level.number_digit}{index + 1:05d}",
        name=name,
        id_number=_id_number(chance, origin_code, born, sex, taken),
        phone=f"194{index + 1:08d}",
        sex=sex,
        ethnicity=ethnicity,
        born=born,
        standing=_weighted(chance, tables.STANDINGS),
        college=college.name,
        major=major,
        class_name=f"{major}{entry_year % 100:02d}{chance.randint(1, 4):02d}班",
        level=level.name,
        study_form="全日制",
        years=level.years,
        entered=date(entry_year, 9, 1),
        graduated=date(year, 6, 30),
        graduation_year=year,
        degree=f"{college.discipline}{level.degree_suffix}" if level.degree_suffix else "",
        thesis=chance.choice(college.topics) if level.degree_suffix else "",
        origin_code=origin_code,
        origin=origin,
        destination=destination,
        destination_unit=unit,
        transfer_code=_transfer_code(index, chance, year),
        strengths=tuple(chance.sample(tables.STRENGTHS, chance.randint(1, 3))),
        schooling=_schooling(chance, level, origin, entry_year),
        courses=_courses(chance, level, college, entry_year),
        awards=_awards(chance, entry_year, year),
        evaluations=_evaluations(chance, entry_year, year),
        research=_research(chance, level, college, year),
    )


def _weighted(chance: Random, table: Sequence[tuple[T, int]]) -> T:
    return chance.choices([value for value, _ in table], [weight for _, weight in table])[0]


def _person(index: int, chance: Random) -> tuple[str, str, str]:
    """(name, sex, ethnicity)."""
    if 0 <= index - _ORDINARY_FIRST < len(tables.FEATURED):
        return tables.FEATURED[index - _ORDINARY_FIRST]
    surname = chance.choice(tables.SURNAMES) if chance.random() < 0.98 else chance.choice(tables.COMPOUND_SURNAMES)
    given = chance.choice(tables.GIVEN_FIRST) if chance.random() < 0.85 else ""
    name = surname + given + chance.choice(tables.GIVEN_SECOND)
    return name, chance.choice("男女"), _weighted(chance, tables.ETHNICITIES)


def _id_number(chance: Random, origin_code: str, born: date, sex: str, taken: set[str]) -> str:
    """Seventeen digits with the right last character (GB 11643-1999), not yet ``taken``; men have an odd sequence."""
    sequence = chance.randrange(0, 1000, 2) + (sex == "男")
    for step in range(0, 1000, 2):
        first17 = f"{origin_code[:2]}0000{born:%Y%m%d}{(sequence + step) % 1000:03d}"
        if first17 not in taken:
            taken.add(first17)
            total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
            return first17 + "10X98765432"[total % 11]
    raise ValueError("too many sample graduates born on one day in one province")


def _transfer_code(index: int, chance: Random, year: int) -> str:
    """转递编号: 18 characters, since the cohort of 2023; '' where there is none (yet)."""
    code = "".join(chance.choices(digits + ascii_uppercase, k=18))
    return code if year >= 2023 and index % _WITHOUT_TRANSFER_CODE != _WITHOUT_TRANSFER_CODE - 1 else ""


def _destination(chance: Random) -> tuple[str, str]:
    kind = _weighted(chance, tables.DESTINATIONS)
    units = {"单位就业": tables.EMPLOYERS, "升学": tables.SCHOOLS}.get(kind, ("",))
    return kind, chance.choice(units)


def _schooling(chance: Random, level: Level, origin: str, entry_year: int) -> tuple[SampleSchooling, ...]:
    """高中, and the degrees that come before this level."""
    stages = {"硕士": [("本科", 4)], "博士": [("本科", 4), ("硕士", 3)]}.get(level.name, [])
    left, found = entry_year, []
    for stage, years in reversed(stages):
        found.append(SampleSchooling(stage, chance.choice(tables.SCHOOLS), f"{left - years}-09", f"{left}-06"))
        left -= years
    found.append(
        SampleSchooling("高中", f"{origin}第{chance.choice('一二三四五六')}中学", f"{left - 3}-09", f"{left}-06")
    )
    return tuple(reversed(found))


def _courses(chance: Random, level: Level, college: College, entry_year: int) -> tuple[SampleCourse, ...]:
    shared = tables.POSTGRADUATE_COURSES if level.name in ("硕士", "博士") else tables.FIRST_DEGREE_COURSES
    prefix = {"硕士": "高级", "博士": "专题："}.get(level.name, "")
    names = [*shared, *(prefix + name for name in college.courses)]
    terms = 2 * level.years - 1
    return tuple(
        SampleCourse(name, _term(entry_year, place * terms // len(names)), str(chance.choice((1, 2, 2.5, 3, 4))), grade)
        for place, name in enumerate(names)
        for grade in [_grade(chance, name)]
    )


def _term(entry_year: int, number: int) -> str:
    start = entry_year + number // 2
    return f"{start}-{start + 1}-{number % 2 + 1}"


def _grade(chance: Random, course: str) -> str:
    if course in tables.GRADES_IN_WORDS:
        return _weighted(chance, tables.WORD_GRADES)
    return str(max(60, min(99, round(chance.gauss(82, 7)))))


def _awards(chance: Random, entry_year: int, year: int) -> tuple[SampleAward, ...]:
    won = chance.sample(tables.AWARDS, chance.choices((0, 1, 2, 3, 5), (25, 30, 25, 15, 5))[0])
    dated = [SampleAward(*award, date(chance.randint(entry_year + 1, year), chance.randint(1, 5), 20)) for award in won]
    return tuple(sorted(dated, key=lambda award: (award.on, award.name)))


def _evaluations(chance: Random, entry_year: int, year: int) -> tuple[SampleEvaluation, ...]:
    return tuple(
        SampleEvaluation(f"{start}-{start + 1}", aspect, grade, tables.EVALUATION_REMARKS[grade])
        for start in range(entry_year, year)
        for aspect in tables.EVALUATION_ASPECTS
        for grade in [_weighted(chance, tables.EVALUATION_GRADES)]
    )


def _research(chance: Random, level: Level, college: College, year: int) -> tuple[SampleResearch, ...]:
    most = {"博士": 4, "硕士": 2}.get(level.name, 1)
    return tuple(
        SampleResearch(kind, chance.choice(college.topics), chance.choice(tables.RESEARCH_ROLES), on, state)
        for _ in range(chance.randint(most // 2, most))
        for kind in [chance.choice(tables.RESEARCH_KINDS)]
        for on, state in [(date(year - 1, chance.randint(1, 12), 15), tables.RESEARCH_STATES[kind])]
    )
