"""The receiver's side of the electronic leg: what it may see, take, judge and confirm. Its own packages only.

Every call may be repeated: the same said again changes nothing; another thing said of the same package is refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database
from app.envelope import DataKey, open_json, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.events import EventLog
from app.file_ports import FileStore
from app.keyring import Keyring
from app.ports import Clock
from app.transfers import electronic_rules as rules
from app.transfers.electronic_address import Addressee
from app.transfers.electronic_envelope import RECEIPT_PREFIX, holds, receipt_bytes
from app.transfers.electronic_models import ElectronicLeg, words_place
from app.transfers.electronic_ports import Office
from app.transfers.electronic_rules import By, Leg, Reason
from app.transfers.electronic_steps import ElectronicSteps
from app.transfers.electronic_store import Pieces

MAX_NOTE = 500


@dataclass(frozen=True, slots=True)
class PackageView:
    """A package as its receiver sees it. ``envelope`` in the very spelling that ``signature`` (base64) covers."""

    id: UUID
    serial: int
    transfer_id: UUID
    attempt: int
    state: Leg
    file: str
    size: int
    digest: bytes
    envelope: str = field(repr=False)
    signature: str = field(repr=False)
    submitted_at: datetime
    acked_at: datetime | None
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class PackageContent:
    """``read(offset, length)`` gives the cipher text piece by piece; it opens no transaction."""

    file: str
    size: int
    digest: bytes
    read: Callable[[int, int], Iterator[bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """``signature`` covers electronic_envelope.receipt_bytes; needed where the receiver has registered a key."""

    manifest: bytes
    number: str = field(repr=False)
    issued_on: date
    signature: str | None = None


class ReceiverDoor:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        files: FileStore,
        addressee: Addressee,
        steps: ElectronicSteps,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._pieces, self._addressee = db, keys, Pieces(files), addressee
        self._steps, self._log, self._clock = steps, log, clock

    # --- seeing -------------------------------------------------------------------------------------------------------

    def waiting(self, office: Office, *, after: int = 0, limit: int = 100) -> list[PackageView]:
        """What still waits for something of this receiver, oldest first, from the serial ``after`` on."""
        query = (
            select(ElectronicLeg)
            .where(
                ElectronicLeg.receiver_code == office.code,
                ElectronicLeg.state.in_(rules.WAITING),
                ElectronicLeg.serial > after,
            )
            .order_by(ElectronicLeg.serial)
            .limit(limit)
        )
        with self._db.transaction() as session:
            return [_view(r) for r in session.scalars(query)]

    def package(self, office: Office, package_id: UUID) -> PackageView:
        """Raises NotFound, also for another receiver's."""
        with self._db.transaction() as session:
            return _view(self._own(session, office, package_id))

    def content(self, actor: Actor, office: Office, package_id: UUID) -> PackageContent:
        """The cipher text. Raises NotFound, Conflict('package_closed') once it has ended,
        Conflict('receiver_not_entitled') where the body may not receive today, and Conflict('receiver_changed') where
        the transfer goes to another by now.
        """
        self._require_addressee(office, package_id)
        with self._db.transaction() as session:
            row = self._own(session, office, package_id)
            if row.state not in rules.WAITING or row.box is None:
                raise Conflict("package_closed")
            self._log.record(
                session,
                actor,
                "electronic.fetched",
                graduate_id=row.graduate_id,
                object_kind="electronic_leg",
                object_id=row.id,
                data={"state": row.state.value, "transfer": str(row.transfer_id), "attempt": row.attempt},
            )
            box, view = row.box, _view(row)
            owner = row.graduate_id
        key = self._keys.of(owner)

        def read(offset: int, length: int) -> Iterator[bytes]:
            return self._pieces.read(key, view.id, box, offset, length)

        return PackageContent(view.file, view.size, view.digest, read)

    # --- saying -------------------------------------------------------------------------------------------------------

    def acknowledge(self, actor: Actor, office: Office, package_id: UUID, digest: bytes, size: int) -> PackageView:
        """The transport is over: what was received has this digest.

        Raises Invalid('package_digest_mismatch'), Conflict('package_closed'), NotFound.
        """
        with self._db.transaction() as session:
            row = self._locked(session, office, package_id)
            if (digest, size) != (row.digest, row.size):
                raise Invalid("package_digest_mismatch", faults=[FieldFault("/sha256", "wrong")])
            if row.state not in rules.ACKNOWLEDGED:
                row.acked_at = self._clock.now()
                self._take(session, actor, row, Leg.TRANSPORT_ACK)
            return _view(row)

    def checked(
        self, actor: Actor, office: Office, package_id: UUID, *, passed: bool, bag: bytes | None
    ) -> PackageView:
        """The receiver's own check of the opened package. A pass names the SHA-256 of the manifest-sha256.txt inside,
        which stands nowhere else: it tells that this package was opened. A failed check leaves rejecting only.

        Raises Invalid('package_not_opened'), Conflict('electronic_move'), Conflict('check_said_otherwise'), NotFound.
        """
        with self._db.transaction() as session:
            row = self._locked(session, office, package_id)
            if passed and bag != row.bag_digest:
                raise Invalid("package_not_opened", faults=[FieldFault("/bag_sha256", "wrong")])
            if row.check_passed is not None:
                if row.check_passed is not passed:
                    raise Conflict("check_said_otherwise")
                return _view(row)
            row.check_passed = passed
            self._take(session, actor, row, Leg.CHECKED)
            return _view(row)

    def accept(self, actor: Actor, office: Office, package_id: UUID, manifest: bytes) -> PackageView:
        """Raises Invalid('manifest_mismatch'), Conflict('check_not_passed' | 'receiver_changed' | 'electronic_move'),
        NotFound.
        """
        with self._db.transaction() as session:
            row = self._locked(session, office, package_id)
            self._require_manifest(row, manifest)
            if row.state in (Leg.ACCEPTED, Leg.E_RECEIPT):
                return _view(row)
            if row.state is Leg.CHECKED and not row.check_passed:
                raise Conflict("check_not_passed")
            if self._addressee.changed(session, row):
                raise Conflict(rules.CHANGED)
            row.receipt_digest = manifest
            self._take(session, actor, row, Leg.ACCEPTED)
            return _view(row)

    def reject(
        self, actor: Actor, office: Office, package_id: UUID, reasons: Sequence[Reason], note: str
    ) -> PackageView:
        """Raises Invalid (reasons, note), Conflict('electronic_move' | 'package_closed'), NotFound."""
        said = sorted({r.value for r in reasons})
        self._require_words(said, note)
        with self._db.transaction() as session:
            row = self._locked(session, office, package_id, ended=frozenset({Leg.WITHDRAWN, Leg.E_RECEIPT}))
            if row.state is Leg.REJECTED:
                if row.reasons != said:
                    raise Conflict("package_closed")
                return _view(row)
            self._write(row, note=note.strip())
            row.reasons = said
            self._take(session, actor, row, Leg.REJECTED)
            return _view(row)

    def receipt(self, actor: Actor, office: Office, package_id: UUID, receipt: Receipt) -> PackageView:
        """The e-receipt: it names the manifest, and is signed where the receiver has registered a key.

        Raises Invalid('manifest_mismatch' | 'receipt_signature'), Conflict('electronic_move' | 'receipt_given'),
        NotFound.
        """
        with self._db.transaction() as session:
            row = self._locked(session, office, package_id)
            self._require_manifest(row, receipt.manifest)
            self._require_signature(office, row, receipt)
            if row.state is Leg.E_RECEIPT:
                if self._words(row)[1].get("receipt") != receipt.number:
                    raise Conflict("receipt_given")
                return _view(row)
            self._write(row, receipt=receipt.number, receipt_on=receipt.issued_on.isoformat())
            if office.receipt_key is not None:
                row.receipt_signature, row.receipt_key = receipt.signature, office.receipt_key.hex()
            self._take(session, actor, row, Leg.E_RECEIPT)
            return _view(row)

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _own(session: Session, office: Office, package_id: UUID) -> ElectronicLeg:
        row = session.get(ElectronicLeg, package_id)
        if row is None or row.receiver_code != office.code or row.digest is None or row.submitted_at is None:
            raise NotFound("package_not_found")
        return row

    def _require_addressee(self, office: Office, package_id: UUID) -> None:
        """In a transaction of its own, so that the refusal is kept with the package."""
        with self._db.transaction() as session:
            row = self._own(session, office, package_id)
            refusal = self._addressee.refusal(session, row) if row.state in rules.WAITING else None
            if refusal is not None or row.trouble in rules.NOT_FOR_IT:
                refusal = self._addressee.judged(session, package_id)
        if refusal is not None:
            raise Conflict("receiver_not_entitled") if refusal.code == rules.BARRED else refusal

    def _locked(
        self,
        session: Session,
        office: Office,
        package_id: UUID,
        ended: frozenset[Leg] = frozenset({Leg.WITHDRAWN, Leg.REJECTED}),
    ) -> ElectronicLeg:
        """Raises NotFound; Conflict('package_closed') for what is over, which an old message must not wake."""
        self._own(session, office, package_id)
        row = self._steps.locked(session, package_id)
        if row is None:
            raise NotFound("package_not_found")
        if row.state in ended:
            raise Conflict("package_closed")
        return row

    def _take(self, session: Session, actor: Actor, row: ElectronicLeg, target: Leg) -> None:
        self._steps.take(session, actor, row, target, By.RECEIVER)

    @staticmethod
    def _require_manifest(row: ElectronicLeg, manifest: bytes) -> None:
        if manifest != row.manifest_digest:
            raise Invalid("manifest_mismatch", faults=[FieldFault("/manifest_sha256", "wrong")])

    @staticmethod
    def _require_words(reasons: Sequence[str], note: str) -> None:
        if not reasons:
            raise Invalid("invalid_input", faults=[FieldFault("/reasons", "required")])
        if len(note) > MAX_NOTE:
            raise Invalid("invalid_input", faults=[FieldFault("/note", "too_long")])
        if Reason.OTHER.value in reasons and not note.strip():
            raise Invalid("invalid_input", faults=[FieldFault("/note", "required")])

    @staticmethod
    def _require_signature(office: Office, row: ElectronicLeg, receipt: Receipt) -> None:
        if office.receipt_key is None:
            return
        message = RECEIPT_PREFIX + receipt_bytes(
            str(row.id), str(row.transfer_id), receipt.manifest.hex(), receipt.number, receipt.issued_on.isoformat()
        )
        try:
            signature = base64.b64decode(receipt.signature or "", validate=True)
        except (binascii.Error, ValueError):
            signature = b""
        if not holds(office.receipt_key, signature, message):
            raise Invalid("receipt_signature", faults=[FieldFault("/signature", "wrong")])

    def _words(self, row: ElectronicLeg) -> tuple[DataKey, dict[str, str]]:
        key = self._keys.of(row.graduate_id)
        return key, open_json(key, words_place(row), row.sealed_words)

    def _write(self, row: ElectronicLeg, **words: str) -> None:
        key, said = self._words(row)
        row.sealed_words = seal_json(key, words_place(row), {**said, **words})


def _view(row: ElectronicLeg) -> PackageView:
    if row.digest is None or row.envelope is None or row.signature is None or row.submitted_at is None:
        raise NotFound("package_not_found")
    return PackageView(
        id=row.id,
        serial=row.serial,
        transfer_id=row.transfer_id,
        attempt=row.attempt,
        state=row.state,
        file=row.package_file or "",
        size=row.size or 0,
        digest=row.digest,
        envelope=row.envelope,
        signature=row.signature,
        submitted_at=row.submitted_at,
        acked_at=row.acked_at,
        reasons=tuple(row.reasons),
    )
