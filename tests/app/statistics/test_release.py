"""Counting, folding, releasing and reading on a real database."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.dossiers.indexing import Unit
from app.dossiers.rules import Section, Zone
from app.errors import Conflict, Forbidden, NotFound
from app.statistics import rules
from app.statistics.rules import FOLDED, Dimension, Person
from app.statistics.suppression import Mark
from parts import Lantai
from tests.conftest import Person as Graduate
from tests.conftest import StaffLogin
from tests.fakes import FakeClock

People = Callable[..., Graduate]
Staff = Callable[..., StaffLogin]


def reader(*roles: Role) -> Actor:
    return Actor(ActorKind.STAFF, SYSTEM.id, frozenset(roles or (Role.ARCHIVIST,)))


def award(level: str) -> dict[Section, list[dict[str, str]]]:
    return {Section.AWARD: [{"award_name": "奖", "level": level, "issuer": "校", "awarded_on": "2025-05-04"}]}


@pytest.fixture
def school(graduate_factory: People, lantai: Lantai) -> list[Graduate]:
    """Twenty-three persons: two of them masters, three with a national award, one in a college of their own."""
    people = []
    for n in range(23):
        people.append(
            graduate_factory(
                cohort_year=2025 if n < 9 else 2026,
                college="孤学院" if n == 22 else ("理学院" if n % 2 else "文学院"),
                major="数学" if n % 2 else "档案学",
                degree_level="硕士" if n in (3, 12) else "本科",
                records=award("国家级" if n in (0, 9, 10) else "校级" if n % 3 else ""),
                materials=(),
                photo=None,
            )
        )
    return people


def test_totals_are_exact_and_small_cells_are_gone_from_the_stored_body(lantai: Lantai, school: list[Graduate]) -> None:
    lantai.statistics.publish(SYSTEM)
    by_cohort = lantai.statistics.table(reader(), Dimension.COHORT)
    assert [(line.label, line.total.count) for line in by_cohort.lines] == [("2025", 9), ("2026", 14)]
    cross = lantai.statistics.table(reader(), Dimension.AWARD, Dimension.COHORT)
    national = next(line for line in cross.lines if "国家" in line.label or FOLDED in line.label)
    assert all(c.count is None for c in national.cells)
    assert [t.count for t in cross.totals] == [9, 14]
    with lantai.db.transaction() as session:
        from_store = session.connection().exec_driver_sql("select body::text from statistic_release").scalar_one()
    for cells in json.loads(from_store)["tables"].values():
        assert all(n is None or n >= 5 for _, _, n, _ in cells)
        assert any(mark for *_, mark in cells) or all(n >= 5 for _, _, n, _ in cells)


def test_small_categories_are_folded_so_that_no_total_is_small(lantai: Lantai, school: list[Graduate]) -> None:
    lantai.statistics.publish(SYSTEM)
    colleges = lantai.statistics.table(reader(), Dimension.COLLEGE)
    labels = [line.label for line in colleges.lines]
    assert "孤学院" not in labels
    assert FOLDED in labels
    for dimension in Dimension:
        single = lantai.statistics.table(reader(), dimension)
        assert all((line.total.count or 0) >= 5 for line in single.lines), dimension
        assert sum(line.total.count or 0 for line in single.lines) == single.total == 23


def test_every_page_tells_the_same_totals(lantai: Lantai, school: list[Graduate]) -> None:
    lantai.statistics.publish(SYSTEM)
    for one, other in rules.PAIRS:
        for rows, across in ((one, other), (other, one)):
            cross = lantai.statistics.table(reader(), rows, across)
            single = lantai.statistics.table(reader(), rows)
            assert [line.total.count for line in cross.lines] == [line.total.count for line in single.lines]
            assert cross.total == single.total == sum(t.count or 0 for t in cross.totals)


def test_what_is_not_in_the_closed_set_is_refused(lantai: Lantai, school: list[Graduate]) -> None:
    with pytest.raises(NotFound, match="statistics_not_yet"):
        lantai.statistics.table(reader(), Dimension.COHORT)
    lantai.statistics.publish(SYSTEM)
    for rows, across, within in (
        (Dimension.MAJOR, Dimension.COLLEGE, None),
        (Dimension.COLLEGE, Dimension.DEGREE, (Dimension.COHORT, "2025")),
        (Dimension.COLLEGE, None, (Dimension.COHORT, "1999")),
        (Dimension.COLLEGE, None, (Dimension.MAJOR, "文学院 · 档案学")),
    ):
        with pytest.raises(Conflict, match="statistics_not_published"):
            lantai.statistics.table(reader(), rows, across, within=within)
    part = lantai.statistics.table(reader(), Dimension.COLLEGE, within=(Dimension.COHORT, "2026"))
    whole = lantai.statistics.table(reader(), Dimension.COLLEGE, Dimension.COHORT)
    assert part.total == 14
    assert {line.label: line.total.count for line in part.lines} == {
        line.label: line.cells[whole.columns.index("2026")].count
        for line in whole.lines
        if line.cells[whole.columns.index("2026")].count != 0
    }


def test_two_releases_may_not_differ_by_fewer_than_k_persons(
    lantai: Lantai, school: list[Graduate], graduate_factory: People
) -> None:
    lantai.statistics.publish(SYSTEM)
    for _ in range(4):
        graduate_factory(materials=(), photo=None)
        with pytest.raises(Conflict, match="statistics_few_changes"):
            lantai.statistics.publish(SYSTEM)
    graduate_factory(materials=(), photo=None)
    assert lantai.statistics.publish(SYSTEM).number == 2
    assert lantai.statistics.table(reader(), Dimension.COHORT).total == 28


def test_too_few_persons_are_not_counted_at_all(lantai: Lantai, graduate_factory: People) -> None:
    for _ in range(4):
        graduate_factory(materials=(), photo=None)
    with pytest.raises(Conflict, match="statistics_too_few"):
        lantai.statistics.publish(SYSTEM)
    assert not lantai.statistics.publish_if_due()
    assert lantai.statistics.release(reader()) is None


def test_the_nightly_release_waits_for_its_hour(
    lantai: Lantai, school: list[Graduate], graduate_factory: People, clock: FakeClock
) -> None:
    assert lantai.statistics.publish_if_due()
    for _ in range(6):
        graduate_factory(materials=(), photo=None)
    clock.advance(hours=21)
    assert not lantai.statistics.publish_if_due()
    clock.advance(hours=2)
    assert lantai.statistics.publish_if_due()


def test_only_some_roles_read_and_fewer_publish(lantai: Lantai, school: list[Graduate]) -> None:
    lantai.statistics.publish(reader(Role.ADMINISTRATOR))
    for role in (Role.ARCHIVIST, Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR):
        assert lantai.statistics.table(reader(role), Dimension.COHORT).total == 23
    graduate = school[0].actor()
    for actor in (reader(Role.DISPATCHER), graduate):
        with pytest.raises(Forbidden):
            lantai.statistics.table(actor, Dimension.COHORT)
    for actor in (reader(Role.AUDITOR), reader(Role.REVIEWER), graduate):
        with pytest.raises(Forbidden):
            lantai.statistics.publish(actor)


def test_the_feed_follows_filing_and_correction(lantai: Lantai, school: list[Graduate]) -> None:
    unit = Unit(
        id=school[5].id,
        graduate_id=school[5].id,
        kind="record",
        group=Section.AWARD.value,
        zone=Zone.A,
        cohort_year=2025,
        college="理学院",
        major="数学",
        degree_level="本科",
        level="院级",
        year=2024,
    )
    with lantai.db.transaction() as session:
        lantai.statistics_feed.add(session, [unit])
        lantai.statistics_feed.replace(session, replace(unit, level="全国一等奖"))
        lantai.statistics_feed.add(session, [replace(unit, id=school[6].id, group="course")])
        rows = session.connection().exec_driver_sql(
            "select unit_id, rank, year from award_fact where unit_id = any(%s)", ([school[5].id, school[6].id],)
        )
        assert [tuple(r) for r in rows] == [(school[5].id, 1, 2024)]
        lantai.statistics_feed.remove(session, [school[5].id, school[6].id])
        left = session.connection().exec_driver_sql("select 1 from award_fact where unit_id = %s", (school[5].id,))
        assert left.all() == []


def test_a_census_finds_what_the_feed_was_told(lantai: Lantai, school: list[Graduate]) -> None:
    def facts() -> list[tuple[object, ...]]:
        with lantai.db.transaction() as session:
            rows = session.connection().exec_driver_sql("select unit_id, graduate_id, rank, year from award_fact")
            return sorted(tuple(r) for r in rows)

    told = facts()
    assert len(told) == 23
    with lantai.db.transaction() as session:
        session.connection().exec_driver_sql("delete from award_fact")
    assert lantai.award_census.rebuild() == 23
    assert lantai.award_census.rebuild() == 23
    assert facts() == told


@pytest.mark.parametrize(
    ("words", "rank"),
    [
        ("国家级", 1),
        ("全国二等奖", 1),
        ("省级", 2),
        ("省部级", 2),
        ("市级", 3),
        ("校级", 4),
        ("学院级", 5),
        ("院系级", 5),
        ("大学", 4),
        ("", 6),
        ("甲等", 6),
    ],
)
def test_levels_as_filed_come_to_a_rank(words: str, rank: int) -> None:
    assert rules.award_rank(words) == rank


def test_study_years_follow_from_the_published_table_alone(lantai: Lantai, school: list[Graduate]) -> None:
    lantai.statistics.publish(SYSTEM)
    years = {y.school_year: y for y in lantai.statistics.study_years(reader())}
    cross = lantai.statistics.table(reader(), Dimension.DEGREE, Dimension.COHORT)
    assert any(c.mark is not Mark.SHOWN for line in cross.lines for c in line.cells) or len(cross.lines) == 1
    assert years["2025—2026"].grades[3] in (None, 14)
    assert years["2025—2026"].graduated in (None, 9)


def test_folding_reaches_k_and_keeps_everybody() -> None:
    counts = {Person("2024", "甲院", f"甲院 · 专业{n}", "本科", "校级"): n for n in range(1, 9)}
    folded = rules.fold(counts, 5)
    assert sum(folded.values()) == 36
    sizes = rules.margin(folded, Dimension.MAJOR)
    assert min(sizes.values()) >= 5
    assert sizes["甲院 · " + FOLDED] == 10
