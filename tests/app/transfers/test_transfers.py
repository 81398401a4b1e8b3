"""The rule book of transfers, edge by edge, and what races cannot do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import func, select, text, update

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, VersionMismatch
from app.transfers import rules
from app.transfers.models import Dispatch, DoubleAct, Transfer
from app.transfers.rules import EDGES, By, Edge, Evidence
from app.transfers.showing import TransferView
from app.transfers.states import ARRIVED, ENDED, NEXT_WORDS, OPEN, OUTSIDE, STATE_LABELS, Channel, State
from parts import Lantai
from tests.app.conftest import Clerk
from tests.conftest import Person
from tests.fakes import jpeg
from tests.moving import LINE, RECEIVER, Pair, desk_pair, evidence, lead, now, opened, receiver_code, walk, way, wish

People = Callable[..., Person]
BY_HAND = [e for e in EDGES if {By.DESK, By.COLLEGE, By.SCHOOL, By.TWO} & set(e.by)]


def begun(lantai: Lantai, pair: Pair, person: Person, at: State = State.DRAFT) -> TransferView:
    return lead(lantai, pair, opened(lantai, pair.first, person.id), at)


def test_the_tables_cover_every_state_and_self_carry_has_no_value() -> None:
    assert set(STATE_LABELS) == set(NEXT_WORDS) == set(State)
    assert {e.target for e in EDGES} == set(State)
    assert len({(e.source, e.target) for e in EDGES}) == len(EDGES)
    assert set(State) == OPEN | ENDED
    assert all(e.by and e.deed for e in EDGES)
    # what has ended stays ended, but for the papers that follow a received dossier
    assert {(e.source, e.target) for e in EDGES if e.source in ENDED} == {
        (State.CLOSED, State.SUPPLEMENT_OPEN),
        (State.SUPPLEMENT_OPEN, State.CLOSED),
    }
    assert set(Channel) == {Channel.CONFIDENTIAL_POST, Channel.DEDICATED_PERSON, Channel.EMS}
    for word in ("self", "self_carry", "carry", "自带"):
        with pytest.raises(ValueError, match=word):
            Channel(word)


def test_nothing_outside_is_withdrawn_and_received_needs_a_receipt() -> None:
    assert not [e for e in EDGES if e.source in OUTSIDE and e.target is State.WITHDRAWN]
    into = [e for e in EDGES if e.target is State.RECEIVED]
    assert into
    assert all({Evidence.RECEIPT_NUMBER, Evidence.MANIFEST_CODE} <= set(e.evidence) for e in into)
    assert all(set(way(State.DRAFT, state)[-1].by) & {By.RECEIVER, By.CLOCK, By.DESK} for state in ARRIVED)
    # whoever opens a seal, or closes one, is two persons; only what is known to be lost is edited without that
    for edge in EDGES:
        if edge.target in rules.OPENED_UP and edge.source in (State.SEALED, State.RETURNED):
            assert edge.by == (By.TWO,), edge
        if edge.target is State.SEALED and edge.source is State.CHECKED:
            assert edge.by == (By.TWO,)


def test_every_state_can_end() -> None:
    for state in State:
        assert state in ENDED or any(way(state, end) for end in (State.CLOSED, State.WITHDRAWN)), state


@pytest.mark.parametrize("edge", BY_HAND, ids=lambda e: f"{e.source.value}-{e.target.value}")
def test_every_edge_of_the_desk_is_walked_with_its_evidence(
    edge: Edge, graduate_factory: People, lantai: Lantai
) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    view = reach(lantai, pair, begun(lantai, pair, person), edge.source)
    moved = walk(lantai, pair, view, edge)
    assert moved.state is edge.target
    assert {p.kind for p in moved.steps[-1].proofs} == set(edge.evidence)
    with pytest.raises(VersionMismatch):
        lantai.transfers.move(pair.first, view.id, view.version, edge.target, evidence(lantai, edge, view))


def reach(lantai: Lantai, pair: Pair, view: TransferView, state: State) -> TransferView:
    """Any state, the clock's and the carrier's too."""
    for edge in way(view.state, state):
        if set(edge.by) <= {By.CLOCK, By.GRADUATE, By.RECEIVER}:
            key = lantai.keys.of(view.graduate_id)
            with lantai.db.transaction() as session:
                actor = SYSTEM if By.CLOCK in edge.by else Actor(ActorKind.GRADUATE, view.graduate_id)
                row = session.get_one(Transfer, view.id)
                lantai.transfer_steps.take(session, actor, row, key, edge.target, evidence(lantai, edge, view))
            view = now(lantai, pair.first, view)
        else:
            view = walk(lantai, pair, view, edge)
    return view


def test_every_pair_of_states_is_an_edge_or_a_refusal(graduate_factory: People, lantai: Lantai) -> None:
    pair = desk_pair(lantai)
    for source in State:
        view = reach(lantai, pair, begun(lantai, pair, graduate_factory()), source)
        # nobody wished that it be kept at school (test_holds)
        unwished = {State.HELD_AT_SCHOOL} if source is State.COLLEGE_REVIEWED else set()
        assert {t.state for t in view.targets} == {e.target for e in rules.edges_from(source)} - unwished
        for target in State:
            if rules.edge(source, target) is None:
                with pytest.raises(Conflict, match="move_not_allowed"):
                    lantai.transfers.move(pair.first, view.id, view.version, target)
        shown = now(lantai, pair.first, view)
        assert (shown.state, shown.version) == (source, view.version)


BAD_NUMBERS = (
    (Channel.EMS, "", "required"),
    (Channel.EMS, " ", "required"),
    (Channel.EMS, "x" * 41, "too_long"),
    (Channel.EMS, "运单1", "tracking_number_shape"),
    (Channel.EMS, "EA123456784CN", "tracking_number_check_digit"),
    (Channel.EMS, "123456789012", "tracking_number_shape"),
    (Channel.CONFIDENTIAL_POST, "运单1", "letters_and_digits_only"),
)
GOOD_NUMBERS = (
    (Channel.EMS, " ea 1234 5678 5 cn ", "EA123456785CN"),
    (Channel.EMS, "1099887766554", "1099887766554"),
    (Channel.CONFIDENTIAL_POST, " jy-12 ", "JY-12"),
)


@pytest.mark.parametrize(("channel", "number", "code"), BAD_NUMBERS)
def test_a_number_has_the_form_of_its_channel(
    channel: Channel, number: str, code: str, graduate_factory: People, lantai: Lantai
) -> None:
    pair = desk_pair(lantai)
    view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id, channel=channel), State.SEALED)
    with pytest.raises(Invalid) as caught:
        lantai.transfers.move(
            pair.first, view.id, view.version, State.HANDED_TO_CARRIER, {Evidence.TRACKING_NUMBER: number}
        )
    assert [(f.pointer, f.code) for f in caught.value.faults] == [("/tracking_number", code)]
    assert now(lantai, pair.first, view).state is State.SEALED


@pytest.mark.parametrize(("channel", "typed", "kept"), GOOD_NUMBERS)
def test_a_number_is_kept_as_the_carrier_writes_it(
    channel: Channel, typed: str, kept: str, graduate_factory: People, lantai: Lantai
) -> None:
    pair = desk_pair(lantai)
    view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id, channel=channel), State.SEALED)
    shown = {Evidence.TRACKING_NUMBER: typed}
    moved = lantai.transfers.move(pair.first, view.id, view.version, State.HANDED_TO_CARRIER, shown)
    assert [p.text for p in moved.steps[-1].proofs] == [kept]


def test_reasons_and_days_are_checked(graduate_factory: People, lantai: Lantai) -> None:
    pair = desk_pair(lantai)
    view = begun(lantai, pair, graduate_factory(), State.COLLEGE_REVIEWED)
    for kind, target, words in (
        (Evidence.REASON, State.DRAFT, ("", "x" * 301, "看\u202e见")),
        (Evidence.KEPT_UNTIL, State.HELD_AT_SCHOOL, ("", "明年", "2020-01-01", "2099-01-01")),
    ):
        wish(lantai, view, stays=target is State.HELD_AT_SCHOOL)
        for said in words:
            with pytest.raises(Invalid) as caught:
                lantai.transfers.move(pair.first, view.id, view.version, target, {kind: said})
            assert [f.pointer for f in caught.value.faults] == [f"/{kind.value}"], said


def test_the_graduate_sees_every_step_and_sent_is_not_received(
    graduate_factory: People, clerk: Clerk, lantai: Lantai
) -> None:
    pair, person, other = desk_pair(lantai), graduate_factory(), graduate_factory()
    view = begun(lantai, pair, person, State.DELIVERED_UNCONFIRMED)
    (own,) = lantai.transfers.of_graduate(person.actor(), person.id)
    assert [s.state for s in own.steps] == list(LINE[: LINE.index(State.DELIVERED_UNCONFIRMED) + 1])
    assert own.targets == ()
    assert not own.received
    assert "不等于已接收" in own.next_words
    assert own.receiver_name == RECEIVER[0]
    told = {p.kind for s in own.steps for p in s.proofs}
    assert told == {Evidence.SEAL_NUMBER, Evidence.TRACKING_NUMBER}
    for stranger in (other.actor(), clerk(Role.AUDITOR)):
        with pytest.raises(NotFound):
            lantai.transfers.of_graduate(stranger, person.id)
    with lantai.db.transaction() as session:
        raw = session.execute(text("select sealed_proofs from transfer")).scalar_one()
    assert all(p.text.encode() not in raw for s in own.steps for p in s.proofs)
    assert lead(lantai, pair, view, State.RECEIVED).received


def test_the_receipt_refers_to_the_frozen_catalogue(graduate_factory: People, lantai: Lantai) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    view = begun(lantai, pair, person, State.DELIVERED_UNCONFIRMED)
    other = begun(lantai, pair, graduate_factory(), State.ASSEMBLED)
    assert view.manifest_code
    assert other.manifest_code
    assert view.manifest_code != other.manifest_code
    receipt = {Evidence.RECEIPT_NUMBER: "HZ-1"}
    for wrong in (other.manifest_code, view.manifest_code[:-1], "A" * 20):
        with pytest.raises(Invalid) as caught:
            lantai.transfers.move(
                pair.first, view.id, view.version, State.RECEIVED, {**receipt, Evidence.MANIFEST_CODE: wrong}
            )
        assert [(f.pointer, f.code) for f in caught.value.faults] == [("/manifest_code", "other_manifest")]
    typed = view.manifest_code.lower().replace("-", "").replace("o", "0")
    done = lantai.transfers.move(
        pair.first, view.id, view.version, State.RECEIVED, {**receipt, Evidence.MANIFEST_CODE: typed}
    )
    assert done.state is State.RECEIVED
    with pytest.raises(Exception, match="receipt_fits"), lantai.db.transaction() as session:
        session.execute(update(Transfer).where(Transfer.id == view.id).values(receipt_digest=b"x" * 32))


def test_a_change_after_the_catalogue_was_frozen_is_not_sealed(graduate_factory: People, lantai: Lantai) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    view = begun(lantai, pair, person, State.CHECKED)
    with lantai.db.transaction() as session:
        session.execute(update(Dossier).where(Dossier.graduate_id == person.id).values(version=Dossier.version + 1))
    with pytest.raises(Conflict, match="catalogue_changed"):
        lead(lantai, pair, view, State.SEALED)
    assert now(lantai, pair.first, view).state is State.CHECKED
    act = lantai.double_acts.waiting(pair.first, person.id, view.id)
    assert act is not None
    lantai.double_acts.drop(pair.first, view.id, act.id)
    again = lantai.transfers.move(
        pair.first, view.id, view.version, State.SCHOOL_APPROVED, {Evidence.REASON: "档案有变动"}
    )
    assert lead(lantai, pair, again, State.SEALED).state is State.SEALED


def test_a_tracking_number_is_used_once(graduate_factory: People, lantai: Lantai) -> None:
    pair = desk_pair(lantai)
    shown = {Evidence.TRACKING_NUMBER: "EA123456785CN"}
    first = begun(lantai, pair, graduate_factory(), State.SEALED)
    lantai.transfers.move(pair.first, first.id, first.version, State.HANDED_TO_CARRIER, shown)
    second = begun(lantai, pair, graduate_factory(), State.SEALED)
    with pytest.raises(Conflict, match="tracking_number_used"):
        lantai.transfers.move(pair.first, second.id, second.version, State.HANDED_TO_CARRIER, shown)
    assert now(lantai, pair.first, second).state is State.SEALED


def test_the_dossier_follows_its_transfer(graduate_factory: People, lantai: Lantai) -> None:
    pair = desk_pair(lantai)
    for target, dossier in (
        (State.CHECKED, DossierState.OPEN),
        (State.SEALED, DossierState.SEALED),
        (State.IN_TRANSIT, DossierState.SEALED),
        (State.RETURNED, DossierState.SEALED),
        (State.LOST_CONFIRMED, DossierState.SEALED),
        (State.REBUILDING, DossierState.OPEN),
        (State.RECEIVED, DossierState.TRANSFERRED),
        (State.CLOSED, DossierState.TRANSFERRED),
    ):
        person = graduate_factory()
        begun(lantai, pair, person, target)
        assert lantai.dossiers.state_of(person.id) is dossier, target
    person = graduate_factory()
    sealed = begun(lantai, pair, person, State.SEALED)
    lead(lantai, pair, sealed, State.WITHDRAWN)
    assert lantai.dossiers.state_of(person.id) is DossierState.OPEN


def test_lost_is_traced_rebuilt_and_sent_a_second_time(graduate_factory: People, lantai: Lantai) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    view = begun(lantai, pair, person, State.IN_TRANSIT)
    for state in (State.LOST_SUSPECTED, State.TRACING, State.LOST_CONFIRMED, State.REBUILDING, State.SCHOOL_APPROVED):
        view = lead(lantai, pair, view, state)
    view = lead(lantai, pair, view, State.CLOSED)
    numbers = [p.text for s in view.steps for p in s.proofs if p.kind is Evidence.TRACKING_NUMBER]
    assert len(set(numbers)) == 2
    with lantai.db.transaction() as session:
        sent = session.scalars(select(Dispatch.number).where(Dispatch.transfer_id == view.id).order_by(Dispatch.number))
        assert list(sent) == [1, 2]


# --- who may ----------------------------------------------------------------------------------------------------------


def test_each_edge_is_walked_by_its_own_roles(graduate_factory: People, clerk: Clerk, lantai: Lantai) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    view = begun(lantai, pair, person, State.DESTINATION_REGISTERED)
    with pytest.raises(Forbidden):
        lantai.transfers.move(clerk(Role.DISPATCHER), view.id, view.version, State.COLLEGE_REVIEWED)
    view = lantai.transfers.move(clerk(Role.REVIEWER), view.id, view.version, State.COLLEGE_REVIEWED)
    for role in (Role.REVIEWER, Role.DISPATCHER, Role.AUDITOR, Role.ADMINISTRATOR):
        with pytest.raises(Forbidden):
            lantai.transfers.move(clerk(role), view.id, view.version, State.SCHOOL_APPROVED)
    view = lantai.transfers.move(clerk(Role.ARCHIVIST), view.id, view.version, State.SCHOOL_APPROVED)
    with pytest.raises(Forbidden):
        lantai.transfers.move(person.actor(), view.id, view.version, State.ASSEMBLED)
    for actor, refusal in (
        (clerk(Role.REVIEWER), Forbidden),
        (clerk(Role.AUDITOR), Forbidden),
        (person.actor(), NotFound),
    ):
        with pytest.raises(refusal):
            opened(lantai, actor, graduate_factory().id)


def test_a_seal_takes_two_persons(graduate_factory: People, clerk: Clerk, lantai: Lantai) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    view = begun(lantai, pair, person, State.CHECKED)
    shown = {Evidence.SEAL_NUMBER: "MF2026-77"}
    with pytest.raises(Conflict, match="two_persons_required"):
        lantai.transfers.move(pair.first, view.id, view.version, State.SEALED, shown)
    with pytest.raises(Invalid) as caught:
        lantai.double_acts.propose(pair.first, view.id, view.version, State.SEALED, shown)
    assert [f.pointer for f in caught.value.faults] == ["/photo_digest"]
    lantai.double_acts.propose(pair.first, view.id, view.version, State.SEALED, shown, jpeg(3))
    with pytest.raises(Conflict, match="act_waiting"):
        lantai.double_acts.propose(pair.second, view.id, view.version, State.SEALED, shown, jpeg(3))
    act = lantai.double_acts.waiting(pair.second, person.id, view.id)
    assert act is not None
    assert dict(act.shown) == {"密封编号": "MF2026-77"}
    assert lantai.double_acts.photo(pair.second, person.id, act.id)[0] == "image/jpeg"
    with lantai.db.transaction() as session:
        held = session.get_one(DoubleAct, act.id)
        same_person = clerk(Role.DISPATCHER, person=held.first_person)
    for one in (pair.first, same_person):
        with pytest.raises(Conflict, match="same_person"):
            lantai.double_acts.confirm(one, view.id, act.id)
    assert now(lantai, pair.first, view).state is State.CHECKED
    lantai.double_acts.confirm(pair.second, view.id, act.id)
    assert now(lantai, pair.first, view).state is State.SEALED
    with pytest.raises(Conflict, match="act_gone"):
        lantai.double_acts.confirm(pair.second, view.id, act.id)


def test_a_move_between_voids_what_waits(graduate_factory: People, lantai: Lantai) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    view = begun(lantai, pair, person, State.CHECKED)
    lantai.double_acts.propose(pair.first, view.id, view.version, State.SEALED, {Evidence.SEAL_NUMBER: "MF-1"}, jpeg(3))
    act = lantai.double_acts.waiting(pair.second, person.id, view.id)
    assert act is not None
    lantai.transfers.move(pair.first, view.id, view.version, State.SCHOOL_APPROVED, {Evidence.REASON: "漏装"})
    with pytest.raises(Conflict, match="act_gone"):
        lantai.double_acts.confirm(pair.second, view.id, act.id)
    assert lantai.double_acts.waiting(pair.second, person.id, view.id) is None


# --- races ------------------------------------------------------------------------------------------------------------


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


def test_one_dossier_has_one_open_transfer_whoever_races(graduate_factory: People, lantai: Lantai) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    receiver_code(lantai)
    assert at_once([lambda: opened(lantai, pair.first, person.id)] * 4) == ["done", *["transfer_open"] * 3]
    (view,) = lantai.transfers.of_graduate(pair.first, person.id)
    lead(lantai, pair, view, State.WITHDRAWN)
    assert opened(lantai, pair.first, person.id).state is State.DRAFT
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(Transfer.id))) == 2


def test_two_hand_overs_at_once_dispatch_once(graduate_factory: People, lantai: Lantai) -> None:
    pair = desk_pair(lantai)
    view = begun(lantai, pair, graduate_factory(), State.SEALED)

    def hand_over(n: int) -> Callable[[], object]:
        shown = {Evidence.TRACKING_NUMBER: f"109988776655{n}"}
        return lambda: lantai.transfers.move(pair.first, view.id, view.version, State.HANDED_TO_CARRIER, shown)

    assert at_once([hand_over(n) for n in range(3)]) == ["done", "transfer_changed", "transfer_changed"]
    with pytest.raises(VersionMismatch):
        hand_over(9)()
    shown = now(lantai, pair.first, view)
    assert [s.state for s in shown.steps].count(State.HANDED_TO_CARRIER) == 1


def test_a_seal_is_confirmed_once(graduate_factory: People, clerk: Clerk, lantai: Lantai) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    view = begun(lantai, pair, person, State.CHECKED)
    lantai.double_acts.propose(pair.first, view.id, view.version, State.SEALED, {Evidence.SEAL_NUMBER: "MF-1"}, jpeg(3))
    act = lantai.double_acts.waiting(pair.second, person.id, view.id)
    assert act is not None
    confirmers = [clerk(Role.ARCHIVIST) for _ in range(4)]
    found = at_once([partial(lantai.double_acts.confirm, one, view.id, act.id) for one in confirmers])
    assert found == ["act_gone", "act_gone", "act_gone", "done"]
