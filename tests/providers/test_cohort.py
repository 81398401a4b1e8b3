"""The invented class: sound, varied, the same every time, and nobody real."""

from __future__ import annotations

import csv
import unicodedata
from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook
from PIL import Image
from stdnum.cn import ric

from app.people import rules
from providers.sandbox import cohort
from providers.sandbox.cohort import make_cohort, write_cohort
from providers.sandbox.cohort_tables import AWARD_LEVELS, LEVELS

PEOPLE = make_cohort(400, seed=7, year=2026)


def test_the_same_seed_gives_the_same_class_and_more_people_only_add() -> None:
    assert make_cohort(40, seed=7, year=2026) == PEOPLE[:40]
    assert make_cohort(40, seed=8, year=2026) != PEOPLE[:40]


def test_every_value_is_sound() -> None:
    for person in PEOPLE:
        assert rules.id_number_fault(person.id_number, date(2026, 6, 1)) is None
        assert person.id_number[-1] == ric.calc_check_digit(person.id_number)
        assert rules.id_number_birth_date(person.id_number) == person.born
        assert rules.id_number_is_male(person.id_number) == (person.sex == "男")
        assert rules.name_fault(person.name) is None
        assert rules.normalise_name(person.name) == person.name
        assert rules.phone_fault(person.phone) is None
        assert rules.student_number_fault(person.student_number) is None
        assert rules.region_code_fault(person.origin_code) is None


def test_nobody_real_has_such_an_identity_number() -> None:
    assert {person.id_number[2:6] for person in PEOPLE} == {"0000"}


def test_numbers_are_unique() -> None:
    many = make_cohort(3000, seed=1, year=2025)
    for attribute in ("student_number", "id_number", "phone"):
        assert len({getattr(person, attribute) for person in many}) == 3000
    assert len({p.transfer_code for p in many if p.transfer_code}) == len([p for p in many if p.transfer_code])


def test_rare_names_are_among_the_first() -> None:
    names = "".join(person.name for person in PEOPLE[:15])
    assert all(character in names for character in "㐱䶮𠮷·")
    assert any(ord(character) > 0xFFFF for character in names)
    assert unicodedata.is_normalized("NFC", names)
    assert {person.ethnicity for person in PEOPLE} >= {"汉族", "维吾尔族", "藏族", "蒙古族"}


def test_every_level_has_its_length_and_its_sections() -> None:
    assert {person.level for person in PEOPLE} == {level.name for level in LEVELS} == {"本科", "硕士", "博士", "专科"}
    for person in PEOPLE:
        assert person.graduated.year - person.entered.year == person.years
        assert len(person.courses) >= 20
        assert len({course.name for course in person.courses}) == len(person.courses)
        first, last = (
            f"{person.entered.year}-{person.entered.year + 1}-1",
            f"{person.graduated.year - 1}-{person.graduated.year}-2",
        )
        assert first == person.courses[0].term <= person.courses[-1].term <= last
        assert person.schooling[0].stage == "高中"
        assert person.schooling[-1].left == f"{person.entered.year}-06"
        assert len(person.evaluations) == 5 * person.years
        assert all(award.level in AWARD_LEVELS and award.on <= person.graduated for award in person.awards)
        assert (person.degree == "") == (person.level == "专科")
    assert any(person.awards for person in PEOPLE)
    assert any(person.research for person in PEOPLE)


@pytest.mark.parametrize(("year", "coded"), [(2022, False), (2023, True)])
def test_transfer_codes_begin_with_the_cohort_of_2023(year: int, coded: bool) -> None:
    codes = [person.transfer_code for person in make_cohort(40, seed=7, year=year)]
    assert any(codes) is coded
    assert {len(code) for code in codes if code} == ({18} if coded else set())
    assert "" in codes, "some destination must still be unregistered"


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_files(tmp_path: Path) -> None:
    portraits = tmp_path / "portraits"
    (portraits / "one").mkdir(parents=True)
    Image.new("RGB", (1500, 1500), (200, 30, 30)).save(portraits / "face.png")
    Image.new("RGB", (30, 40), (30, 200, 30)).save(portraits / "one" / "a.jpg")
    Image.new("RGB", (30, 40), (30, 30, 200)).save(portraits / "one" / "b.jpg")
    (portraits / "README.md").write_text("not a picture")
    out = tmp_path / "out"

    people = write_cohort(out, n=20, seed=7, year=2026, portraits=portraits, photos=6)

    assert people == PEOPLE[:20]
    assert (out / "graduates.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    rows = read(out / "graduates.csv")
    assert rows[0] == list(cohort.GRADUATE_COLUMNS)
    assert [row[rows[0].index("身份证号")] for row in rows[1:]] == [person.id_number for person in people]
    sheet = load_workbook(out / "graduates.xlsx").active
    assert sheet is not None
    assert [[cell or "" for cell in row] for row in sheet.iter_rows(values_only=True)] == rows
    for name, columns, attribute in (
        ("courses", cohort.COURSE_COLUMNS, "courses"),
        ("awards", cohort.AWARD_COLUMNS, "awards"),
        ("education", cohort.SCHOOLING_COLUMNS, "schooling"),
        ("evaluations", cohort.EVALUATION_COLUMNS, "evaluations"),
        ("research", cohort.RESEARCH_COLUMNS, "research"),
    ):
        head, *lines = read(out / f"{name}.csv")
        assert head == list(columns)
        assert len(lines) == sum(len(getattr(person, attribute)) for person in people)
        assert {len(line) for line in lines} == {len(columns)}

    photos = sorted(path.name for path in (out / "photos").iterdir())
    assert photos == sorted(f"{person.student_number}.jpg" for person in people[:6])
    sizes = [Image.open(out / "photos" / f"{person.student_number}.jpg").size for person in people[:3]]
    assert sizes == [(1024, 1024), (30, 40), (390, 567)]


def test_without_portraits_everybody_gets_the_same_drawing_each_time(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_cohort(tmp_path / folder, n=2, seed=7, year=2026, portraits=tmp_path / "absent")
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "a" / "photos").iterdir()}
    assert len(drawn) == 2
    assert {path.name: path.read_bytes() for path in (tmp_path / "b" / "photos").iterdir()} == drawn
