"""The channel of a transfer: what it was chosen by is kept, and the rules of the day of hand-over hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.actors import Actor, ActorKind, Role
from app.errors import Conflict, DomainError, NotFound
from app.receivers.rules import DestinationCase
from app.transfers import channel_file
from app.transfers.channel_rules import PersonHistory
from app.transfers.destination import Destination
from app.transfers.footing import Footing
from app.transfers.models import Transfer
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.transfers.footings import OTHER, footing, graduate, other, view_by_id
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.moving import CODE, Pair, lead, now, receiver_code
from tests.supplementing import supplement_after

People = Callable[..., Person]
WITHOUT_EMS = (
    (channel_file.SHIPPED / "2026-1.toml")
    .read_text("utf-8")
    .replace('version = "2026-1"', 'version = "2026-9"')
    .replace(
        'channels = ["confidential_post", "dedicated_person", "ems"]\nprefer = "ems"',
        'channels = ["confidential_post", "dedicated_person"]',
    )
)


def no_ems(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> None:
    """The school's rules change while dossiers are on their way."""
    monkeypatch.setattr(
        lantai.transfer_steps, "footing", Footing(lantai.receivers, channel_file.read(WITHOUT_EMS.encode()))
    )


def test_what_the_channel_was_chosen_by_is_kept_with_the_history_and_sealed(
    lantai: Lantai, pair: Pair, graduate_factory: People, clerk: Clerk
) -> None:
    owner = graduate_factory().id
    wanted = Destination(
        DestinationCase.UNEMPLOYED, receiver_code(lantai), history=frozenset({PersonHistory.FORMER_OFFICIAL})
    )
    view = view_by_id(lantai, pair, lantai.destinations.open(pair.first, owner, wanted))
    assert view.channel is Channel.CONFIDENTIAL_POST
    for actor in (pair.first, clerk(Role.REVIEWER), graduate(view)):
        basis = footing(lantai, actor, view).basis
        assert basis is not None
        assert [r.id for r in basis.rules] == ["N-1", "N-2"]
        assert all(r.words and r.source for r in basis.rules)
        assert (basis.version, basis.on, len(basis.digest)) == ("2026-1", lantai.receivers.today, 64)
        assert basis.history == ("曾任党政领导干部、公务员或参照公务员法管理的工作人员",)
    with lantai.db.transaction() as session:
        kept = session.get_one(Transfer, view.id).sealed_basis
    assert kept is not None
    assert b"former_official" not in kept
    for stranger in (clerk(Role.AUDITOR), Actor(ActorKind.GRADUATE, graduate_factory().id)):
        with pytest.raises(NotFound):
            lantai.transfer_footing.of_graduate(stranger, owner)


def test_another_destination_is_decided_anew_and_what_was_declared_is_not_forgotten(
    lantai: Lantai, pair: Pair, graduate_factory: People
) -> None:
    former = frozenset({PersonHistory.MILITARY_CIVILIAN})
    wanted = Destination(DestinationCase.UNEMPLOYED, receiver_code(lantai), history=former)
    view = view_by_id(lantai, pair, lantai.destinations.open(pair.first, graduate_factory().id, wanted))
    code = other(lantai, pair)
    lantai.destinations.change(pair.first, view.id, view.version, Destination(DestinationCase.UNEMPLOYED, code))
    view = now(lantai, pair.first, view)
    assert view.channel is Channel.CONFIDENTIAL_POST  # nothing said anew: as it was declared
    assert footing(lantai, pair.first, view).declared == former
    none = Destination(DestinationCase.UNEMPLOYED, code, history=frozenset())
    lantai.destinations.change(pair.first, view.id, view.version, none)
    view = now(lantai, pair.first, view)
    assert view.channel is Channel.EMS
    basis = footing(lantai, pair.first, view).basis
    assert basis is not None
    assert (basis.history, basis.before) == ((), ("曾任军队文职人员",))


def test_what_was_declared_goes_with_a_redirected_dossier_and_with_a_supplement(
    lantai: Lantai, pair: Pair, graduate_factory: People
) -> None:
    former = frozenset({PersonHistory.STATE_UNIT_STAFF})
    wanted = Destination(DestinationCase.UNEMPLOYED, receiver_code(lantai), history=former)
    view = view_by_id(lantai, pair, lantai.destinations.open(pair.first, graduate_factory().id, wanted))
    lead(lantai, pair, view, State.REDIRECTED)
    (new,) = [v for v in lantai.transfers.of_graduate(pair.first, view.graduate_id) if v.follows == view.id]
    assert footing(lantai, pair.first, new).basis is None  # it has no receiver that a channel could lead to
    unsaid = Destination(DestinationCase.UNEMPLOYED, other(lantai, pair), Channel.EMS)
    with pytest.raises(DomainError) as caught:
        lantai.destinations.change(pair.first, new.id, new.version, unsaid)
    assert [f.code for f in caught.value.faults] == ["channel_not_allowed"]
    lead(lantai, pair, _rested(lantai, pair, new), State.CLOSED)
    supplement = supplement_after(lantai, now(lantai, pair.first, new))
    assert footing(lantai, pair.first, supplement).declared == former


def _rested(lantai: Lantai, pair: Pair, view: TransferView) -> TransferView:
    wanted = Destination(DestinationCase.UNEMPLOYED, OTHER)
    lantai.destinations.change(pair.first, view.id, view.version, wanted)
    with lantai.db.transaction() as session:
        session.get_one(Transfer, view.id).resting_until = None
    return now(lantai, pair.first, view)


def test_the_rules_of_the_day_of_hand_over_hold(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked, sealed = going(State.CHECKED), going(State.SEALED)
    no_ems(lantai, monkeypatch)
    for view, target in ((checked, State.SEALED), (sealed, State.HANDED_TO_CARRIER)):
        with pytest.raises(Conflict, match="channel_not_allowed_now") as caught:
            lead(lantai, pair, view, target)
        assert caught.value.params["allowed"] == "机要通信、单位专人"
    back = lead(lantai, pair, sealed, State.SCHOOL_APPROVED)
    lantai.destinations.change(pair.first, back.id, back.version, Destination(DestinationCase.UNEMPLOYED, CODE))
    again = lead(lantai, pair, now(lantai, pair.first, back), State.HANDED_TO_CARRIER)
    assert (again.state, again.channel) == (State.HANDED_TO_CARRIER, Channel.CONFIDENTIAL_POST)


def test_a_hand_over_keeps_the_rules_it_went_by_where_they_are_others(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView], monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    before, after = going(State.SEALED), going(State.SEALED)
    chosen_on = lantai.receivers.today
    clock.advance(hours=48)
    lead(lantai, pair, before, State.HANDED_TO_CARRIER)
    basis = footing(lantai, pair.first, before).basis
    assert basis is not None
    assert (basis.version, basis.on) == ("2026-1", chosen_on)  # the same rules: the choice speaks
    newer = channel_file.read(WITHOUT_EMS.replace('["confidential_post", "dedicated_person"]', '["ems"]', 1).encode())
    monkeypatch.setattr(lantai.transfer_steps, "footing", Footing(lantai.receivers, newer))
    lead(lantai, pair, after, State.HANDED_TO_CARRIER)
    basis = footing(lantai, pair.first, after).basis
    assert basis is not None
    assert (basis.version, basis.on) == ("2026-9", lantai.receivers.today)
