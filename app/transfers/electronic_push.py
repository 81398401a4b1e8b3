"""Pushing a submitted package to a receiver that has an address for it: at least once, resumed where it broke off.

The receiver keeps packages apart by id. Being pushed is no acknowledgement: that the receiver says itself, with its own
credential, through the partner door.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from app.db import Database
from app.envelope import DataKey
from app.errors import Conflict, Invalid, Unavailable
from app.file_ports import FileStore
from app.jobs import JobQueue, PushElectronic
from app.keyring import Keyring
from app.package_ports import Delivery, PackagePusher
from app.ports import Clock
from app.transfers.electronic_address import Addressee
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_rules import Leg
from app.transfers.electronic_steps import ElectronicSteps
from app.transfers.electronic_store import Pieces

WAITS = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180, 360, 720, 1440))
"""Between tries; after the last the package waits to be fetched, and staff see why and may have it pushed again."""
EARLY = timedelta(seconds=30)
"""A job that comes earlier than this before its time is one too many: another one is scheduled."""


class _Parcel(NamedTuple):
    leg: ElectronicLeg
    box: str
    key: DataKey


class ElectronicPush:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        files: FileStore,
        pusher: PackagePusher,
        addressee: Addressee,
        steps: ElectronicSteps,
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._pieces = db, keys, Pieces(files)
        self._pusher, self._addressee, self._steps = pusher, addressee, steps
        self._queue, self._clock = queue, clock

    def work(self, job: PushElectronic) -> None:
        """The job: one try; a further one is enqueued for later. Two workers never push one package at once.

        Nothing is pushed any more once the receiver has acknowledged it, or it was withdrawn.
        """
        with self._db.alone(job.leg_id) as mine:
            parcel = self._parcel(job.leg_id) if mine else None
            if parcel is None:
                return
            delivery = self._delivery(parcel)
            if delivery is None:
                return
            try:
                self._require_addressee(parcel.leg)
                self._pusher.push(delivery)
            except Unavailable:
                self._try_later(job, "push_unreachable")
            except (Conflict, Invalid) as error:
                self._keep(job.leg_id, error.code)
            else:
                self._pushed(job.leg_id)

    def _parcel(self, leg_id: UUID) -> _Parcel | None:
        with self._db.transaction() as session:
            row = session.get(ElectronicLeg, leg_id)
        if row is None or row.state is not Leg.SUBMITTED or row.push_due_at is None or row.box is None:
            return None
        if row.push_due_at > self._clock.now() + EARLY:
            return None
        return _Parcel(row, row.box, self._keys.of(row.graduate_id))

    def _require_addressee(self, leg: ElectronicLeg) -> None:
        """Its entitlement may have ended between two tries, or another have been chosen. Raises
        Conflict('receiver_changed', 'receiver_not_authorised_now').
        """
        with self._db.transaction() as session:
            self._addressee.require(session, leg)

    def _delivery(self, parcel: _Parcel) -> Delivery | None:
        row, box, key = parcel
        if row.push_url is None or row.envelope is None or row.signature is None or row.digest is None:
            return None

        def read(offset: int, length: int) -> bytes:
            return b"".join(self._pieces.read(key, row.id, box, offset, length))

        return Delivery(row.id, row.push_url, row.envelope, row.signature, row.size or 0, row.digest, read)

    def _try_later(self, job: PushElectronic, trouble: str) -> None:
        with self._db.transaction() as session:
            row = self._steps.locked(session, job.leg_id)
            if row is None or row.state is not Leg.SUBMITTED:
                return
            again = self._clock.now() + WAITS[row.push_tries] if row.push_tries < len(WAITS) else None
            if again is not None:
                self._queue.enqueue(session, job, at=again)
            row.push_tries += 1
            self._steps.keep_trouble(session, row, trouble, again=again)

    def _keep(self, leg_id: UUID, trouble: str) -> None:
        with self._db.transaction() as session:
            row = self._steps.locked(session, leg_id)
            if row is not None and row.state is Leg.SUBMITTED:
                self._steps.keep_trouble(session, row, trouble)

    def _pushed(self, leg_id: UUID) -> None:
        with self._db.transaction() as session:
            row = self._steps.locked(session, leg_id)
            if row is not None:
                row.pushed_at, row.push_due_at = self._clock.now(), None
                # once it has moved on, its trouble is another
                if row.state is Leg.SUBMITTED:
                    self._steps.eased(session, row)
