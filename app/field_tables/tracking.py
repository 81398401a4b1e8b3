"""What carriers told of consignments."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, blind, clear, sealed

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "tracking_event": {
        "transfer_id": LINK,
        "event_bidx": blind("the carrier's id of the event, which may hold the tracking number"),
        "code": clear("one of nine words of ours, needed for the standing and for counts"),
        "sealed_body": sealed("the carrier's id, place, words and signer"),
        "fetched_at": TIME,
    },
    "tracking_watch": {
        "transfer_id": LINK,
        "handed_at": TIME,
        "standing": STATE,
        "last_sign_at": TIME,
        "next_poll_at": TIME,
        "last_polled_at": TIME,
        "failures": clear("tries in a row without an answer, needed to ask later"),
        "captured_at": TIME,
        "forced_at": TIME,
        "alarmed_at": TIME,
        "needs_look": STATE,
        "reasons": clear("codes of what a person must look at"),
        "look_mark": blind("the events behind the reasons"),
    },
}
