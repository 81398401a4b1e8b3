"""One dossier judged, shown by zone, kept up to date; and the seal that waits for the destination code."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.actors import SYSTEM, Actor, Purpose, Role
from app.completeness.models import CompletenessGap, CompletenessResult
from app.completeness.rules import Need, Standing
from app.dossiers import class_map
from app.dossiers.incoming import FieldChange, NewMaterial
from app.dossiers.rules import MASKED_TITLE, Section
from app.errors import Conflict, Forbidden, NotFound
from app.file_ports import CleanDocument
from app.jobs import RecheckDossier, SweepCompleteness
from app.transfers.rules import Evidence
from app.transfers.states import State
from parts import Lantai
from tests.app.conftest import Clerk
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.moving import desk_pair, lead, opened

PDF = CleanDocument("application/pdf", b"%PDF-1.7 content", 2)


def result(lantai: Lantai, person: Person) -> CompletenessResult | None:
    with lantai.db.transaction() as session:
        return session.get(CompletenessResult, person.id)


def by_kind(lantai: Lantai, person: Person, clerk: Clerk) -> dict[str, Standing]:
    return {i.kind: i.standing for i in lantai.completeness.of(clerk(), person.id).items}


def enrolment(code: str) -> dict[Section, list[dict[str, str]]]:
    body = {"student_number": "20220001", "college": "文学院", "major": "档案学"}
    return {Section.ENROLMENT: [body | ({"destination_code": code} if code else {})]}


def correct(lantai: Lantai, actor: Actor, person: Person, code: str) -> None:
    key = lantai.keys.of(person.id)
    record = next(r for r in lantai.holdings.of(person.id).records if r.section is Section.ENROLMENT)
    changes = [FieldChange("destination_code", code)]
    with lantai.db.transaction() as session:
        lantai.filing.apply_correction(
            session, actor, key, record.id, base_version=record.version, changes=changes, ticket_id=uuid4()
        )


def test_titles_kinds_and_content_decide_what_is_there(
    graduate_factory: Callable[..., Person], lantai: Lantai, clerk: Clerk
) -> None:
    person = graduate_factory(
        materials=(
            NewMaterial("4-1", "transcript", "成绩单", None, 2, None, PDF),
            NewMaterial("4-1", "", "普通高等学校毕业生登记表"),
            NewMaterial("6", "application", "入党申请书"),
        )
    )
    view = lantai.completeness.of(clerk(), person.id)
    found = {i.kind: i for i in view.items}
    assert found["transcript"].standing is Standing.PRESENT
    assert found["graduate_form"].standing is Standing.PAPER_ONLY
    assert found["thesis_review"].standing is Standing.MISSING
    assert found["destination_code"].standing is Standing.PRESENT
    assert (found["party_form"].standing, found["party_form"].why) == (Standing.NOT_APPLICABLE, "政治面貌不是党员")
    assert found["party_form"].due_on is None
    assert (found["admission_form"].overdue, found["thesis_review"].overdue) == (True, False)  # due in May, in June
    assert all(i.ground and i.owner_label for i in view.items)
    assert (view.checklist_version, view.class_map_version) == ("2026-1", class_map.current().version)
    assert not view.complete
    counted = [i for i in view.items if i.need is not Need.OPTIONAL and i.standing is not Standing.NOT_APPLICABLE]
    there = [i for i in counted if i.standing in (Standing.PRESENT, Standing.PAPER_ONLY)]
    assert view.listed_percent == 100 * len(there) // len(counted) > view.scanned_percent


def test_deferral_is_read_from_entry_and_length(
    graduate_factory: Callable[..., Person], lantai: Lantai, clerk: Clerk
) -> None:
    def standing(entered: str) -> Standing:
        body = {"student_number": f"X{entered}", "college": "文学院", "major": "档案学"}
        records = {Section.ENROLMENT: [body | {"enrolled_on": entered, "study_length": "4年"}]}
        return by_kind(lantai, graduate_factory(records=records), clerk)["roll_change"]

    assert standing("2022-09-01") is Standing.NOT_APPLICABLE
    assert standing("2021-09-01") is Standing.MISSING


def test_the_graduate_sees_who_owes_what_and_nothing_sealed(
    graduate_factory: Callable[..., Person], lantai: Lantai, clock: FakeClock, clerk: Clerk
) -> None:
    """A transcript filed among sealed papers answers the item, but the graduate may not learn by which title."""
    person, other = graduate_factory(), graduate_factory()
    with lantai.db.transaction() as session:
        from_catalogue = lantai.holdings.of(person.id).materials
        sealed = next(m for m in from_catalogue if m.title == "成绩单")
        session.connection().exec_driver_sql(
            "update material set zone = 'C', zone_rule = 'C-1' where id = %s", (sealed.id,)
        )
    mine = lantai.completeness.of(person.actor(Purpose.VIEW_DOSSIER, now=clock.now()), person.id)
    masked = [i for i in mine.items if i.name == MASKED_TITLE]
    assert [(i.kind, i.owner, i.due_on, i.ground, i.form) for i in masked] == [("", "", None, "", "")]
    assert "transcript" not in {i.kind for i in mine.items}
    assert "成绩单" not in str(mine)
    assert by_kind(lantai, person, clerk)["transcript"] is Standing.PAPER_ONLY  # staff do see it
    owed = {i.kind for i in mine.lacking if i.owner == "graduate"}
    assert {"graduate_form", "high_school"} <= owed
    with pytest.raises(NotFound):
        lantai.completeness.of(person.actor(now=clock.now()), other.id)
    with pytest.raises(Forbidden):
        lantai.completeness.of(clerk(Role.AUDITOR), person.id)


def test_every_look_is_in_the_access_log_with_the_versions_used(
    graduate_factory: Callable[..., Person], lantai: Lantai, clerk: Clerk, clock: FakeClock
) -> None:
    person = graduate_factory()
    lantai.completeness.of(clerk(), person.id)
    line = lantai.dossiers.access_log(person.actor(now=clock.now()), before=None, limit=5)[0]
    assert line.type == "dossier.completeness_read"
    assert line.data == {"checklist": "2026-1", "class_map": class_map.current().version}


def test_a_change_is_computed_anew_by_a_job_and_an_old_finding_never_wins(
    graduate_factory: Callable[..., Person], lantai: Lantai, run_jobs: Callable[[], None]
) -> None:
    person = graduate_factory()
    lantai.completeness.recheck(RecheckDossier(person.id))
    before = result(lantai, person)
    assert before is not None
    assert "graduate_form" in before.missing
    lantai.filing.add_material(SYSTEM, person.id, NewMaterial("4-1", "graduate_form", "毕业生登记表"))
    run_jobs()
    after = result(lantai, person)
    assert after is not None
    assert (after.dossier_version, "graduate_form" in after.missing) == (before.dossier_version + 1, False)
    with lantai.db.transaction() as session:  # a slow worker comes with what it read before
        session.connection().exec_driver_sql("update completeness_result set dossier_version = 99")
    lantai.completeness.recheck(RecheckDossier(person.id))
    kept = result(lantai, person)
    assert kept is not None
    assert kept.dossier_version == 99


def test_the_sweep_takes_new_changed_and_newly_ruled_dossiers(
    graduate_factory: Callable[..., Person], lantai: Lantai, run_jobs: Callable[[], None]
) -> None:
    people = [graduate_factory() for _ in range(3)]
    assert lantai.completeness.enqueue_sweep() == 3
    run_jobs()
    assert all(result(lantai, p) for p in people)
    assert lantai.completeness.enqueue_sweep() == 0
    with lantai.db.transaction() as session:
        session.connection().exec_driver_sql("update completeness_result set rules_digest = 'older rules'")
        session.connection().exec_driver_sql("update completeness_gap set kind = 'gone' where kind = 'graduate_form'")
    lantai.completeness.sweep(SweepCompleteness())
    with lantai.db.transaction() as session:
        assert set(session.scalars(select(CompletenessResult.rules_digest))) == {lantai.completeness.rules_digest}
        assert "gone" not in set(session.scalars(select(CompletenessGap.kind)))


def test_recomputing_a_cohort_counts_and_passes_over_what_cannot_be_read(
    graduate_factory: Callable[..., Person], lantai: Lantai
) -> None:
    good, other, broken = graduate_factory(), graduate_factory(cohort_year=2020), graduate_factory()
    with lantai.db.transaction() as session:
        session.connection().exec_driver_sql(
            "update data_key set version = version + 1 where owner_id = %s", (broken.id,)
        )
    ticks: list[tuple[int, int]] = []
    assert lantai.completeness.recompute(2026, progress=lambda d, t: ticks.append((d, t))) == (1, 1)
    assert ticks == [(1, 2), (2, 2)]
    assert result(lantai, good) is not None
    assert result(lantai, other) is None
    assert lantai.completeness.recompute(2020) == (1, 0)
    assert lantai.completeness.recompute(2020) == (0, 0)
    assert lantai.completeness.recompute(2020, everything=True) == (1, 0)


@pytest.mark.parametrize(("cohort", "code", "sealable"), [(2026, "", False), (2026, "SHORT", False), (2022, "", True)])
def test_from_2023_on_a_seal_needs_the_destination_code(
    cohort: int, code: str, sealable: bool, graduate_factory: Callable[..., Person], lantai: Lantai, clerk: Clerk
) -> None:
    person, actor, pair = graduate_factory(cohort_year=cohort, records=enrolment(code)), clerk(), desk_pair(lantai)
    view = lead(lantai, pair, opened(lantai, actor, person.id), State.CHECKED)
    if sealable:
        assert lead(lantai, pair, view, State.SEALED).state is State.SEALED
        return
    with pytest.raises(Conflict) as refused:
        lead(lantai, pair, view, State.SEALED)
    assert refused.value.code == "seal_needs_materials"
    assert "转递编号" in str(refused.value.params["items"])
    assert lantai.transfers.of_graduate(actor, person.id)[0].state is State.CHECKED
    correct(lantai, actor, person, "ABCDEFGH0123456789")
    with pytest.raises(Conflict, match="catalogue_changed"):
        lead(lantai, pair, view, State.SEALED)
    reason = {Evidence.REASON: "补录转递编号"}
    act = lantai.double_acts.waiting(actor, person.id, view.id)
    assert act is not None
    lantai.double_acts.drop(pair.first, view.id, act.id)
    view = lantai.transfers.move(actor, view.id, view.version, State.SCHOOL_APPROVED, reason)
    assert lead(lantai, pair, view, State.SEALED).state is State.SEALED
