"""The rule book of transfers, edge by edge, and what races cannot do."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, text

from app.actors import Actor, Role
from app.dossiers.rules import DossierState
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, VersionMismatch
from app.transfers import rules
from app.transfers.models import Transfer
from app.transfers.rules import EDGES, Channel, Evidence, State
from app.transfers.service import TransferView
from parts import Lantai
from tests.app.conftest import Clerk
from tests.conftest import Person

PROOF = {
    Evidence.NONE: "",
    Evidence.TRACKING_NUMBER: "EMS-1234567890",
    Evidence.SEAL_NUMBER: "MF2026-01",
    Evidence.RECEIPT_NUMBER: "HZ-001",
}


def opened(lantai: Lantai, actor: Actor, person: Person) -> TransferView:
    return lantai.transfers.open(
        actor, person.id, channel=Channel.EMS, receiver_name=" 某市人才服务中心 ", receiver_address="某市某路 1 号"
    )


def way_to(target: State) -> list[rules.Edge]:
    """The shortest list of edges from draft."""
    ways: list[list[rules.Edge]] = [[]]
    while True:
        way = ways.pop(0)
        at = way[-1].target if way else State.DRAFT
        if at is target:
            return way
        ways += [[*way, e] for e in rules.targets(at)]


def lead(lantai: Lantai, actor: Actor, view: TransferView, target: State) -> TransferView:
    for edge in way_to(target):
        view = lantai.transfers.move(actor, view.id, view.version, edge.target, PROOF[edge.evidence])
    return view


def test_the_tables_cover_every_state_and_self_carry_has_no_value() -> None:
    assert set(rules.STATE_LABELS) == set(rules.NEXT_WORDS) == set(State)
    assert {e.target for e in EDGES} | {State.DRAFT} == set(State)
    assert len({(e.source, e.target) for e in EDGES}) == len(EDGES)
    assert not [e for e in EDGES if e.source not in rules.OPEN]
    assert set(Channel) == {Channel.CONFIDENTIAL_POST, Channel.DEDICATED_PERSON, Channel.EMS}
    for word in ("self", "self_carry", "carry", "自带"):
        with pytest.raises(ValueError, match=word):
            Channel(word)
    # withdrawn only before hand-over; returned only after
    assert {e.source for e in EDGES if e.target is State.WITHDRAWN}.isdisjoint(
        {e.source for e in EDGES if e.target is State.RETURNED}
    )


def test_every_pair_of_states_is_an_edge_or_a_refusal(
    graduate_factory: Callable[..., Person], clerk: Clerk, lantai: Lantai
) -> None:
    actor = clerk(Role.DISPATCHER)
    for source in State:
        person = graduate_factory()
        view = lead(lantai, actor, opened(lantai, actor, person), source)
        assert view.state is source
        assert {t[0] for t in view.targets} == {e.target for e in rules.targets(source)}
        for target in State:
            if rules.edge(source, target) is None:
                with pytest.raises(Conflict) as caught:
                    lantai.transfers.move(actor, view.id, view.version, target, "X-1")
                assert caught.value.code == "move_not_allowed", (source, target)
        (now,) = lantai.transfers.of_graduate(actor, person.id)
        assert (now.state, now.version) == (source, view.version)


BAD_PROOFS = (("", "required"), (" ", "required"), ("x" * 41, "too_long"), ("运单1", "letters_and_digits_only"))


def test_an_edge_with_evidence_needs_it(graduate_factory: Callable[..., Person], clerk: Clerk, lantai: Lantai) -> None:
    actor = clerk(Role.DISPATCHER)
    edges = [e for e in EDGES if e.evidence is not Evidence.NONE]
    assert {e.evidence for e in edges} == set(Evidence) - {Evidence.NONE}
    for edge in edges:
        view = lead(lantai, actor, opened(lantai, actor, graduate_factory()), edge.source)
        for proof, code in BAD_PROOFS:
            with pytest.raises(Invalid) as caught:
                lantai.transfers.move(actor, view.id, view.version, edge.target, proof)
            assert [(f.pointer, f.code) for f in caught.value.faults] == [("/proof", code)]
        moved = lantai.transfers.move(actor, view.id, view.version, edge.target, " ab-12 ")
        assert (moved.steps[-1].proof, moved.steps[-1].proof_label) == ("AB-12", rules.EVIDENCE_LABELS[edge.evidence])


def test_the_graduate_sees_every_step_and_sent_is_not_received(
    graduate_factory: Callable[..., Person], clerk: Clerk, lantai: Lantai
) -> None:
    actor, person, other = clerk(Role.DISPATCHER), graduate_factory(), graduate_factory()
    view = lead(lantai, actor, opened(lantai, actor, person), State.DELIVERED_UNCONFIRMED)
    (own,) = lantai.transfers.of_graduate(person.actor(), person.id)
    assert [s.state for s in own.steps] == [State.DRAFT, *(e.target for e in way_to(State.DELIVERED_UNCONFIRMED))]
    assert own.targets == ()
    assert "不等于已接收" in own.next_words
    assert own.receiver_name == "某市人才服务中心"
    assert {s.proof for s in own.steps} == {None, "MF2026-01", "EMS-1234567890"}
    for stranger in (other.actor(), clerk(Role.AUDITOR)):
        with pytest.raises(NotFound):
            lantai.transfers.of_graduate(stranger, person.id)
    with lantai.db.transaction() as session:
        raw = session.execute(text("select sealed_proofs from transfer")).scalar_one()
    assert b"EMS-1234567890" not in raw
    assert lantai.transfers.move(actor, view.id, view.version, State.RECEIVED, "HZ-1").state is State.RECEIVED


def test_the_dossier_follows_its_transfer(
    graduate_factory: Callable[..., Person], clerk: Clerk, lantai: Lantai
) -> None:
    actor = clerk(Role.DISPATCHER)
    for target, dossier in (
        (State.CHECKED, DossierState.OPEN),
        (State.SEALED, DossierState.SEALED),
        (State.IN_TRANSIT, DossierState.SEALED),
        (State.RETURNED, DossierState.OPEN),
        (State.RECEIVED, DossierState.TRANSFERRED),
        (State.CLOSED, DossierState.TRANSFERRED),
    ):
        person = graduate_factory()
        lead(lantai, actor, opened(lantai, actor, person), target)
        assert lantai.dossiers.state_of(person.id) is dossier, target
    person = graduate_factory()
    sealed = lead(lantai, actor, opened(lantai, actor, person), State.SEALED)
    lantai.transfers.move(actor, sealed.id, sealed.version, State.WITHDRAWN)
    assert lantai.dossiers.state_of(person.id) is DossierState.OPEN


def test_only_movers_move(graduate_factory: Callable[..., Person], clerk: Clerk, lantai: Lantai) -> None:
    person, mover = graduate_factory(), clerk(Role.ARCHIVIST)
    view = opened(lantai, mover, person)
    for actor in (clerk(Role.REVIEWER), clerk(Role.AUDITOR), clerk(Role.ADMINISTRATOR), person.actor()):
        with pytest.raises(Forbidden):
            opened(lantai, actor, person)
        with pytest.raises(Forbidden):
            lantai.transfers.move(actor, view.id, view.version, State.DESTINATION_REGISTERED)


def test_names_and_addresses_are_required(
    graduate_factory: Callable[..., Person], clerk: Clerk, lantai: Lantai
) -> None:
    with pytest.raises(Invalid) as caught:
        lantai.transfers.open(
            clerk(), graduate_factory().id, channel=Channel.EMS, receiver_name=" ", receiver_address="x" * 201
        )
    assert {(f.pointer, f.code) for f in caught.value.faults} == {
        ("/receiver_name", "required"),
        ("/receiver_address", "too_long"),
    }


def at_once(calls: list[Callable[[], object]]) -> list[str]:
    start, found = threading.Barrier(len(calls)), []

    def run(call: Callable[[], object]) -> None:
        start.wait()
        try:
            call()
            found.append("done")
        except DomainError as error:
            found.append(error.code)

    threads = [threading.Thread(target=run, args=(c,)) for c in calls]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sorted(found)


def test_one_dossier_has_one_open_transfer_whoever_races(
    graduate_factory: Callable[..., Person], clerk: Clerk, lantai: Lantai
) -> None:
    actor, person = clerk(), graduate_factory()
    assert at_once([lambda: opened(lantai, actor, person)] * 4) == ["done", *["transfer_open"] * 3]
    (view,) = lantai.transfers.of_graduate(actor, person.id)
    lantai.transfers.move(actor, view.id, view.version, State.WITHDRAWN)
    assert opened(lantai, actor, person).state is State.DRAFT
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(Transfer.id))) == 2


def test_two_hand_overs_at_once_dispatch_once(
    graduate_factory: Callable[..., Person], clerk: Clerk, lantai: Lantai
) -> None:
    actor = clerk()
    view = lead(lantai, actor, opened(lantai, actor, graduate_factory()), State.SEALED)

    def hand_over(n: int) -> Callable[[], object]:
        return lambda: lantai.transfers.move(actor, view.id, view.version, State.HANDED_TO_CARRIER, f"EMS-{n}")

    assert at_once([hand_over(n) for n in range(3)]) == ["done", "transfer_changed", "transfer_changed"]
    with pytest.raises(VersionMismatch):
        hand_over(9)()
    (now,) = lantai.transfers.of_graduate(actor, view.graduate_id)
    assert [s.state for s in now.steps].count(State.HANDED_TO_CARRIER) == 1
