"""Review campaigns: who may check, what a finding needs, who signs, and a report that stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest

from app.actors import SYSTEM, Actor, Role
from app.dossiers.incoming import NewMaterial
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, VersionMismatch
from app.governance.review_rules import FindingKind, FindingMove, FindingState, Outcome, State
from app.governance.review_views import CampaignView, NewCampaign
from app.governance.reviews import report_digest
from parts import Lantai
from tests.conftest import Person, StaffLogin
from tests.fakes import FakeClock

People = Callable[..., Person]
Staff = Callable[..., StaffLogin]
START, END = date(2026, 6, 1), date(2026, 6, 30)


@pytest.fixture
def archivist(staff_factory: Staff) -> StaffLogin:
    return staff_factory(Role.ARCHIVIST)


@pytest.fixture
def reviewer(staff_factory: Staff) -> StaffLogin:
    return staff_factory(Role.REVIEWER)


@pytest.fixture
def campaign(lantai: Lantai, graduate_factory: People, archivist: StaffLogin) -> UUID:
    for n in range(7):
        graduate_factory(college="理学院" if n < 2 else "文学院", materials=(), photo=None)
    return lantai.reviews.open(archivist.actor, NewCampaign("六月抽查", 2026, None, START, END, 3, None))


def seen(lantai: Lantai, campaign: UUID, actor: Actor) -> CampaignView:
    return lantai.reviews.campaign(actor, campaign)


def check_all(lantai: Lantai, campaign: UUID, actor: Actor, owner: UUID, findings: int = 0) -> None:
    for n, item in enumerate(seen(lantai, campaign, actor).items):
        if n < findings:
            lantai.reviews.check(
                actor,
                campaign,
                item.id,
                item.version,
                finding=FindingKind.ILLEGIBLE,
                note="第 2 页模糊",
                owner_id=owner,
                due_on=END,
            )
        else:
            lantai.reviews.check(actor, campaign, item.id, item.version)


def test_the_sample_is_stratified_and_drawn_again_from_its_seed(
    lantai: Lantai, campaign: UUID, archivist: StaffLogin, graduate_factory: People
) -> None:
    view = seen(lantai, campaign, archivist.actor)
    assert (view.population, view.sample_size) == (7, 3)
    assert sorted(i.college for i in view.items) == ["文学院", "文学院", "理学院"]
    assert lantai.reviews.redraw(archivist.actor, campaign)
    with lantai.db.transaction() as session:
        session.connection().exec_driver_sql("update review_campaign set seed = 'another'")
        session.connection().exec_driver_sql("update review_item set position = 10 - position")
    assert not lantai.reviews.redraw(archivist.actor, campaign)


def test_later_dossiers_do_not_change_the_draw(
    lantai: Lantai, campaign: UUID, archivist: StaffLogin, graduate_factory: People, clock: FakeClock
) -> None:
    clock.advance(hours=1)
    graduate_factory(materials=(), photo=None)
    assert lantai.reviews.redraw(archivist.actor, campaign)


def test_who_handled_a_dossier_does_not_check_it_under_any_account(
    lantai: Lantai, campaign: UUID, staff_factory: Staff, archivist: StaffLogin
) -> None:
    both = staff_factory(Role.REVIEWER, Role.ARCHIVIST)
    second = lantai.staff.add(
        SYSTEM, "other-account", "同一人", (Role.REVIEWER,), same_person_as=both.credentials.username
    )
    item = seen(lantai, campaign, both.actor).items[0]
    lantai.filing.add_material(both.actor, item.graduate_id, NewMaterial("3", "", "鉴定表", "2026-06-01", 1))
    again = Actor(both.actor.kind, second.staff_id, frozenset({Role.REVIEWER}))
    for actor in (both.actor, again):
        assert seen(lantai, campaign, actor).items[0].barred
        with pytest.raises(Conflict, match="handled_by_you"):
            lantai.reviews.check(actor, campaign, item.id, item.version)
    assert lantai.reviews.waiting(both.actor)[0].waiting_for_me == 2


def test_a_finding_is_followed_to_its_closure_and_the_report_is_frozen(
    lantai: Lantai, campaign: UUID, archivist: StaffLogin, reviewer: StaffLogin
) -> None:
    check_all(lantai, campaign, reviewer.actor, archivist.id, findings=1)
    view = seen(lantai, campaign, archivist.actor)
    assert view.line.state is State.FOLLOW_UP
    assert not view.may_sign
    finding = next(i.finding for i in view.items if i.finding is not None)
    assert (finding.note, finding.moves) == ("第 2 页模糊", [FindingMove.MEND])
    assert lantai.reviews.owned_open(archivist.actor) == 1
    with pytest.raises(Conflict, match="move_not_allowed"):
        lantai.reviews.sign(archivist.actor, campaign, view.version)
    with pytest.raises(Invalid):
        lantai.reviews.move_finding(archivist.actor, campaign, finding.id, finding.version, FindingMove.MEND, " ")
    lantai.reviews.move_finding(archivist.actor, campaign, finding.id, finding.version, FindingMove.MEND, "已重新扫描")
    with pytest.raises(VersionMismatch):
        lantai.reviews.move_finding(reviewer.actor, campaign, finding.id, finding.version, FindingMove.CONFIRM)
    lantai.reviews.move_finding(reviewer.actor, campaign, finding.id, finding.version + 1, FindingMove.RETURN)
    lantai.reviews.move_finding(archivist.actor, campaign, finding.id, finding.version + 2, FindingMove.MEND, "再扫描")
    lantai.reviews.move_finding(reviewer.actor, campaign, finding.id, finding.version + 3, FindingMove.CONFIRM)
    ready = seen(lantai, campaign, archivist.actor)
    assert ready.line.state is State.READY
    digest = lantai.reviews.sign(archivist.actor, campaign, ready.version)
    signed = seen(lantai, campaign, reviewer.actor)
    assert signed.report is not None
    assert report_digest(signed.report) == digest == signed.report_digest
    assert [i["outcome"] for i in signed.report["items"]] == ["finding", "ok", "ok"]
    assert "模糊" not in str(signed.report)
    with pytest.raises(Conflict, match="move_not_allowed"):
        lantai.reviews.sign(archivist.actor, campaign, signed.version)
    with pytest.raises(Conflict, match="move_not_allowed"):
        lantai.reviews.cancel(archivist.actor, campaign, signed.version)


def test_nobody_confirms_their_own_mending_nor_signs_their_own_checks(
    lantai: Lantai, campaign: UUID, staff_factory: Staff
) -> None:
    checker, both = staff_factory(Role.REVIEWER), staff_factory(Role.REVIEWER, Role.ARCHIVIST)
    check_all(lantai, campaign, checker.actor, both.id, findings=1)
    finding = next(i.finding for i in seen(lantai, campaign, both.actor).items if i.finding is not None)
    lantai.reviews.move_finding(both.actor, campaign, finding.id, 1, FindingMove.MEND, "已改")
    for move in (FindingMove.CONFIRM, FindingMove.RETURN):
        with pytest.raises(Conflict, match="own_mending"):
            lantai.reviews.move_finding(both.actor, campaign, finding.id, 2, move)
    lantai.reviews.move_finding(checker.actor, campaign, finding.id, 2, FindingMove.CONFIRM)
    view = seen(lantai, campaign, checker.actor)
    assert not view.may_sign
    with pytest.raises(Conflict, match="signed_by_checker"):
        lantai.reviews.sign(checker.actor, campaign, view.version)
    twin = lantai.staff.add(SYSTEM, "twin", "同一人", (Role.REVIEWER,), same_person_as=checker.credentials.username)
    with pytest.raises(Conflict, match="signed_by_checker"):
        lantai.reviews.sign(
            Actor(checker.actor.kind, twin.staff_id, frozenset({Role.REVIEWER})), campaign, view.version
        )
    lantai.reviews.sign(both.actor, campaign, view.version)


def test_an_item_is_checked_once_and_a_stale_form_is_refused(
    lantai: Lantai, campaign: UUID, reviewer: StaffLogin, archivist: StaffLogin
) -> None:
    item = seen(lantai, campaign, reviewer.actor).items[0]
    with pytest.raises(VersionMismatch):
        lantai.reviews.check(reviewer.actor, campaign, item.id, item.version + 1)
    with pytest.raises(Invalid):
        lantai.reviews.check(
            reviewer.actor,
            campaign,
            item.id,
            item.version,
            finding=FindingKind.OTHER,
            note="说明",
            owner_id=reviewer.id,
            due_on=END,
        )
    lantai.reviews.check(reviewer.actor, campaign, item.id, item.version)
    with pytest.raises(Conflict, match="move_not_allowed"):
        lantai.reviews.check(reviewer.actor, campaign, item.id, item.version + 1)
    again = seen(lantai, campaign, reviewer.actor)
    assert (again.items[0].outcome, again.line.progress.checked) == (Outcome.OK, 1)
    assert again.items[0].finding is None


def test_roles_and_foreign_ids(
    lantai: Lantai, campaign: UUID, archivist: StaffLogin, reviewer: StaffLogin, staff_factory: Staff
) -> None:
    auditor = staff_factory(Role.AUDITOR)
    item = seen(lantai, campaign, auditor.actor).items[0]
    with pytest.raises(Forbidden):
        lantai.reviews.check(archivist.actor, campaign, item.id, item.version)
    for actor in (reviewer.actor, auditor.actor):
        with pytest.raises(Forbidden):
            lantai.reviews.open(actor, NewCampaign("x", None, None, START, END, 1, None))
        with pytest.raises(Forbidden):
            lantai.reviews.cancel(actor, campaign, 1)
    for call in (
        lambda: lantai.reviews.campaign(auditor.actor, item.id),
        lambda: lantai.reviews.check(reviewer.actor, item.id, item.id, 1),
        lambda: lantai.reviews.move_finding(archivist.actor, campaign, item.id, 1, FindingMove.MEND, "x"),
    ):
        with pytest.raises(NotFound):
            call()
    for size, percent, end in ((None, None, END), (1, 1, END), (1, None, date(2026, 5, 1))):
        with pytest.raises(DomainError):
            lantai.reviews.open(archivist.actor, NewCampaign("x", None, None, START, end, size, percent))
    with pytest.raises(Conflict, match="nothing_to_review"):
        lantai.reviews.open(archivist.actor, NewCampaign("x", 1999, None, START, END, 1, None))


def test_what_was_found_is_sealed(lantai: Lantai, campaign: UUID, archivist: StaffLogin, reviewer: StaffLogin) -> None:
    check_all(lantai, campaign, reviewer.actor, archivist.id, findings=3)
    with lantai.db.transaction() as session:
        rows = session.connection().exec_driver_sql("select sealed_note, state from review_finding").all()
        events = session.connection().exec_driver_sql("select coalesce(string_agg(data::text, ''), '') from event")
        assert "模糊" not in events.scalar_one()
    assert len(rows) == 3
    assert all("模糊".encode() not in bytes(note) for note, _ in rows)
    assert {state for _, state in rows} == {FindingState.OPEN.value}
