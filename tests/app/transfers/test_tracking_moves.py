"""What a carrier's word may do: every state, every standing, every pair of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise, product

import pytest

from app.transfers import rules
from app.transfers.rules import By, Evidence
from app.transfers.states import ARRIVED, OUTSIDE, State
from app.transfers.tracking_moves import TARGETS, Verdict, verdict
from app.transfers.tracking_rules import CarrierStanding, Finding, Standing

AT = datetime(2026, 6, 3, 2, tzinfo=UTC)
SINCE = date(2026, 6, 1)


def trace(standing: Standing, *, moved: bool = True, findings: tuple[Finding, ...] = ()) -> CarrierStanding:
    return CarrierStanding(standing, moved, AT, None, tuple((f, "e1") for f in findings))


def test_every_way_is_of_edges_that_are_the_carriers_or_the_clocks_and_has_its_reason() -> None:
    tried = 0
    for state, standing, moved, fresh, silent in product(State, Standing, (True, False), (True, False), (None, SINCE)):
        found = verdict(state, trace(standing, moved=moved), fresh=fresh, silent=silent)
        for source, target in pairwise((state, *found.way)):
            edge = rules.edge(source, target)
            assert edge is not None, (state, standing, source, target)
            assert By.CARRIER in edge.by or By.CLOCK in edge.by
            assert set(edge.evidence) <= {Evidence.REASON}
            assert found.reason or not edge.evidence
            tried += 1
        assert not found.way or state in OUTSIDE
        assert not set(found.way) & ARRIVED, "a carrier's word never makes a dossier received"
    assert tried > 60


def test_a_contradiction_moves_nothing_anywhere() -> None:
    for state, standing, silent in product(State, Standing, (None, SINCE)):
        told = trace(standing, findings=(Finding.AFTER_DELIVERY,))
        assert verdict(state, told, fresh=True, silent=silent) == Verdict()


@pytest.mark.parametrize(
    ("state", "standing", "way"),
    [
        (State.HANDED_TO_CARRIER, Standing.ACCEPTED, ()),
        (State.HANDED_TO_CARRIER, Standing.IN_TRANSIT, (State.IN_TRANSIT,)),
        (State.HANDED_TO_CARRIER, Standing.DELIVERED, (State.IN_TRANSIT, State.DELIVERED_UNCONFIRMED)),
        (State.HANDED_TO_CARRIER, Standing.RETURNED, (State.IN_TRANSIT, State.RETURNED)),
        (State.IN_TRANSIT, Standing.DELIVERED, (State.DELIVERED_UNCONFIRMED,)),
        (State.IN_TRANSIT, Standing.RETURNING, ()),
        (State.IN_TRANSIT, Standing.REFUSED, (State.REFUSED,)),
        (State.REFUSED, Standing.RETURNED, (State.RETURNED,)),
        (State.REFUSED, Standing.IN_TRANSIT, ()),
        (State.IN_TRANSIT, Standing.LOST, (State.LOST_SUSPECTED,)),
        (State.LOST_SUSPECTED, Standing.IN_TRANSIT, (State.IN_TRANSIT,)),
        (State.TRACING, Standing.DELIVERED, (State.IN_TRANSIT, State.DELIVERED_UNCONFIRMED)),
        (State.TRACING, Standing.RETURNED, (State.IN_TRANSIT, State.RETURNED)),
        (State.SEALED, Standing.DELIVERED, ()),
        (State.RETURNED, Standing.DELIVERED, ()),
    ],
)
def test_ways(state: State, standing: Standing, way: tuple[State, ...]) -> None:
    assert verdict(state, trace(standing), fresh=True, silent=None).way == way


def test_what_the_desk_holds_for_lost_is_found_by_later_evidence_only() -> None:
    told = trace(Standing.DELIVERED)
    for state in (State.LOST_SUSPECTED, State.TRACING):
        assert verdict(state, told, fresh=False, silent=None) == Verdict()
        assert verdict(state, told, fresh=True, silent=None).way
    assert verdict(State.LOST_SUSPECTED, trace(Standing.LOST), fresh=True, silent=None) == Verdict()
    alive = verdict(State.REBUILDING, told, fresh=True, silent=None)
    assert (alive.way, alive.finding) == ((), Finding.ALIVE_AFTER_LOSS)


@pytest.mark.parametrize("state", [State.DELIVERED_UNCONFIRMED, State.RECEIPT_OVERDUE, State.RECEIVED, State.CLOSED])
def test_a_return_of_what_was_recorded_as_delivered_is_for_a_person(state: State) -> None:
    for standing in (Standing.REFUSED, Standing.RETURNED, Standing.RETURNING, Standing.LOST):
        found = verdict(state, trace(standing), fresh=True, silent=None)
        assert (found.way, found.finding) == ((), Finding.AFTER_DELIVERY)
    assert verdict(state, trace(Standing.IN_TRANSIT), fresh=True, silent=SINCE) == Verdict()


def test_silence_is_suspicion_in_words() -> None:
    found = verdict(State.HANDED_TO_CARRIER, replace(trace(Standing.NOTHING), last_at=None), fresh=False, silent=SINCE)
    assert found == Verdict((State.LOST_SUSPECTED,), "自2026年6月1日起没有新的物流记录")


def test_every_standing_beyond_acceptance_has_its_target() -> None:
    assert set(TARGETS) == set(Standing) - {Standing.NOTHING, Standing.ACCEPTED}
