"""Redirecting: what came back goes on in a transfer of its own, begun in the transaction that ends the old one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from app.actors import Actor, ActorKind
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.errors import Conflict
from app.transfers import rules
from app.transfers.models import Transfer
from app.transfers.rules import Evidence
from app.transfers.showing import NO_RECEIVER, TransferView
from app.transfers.states import State
from app.transfers.steps import TransferSteps
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.moving import Pair, destination, lead, now, opened, walk
from tests.supplementing import supplement_after

WHY = "原单位已迁址，来函要求改寄"


@pytest.fixture
def returned(lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person]) -> TransferView:
    return lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.RETURNED)


def redirected(lantai: Lantai, pair: Pair, view: TransferView) -> tuple[TransferView, TransferView]:
    """(the old one, the one that follows it)."""
    edge = rules.edge(State.RETURNED, State.REDIRECTED)
    assert edge is not None
    old = walk(lantai, pair, view, edge, {Evidence.REASON: WHY})
    (new,) = [v for v in lantai.transfers.of_graduate(pair.first, view.graduate_id) if v.follows == view.id]
    return old, new


def test_the_successor_is_a_draft_that_knows_why_and_has_no_receiver_yet(
    lantai: Lantai, pair: Pair, returned: TransferView
) -> None:
    old, new = redirected(lantai, pair, returned)
    assert (old.state, old.successor_id, old.next_words) == (State.REDIRECTED, new.id, "改寄的进度见新的转递")
    assert (new.state, new.follows, new.redirect_reason) == (State.DRAFT, old.id, WHY)
    assert (new.receiver_name, new.addressed, new.channel) == (NO_RECEIVER, False, old.channel)
    assert old.receiver_name not in (new.receiver_name, new.receiver_address)
    assert State.DESTINATION_REGISTERED not in {t.state for t in new.targets}
    own = lantai.transfers.of_graduate(Actor(ActorKind.GRADUATE, old.graduate_id), old.graduate_id)
    assert [(v.id, v.successor_id, v.redirect_reason) for v in own] == [(new.id, None, WHY), (old.id, new.id, "")]
    with lantai.db.transaction() as session:
        row = session.get_one(Transfer, new.id)
        assert WHY.encode() not in row.sealed_proofs
        assert session.get_one(Dossier, row.dossier_id).state is DossierState.OPEN


def test_one_open_transfer_per_dossier_still_holds(lantai: Lantai, pair: Pair, returned: TransferView) -> None:
    _, new = redirected(lantai, pair, returned)
    with pytest.raises(Conflict, match="transfer_open"):
        lantai.destinations.open(pair.first, returned.graduate_id, destination(lantai))
    # given up, the dossier may be sent anew
    lead(lantai, pair, new, State.WITHDRAWN)
    lantai.destinations.open(pair.first, returned.graduate_id, destination(lantai))


def test_both_or_neither(lantai: Lantai, pair: Pair, returned: TransferView, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise Conflict("transfer_open")

    monkeypatch.setattr(TransferSteps, "opened", broken)
    with pytest.raises(Conflict, match="transfer_open"):
        redirected(lantai, pair, returned)
    views = lantai.transfers.of_graduate(pair.first, returned.graduate_id)
    assert [(v.id, v.state) for v in views] == [(returned.id, State.RETURNED)]


def test_without_a_new_receiver_it_is_not_registered_and_with_one_it_rests(
    lantai: Lantai, pair: Pair, returned: TransferView, clock: FakeClock
) -> None:
    _, new = redirected(lantai, pair, returned)
    with pytest.raises(Conflict, match="destination_missing"):
        lantai.transfers.move(pair.first, new.id, new.version, State.DESTINATION_REGISTERED)
    lantai.destinations.change(pair.first, new.id, new.version, destination(lantai))
    new = now(lantai, pair.first, new)
    assert (new.state, new.addressed) == (State.DESTINATION_REGISTERED, True)
    with pytest.raises(Conflict, match="destination_rests"):
        lantai.transfers.move(pair.first, new.id, new.version, State.COLLEGE_REVIEWED)
    clock.advance(hours=25)
    assert lead(lantai, pair, new, State.RECEIVED).received


def test_the_graduate_registers_it_even_after_the_last_day(
    lantai: Lantai, pair: Pair, returned: TransferView, clock: FakeClock
) -> None:
    _, new = redirected(lantai, pair, returned)
    clock.advance(seconds=(datetime(2026, 9, 20, 4, tzinfo=UTC) - clock.now()).total_seconds())
    graduate = Actor(ActorKind.GRADUATE, returned.graduate_id)
    lantai.destinations.change(graduate, new.id, new.version, destination(lantai, channel=None))
    new = now(lantai, pair.first, new)
    assert new.state is State.DESTINATION_REGISTERED
    # what the school has asked for once is not a way past the last day
    with pytest.raises(Conflict, match="destination_closed"):
        lantai.destinations.change(graduate, new.id, new.version, destination(lantai, channel=None))


def test_a_redirected_supplement_stays_one(lantai: Lantai, pair: Pair, returned: TransferView) -> None:
    arrived = lead(lantai, pair, lead(lantai, pair, returned, State.SEALED), State.RECEIVED)
    supplement = lead(lantai, pair, supplement_after(lantai, arrived), State.RETURNED)
    _, new = redirected(lantai, pair, supplement)
    assert (new.supplements, new.ticket_id) == (arrived.id, supplement.ticket_id)
    assert now(lantai, pair.first, arrived).state is State.SUPPLEMENT_OPEN
    lantai.destinations.change(pair.first, new.id, new.version, destination(lantai))
    new = now(lantai, pair.first, new)
    with pytest.raises(Conflict, match="destination_settled"):
        lantai.destinations.change(pair.first, new.id, new.version, destination(lantai))
