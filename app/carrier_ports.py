"""Protocol for carriers that answer what became of a consignment. providers/carriers/ implements it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class CarrierCode(StrEnum):
    """What a carrier says happened. Whatever it says that has no word here is an exception."""

    ACCEPTED = "accepted"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    REFUSED = "refused"
    RETURNING = "returning"
    RETURNED = "returned"
    EXCEPTION = "exception"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class CarrierEvent:
    """One line of a carrier's trace. ``at`` is aware, in UTC; ``event_id`` the carrier's own and unique in the trace;
    ``signer`` only with DELIVERED. What could tell of a person is not printed.
    """

    at: datetime
    code: CarrierCode
    event_id: str = field(repr=False)
    place: str = field(default="", repr=False)
    words: str = field(default="", repr=False)
    signer: str = field(default="", repr=False)


class Carrier(Protocol):
    def track(self, tracking_number: str) -> Sequence[CarrierEvent]:
        """The whole trace as the carrier has it now, in its own order; empty where it knows the number only.

        Raises app.errors.NotFound('waybill_not_found') for a number that the carrier does not know (yet, or any
        more: EMS forgets after a year) and Unavailable where no usable answer came.
        """
        ...
