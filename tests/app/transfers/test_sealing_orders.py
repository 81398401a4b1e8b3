"""Sealing paper for a receiver that takes packages orders the package with it; opening the seal takes it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.errors import Unavailable
from app.transfers import rules as paper
from app.transfers.electronic import LegView
from app.transfers.electronic_rules import ENDED, IN_THE_MAKING, Leg, renewed
from app.transfers.electronic_steps import ElectronicSteps
from app.transfers.showing import TransferView
from app.transfers.states import State
from parts import Lantai
from tests.app.checks.conftest import MATERIALS
from tests.app.receivers.samples import KEY
from tests.conftest import Person
from tests.electronic import Registry
from tests.moving import CODE, Pair, lead, now, opened, receiver_code, walk
from wired.electronic import RegisteredReceivers


@pytest.fixture
def checked(lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person]) -> TransferView:
    person = graduate_factory(materials=MATERIALS)
    return lead(lantai, pair, opened(lantai, pair.first, person.id), State.CHECKED)


@pytest.fixture
def live(registry: Registry) -> None:
    assert registry.receiver is not None
    registry.receiver = replace(registry.receiver, live=True)


def legs(lantai: Lantai, pair: Pair, view: TransferView) -> list[LegView]:
    """Newest first."""
    found = lantai.electronic.of_graduate(pair.first, view.graduate_id)[view.id]
    return [found.latest, *found.before] if found.latest is not None else []


def states(lantai: Lantai, pair: Pair, view: TransferView) -> list[tuple[int, Leg]]:
    return [(leg.attempt, leg.state) for leg in legs(lantai, pair, view)]


@pytest.mark.usefixtures("live")
def test_the_package_is_ordered_with_the_seal_and_made_by_the_worker(
    lantai: Lantai, pair: Pair, checked: TransferView, run_jobs: Callable[[], None]
) -> None:
    assert states(lantai, pair, checked) == []
    sealed = lead(lantai, pair, checked, State.SEALED)
    assert states(lantai, pair, sealed) == [(1, Leg.PREPARING)]
    run_jobs()
    assert states(lantai, pair, sealed) == [(1, Leg.SUBMITTED)]


@pytest.mark.parametrize("lacks", [{"live": False}, {"public_key": None}, {"public_key": "age1broken"}, {"gone": True}])
def test_nothing_happens_for_who_takes_none(
    lacks: dict[str, Any], lantai: Lantai, pair: Pair, checked: TransferView, registry: Registry
) -> None:
    assert registry.receiver is not None
    registry.receiver = None if "gone" in lacks else replace(registry.receiver, **{"live": True, **lacks})
    assert states(lantai, pair, lead(lantai, pair, checked, State.SEALED)) == []


@pytest.mark.usefixtures("live")
def test_seal_and_order_are_one(
    lantai: Lantai, pair: Pair, checked: TransferView, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise Unavailable("service_unavailable")

    monkeypatch.setattr(ElectronicSteps, "record", broken)
    with pytest.raises(Unavailable):
        lead(lantai, pair, checked, State.SEALED)
    assert now(lantai, pair.first, checked).state is State.CHECKED
    assert states(lantai, pair, checked) == []


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("made", [False, True])
def test_opening_the_seal_takes_it_back_and_sealing_again_orders_anew(
    made: bool, lantai: Lantai, pair: Pair, checked: TransferView, run_jobs: Callable[[], None]
) -> None:
    sealed = lead(lantai, pair, checked, State.SEALED)
    if made:
        run_jobs()
    reopened = lead(lantai, pair, sealed, State.SCHOOL_APPROVED)
    assert states(lantai, pair, reopened) == [(1, Leg.WITHDRAWN)]
    again = lead(lantai, pair, reopened, State.SEALED)
    assert states(lantai, pair, again) == [(2, Leg.PREPARING), (1, Leg.WITHDRAWN)]
    run_jobs()
    assert states(lantai, pair, again) == [(2, Leg.SUBMITTED), (1, Leg.WITHDRAWN)]


@pytest.mark.usefixtures("live")
def test_a_withdrawn_transfer_leaves_no_package_with_the_receiver(
    lantai: Lantai, pair: Pair, checked: TransferView, run_jobs: Callable[[], None]
) -> None:
    sealed = lead(lantai, pair, checked, State.SEALED)
    run_jobs()
    lead(lantai, pair, sealed, State.WITHDRAWN)
    assert states(lantai, pair, sealed) == [(1, Leg.WITHDRAWN)]


@pytest.mark.usefixtures("live")
def test_the_same_seal_sent_again_replaces_only_what_is_unsent(
    lantai: Lantai, pair: Pair, checked: TransferView, run_jobs: Callable[[], None]
) -> None:
    whole = paper.edge(State.RETURNED, State.SEALED)
    assert whole is not None
    sealed = lead(lantai, pair, checked, State.SEALED)
    sealed = walk(lantai, pair, lead(lantai, pair, sealed, State.RETURNED), whole)
    assert states(lantai, pair, sealed) == [(2, Leg.PREPARING), (1, Leg.WITHDRAWN)]
    run_jobs()
    sealed = walk(lantai, pair, lead(lantai, pair, sealed, State.RETURNED), whole)
    assert states(lantai, pair, sealed) == [(2, Leg.SUBMITTED), (1, Leg.WITHDRAWN)]
    lantai.electronic.withdraw(pair.first, sealed.graduate_id, sealed.id)
    sealed = walk(lantai, pair, lead(lantai, pair, sealed, State.RETURNED), whole)
    # the desk took it back over this very catalogue
    assert states(lantai, pair, sealed) == [(2, Leg.WITHDRAWN), (1, Leg.WITHDRAWN)]


def test_what_sealing_begins_anew() -> None:
    assert renewed(None, same=False)
    assert {leg for leg in Leg if renewed(leg, same=True)} == IN_THE_MAKING
    anew = {leg for leg in Leg if renewed(leg, same=False)}
    assert anew == IN_THE_MAKING | {Leg.SUBMITTED, Leg.REJECTED, Leg.WITHDRAWN}
    assert Leg.E_RECEIPT in ENDED - anew


def test_live_is_who_has_an_address_or_a_credential(
    lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person]
) -> None:
    registered = RegisteredReceivers(lantai.receivers, lantai.partners)

    def told(**changes: Any) -> tuple[str | None, bool]:
        with lantai.db.transaction() as session:
            known = lantai.receivers.frozen(session, receiver_code(lantai), lantai.receivers.today)
        lantai.receivers.record(pair.first, CODE, replace(known.facts, **changes), known.version)
        view = opened(lantai, pair.first, graduate_factory().id)
        with lantai.db.transaction() as session:
            found = registered.of_transfer(session, view.id)
        assert found is not None
        return found.public_key, found.live

    assert told(public_key=KEY) == (KEY, False)
    assert told(push_url="https://hr.example.org/inbox") == (KEY, True)
    assert told(push_url="") == (KEY, False)
    lantai.partners.add("另一单位", ["dossiers:receive"], "GG-999999")
    assert told(source="名录二") == (KEY, False)
    lantai.partners.add("人才服务中心", ["dossiers:receive"], CODE)
    assert told(source="名录三") == (KEY, True)
    lantai.partners.disable("人才服务中心")
    assert told(source="名录四") == (KEY, False)
