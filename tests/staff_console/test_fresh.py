"""A factor shown again: on its own page, for one session, once per code."""

from __future__ import annotations

from collections.abc import Callable

import pyotp
import pytest

from app.actors import Role
from app.errors import StepUpRequired
from auth.guards import has_fresh_factor, require_fresh_factor
from parts import Lantai
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]


def code_of(one: Desk, clock: FakeClock) -> str:
    return pyotp.TOTP(one.login.credentials.totp_secret).at(clock.now())


def test_a_session_is_fresh_for_five_minutes_and_again_after_a_code(
    desk: Desks, clock: FakeClock, lantai: Lantai
) -> None:
    clerk = desk()
    assert clerk.login.actor.fresh_factor(clock.now())
    clock.advance(seconds=301)
    page = clerk.read("/step-up?next=/console/tickets")
    assert "动态口令" in page.text
    wrong = clerk.post("/step-up", {"fresh_code": "000000", "next": "/console/tickets"})
    assert (wrong.status_code, "验证码不正确" in wrong.text) == (422, True)
    assert clerk.post("/step-up", {"next": "/console/tickets"}).status_code == 422
    form = {"fresh_code": code_of(clerk, clock), "next": "/console/tickets"}
    assert clerk.post("/step-up", form).location == "/console/tickets"
    assert "身份刚刚验证过" in clerk.read("/step-up").text
    clock.advance(seconds=301)
    # the same code again, and a recovery code, are none
    for stale in (form["fresh_code"], clerk.login.credentials.recovery_codes[0]):
        assert clerk.post("/step-up", {"fresh_code": stale}).status_code == 422


def test_one_session_does_not_freshen_another(desk: Desks, clock: FakeClock, lantai: Lantai) -> None:
    clerk = desk()
    with lantai.db.transaction() as session:
        other = lantai.sessions.open_staff(session, clerk.login.id)
    assert not lantai.sessions.resolve(other.token).actor.fresh_factor(clock.now())
    clock.advance(seconds=31)
    lantai.staff_factors.step_up(clerk.login.actor, code_of(clerk, clock))
    assert lantai.sessions.resolve(other.token).actor.factor_at is None


def test_hammering_codes_is_locked_out(desk: Desks, clock: FakeClock) -> None:
    clerk = desk()
    clock.advance(seconds=301)
    answers = [clerk.post("/step-up", {"fresh_code": f"{n:06d}"}).status_code for n in range(6)]
    assert answers == [422] * 5 + [429]
    assert clerk.post("/step-up", {"fresh_code": code_of(clerk, clock)}).status_code == 429


def test_the_guard_refuses_what_is_stale(desk: Desks, clock: FakeClock) -> None:
    clerk = desk(Role.REVIEWER)
    with clerk.login.client:
        clerk.get("/step-up")
        assert has_fresh_factor()
        require_fresh_factor()
    clock.advance(seconds=301)
    with clerk.login.client:
        clerk.get("/step-up")
        with pytest.raises(StepUpRequired) as caught:
            require_fresh_factor()
    assert caught.value.code == "fresh_factor_required"
    assert caught.value.extra == {"max_age": 300}


def test_a_recovery_code_signs_in_but_is_no_fresh_factor(desk: Desks, clock: FakeClock, lantai: Lantai) -> None:
    clerk = desk()
    issued = lantai.staff.sign_in(
        clerk.login.credentials.username, "long-password-1", clerk.login.credentials.recovery_codes[0], "10.0.0.1"
    )
    assert not lantai.sessions.resolve(issued.token).actor.fresh_factor(clock.now())
