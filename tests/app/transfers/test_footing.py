"""A transfer goes on only to who may receive today, and by what today's rules allow; whatever was chosen earlier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.errors import Conflict
from app.jobs import DispatchWork
from app.receivers.rules import DestinationCase, ReceiverKind
from app.transfers import footing_rules, rules
from app.transfers.batch_models import ItemState
from app.transfers.destination import Destination
from app.transfers.footing_rules import STOOD_ON, Ground
from app.transfers.models import Transfer
from app.transfers.rules import Evidence
from app.transfers.sealing import Scanned
from app.transfers.showing import TransferView
from app.transfers.states import ARRIVED, AWAITED, CHANGEABLE, ENDED, OUTSIDE, Channel, State
from parts import Lantai
from tests.app.transfers.footings import changed, ended, footing, graduate, other, view_by_id
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg
from tests.moving import Pair, evidence, lead, now, walk
from tests.supplementing import supplement_after

People = Callable[..., Person]


# written out, so that one which is taken out of the product's own list is missed
GUARDED = (
    (State.DRAFT, State.DESTINATION_REGISTERED),
    (State.DESTINATION_REGISTERED, State.COLLEGE_REVIEWED),
    (State.COLLEGE_REVIEWED, State.SCHOOL_APPROVED),
    (State.CHECKED, State.SEALED),
    (State.RETURNED, State.SEALED),
    (State.SEALED, State.HANDED_TO_CARRIER),
)


@pytest.mark.parametrize(("source", "target"), GUARDED)
def test_no_step_towards_a_receiver_whose_entitlement_has_ended(
    source: State, target: State, lantai: Lantai, pair: Pair, going: Callable[..., TransferView]
) -> None:
    view, edge = going(source), rules.edge(source, target)
    assert edge is not None
    ended(lantai, pair)
    with pytest.raises(Conflict, match="receiver_not_authorised_now") as caught:
        walk(lantai, pair, view, edge)
    assert caught.value.params["reason"] == "授权已经到期"
    assert now(lantai, pair.first, view).state is source


def test_the_way_back_to_another_receiver_is_never_shut(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView]
) -> None:
    views = [going(state) for state in (State.ASSEMBLED, State.CHECKED, State.SEALED, State.RETURNED)]
    code = other(lantai, pair)
    ended(lantai, pair)
    for view in views:
        back = lead(lantai, pair, view, State.SCHOOL_APPROVED)
        wanted = Destination(DestinationCase.UNEMPLOYED, code)
        lantai.destinations.change(pair.first, back.id, back.version, wanted)
        again = now(lantai, pair.first, view)
        assert (again.state, again.receiver_name) == (State.DESTINATION_REGISTERED, "另一人才服务中心")


def test_it_ends_on_the_day_and_not_before(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView], clock: FakeClock
) -> None:
    first, second = going(State.SEALED), going(State.SEALED)
    changed(lantai, pair, valid_to=lantai.receivers.today + timedelta(days=1))
    assert lead(lantai, pair, first, State.HANDED_TO_CARRIER).state is State.HANDED_TO_CARRIER
    clock.advance(hours=24)
    with pytest.raises(Conflict, match="receiver_not_authorised_now"):
        lead(lantai, pair, second, State.HANDED_TO_CARRIER)


def test_a_body_that_is_another_kind_now_must_fit_the_case(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView]
) -> None:
    view = going(State.COLLEGE_REVIEWED)
    changed(lantai, pair, kind=ReceiverKind.STATE_UNIT)
    with pytest.raises(Conflict) as caught:
        lead(lantai, pair, view, State.SCHOOL_APPROVED)
    assert caught.value.params["reason"] == footing_rules.NOT_FOR_CASE
    assert lantai.receiver_watch.concerns(pair.first)[0].late


def test_a_receiver_that_no_registry_knows_is_none(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView]
) -> None:
    """As in transfers from before there was a registry."""
    view = going(State.SEALED)
    with lantai.db.transaction() as session:
        row = session.get_one(Transfer, view.id)
        row.receiver_id = row.receiver_version = None
    view = now(lantai, pair.first, view)
    with pytest.raises(Conflict, match="receiver_not_authorised_now"):
        lead(lantai, pair, view, State.HANDED_TO_CARRIER)
    assert footing_rules.NOT_LISTED in footing(lantai, pair.first, view).words


def test_the_second_persons_word_seals_nothing_for_who_lapsed_meanwhile(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView]
) -> None:
    view, edge = going(State.CHECKED), rules.edge(State.CHECKED, State.SEALED)
    assert edge is not None
    lantai.double_acts.propose(pair.first, view.id, view.version, State.SEALED, evidence(lantai, edge, view), jpeg())
    act = lantai.double_acts.waiting(pair.second, view.graduate_id, view.id)
    assert act is not None
    ended(lantai, pair)
    with pytest.raises(Conflict, match="receiver_not_authorised_now"):
        lantai.double_acts.confirm(pair.second, view.id, act.id)
    assert now(lantai, pair.first, view).state is State.CHECKED


def test_of_a_tray_only_the_one_whose_receiver_lapsed_is_not_sealed(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView], graduate_factory: People
) -> None:
    lapsed = going(State.CHECKED)
    elsewhere = Destination(DestinationCase.UNEMPLOYED, other(lantai, pair), Channel.EMS)
    made = lantai.destinations.open(pair.first, graduate_factory().id, elsewhere)
    sound = lead(lantai, pair, view_by_id(lantai, pair, made), State.CHECKED)
    scanned = [Scanned(view.number, f"MF-{n}") for n, view in enumerate((lapsed, sound))]
    ended(lantai, pair)
    proposed = lantai.sealing.propose(pair.first, scanned, jpeg())
    assert [o.error.code if o.error else None for o in proposed] == ["receiver_not_authorised_now", None]
    assert [o.error for o in lantai.sealing.confirm(pair.second, scanned[1:])] == [None]
    assert now(lantai, pair.first, sound).state is State.SEALED


def test_a_lapse_is_met_at_the_scanner_in_the_list_and_in_the_batch_itself(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView]
) -> None:
    before, after = going(State.SEALED), going(State.SEALED)
    batch = lantai.dispatching.begin(pair.first, Channel.EMS)
    lantai.dispatching.add(pair.first, batch, before.number, "1000000000001")
    ended(lantai, pair)
    for scan in (
        lambda: lantai.dispatching.expects(pair.first, after.number),
        lambda: lantai.dispatching.add(pair.first, batch, after.number, "1000000000002"),
    ):
        with pytest.raises(Conflict, match="receiver_not_authorised_now"):
            scan()
    listed = f"转递号,运单号\r\n{after.number},1000000000002".encode()
    assert lantai.waybills.try_out(pair.first, batch, listed).lines[0].codes == ("receiver_not_authorised_now",)
    lantai.dispatching.hand_over(pair.first, batch)
    lantai.dispatching.work(DispatchWork(batch))
    (item,) = lantai.dispatching.items(pair.first, batch)
    assert (item.state, item.reason) == (ItemState.FAILED, "receiver_not_authorised_now")
    assert now(lantai, pair.first, before).state is State.SEALED


def test_one_that_lapsed_holds_up_no_other_of_its_batch(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView], graduate_factory: People
) -> None:
    lapsed = going(State.SEALED)
    elsewhere = Destination(DestinationCase.UNEMPLOYED, other(lantai, pair), Channel.EMS)
    sound = lead(
        lantai,
        pair,
        view_by_id(lantai, pair, lantai.destinations.open(pair.first, graduate_factory().id, elsewhere)),
        State.SEALED,
    )
    batch = lantai.dispatching.begin(pair.first, Channel.EMS)
    for n, view in enumerate((lapsed, sound)):
        lantai.dispatching.add(pair.first, batch, view.number, f"100000000000{n}")
    ended(lantai, pair)
    lantai.dispatching.hand_over(pair.first, batch)
    lantai.dispatching.work(DispatchWork(batch))
    assert [now(lantai, pair.first, v).state for v in (lapsed, sound)] == [State.SEALED, State.HANDED_TO_CARRIER]


def test_a_changed_address_is_a_warning_with_both_values_and_stops_nothing(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView]
) -> None:
    view = going(State.SEALED)
    batch = lantai.dispatching.begin(pair.first, Channel.EMS)
    lantai.dispatching.add(pair.first, batch, view.number, "1000000000001")
    assert lantai.dispatching.items(pair.first, batch)[0].changes == ()
    changed(lantai, pair, address="某市新路 9 号", source="新名录")
    (change,) = footing(lantai, pair.first, view).changes
    assert (change.label, change.before, change.now) == ("办公地址", "某市某路 1 号", "某市新路 9 号")
    assert lantai.dispatching.items(pair.first, batch)[0].changes == (change,)
    assert not footing(lantai, pair.first, view).stopped
    told = footing(lantai, graduate(view), view)
    assert "办公地址有变动" in told.words
    assert "寄出前核实" in told.words
    assert (told.changes, told.stopped) == ((), False)
    lantai.dispatching.hand_over(pair.first, batch)
    lantai.dispatching.work(DispatchWork(batch))
    assert now(lantai, pair.first, view).state is State.HANDED_TO_CARRIER
    assert lantai.dispatching.items(pair.first, batch)[0].changes == ()
    assert "与该单位联系确认" in footing(lantai, graduate(view), view).words
    lead(lantai, pair, now(lantai, pair.first, view), State.RECEIVED)
    assert footing(lantai, graduate(view), view).words == ""


def test_a_supplement_goes_elsewhere_only_when_it_cannot_go_there_any_more(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView]
) -> None:
    arrived = going(State.CLOSED)
    supplement = supplement_after(lantai, arrived)
    wanted = Destination(DestinationCase.UNEMPLOYED, other(lantai, pair))
    with pytest.raises(Conflict, match="destination_settled"):
        lantai.destinations.change(pair.first, supplement.id, supplement.version, wanted)
    ended(lantai, pair)
    with pytest.raises(Conflict, match="destination_settled"):
        lantai.destinations.change(graduate(supplement), supplement.id, supplement.version, wanted)
    lantai.destinations.change(pair.first, supplement.id, supplement.version, wanted)
    assert now(lantai, pair.first, supplement).receiver_name == "另一人才服务中心"


# --- words ------------------------------------------------------------------------------------------------------------


def test_whoever_is_stopped_is_told_what_to_do() -> None:
    for state in State:
        lapsed = Ground(state, "某中心", Channel.EMS, against="授权已经到期")
        barred = Ground(state, "某中心", Channel.EMS, barred=True, allowed=(Channel.CONFIDENTIAL_POST,))
        staff, plain = footing_rules.words_for_staff, footing_rules.words_for_graduate
        over = state in ARRIVED or state in ENDED
        for own, in_time in ((True, True), (True, False), (False, True), (False, False)):
            may = footing_rules.graduate_may(state, own=own, in_time=in_time)
            told, read = staff(lapsed, graduate_may=may), plain(lapsed, "档案科", graduate_may=may)
            assert bool(told) is bool(read) is not over
            # nobody is told to do what is then refused
            expected = own and state in (CHANGEABLE if in_time else AWAITED)
            assert ("请毕业生本人变更" in told) is ("请重新选择" in read) is may is expected
            assert ("8 月 31 日" in read) is (may and state not in AWAITED)
            assert "转递方式" not in told
            assert over or ("已经寄出" in told) is (state in OUTSIDE)
            narrowed = staff(barred, graduate_may=may)
            assert bool(narrowed) is bool(plain(barred, "档案科", graduate_may=may)) is not (over or state in OUTSIDE)
            assert over or state in OUTSIDE or "转递方式" in narrowed or state is State.RETURNED
            assert "{" not in told + narrowed
            sound = Ground(state, "某中心", Channel.EMS, allowed=tuple(Channel))
            assert staff(sound, graduate_may=may) == plain(sound, "档案科", graduate_may=may) == ""


@pytest.mark.parametrize("state", [State.DRAFT, State.COLLEGE_REVIEWED])
def test_after_the_last_day_only_whom_the_school_waits_for_is_asked_to_choose(
    state: State, lantai: Lantai, pair: Pair, going: Callable[..., TransferView], clock: FakeClock
) -> None:
    view = going(state)
    ended(lantai, pair)
    readers = (pair.first, "请毕业生本人变更"), (graduate(view), "请重新选择")
    assert [words in footing(lantai, who, view).words for who, words in readers] == [True, True]
    clock.advance(days=120)
    awaited = state is State.DRAFT
    assert [words in footing(lantai, who, view).words for who, words in readers] == [awaited, awaited]


def test_of_a_supplement_staff_are_not_sent_to_the_graduate(
    lantai: Lantai, pair: Pair, going: Callable[..., TransferView]
) -> None:
    supplement = supplement_after(lantai, going(State.CLOSED))
    ended(lantai, pair)
    told = footing(lantai, pair.first, supplement)
    assert (told.stopped, "请毕业生本人变更" in told.words) == (True, False)


def test_the_tables_name_edges_and_states_that_are() -> None:
    assert all(rules.edge(source, target) is not None for source, target in STOOD_ON)
    within = frozenset(State) - OUTSIDE - ARRIVED - ENDED
    assert set(footing_rules.WAY_OUT) == within
    assert Evidence.TRACKING_NUMBER in rules.edge(State.SEALED, State.HANDED_TO_CARRIER).evidence  # type: ignore[union-attr]
