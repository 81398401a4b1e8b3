"""Staff accounts: invitations by one-time link, closing, and two administrators for a lost authenticator."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.actors import SYSTEM, Role
from app.errors import Conflict, Forbidden
from app.events import Event
from app.people.models import StaffMember
from parts import Lantai
from staff_console.qr import qr_svg
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

Desks = Callable[..., Desk]
INVITED = {"label": "林一", "roles": ["archivist", "dispatcher"]}
PASSWORD = "quiet-paper-and-ink"


def code_in(text: str) -> str:
    found = re.search(r"/console/welcome#([\w-]+)", text)
    assert found is not None
    return found[1]


def secret_in(text: str) -> str:
    return next(w for w in Reader(text).text.split() if len(w) == 32 and w.isalnum() and w.isupper())


def redeem(http: FlaskClient, code: str, clock: FakeClock, **changes: str) -> Any:
    secret = secret_in(http.post("/console/welcome", data={"code": code}).text)
    form = {
        "code": code,
        "display_name": "林一",
        "username": "lin",
        "password": PASSWORD,
        "repeated_password": PASSWORD,
        "second": pyotp.TOTP(secret).at(clock.now()),
    }
    return http.post("/console/welcome/password", data={**form, **changes})


def test_an_invitation_makes_one_account_whose_secrets_no_administrator_saw(
    desk: Desks, app: Flask, clock: FakeClock, lantai: Lantai
) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    answer = administrator.post("/staff/invitations", INVITED)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    code = code_in(answer.text)
    listed = administrator.read("/staff").text
    assert "待使用" in listed
    assert code not in listed
    http = app.test_client()
    assert http.get("/console/welcome").status_code == 200
    done = redeem(http, code, clock)
    assert done.status_code == 200
    assert len(Reader(done.text).text.split("恢复码")) > 1
    assert done.headers["Referrer-Policy"] == "no-referrer"
    home = http.get("/console/")
    assert "林一" in home.text
    assert "档案员、转递员" in home.text
    assert "已使用" in administrator.read("/staff").text
    # once is once
    again = app.test_client().post("/console/welcome", data={"code": code})
    assert (again.status_code, "链接无效" in again.text) == (404, True)
    # and the way in works on another day
    clock.advance(days=1)
    with lantai.db.transaction() as session:
        events = session.execute(select(Event.type, Event.data).where(Event.type.like("staff.%"))).all()
    assert {"staff.link_issued", "staff.joined"} <= {e.type for e in events}
    assert code not in str(events)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"username": "林"}, "只能包含字母"),
        ({"display_name": " "}, "必填"),
        ({"password": "short", "repeated_password": "short"}, "过短"),
        ({"repeated_password": "something-else-long"}, "两次输入的密码不一致"),
        ({"second": "000000"}, "不正确"),
    ],
)
def test_bad_input_keeps_the_link_alive(
    changes: dict[str, str], words: str, desk: Desks, app: Flask, clock: FakeClock, lantai: Lantai
) -> None:
    code = code_in(desk(Role.ADMINISTRATOR).post("/staff/invitations", INVITED).text)
    http = app.test_client()
    refused = redeem(http, code, clock, **changes)
    assert (refused.status_code, words in refused.text) == (422, True)
    assert PASSWORD not in refused.text
    assert redeem(http, code, clock).status_code == 200


def test_a_taken_name_an_old_a_withdrawn_and_a_renewed_link(
    desk: Desks, app: Flask, clock: FakeClock, lantai: Lantai
) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    first = code_in(administrator.post("/staff/invitations", INVITED).text)
    taken = redeem(app.test_client(), first, clock, username="staff1")
    assert (taken.status_code, "该用户名已被使用" in taken.text) == (409, True)
    link = lantai.links.invitations(administrator.login.actor)[0].id
    second = code_in(administrator.post(f"/staff/invitations/{link}/renew").text)
    assert app.test_client().post("/console/welcome", data={"code": first}).status_code == 404
    clock.advance(hours=73)
    assert app.test_client().post("/console/welcome", data={"code": second}).status_code == 404
    administrator = desk(Role.ADMINISTRATOR)
    assert "已过期" in administrator.read("/staff").text
    link = lantai.links.invitations(administrator.login.actor)[0].id
    third = code_in(administrator.post(f"/staff/invitations/{link}/renew").text)
    link = lantai.links.invitations(administrator.login.actor)[0].id
    assert administrator.post(f"/staff/invitations/{link}/revoke").status_code == 303
    assert app.test_client().post("/console/welcome", data={"code": third}).status_code == 404


def test_the_same_person_named_at_the_invitation_is_one_pair_of_eyes(
    desk: Desks, app: Flask, clock: FakeClock, lantai: Lantai
) -> None:
    administrator, clerk = desk(Role.ADMINISTRATOR), desk()
    form = {**INVITED, "same_person_as": clerk.login.credentials.username}
    code = code_in(administrator.post("/staff/invitations", form).text)
    assert redeem(app.test_client(), code, clock).status_code == 200
    with lantai.db.transaction() as session:
        keys = session.scalars(
            select(StaffMember.person_key).where(StaffMember.username.in_(["lin", clerk.login.credentials.username]))
        ).all()
    assert len(keys) == 2
    assert len(set(keys)) == 1
    unknown = administrator.post("/staff/invitations", {**INVITED, "same_person_as": "nobody"})
    assert (unknown.status_code, "没有这个用户名" in unknown.text) == (422, True)


@pytest.mark.parametrize(
    "changes", [{"label": ""}, {"roles": []}, {"roles": ["emperor"]}, {"label": "长" * 41}, {"label": "a\u202eb"}]
)
def test_an_invitation_needs_a_person_and_a_known_role(changes: dict[str, object], desk: Desks) -> None:
    assert desk(Role.ADMINISTRATOR).post("/staff/invitations", {**INVITED, **changes}).status_code == 422


def test_codes_are_not_guessed_by_hammering_and_never_stand_in_an_address(app: Flask) -> None:
    http = app.test_client()
    answers = [http.post("/console/welcome", data={"code": f"x{n}"}).status_code for n in range(31)]
    assert answers == [404] * 30 + [429]
    assert http.get("/console/welcome?code=x").status_code == 200  # nothing is read from the address


def test_inviting_needs_a_fresh_factor(desk: Desks, clock: FakeClock) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    clock.advance(seconds=301)
    refused = administrator.post("/staff/invitations", INVITED)
    assert (refused.status_code, "再次确认是您本人" in refused.text) == (422, True)
    assert Reader(refused.text).forms["/console/staff/invitations"]["label"] == "林一"
    code = pyotp.TOTP(administrator.login.credentials.totp_secret).at(clock.now())
    assert administrator.post("/staff/invitations", {**INVITED, "fresh_code": code}).status_code == 200


def test_closing_an_account(desk: Desks, lantai: Lantai) -> None:
    administrator, clerk = desk(Role.ADMINISTRATOR), desk()
    path = f"/staff/{clerk.login.id}/deactivate"
    assert administrator.post(path).status_code == 422
    assert clerk.get("/").status_code == 200
    assert administrator.post(path, {"understood": "yes"}).location == f"/console/staff/{clerk.login.id}"
    assert clerk.get("/").status_code == 303
    assert "已停用" in administrator.read("/staff").text
    own = administrator.post(f"/staff/{administrator.login.id}/deactivate", {"understood": "yes"})
    assert own.status_code == 409
    assert administrator.post(f"/staff/{uuid4()}/deactivate", {"understood": "yes"}).status_code == 404


def test_whoever_is_out_of_the_house_lets_nobody_in(desk: Desks, app: Flask, clock: FakeClock, lantai: Lantai) -> None:
    one, two = desk(Role.ADMINISTRATOR), desk(Role.ADMINISTRATOR)
    left, kept = (code_in(a.post("/staff/invitations", INVITED).text) for a in (one, two))
    assert two.post(f"/staff/{one.login.id}/deactivate", {"understood": "yes"}).status_code == 303
    assert app.test_client().post("/console/welcome", data={"code": left}).status_code == 404
    assert redeem(app.test_client(), kept, clock).status_code == 200
    with lantai.db.transaction() as session:
        assert session.scalars(select(Event.actor_id).where(Event.type == "staff.link_revoked")).all() == [two.login.id]


def test_nobody_opens_an_account_unseen_by_the_other_administrators(
    desk: Desks, app: Flask, clock: FakeClock, lantai: Lantai
) -> None:
    one, two, clerk = desk(Role.ADMINISTRATOR), desk(Role.ADMINISTRATOR), desk()
    form = {**INVITED, "same_person_as": clerk.login.credentials.username}
    for username, sent in (("lin", form), ("zhou", INVITED)):
        code = code_in(one.post("/staff/invitations", sent).text)
        assert redeem(app.test_client(), code, clock, username=username).status_code == 200
    made = {a.username: a for a in lantai.links.opened_by_others(two.login.actor)}
    assert made["lin"].same_person == (clerk.login.credentials.username,)
    assert (made["zhou"].same_person, made["zhou"].invited_by) == ((), "员工1")
    assert made["zhou"].roles == {Role.ARCHIVIST, Role.DISPATCHER}
    assert made["staff1"].invited_by == ""  # by the command line
    assert "staff2" not in made  # the reader
    seen = two.read("/").text
    assert f"与 {clerk.login.credentials.username} 为同一人" in seen
    assert "命令行" in seen
    assert not {"lin", "zhou"} & {a.username for a in lantai.links.opened_by_others(one.login.actor)}
    assert "由他人开通" not in clerk.read("/").text
    with pytest.raises(Forbidden):
        lantai.links.opened_by_others(clerk.login.actor)
    clock.advance(days=30)
    assert "zhou" in {a.username for a in lantai.links.opened_by_others(two.login.actor)}
    clock.advance(seconds=1)
    assert lantai.links.opened_by_others(two.login.actor) == []


# --- a lost authenticator ---------------------------------------------------------------------------------------------


def ask(administrator: Desk, staff_id: UUID) -> Any:
    form = {"reason": "手机遗失", "identity_checked": "yes"}
    return administrator.post(f"/staff/{staff_id}/replacement", form)


def waiting(lantai: Lantai, administrator: Desk) -> UUID:
    return lantai.replacements.waiting(administrator.login.actor)[0].id


def test_two_administrators_replace_a_lost_authenticator(
    desk: Desks, app: Flask, clock: FakeClock, lantai: Lantai
) -> None:
    one, two, clerk = desk(Role.ADMINISTRATOR), desk(Role.ADMINISTRATOR), desk()
    assert ask(one, clerk.login.id).status_code == 303
    assert ask(two, clerk.login.id).status_code == 409
    assert "提出了更换登录方式的申请" in clerk.read("/").text
    path = f"/staff/replacements/{waiting(lantai, one)}"
    own = one.post(f"{path}/approve")
    assert (own.status_code, "须由另一位管理员审核" in own.text) == (409, True)
    code = code_in(two.post(f"{path}/approve").text)
    assert clerk.get("/").status_code == 200  # nothing has changed for the owner yet
    assert "两位管理员已同意" in clerk.read("/").text
    assert two.post(f"{path}/approve").status_code == 404
    done = redeem(app.test_client(), code, clock)
    assert done.status_code == 200
    assert clerk.get("/").status_code == 303
    old = clerk.login.credentials
    clock.advance(seconds=31)
    for second in (pyotp.TOTP(old.totp_secret).at(clock.now()), old.recovery_codes[0]):
        with pytest.raises(Exception, match="sign_in_refused"):
            lantai.staff.sign_in(old.username, "long-password-3", second, "10.0.0.2")
    with lantai.db.transaction() as session:
        row = session.get_one(StaffMember, clerk.login.id)
        kinds = session.scalars(select(Event.type).where(Event.object_id == clerk.login.id)).all()
    assert (row.username, row.display_name) == (old.username, "员工3")  # the names in the form are not taken
    for kind in ("staff.replacement_requested", "staff.replacement_approved", "staff.authenticator_replaced"):
        assert kind in kinds


def test_neither_of_the_two_is_the_owner_nor_one_person_twice(
    desk: Desks, app: Flask, clock: FakeClock, lantai: Lantai
) -> None:
    one, two = desk(Role.ADMINISTRATOR), desk(Role.ADMINISTRATOR)
    assert ask(one, one.login.id).status_code == 409
    assert ask(one, two.login.id).status_code == 303
    path = f"/staff/replacements/{waiting(lantai, one)}/approve"
    assert two.post(path).status_code == 409  # the owner
    # the requester's second account is the same person
    made = lantai.staff.add(SYSTEM, "twin", "员工一", [Role.ADMINISTRATOR], same_person_as="staff1")
    with lantai.db.transaction() as session:
        issued = lantai.sessions.open_staff(session, made.staff_id, factor="totp")
    twin = lantai.sessions.resolve(issued.token).actor
    with pytest.raises(Conflict) as caught:
        lantai.replacements.approve(twin, waiting(lantai, one))
    assert caught.value.code == "second_administrator_required"


def test_a_request_falls_with_its_administrator_and_can_be_refused(desk: Desks, lantai: Lantai) -> None:
    one, two, clerk = desk(Role.ADMINISTRATOR), desk(Role.ADMINISTRATOR), desk()
    ask(one, clerk.login.id)
    with lantai.db.transaction() as session:
        session.get_one(StaffMember, one.login.id).roles = [Role.ARCHIVIST.value]
    path = f"/staff/replacements/{waiting(lantai, two)}"
    gone = two.post(f"{path}/approve")
    assert (gone.status_code, "已不在岗" in gone.text) == (409, True)
    assert two.post(f"{path}/refuse").status_code == 303
    assert "未获同意" in clerk.read("/").text
    notices = lantai.staff_notices.unread(clerk.login.actor)
    assert {n.code for n in notices} == {"replacement_refused", "replacement_requested"}
    assert two.post(f"/account/notices/{notices[0].id}/read").status_code == 404
    assert clerk.post(f"/account/notices/{notices[0].id}/read").status_code == 303
    assert len(lantai.staff_notices.unread(clerk.login.actor)) == 1


def test_a_request_needs_the_person_seen_and_a_reason(desk: Desks) -> None:
    one, clerk = desk(Role.ADMINISTRATOR), desk()
    path = f"/staff/{clerk.login.id}/replacement"
    assert one.post(path, {"reason": "手机遗失"}).status_code == 422
    assert one.post(path, {"identity_checked": "yes"}).status_code == 422
    assert one.post(f"/staff/{uuid4()}/replacement", {"reason": "x", "identity_checked": "yes"}).status_code == 404


def test_one_administrator_alone_resets_nobody(desk: Desks, lantai: Lantai) -> None:
    one, clerk = desk(Role.ADMINISTRATOR), desk()
    with pytest.raises(Forbidden):
        lantai.staff.reset_authenticator(one.login.actor, clerk.login.credentials.username)
    assert lantai.staff.reset_authenticator(SYSTEM, clerk.login.credentials.username).password


def test_only_administrators_and_they_read_no_dossiers(desk: Desks) -> None:
    clerk, other = desk(), desk()
    for path in ("/staff", f"/staff/{other.login.id}"):
        assert clerk.get(path).status_code == 403
    for path in (
        "/staff/invitations",
        f"/staff/{other.login.id}/deactivate",
        f"/staff/{other.login.id}/replacement",
        f"/staff/{other.login.id}/sessions/end-all",
    ):
        assert clerk.post(path, {"understood": "yes"}).status_code == 403
    for path in ("/tickets", "/graduates", "/transfers", "/import"):
        assert desk(Role.ADMINISTRATOR).get(path).status_code == 403


def test_the_drawing_is_only_a_drawing() -> None:
    drawing = str(qr_svg('otpauth://totp/x?secret="><script>'))
    assert drawing.startswith("<svg")
    assert "script" not in drawing
    assert "style" not in drawing
