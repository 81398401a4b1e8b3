"""Every event that the product really emits fits its published schema, names nobody, and reaches whom it may."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

from app.actors import Actor, Purpose, Role
from app.corrections.rules import Kind
from app.corrections.rules import State as Ticket
from app.dossiers.incoming import NewMaterial
from app.materials.rules import Entry
from app.materials.scans import ScanFile
from app.materials.service import NewSupplement
from app.transfers.electronic_ports import Office
from app.transfers.states import State
from notifications.feed import Subscriber
from notifications.public_events import DISABLED, EVENT_TYPES, UNDER_WAY, schema, told
from notifications.webhook_models import EventOutbox
from parts import Lantai
from tests.app.conftest import Clerk, clerk
from tests.app.corrections.conftest import BroughtTo, OpenFor, brought_to, open_for, reader
from tests.app.transfers.test_counting import numbers
from tests.conftest import Person
from tests.counting import ADDRESS, printed_slip
from tests.electronic import submitted_leg
from tests.fakes import FakeClock, jpeg
from tests.moving import CODE, desk_pair, lead, opened
from tests.notifications.bots import Bot, Client, Deliver, client_of, subscribed

__all__ = ["brought_to", "clerk", "open_for"]
People = Callable[..., Person]
KEPT = Path("docs/schemas/events")


def fits(message: Any) -> None:
    Draft202012Validator(schema(EVENT_TYPES[message["type"]]), format_checker=FormatChecker()).validate(message)


def corrected(
    lantai: Lantai, person: Person, brought_to: BroughtTo, open_for: OpenFor, staff: Actor, clock: FakeClock
) -> None:
    own = reader(person, clock)
    for state in (Ticket.NEEDS_INFO, Ticket.WITHDRAWN, Ticket.MERGED, Ticket.APPLIED):
        line = brought_to(person, state).line
        if state is Ticket.NEEDS_INFO:
            line = lantai.corrections.add_information(own, line.id, line.version, "见附件").line
            lantai.desk.reject(staff, line.id, lantai.desk.ticket(staff, line.id).line.version, "other", "无误")
    again = brought_to(person, Ticket.REJECTED, kind=Kind.OTHER).line
    lantai.casework.reopen(staff, again.id, again.version, "看错了")
    appealed = brought_to(person, Ticket.RESOLVED).line
    lantai.corrections.appeal(own, appealed.id, appealed.version, "请复核")


def supplemented(lantai: Lantai, person: Person, staff: Actor) -> None:
    own = person.actor(Purpose.CORRECT, now=lantai.clock.now())
    wanted = NewSupplement("7", "", "获奖证书", "2025-05", "请补入")
    sent = lantai.supplements.submit(own, lantai.supplements.prepare(own, wanted, jpeg(), "image/jpeg"))
    lantai.supplement_desk.give_back(staff, sent.line.id, 1, "unreadable", "请重新扫描")
    material = lantai.filing.add_material(staff, person.id, NewMaterial("7", "", "证书", "2025-05", 1))
    scan = ScanFile("a.jpg", jpeg(33, 33))
    lantai.scans.replace(staff, material, uuid.uuid4(), 1, Entry("7", "", "证书"), scan)


def left(lantai: Lantai, person: Person) -> None:
    """Sealed, packed, fetched, counted wrongly on arrival."""
    pair = desk_pair(lantai)
    view = lead(lantai, pair, opened(lantai, pair.first, person.id), State.SEALED)
    leg = submitted_leg(lantai, person.id, view.id)
    lantai.receiver_door.acknowledge(pair.first, Office("HR-440100"), leg.id, bytes(32), 1)
    slip = printed_slip(lantai, pair, view)
    lead(lantai, pair, view, State.IN_TRANSIT)
    lantai.counting.count(slip.id, slip.code, ADDRESS, numbers(lantai, slip, items="7", pages="0"))


def test_every_event_fits_its_schema_and_carries_ids_alone(
    lantai: Lantai,
    today: FakeClock,
    there: Bot,
    client_of_all: Client,
    graduate_factory: People,
    brought_to: BroughtTo,
    open_for: OpenFor,
    clerk: Clerk,
    deliver: Deliver,
) -> None:
    webhook, secret = subscribed(lantai, client_of_all, there)
    person, staff = graduate_factory(), clerk(Role.ARCHIVIST, Role.REVIEWER)
    corrected(lantai, person, brought_to, open_for, staff, today)
    supplemented(lantai, person, staff)
    left(lantai, graduate_factory())
    deliver()
    there.status = 410
    graduate_factory()
    deliver()
    lantai.event_feed.take_in()
    items = lantai.event_feed.read(lantai.webhooks.subscriber(client_of_all.actor), 0, 500).items
    assert {i["type"] for i in items} == set(EVENT_TYPES)
    for item in items:
        fits(json.loads(json.dumps(item)))
        assert set(item["data"]) <= set(schema(EVENT_TYPES[item["type"]])["properties"]["data"]["properties"])
    for received in there.seen:
        fits(received.verified(secret))
    pushed = {r.id: r.said for r in there.seen}
    assert pushed == {i["id"]: i for i in items if i["type"] != DISABLED}, "push and pull say the same"
    words = json.dumps(items, ensure_ascii=False)
    card = person.card
    assert not [w for w in (card.name, card.id_number, card.student_number, card.phone, "获奖", "见附件") if w in words]
    assert str(webhook) in words


def test_a_receiving_office_hears_of_what_is_on_its_way_to_it_and_of_nothing_else(
    lantai: Lantai, clock: FakeClock, there: Bot, graduate_factory: People, deliver: Deliver
) -> None:
    pair = desk_pair(lantai)
    person = graduate_factory()
    draft = opened(lantai, pair.first, person.id)
    office, other = client_of(lantai, "本单位", CODE), client_of(lantai, "别的单位", "HR-OTHER")
    subscribed(lantai, office, there)
    view = lead(lantai, pair, draft, State.IN_TRANSIT)
    deliver()
    moved = [(r.said["type"], r.said["data"]["transfer"], r.said["data"]["state"]) for r in there.seen]
    assert moved == [("transfer.moved", str(view.id), s) for s in ("handed_to_carrier", "in_transit")]
    assert {State(s) for _, _, s in moved} <= UNDER_WAY

    def pulled(client: Client) -> list[str]:
        seen: Subscriber = lantai.webhooks.subscriber(client.actor)
        return [i["id"] for i in lantai.event_feed.read(seen, 0, 500).items]

    assert pulled(office) == [r.id for r in there.seen]
    assert pulled(other) == []
    assert len(pulled(client_of(lantai, "校内系统"))) > len(there.seen)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("electronic.moved", {"state": "preparing", "transfer": str(uuid.uuid4())}),
        ("electronic.moved", {"state": "packaged"}),
        ("ticket.opened", {}),
        ("ticket.opened", {"state": "elsewhere"}),
        ("webhook.disabled", {"reason": "client"}),
        ("dossier.section_read", {}),
    ],
)
def test_what_stays_in_the_house_is_not_told(name: str, data: dict[str, Any]) -> None:
    assert told(name, uuid.uuid4(), uuid.uuid4(), data) is None


def test_an_event_that_lacks_what_it_should_have_stops_nothing(lantai: Lantai, graduate_factory: People) -> None:
    graduate_factory()
    with lantai.db.transaction() as session:
        for kind in EVENT_TYPES:
            lantai.log.record(session, desk_pair(lantai).first, kind, object_id=uuid.uuid4(), data={"state": "-"})
            lantai.log.record(session, desk_pair(lantai).first, kind, data={"state": "submitted"})
    assert lantai.event_feed.take_in() > len(EVENT_TYPES)
    with lantai.db.transaction() as session:
        assert session.query(EventOutbox).count() == 0


def test_a_spoilt_message_does_not_fit() -> None:
    """The check above sees what it looks for."""
    message: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "type": "ticket.opened",
        "version": 1,
        "timestamp": "2026-06-01T00:00:00.000000Z",
        "data": {"graduate": str(uuid.uuid4()), "ticket": str(uuid.uuid4()), "state": "submitted"},
    }
    fits(message)
    for wrong in ({"state": "elsewhere"}, {"ticket": 7}):
        with pytest.raises(Exception, match=r"elsewhere|7"):
            fits({**message, "data": {**message["data"], **wrong}})


def test_the_schemas_on_paper_are_these() -> None:
    kept = {p.name: json.loads(p.read_text("utf-8")) for p in KEPT.glob("*.json")}
    assert kept == {f"{name}-{kind.version}.json": schema(kind) for name, kind in EVENT_TYPES.items()}
    for each in kept.values():
        Draft202012Validator.check_schema(each)
