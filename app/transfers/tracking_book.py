"""Traces as they are stored: each line once, sealed with the graduate's key, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.carrier_ports import CarrierEvent
from app.db import new_id
from app.envelope import BlindIndex, DataKey, open_json, seal_json
from app.transfers.tracking_models import TrackingEvent, body_place
from app.transfers.tracking_rules import Finding, first_per_id


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """``number`` is the hand-over's."""

    number: int
    event: CarrierEvent
    fetched_at: datetime


class TrackingBook:
    def __init__(self, index: BlindIndex) -> None:
        self._index = index

    def of(self, session: Session, key: DataKey, transfer_ids: Iterable[UUID]) -> dict[UUID, list[StoredEvent]]:
        """Each transfer's lines in order of time. All of them belong to the key's owner."""
        ids = list(transfer_ids)
        found: dict[UUID, list[StoredEvent]] = {each: [] for each in ids}
        for row in session.scalars(select(TrackingEvent).where(TrackingEvent.transfer_id.in_(ids))):
            body = open_json(key, body_place(row.id), row.sealed_body)
            event = CarrierEvent(row.at, row.code, body["id"], body["place"], body["words"], body["signer"])
            found[row.transfer_id].append(StoredEvent(row.number, event, row.fetched_at))
        for lines in found.values():  # ties stand in the order of the carrier's ids, which are sealed
            lines.sort(key=lambda each: (each.number, each.event.at, each.event.event_id))
        return found

    def keep(
        self,
        session: Session,
        key: DataKey,
        transfer_id: UUID,
        number: int,
        told: Sequence[CarrierEvent],
        known: Iterable[StoredEvent],
        now: datetime,
    ) -> list[StoredEvent]:
        """What of ``told`` was not known yet, stored. The caller holds the transfer's row."""
        fresh = first_per_id(told, {each.event.event_id for each in known})
        for event in fresh:
            row_id = new_id()
            body = {"id": event.event_id, "place": event.place, "words": event.words, "signer": event.signer}
            values = {
                "id": row_id,
                "transfer_id": transfer_id,
                "number": number,
                "event_bidx": self._index.of("tracking_event", "event", f"{transfer_id}|{number}|{event.event_id}"),
                "at": event.at,
                "code": event.code,
                "sealed_body": seal_json(key, body_place(row_id), body),
                "fetched_at": now,
            }
            session.execute(insert(TrackingEvent).values(values).on_conflict_do_nothing())
        return [StoredEvent(number, event, now) for event in fresh]

    def mark(self, findings: Iterable[tuple[Finding, str]]) -> bytes:
        """Stands for the very findings, so that what was looked at is known again."""
        return self._index.of("tracking_watch", "look", "\n".join(sorted(f"{f}|{e}" for f, e in findings)))
