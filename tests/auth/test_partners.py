"""Machines at the partner door: how a credential is given, used, replaced and closed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.actors import ActorKind
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from app.events import Event
from auth import partners
from auth.models import PartnerClient
from auth.rules import Scope
from parts import Lantai
from tests.fakes import FakeClock

PUSH = Scope.PUSH_DOSSIERS


def code_of(lantai: Lantai, credential: str) -> str:
    try:
        lantai.partners.resolve(credential, PUSH)
    except DomainError as error:
        return error.code
    return "in"


def refused(lantai: Lantai, credential: str) -> bool:
    return code_of(lantai, credential) == "credential_refused"


def test_a_credential_is_shown_once_and_kept_as_a_keyed_hash(lantai: Lantai) -> None:
    client_id, credential = lantai.partners.add("教务系统", [PUSH.value])
    assert len(credential) >= 43
    actor = lantai.partners.resolve(credential, PUSH, "request-1").actor
    assert (actor.kind, actor.id, actor.request_id) == (ActorKind.PARTNER, client_id, "request-1")
    with lantai.db.transaction() as session:
        row = session.get_one(PartnerClient, client_id)
        assert len(row.credential_hash) == 32
        assert credential.encode() not in row.credential_hash
    for wrong in ("", "x", credential[:-1], credential + "a", credential.swapcase()):
        assert refused(lantai, wrong), wrong


def test_a_name_is_taken_once_and_scopes_are_known(lantai: Lantai) -> None:
    lantai.partners.add("教务系统", [PUSH.value])
    with pytest.raises(Conflict, match="partner_name_taken"):
        lantai.partners.add("教务系统", [PUSH.value])
    for scopes in ([], ["dossiers:read"], [PUSH.value, "*"]):
        with pytest.raises(Invalid, match="unknown_scope"):
            lantai.partners.add("别的系统", scopes)
    assert [c.name for c in lantai.partners.clients()] == ["教务系统"]


def test_a_client_without_the_scope_is_known_but_may_not(lantai: Lantai) -> None:
    client_id, credential = lantai.partners.add("终端", [PUSH.value])
    with lantai.db.transaction() as session:
        session.get_one(PartnerClient, client_id).scopes = ["something:else"]
    with pytest.raises(Forbidden) as caught:
        lantai.partners.resolve(credential, PUSH)
    assert (caught.value.code, caught.value.extra) == ("scope_required", {"scope": "dossiers:push"})


def test_rotation_overlaps_and_a_leak_does_not(lantai: Lantai, clock: FakeClock) -> None:
    _, first = lantai.partners.add("教务系统", [PUSH.value])
    second = lantai.partners.rotate("教务系统", timedelta(hours=24))
    assert not refused(lantai, first)
    assert not refused(lantai, second)
    clock.advance(hours=24, seconds=1)
    assert refused(lantai, first)
    third = lantai.partners.rotate("教务系统", timedelta(0))
    assert refused(lantai, second)
    assert not refused(lantai, third)
    # an overlap without end would be no rotation
    lantai.partners.rotate("教务系统", timedelta(days=400))
    clock.advance(days=7, seconds=1)
    assert refused(lantai, third)


def test_a_closed_client_is_out_at_once_with_both_credentials(lantai: Lantai) -> None:
    _, first = lantai.partners.add("教务系统", [PUSH.value])
    second = lantai.partners.rotate("教务系统", timedelta(hours=24))
    lantai.partners.disable("教务系统")
    assert refused(lantai, first)
    assert refused(lantai, second)
    assert lantai.partners.clients()[0].disabled_at is not None
    with pytest.raises(Conflict):
        lantai.partners.rotate("教务系统", timedelta(0))
    for call in (lantai.partners.disable, lambda name: lantai.partners.rotate(name, timedelta(0))):
        with pytest.raises(NotFound, match="partner_not_found"):
            call("没有的系统")


def test_use_is_noted_once_a_minute_and_every_keeping_is_an_event(lantai: Lantai, clock: FakeClock) -> None:
    client_id, credential = lantai.partners.add("教务系统", [PUSH.value])
    assert lantai.partners.clients()[0].last_used_at is None
    began = clock.now()
    for _ in range(3):
        lantai.partners.resolve(credential, PUSH)
        clock.advance(seconds=20)
    assert lantai.partners.clients()[0].last_used_at == began
    clock.advance(seconds=20)
    lantai.partners.resolve(credential, PUSH)
    assert lantai.partners.clients()[0].last_used_at == clock.now()
    lantai.partners.rotate("教务系统", timedelta(0))
    lantai.partners.disable("教务系统")
    with lantai.db.transaction() as session:
        found = session.scalars(select(Event.type).where(Event.object_id == client_id).order_by(Event.id)).all()
    assert list(found) == ["partner.added", "partner.rotated", "partner.disabled"]


def test_each_client_has_a_limit_of_its_own(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partners, "REQUESTS_PER_MINUTE", 3)
    (_, busy), (_, calm) = (lantai.partners.add(name, [PUSH.value]) for name in ("忙", "闲"))
    assert [code_of(lantai, busy) for _ in range(5)] == ["in", "in", "in", "rate_limited", "rate_limited"]
    assert not refused(lantai, calm)
