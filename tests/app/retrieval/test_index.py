"""The index follows the dossiers, holds nothing readable, and a comparison finds what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import delete, select, text, update

from app.actors import SYSTEM
from app.dossiers.incoming import FieldChange, NewMaterial
from app.dossiers.rules import Section
from app.retrieval.models import RetrievalUnit, SearchPosting, SearchShelf, SearchText
from app.retrieval.upkeep import Findings
from parts import Lantai
from providers.embedded.services import ServiceUrls
from tests.conftest import Person
from wiring import libpq_url


def findings(lantai: Lantai) -> Findings:
    return list(lantai.upkeep.compare())[-1]


def units(lantai: Lantai) -> dict[UUID, bytes]:
    with lantai.db.transaction() as session:
        return {u.id: u.shelf_key for u in session.scalars(select(RetrievalUnit))}


def record_id(lantai: Lantai, person: Person, section: Section) -> UUID:
    return next(r.id for r in lantai.holdings.of(person.id).records if r.section is section)


def test_filing_indexes_what_may_be_found_and_nothing_else(
    lantai: Lantai, graduate_factory: Callable[..., Person]
) -> None:
    person = graduate_factory()
    held = lantai.holdings.of(person.id)
    wanted = {r.id for r in held.records if r.section not in (Section.IDENTITY, Section.ENROLMENT)}
    wanted |= {m.id for m in held.materials if m.zone.value != "C"}
    assert len(held.materials) == 3
    assert units(lantai).keys() == wanted
    assert findings(lantai).faults == 0
    assert findings(lantai).units == len(wanted)


def test_equal_texts_are_indexed_once(lantai: Lantai, graduate_factory: Callable[..., Person]) -> None:
    graduate_factory()
    with lantai.db.transaction() as session:
        before = len(session.scalars(select(SearchText)).all())
        postings = len(session.execute(select(SearchPosting.token)).all())
    graduate_factory()
    with lantai.db.transaction() as session:
        assert len(session.scalars(select(SearchText)).all()) == before
        assert len(session.execute(select(SearchPosting.token)).all()) == postings
    assert findings(lantai).units == 12


def test_the_tables_hold_no_words(lantai: Lantai, urls: ServiceUrls, graduate_factory: Callable[..., Person]) -> None:
    graduate_factory(materials=(NewMaterial("4-1", "", "毕业论文评定书"),))
    with psycopg.connect(libpq_url(urls.database_url)) as connection:
        for table in ("search_text", "search_posting", "search_shelf", "retrieval_unit"):
            dump = "\n".join(str(row) for row in connection.execute(f"select * from {table}"))
            assert dump
            for words in ("毕业", "论文", "三好", "课程", "毕业论文评定书".encode().hex()):
                assert words not in dump, f"{words} stands in {table}"


def test_a_correction_moves_the_unit(lantai: Lantai, graduate_factory: Callable[..., Person]) -> None:
    person = graduate_factory()
    award = record_id(lantai, person, Section.AWARD)
    before = units(lantai)[award]
    key = lantai.keys.of(person.id)
    with lantai.db.transaction() as session:
        lantai.filing.apply_correction(
            session, SYSTEM, key, award, base_version=1, changes=[FieldChange("level", "省级")], ticket_id=uuid4()
        )
    after = units(lantai)
    assert after[award] != before
    assert findings(lantai).faults == 0
    with lantai.db.transaction() as session:
        shelf = session.get_one(SearchShelf, after[award])
        assert session.get_one(SearchText, shelf.text_key).level.value == "provincial"


def test_a_corrected_major_moves_every_unit(lantai: Lantai, graduate_factory: Callable[..., Person]) -> None:
    person = graduate_factory()
    enrolment, key = record_id(lantai, person, Section.ENROLMENT), lantai.keys.of(person.id)
    with lantai.db.transaction() as session:
        lantai.filing.apply_correction(
            session, SYSTEM, key, enrolment, base_version=1, changes=[FieldChange("major", "历史学")], ticket_id=uuid4()
        )
        majors = set(
            session.scalars(select(SearchShelf.major).join(RetrievalUnit, RetrievalUnit.shelf_key == SearchShelf.key))
        )
    assert majors == {"历史学"}
    assert findings(lantai).faults == 0


def test_an_added_material_is_found_and_one_of_zone_c_is_not(
    lantai: Lantai, graduate_factory: Callable[..., Person]
) -> None:
    person = graduate_factory()
    open_one = lantai.filing.add_material(SYSTEM, person.id, NewMaterial("7", "", "奖状复印件", "2025-01-02"))
    closed = lantai.filing.add_material(SYSTEM, person.id, NewMaterial("10", "confidential", "密件"))
    assert open_one in units(lantai)
    assert closed not in units(lantai)


PLANTED: dict[str, tuple[str, Callable[[Lantai, UUID], object]]] = {
    "unit gone": ("missing", lambda parts, unit: delete(RetrievalUnit).where(RetrievalUnit.id == unit)),
    "unit elsewhere": (
        "misplaced",
        lambda parts, unit: update(RetrievalUnit).where(RetrievalUnit.id == unit).values(shelf_key=b"\x00" * 8),
    ),
    "shelf gone": (
        "misplaced",
        lambda parts, unit: delete(SearchShelf).where(
            SearchShelf.key == select(RetrievalUnit.shelf_key).where(RetrievalUnit.id == unit).scalar_subquery()
        ),
    ),
    "posting gone": ("unposted", lambda parts, unit: delete(SearchPosting)),
    "unit of nothing": (
        "orphans",
        lambda parts, unit: text(
            f"insert into retrieval_unit select '{uuid4()}', shelf_key, graduate_id"
            f" from retrieval_unit where id = '{unit}'"
        ),
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_comparison_finds_a_planted_fault_and_a_rebuild_mends_it(
    fault: str, lantai: Lantai, graduate_factory: Callable[..., Person]
) -> None:
    person = graduate_factory()
    graduate_factory()
    award = record_id(lantai, person, Section.AWARD)
    kind, plant = PLANTED[fault]
    with lantai.db.transaction() as session:
        session.execute(plant(lantai, award))  # type: ignore[call-overload]
    found = findings(lantai)
    assert getattr(found, kind) > 0, found
    assert list(lantai.upkeep.rebuild(batch=1))[-1] == 2
    assert findings(lantai).faults == 0


def test_a_rebuild_is_taken_up_where_it_stopped(lantai: Lantai, graduate_factory: Callable[..., Person]) -> None:
    people = [graduate_factory() for _ in range(4)]
    with lantai.db.transaction() as session:
        session.execute(delete(RetrievalUnit))
    running = lantai.upkeep.rebuild(batch=1)
    assert [next(running) for _ in range(3)] == [0, 1, 2]
    running.close()  # type: ignore[attr-defined]
    assert 0 < findings(lantai).missing < 4 * 6
    assert list(lantai.upkeep.rebuild(batch=1)) == [2, 3, 4]
    assert findings(lantai).faults == 0
    assert len(people) == 4
