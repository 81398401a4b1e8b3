"""Transfers on their way by a carrier, for the tests of tracking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from app.carrier_ports import CarrierCode, CarrierEvent
from app.events import Event
from app.transfers import rules
from app.transfers.models import Transfer
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from app.transfers.tracking_models import TrackingWatch
from app.transfers.tracking_rules import s10_check_digit
from parts import Lantai
from tests import moving
from tests.conftest import Person, World

NUMBER = "EA123456785CN"
ALL_THE_WAY = (CarrierCode.ACCEPTED, CarrierCode.IN_TRANSIT, CarrierCode.OUT_FOR_DELIVERY, CarrierCode.DELIVERED)


def number_of(serial: int) -> str:
    return f"EB{serial:08d}{s10_check_digit(f'{serial:08d}')}CN"


class Carried:
    """One transfer that was handed over, its desk, and what the carrier tells of it."""

    def __init__(self, lantai: Lantai, world: World, person: Person, number: str, channel: Channel) -> None:
        self.lantai, self.world, self.number, self.graduate_id = lantai, world, number, person.id
        self.pair = moving.desk_pair(lantai)
        view = moving.opened(lantai, self.pair.first, person.id, channel=channel)
        self.view = moving.lead(lantai, self.pair, view, State.SEALED)
        self.hand_over(number)

    @property
    def id(self) -> UUID:
        return self.view.id

    def hand_over(self, number: str) -> None:
        self.number = number
        edge = rules.edge(State.SEALED, State.HANDED_TO_CARRIER)
        assert edge is not None
        self.view = moving.walk(self.lantai, self.pair, self.view, edge, {Evidence.TRACKING_NUMBER: number})

    def lead(self, target: State) -> None:
        self.refresh()
        self.view = moving.lead(self.lantai, self.pair, self.view, target)

    def refresh(self) -> TransferView:
        self.view = moving.now(self.lantai, self.pair.first, self.view)
        return self.view

    def tell(self, *codes: CarrierCode, at: datetime | None = None, prefix: str = "") -> None:
        """The carrier's trace goes on, an hour apart, the last line now (or ``at``)."""
        trace = self.world.carrier.traces.setdefault(self.number, [])
        last = at or self.world.clock.now()
        for n, code in enumerate(codes):
            when = last - timedelta(hours=len(codes) - 1 - n)
            signer = "李收发" if code is CarrierCode.DELIVERED else ""
            event_id = f"{prefix or self.number}-{len(trace):04d}"
            trace.append(CarrierEvent(when, code, event_id, "滨海", f"说明{len(trace)}", signer))

    def poll(self) -> State:
        """One round of the worker's, and the state after it."""
        self.lantai.tracking.tick()
        self.lantai.tracking.poll()
        return self.refresh().state

    def later(self, **delta: float) -> State:
        self.world.clock.advance(**delta)
        return self.poll()

    def watch(self, number: int = 1) -> TrackingWatch:
        with self.lantai.db.transaction() as session:
            return session.get_one(TrackingWatch, (self.id, number))

    def moves(self) -> list[str]:
        """The states its events tell, in order."""
        with self.lantai.db.transaction() as session:
            query = select(Event.data).where(Event.object_id == self.id, Event.type == "transfer.moved")
            return [data["state"] for data in session.scalars(query.order_by(Event.id))]

    def row(self) -> Transfer:
        with self.lantai.db.transaction() as session:
            return session.get_one(Transfer, self.id)


Hand = Callable[..., Carried]
"""Hands one over: number, channel."""


def reasons(each: Carried) -> list[str]:
    return [code for code in each.watch().reasons.split(",") if code]


def count_of(lantai: Lantai, kind: str) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(select(func.count(Event.id)).where(Event.type == kind)) or 0
