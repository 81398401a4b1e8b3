"""A role takes effect only while its certificates are valid; nobody certifies themself; duties keep their history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from app.actors import SYSTEM, Role
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.governance.rules import DutyKind, Meter
from app.governance.training_rules import Standing
from parts import Lantai
from tests.conftest import Person, StaffLogin
from tests.fakes import FakeClock

Staff = Callable[..., StaffLogin]


@pytest.fixture
def admin(staff_factory: Staff) -> StaffLogin:
    return staff_factory(Role.ADMINISTRATOR)


def status(login: StaffLogin, path: str) -> int:
    return login.client.get(f"/console{path}").status_code


def test_an_expired_certificate_takes_the_permission_away_on_the_next_request(
    lantai: Lantai, staff_factory: Staff, admin: StaffLogin
) -> None:
    clerk = staff_factory(Role.ARCHIVIST, Role.DISPATCHER)
    course = lantai.training.add_course(admin.actor, "档案员培训", Role.ARCHIVIST, 1, required=True)
    assert status(clerk, "/tickets") == 200  # the switch is off
    lantai.training.set_policy(admin.actor, Role.ARCHIVIST, enforced=True, grace_days=0)
    assert status(clerk, "/tickets") == 403
    assert status(clerk, "/transfers") == 200  # the other role is untouched
    lantai.training.certify(admin.actor, course, clerk.id, lantai.training.today - timedelta(days=30))
    assert status(clerk, "/tickets") == 200
    home = clerk.client.get("/console/").text
    assert "将于 2026-06-01 到期" in home
    assert "/console/tickets" in home
    with lantai.db.transaction() as session:
        session.connection().exec_driver_sql("update staff_certificate set expires_on = expires_on - 1")
    assert status(clerk, "/tickets") == 403
    renewed = lantai.training.certify(admin.actor, course, clerk.id, lantai.training.today)
    assert status(clerk, "/tickets") == 200
    lantai.training.revoke(admin.actor, renewed)
    assert status(clerk, "/tickets") == 403
    assert status(clerk, "/") == 200


def test_expiry_by_time_alone(lantai: Lantai, staff_factory: Staff, admin: StaffLogin, clock: FakeClock) -> None:
    clerk = staff_factory(Role.REVIEWER)
    course = lantai.training.add_course(admin.actor, "复核员培训", Role.REVIEWER, 1, required=True)
    lantai.training.set_policy(admin.actor, Role.REVIEWER, enforced=True, grace_days=2)
    lantai.training.certify(admin.actor, course, clerk.id, lantai.training.today)
    until = lantai.training.holdings(admin.actor)[0].expires_on
    assert until is not None
    for days_past, back in ((0, frozenset()), (1, frozenset()), (2, frozenset()), (3, {Role.REVIEWER})):
        clock.advance(seconds=((until + timedelta(days=days_past)) - lantai.training.today).days * 86400)
        assert lantai.training.held_back(clerk.id, {Role.REVIEWER}) == back, days_past
    held = lantai.training.standing_of(clerk.actor)
    assert [(h.standing, h.held_back) for h in held] == [(Standing.EXPIRED, True)]


def test_what_a_held_back_role_could_open_is_not_offered(
    lantai: Lantai, staff_factory: Staff, admin: StaffLogin
) -> None:
    clerk = staff_factory(Role.ARCHIVIST)
    lantai.training.add_course(admin.actor, "档案员培训", Role.ARCHIVIST, 12, required=True)
    lantai.training.set_policy(admin.actor, Role.ARCHIVIST, enforced=True, grace_days=0)
    home = clerk.client.get("/console/").text
    assert 'href="/console/tickets"' not in home
    assert "尚未取得“档案员培训”证书" in home
    assert "权限已停止" in home


def test_nobody_certifies_or_revokes_themself_under_any_account(
    lantai: Lantai, staff_factory: Staff, admin: StaffLogin
) -> None:
    twin = lantai.staff.add(SYSTEM, "twin", "同一人", (Role.ARCHIVIST,), same_person_as=admin.credentials.username)
    course = lantai.training.add_course(admin.actor, "培训", Role.ARCHIVIST, 12, required=True)
    for staff_id in (admin.id, twin.staff_id):
        with pytest.raises(Conflict, match="own_certificate"):
            lantai.training.certify(admin.actor, course, staff_id, lantai.training.today)
    other = staff_factory(Role.ADMINISTRATOR)
    made = lantai.training.certify(other.actor, course, twin.staff_id, lantai.training.today)
    with pytest.raises(Conflict, match="own_certificate"):
        lantai.training.revoke(admin.actor, made)
    # the certificate is the person's, whichever account they use
    lantai.training.set_policy(admin.actor, Role.ARCHIVIST, enforced=True, grace_days=0)
    assert lantai.training.held_back(admin.id, {Role.ARCHIVIST}) == frozenset()
    assert lantai.training.held_back(staff_factory(Role.ARCHIVIST).id, {Role.ARCHIVIST}) == {Role.ARCHIVIST}


def test_only_administrators_manage_and_their_own_role_is_never_conditional(
    lantai: Lantai, staff_factory: Staff, admin: StaffLogin
) -> None:
    clerk = staff_factory(Role.ARCHIVIST, Role.REVIEWER, Role.AUDITOR, Role.DISPATCHER)
    course = lantai.training.add_course(admin.actor, "培训", Role.ARCHIVIST, 12, required=True)
    for call in (
        lambda: lantai.training.add_course(clerk.actor, "x", Role.ARCHIVIST, 12, required=True),
        lambda: lantai.training.certify(clerk.actor, course, clerk.id, lantai.training.today),
        lambda: lantai.training.set_policy(clerk.actor, Role.ARCHIVIST, enforced=True, grace_days=0),
        lambda: lantai.duties.add(clerk.actor, "x", "", Role.ARCHIVIST),
    ):
        with pytest.raises(Forbidden):
            call()
    with pytest.raises(Conflict, match="role_not_conditional"):
        lantai.training.set_policy(admin.actor, Role.ADMINISTRATOR, enforced=True, grace_days=0)
    with pytest.raises(Invalid):
        lantai.training.certify(admin.actor, course, clerk.id, lantai.training.today + timedelta(days=1))
    with pytest.raises(NotFound):
        lantai.training.certify(admin.actor, uuid4(), clerk.id, lantai.training.today)
    lantai.training.retire_course(admin.actor, course)
    with pytest.raises(Conflict, match="course_retired"):
        lantai.training.certify(admin.actor, course, clerk.id, lantai.training.today)
    lantai.training.set_policy(admin.actor, Role.ARCHIVIST, enforced=True, grace_days=0)
    assert lantai.training.held_back(clerk.id, {Role.ARCHIVIST}) == frozenset()  # a retired course binds nobody


def test_a_duty_has_one_holder_another_stand_in_and_a_history(
    lantai: Lantai, staff_factory: Staff, admin: StaffLogin
) -> None:
    one, two = staff_factory(Role.ARCHIVIST), staff_factory(Role.ARCHIVIST)
    reviewer = staff_factory(Role.REVIEWER)
    assert lantai.duties.seed() == 8
    assert lantai.duties.seed() == 0
    duty = next(d for d in lantai.duties.table(admin.actor) if d.role is Role.ARCHIVIST)
    lantai.duties.assign(admin.actor, duty.id, DutyKind.PRIMARY, one.id)
    with pytest.raises(Conflict, match="same_person_twice"):
        lantai.duties.assign(admin.actor, duty.id, DutyKind.STAND_IN, one.id)
    with pytest.raises(Invalid):
        lantai.duties.assign(admin.actor, duty.id, DutyKind.STAND_IN, reviewer.id)
    lantai.duties.assign(admin.actor, duty.id, DutyKind.STAND_IN, two.id)
    lantai.duties.assign(admin.actor, duty.id, DutyKind.STAND_IN, None)
    lantai.duties.assign(admin.actor, duty.id, DutyKind.PRIMARY, two.id)
    found = next(d for d in lantai.duties.table(admin.actor) if d.id == duty.id)
    assert found.primary is not None
    assert (found.primary.staff_id, found.stand_in) == (two.id, None)
    assert {(h.kind, h.staff_id) for h in found.history} == {
        (DutyKind.PRIMARY, one.id),
        (DutyKind.STAND_IN, two.id),
    }


def test_meters_follow_materials_and_transfers_and_keep_each_day(
    lantai: Lantai,
    graduate_factory: Callable[..., Person],
    staff_factory: Staff,
    admin: StaffLogin,
    clock: FakeClock,
) -> None:
    clerk = staff_factory(Role.ARCHIVIST)
    people = [graduate_factory(photo=None) for _ in range(4)]
    assert lantai.meters.snapshot_if_due()
    assert not lantai.meters.snapshot_if_due()
    clock.advance(seconds=86400)
    with lantai.db.transaction() as session:
        session.connection().exec_driver_sql(
            "update dossier set state = 'transferred' where graduate_id = %s", (people[0].id,)
        )
    lantai.meters.plan(clerk.actor, 2026, Meter.TRANSFERRED, 50, lantai.meters.today)
    lantai.meters.plan(clerk.actor, 2026, Meter.TRANSFERRED, 20, lantai.meters.today)
    lantai.meters.snapshot()
    found = {m.meter: m for m in lantai.meters.meters(admin.actor)}
    moved = found[Meter.TRANSFERRED]
    assert (moved.done, moved.whole, moved.percent, moved.target, moved.behind) == (1, 4, 25, 20, False)
    assert [p for _, p in moved.trend] == [0, 25]
    assert (found[Meter.DIGITISED].done, found[Meter.DIGITISED].whole) == (0, 12)
    for percent in (0, 101):
        with pytest.raises(Invalid):
            lantai.meters.plan(clerk.actor, 2026, Meter.COMPLETE, percent, lantai.meters.today)
