"""What is kept of a trace and shown of it, and the desk's own questions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy
from sqlalchemy import text

from app.carrier_ports import CarrierCode as C
from app.carrier_ports import CarrierEvent
from app.errors import Forbidden, NotFound
from app.transfers.states import State
from app.transfers.tracking_desk import Asked
from parts import Lantai
from tests.app.transfers.carried import ALL_THE_WAY, NUMBER, Hand, count_of
from tests.conftest import Person

# --- what is kept and shown -------------------------------------------------------------------------------------------


def test_what_is_stored_is_sealed_and_may_not_be_changed(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(*ALL_THE_WAY)
    each.poll()
    with lantai.db.transaction() as session:
        rows = session.execute(text("select to_jsonb(t)::text from tracking_event t")).scalars().all()
        watches = session.execute(text("select to_jsonb(t)::text from tracking_watch t")).scalars().all()
    assert len(rows) == 4
    for word in (NUMBER, "滨海", "李收发", "说明"):
        assert not any(word in row for row in (*rows, *watches))
    for deed in ("update tracking_event set code = 'lost'", "delete from tracking_event"):
        with pytest.raises(sqlalchemy.exc.DBAPIError), lantai.db.transaction() as session:
            session.execute(text(deed))


def test_graduates_read_where_and_when_and_nobodys_name(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(C.ACCEPTED, C.OUT_FOR_DELIVERY)
    trace = each.world.carrier.traces[NUMBER]
    trace[1] = CarrierEvent(trace[1].at, trace[1].code, trace[1].event_id, "滨海", "派送中，电话 138 0013-8000")
    each.tell(C.DELIVERED)
    each.poll()
    [staff] = lantai.tracking_desk.of_graduate(each.pair.first, each.graduate_id)[each.id]
    assert [line.signer for line in staff.lines] == ["", "", "李收发"]
    assert staff.lines[2].words == "说明2"
    person = Person(each.graduate_id, None, None)  # type: ignore[arg-type]
    [own] = lantai.tracking_desk.of_graduate(person.actor(), each.graduate_id)[each.id]
    assert [line.label for line in own.lines] == ["已收寄", "派送中", "已投递"]
    assert {line.place for line in own.lines} == {"滨海"}
    assert [line.words for line in own.lines] == ["说明0", "派送中，电话 …", "已投递"]
    assert [line.signer for line in own.lines] == ["", "", ""]
    assert (own.needs_look, own.reasons) == (False, ())


def test_others_see_nothing_and_do_nothing(
    carried: Hand, lantai: Lantai, graduate_factory: Callable[..., Person]
) -> None:
    each, stranger = carried(), graduate_factory()
    each.tell(C.ACCEPTED)
    each.poll()
    desk, mover = lantai.tracking_desk, each.pair.first
    with pytest.raises(NotFound):
        desk.of_graduate(stranger.actor(), each.graduate_id)
    for call in (
        lambda: desk.looks(stranger.actor()),
        lambda: desk.ask(stranger.actor(), each.graduate_id, each.id),
        lambda: desk.seen(stranger.actor(), each.graduate_id, each.id, 1),
    ):
        with pytest.raises(Forbidden):
            call()
    with pytest.raises(NotFound):
        desk.ask(mover, stranger.id, each.id)
    with pytest.raises(NotFound):
        desk.seen(mover, stranger.id, each.id, 1)
    with pytest.raises(NotFound):
        desk.seen(mover, each.graduate_id, each.id, 2)


def test_a_question_out_of_turn(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.tell(C.ACCEPTED, C.IN_TRANSIT)

    def ask() -> Asked:
        return lantai.tracking_desk.ask(each.pair.first, each.graduate_id, each.id)

    assert ask() is Asked.ANSWERED
    assert each.refresh().state is State.IN_TRANSIT
    assert ask() is Asked.JUST_ASKED
    each.world.clock.advance(minutes=2)
    each.world.carrier.away = True
    assert ask() is Asked.AWAY
    assert count_of(lantai, "transfer.tracking_asked") == 2
