"""Who sees what of a dossier and why not; and that nothing in it is ever overwritten."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import select

from app.actors import SYSTEM, Actor, Purpose, Role
from app.dossiers import class_map, rules
from app.dossiers.incoming import NewDossier, NewMaterial
from app.dossiers.rules import MASKED_TITLE, Section, Zone
from app.errors import Conflict, Forbidden, Invalid, NotFound, StepUpRequired
from app.events import Event
from app.file_ports import CleanDocument
from app.people.service import Card
from parts import Lantai
from providers.embedded.services import ServiceUrls
from tests.app.conftest import Clerk
from tests.conftest import Person, make_id_number
from tests.fakes import FakeClock, MemoryFiles, jpeg
from wiring import libpq_url

PDF = CleanDocument("application/pdf", b"%PDF-1.7 content of the file", 2)


@pytest.fixture
def filed(graduate_factory: Callable[..., Person]) -> Person:
    """One material with a file per zone."""
    return graduate_factory(
        materials=(
            NewMaterial("4-1", "", "成绩单", "2026-06-01", 2, "备注甲", PDF),
            NewMaterial("3", "", "学年鉴定表", "2025-06-01", 1, "备注乙", PDF),
            NewMaterial("10", "confidential", "组织函件", "2025-06-02", 3, "备注丙", PDF),
        )
    )


def stepped_up(person: Person, clock: FakeClock) -> Actor:
    return person.actor(Purpose.VIEW_DOSSIER, now=clock.now())


def test_every_class_and_section_has_a_rule_with_its_ground() -> None:
    assert set(rules.SECTION_ZONES) == set(Section)
    assert set(rules.CLASS_ZONES) == set(rules.MATERIAL_CLASSES)
    for zone in (*rules.SECTION_ZONES.values(), *rules.CLASS_ZONES.values()):
        assert rules.zone_rule(zone.id) is zone
        assert zone.ground
        assert zone.ask
        assert zone.objection
    kinds = class_map.current()
    assert kinds.zone_of("10", "confidential").zone is Zone.C
    assert kinds.zone_of("3", "application").zone is Zone.A  # one's own application, whatever the class


def test_a_graduates_catalogue_masks_by_zone_and_says_why(filed: Person, lantai: Lantai, clock: FakeClock) -> None:
    found = lantai.dossiers.catalogue(stepped_up(filed, clock))
    materials = {i.zone: i for i in found.items if i.kind == "material"}
    assert materials[Zone.A].title == "成绩单"
    assert materials[Zone.A].hidden is None
    assert materials[Zone.B].title == "学年鉴定表"
    assert (materials[Zone.B].formed_on, materials[Zone.B].pages) == ("2025-06-01", 1)
    assert materials[Zone.C].title == MASKED_TITLE
    assert (materials[Zone.C].formed_on, materials[Zone.C].pages) == (None, None)
    for zone in (Zone.B, Zone.C):
        hidden = materials[zone].hidden
        assert hidden is not None
        assert (hidden.zone, bool(hidden.ground), bool(hidden.ask), bool(hidden.objection)) == (zone, True, True, True)
    titles = {i.title for i in found.items if i.group in ("identity", "enrolment")}
    assert titles == {"基本信息", "学籍"}  # not a name or a number
    assert "组织函件" not in str([i.title for i in found.items])


def test_content_of_zones_b_and_c_is_not_given_to_the_graduate(filed: Person, lantai: Lantai, clock: FakeClock) -> None:
    actor = stepped_up(filed, clock)
    for item in (i for i in lantai.dossiers.catalogue(actor).items if i.kind == "material"):
        view = lantai.dossiers.material(actor, item.id)
        if item.zone is Zone.A:
            assert (view.remark, view.media_type, view.hidden) == ("备注甲", "application/pdf", None)
            assert lantai.dossiers.material_file(actor, item.id).data == PDF.data
            continue
        assert (view.remark, view.media_type, view.size) == (None, None, None)
        assert view.hidden is not None
        with pytest.raises(NotFound) as caught:
            lantai.dossiers.material_file(actor, item.id)
        assert caught.value.code == "material_file_not_shown"


def test_zone_a_needs_a_fresh_step_up_for_viewing(filed: Person, lantai: Lantai, clock: FakeClock) -> None:
    record = lantai.dossiers.section_by_name(stepped_up(filed, clock), "course").records[0]
    old = filed.actor(Purpose.VIEW_DOSSIER, now=clock.now() - timedelta(seconds=301))
    other = filed.actor(Purpose.CORRECT, now=clock.now())
    for actor in (filed.actor(), old, other):
        assert lantai.dossiers.catalogue(actor).items
        with pytest.raises(StepUpRequired):
            lantai.dossiers.section_by_name(actor, "course")
        with pytest.raises(StepUpRequired):
            lantai.dossiers.record(actor, record.id)


def test_staff_read_by_role(filed: Person, lantai: Lantai, clerk: Clerk) -> None:
    catalogue = {Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER}
    content = {Role.ARCHIVIST, Role.REVIEWER}
    for role in Role:
        actor = clerk(role)
        if role in catalogue:
            assert "组织函件" in {i.title for i in lantai.dossiers.catalogue(actor, filed.dossier_id).items}
        else:
            with pytest.raises(Forbidden):
                lantai.dossiers.catalogue(actor, filed.dossier_id)
        if role in content:
            lantai.purposes.open(actor, filed.id, "filing")
            assert lantai.dossiers.section_by_name(actor, "course", filed.dossier_id).records
        else:
            with pytest.raises(Forbidden):
                lantai.dossiers.section_by_name(actor, "course", filed.dossier_id)


def test_every_opening_stands_in_the_owners_log_and_in_nobody_elses(
    filed: Person, graduate_factory: Callable[..., Person], lantai: Lantai, clerk: Clerk, clock: FakeClock
) -> None:
    other, actor, staff = graduate_factory(), stepped_up(filed, clock), clerk()
    catalogue = lantai.dossiers.catalogue(staff, filed.dossier_id)
    record = next(i.id for i in catalogue.items if i.group == "course")
    file = next(i.id for i in catalogue.items if i.kind == "material" and i.zone is Zone.A)
    lantai.dossiers.record(staff, record, purpose="filing")
    lantai.dossiers.section_by_name(actor, "award")
    lantai.dossiers.material(actor, file)
    lantai.dossiers.material_file(actor, file)
    lantai.people.find_by_student_number(staff, filed.card.student_number)
    log = lantai.dossiers.access_log(actor, before=None, limit=50)
    assert [(e.type, e.actor_kind.value) for e in log] == [
        ("graduate.searched", "staff"),
        ("dossier.file_read", "graduate"),
        ("dossier.material_read", "graduate"),
        ("dossier.section_read", "graduate"),
        ("dossier.record_read", "staff"),
        ("dossier.catalogue_read", "staff"),
    ]
    assert lantai.dossiers.access_log(stepped_up(other, clock), before=None, limit=50) == []
    with pytest.raises(Forbidden):
        lantai.dossiers.access_log(staff, before=None, limit=50)


def test_a_refused_opening_leaves_no_line_and_no_other_half(filed: Person, lantai: Lantai) -> None:
    with pytest.raises(StepUpRequired):
        lantai.dossiers.section_by_name(filed.actor(), "course")
    with lantai.db.transaction() as session:
        types = session.scalars(select(Event.type).where(Event.graduate_id == filed.id)).all()
    assert types == ["dossier.filed"]


# --- never overwritten ------------------------------------------------------------------------------------------------

ASSIGN = {"event": "type = 'x'", "record_version": "number = 9", "material_version": "number = 9"}


def test_the_application_cannot_change_history_and_the_owner_is_stopped_by_the_trigger(
    filed: Person, urls: ServiceUrls
) -> None:
    for url, refusal in (
        (urls.database_url, psycopg.errors.InsufficientPrivilege),
        (urls.database_owner_url, psycopg.errors.RestrictViolation),
    ):
        with psycopg.connect(libpq_url(url), autocommit=True) as connection:
            for table, change in ASSIGN.items():
                before = connection.execute(f"select count(*) from {table}").fetchone()
                assert before is not None
                assert before[0] > 0
                for statement in (f"update {table} set {change}", f"delete from {table}", f"truncate {table} cascade"):
                    with pytest.raises(refusal):
                        connection.execute(statement)
                assert connection.execute(f"select count(*) from {table}").fetchone() == before


# --- filing -----------------------------------------------------------------------------------------------------------


def new_dossier(number: str, serial: int = 1, **changes: object) -> NewDossier:
    card = Card("张三", make_id_number(serial), number, "13800138000")
    values: dict[str, object] = {
        "card": card,
        "cohort_year": 2026,
        "college": "文学院",
        "major": "档案学",
        "degree_level": "本科",
        "records": {Section.IDENTITY: [{"name": card.name, "id_number": card.id_number}]},
        "photo": jpeg(),
        **changes,
    }
    return NewDossier(**values)  # type: ignore[arg-type]


def test_two_filings_of_one_student_at_once_leave_one(lantai: Lantai) -> None:
    start, found = threading.Barrier(4), []

    def file(serial: int) -> None:
        start.wait()
        try:
            lantai.filing.file_dossier(SYSTEM, new_dossier("2022990001", serial))
            found.append("filed")
        except Conflict as error:
            found.append(error.code)

    threads = [threading.Thread(target=file, args=(n,)) for n in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(found) == ["filed", *["student_exists"] * 3]


def test_a_dossier_that_cannot_be_filed_whole_is_not_filed(lantai: Lantai) -> None:
    broken = new_dossier(
        "2022990002",
        records={Section.COURSE: [{"course_name": "a", "term": "1", "grade": "9", "salary": "1"}, {"term": "1"}]},
        materials=(NewMaterial("11", "", "x"),),
    )
    with pytest.raises(Invalid) as caught:
        lantai.filing.file_dossier(SYSTEM, broken)
    assert {(f.pointer, f.code) for f in caught.value.faults} == {
        ("course[0].salary", "unknown_field"),
        ("course[1].course_name", "required"),
        ("course[1].grade", "required"),
        ("materials[0].class_code", "unknown_class"),
    }
    with lantai.db.transaction() as session:
        assert not lantai.people.student_exists(session, "2022990002")


def test_a_later_material_joins_the_end_of_its_class_with_a_new_dossier_version(
    filed: Person, lantai: Lantai, clerk: Clerk, clock: FakeClock
) -> None:
    staff, before = clerk(), lantai.dossiers.catalogue(stepped_up(filed, clock)).version
    added = lantai.filing.add_material(staff, filed.id, NewMaterial("4-1", "", "补充成绩单", document=PDF))
    after = lantai.dossiers.catalogue(stepped_up(filed, clock))
    item = next(i for i in after.items if i.id == added)
    assert (item.sequence, item.title, after.version) == (2, "补充成绩单", before + 1)
    assert lantai.dossiers.material_file(stepped_up(filed, clock), added).data == PDF.data


def test_files_lie_sealed_and_swapped_files_do_not_open(
    filed: Person, graduate_factory: Callable[..., Person], lantai: Lantai, world: object, clock: FakeClock
) -> None:
    files = lantai.outside.files
    assert isinstance(files, MemoryFiles)
    assert all(PDF.data not in blob and jpeg() not in blob for blob in files.files.values())
    other = graduate_factory()
    assert lantai.dossiers.reference_photo(other.id) == jpeg()
    names = list(files.files)
    values = list(files.files.values())
    files.files = dict(zip(names, [*values[1:], values[0]], strict=True))
    actor = stepped_up(filed, clock)
    item = next(i for i in lantai.dossiers.catalogue(actor).items if i.kind == "material" and i.zone is Zone.A)
    with pytest.raises(Exception, match="sealed_value_damaged"):
        lantai.dossiers.material_file(actor, item.id)
