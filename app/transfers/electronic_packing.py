"""Making a package for a receiver: checked, signed, encrypted while it is written, submitted.

A killed worker leaves a box that nobody reads; the next try takes a fresh one. Nothing is submitted before its last
byte is stored and its envelope signed.
"""

from __future__ import annotations

import base64
from uuid import UUID

from sqlalchemy.orm import Session

from app.actors import SYSTEM
from app.db import Database
from app.envelope import DataKey
from app.errors import Conflict, DomainError, Unavailable
from app.file_ports import FileStore
from app.jobs import JobQueue, PackElectronic, PushElectronic
from app.keyring import Keyring
from app.package_ports import Encryptor, HandedPackage, HandOver, PackageMaker, Signer
from app.ports import Clock
from app.transfers.electronic_address import Addressee
from app.transfers.electronic_envelope import (
    ENVELOPE_PREFIX,
    Envelope,
    ManifestDigests,
    PlainFile,
    digests_of,
    envelope_bytes,
    stamp,
)
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_ports import FrozenManifest, ManifestOf, ReceiverOf
from app.transfers.electronic_rules import IN_THE_MAKING, By, Leg
from app.transfers.electronic_steps import ElectronicSteps
from app.transfers.electronic_store import Measured, Pieces, PieceWriter, new_box


class ElectronicPacker:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        files: FileStore,
        maker: PackageMaker,
        encryptor: Encryptor,
        signer: Signer,
        receivers: ReceiverOf,
        manifests: ManifestOf,
        addressee: Addressee,
        steps: ElectronicSteps,
        queue: JobQueue,
        clock: Clock,
        sender: str,
    ) -> None:
        """``sender`` is the school's name as it stands in the envelope."""
        self._db, self._keys, self._files, self._pieces = db, keys, files, Pieces(files)
        self._maker, self._encryptor, self._signer = maker, encryptor, signer
        self._receivers, self._manifests, self._addressee, self._steps = receivers, manifests, addressee, steps
        self._queue, self._clock, self._sender = queue, clock, sender

    def work(self, job: PackElectronic) -> None:
        """The job. What staff must mend is kept as the leg's trouble; Unavailable goes to the queue, which tries again.
        Two workers never pack one leg.
        """
        with self._db.alone(job.leg_id) as mine:
            if not mine:
                return
            try:
                self._pack(job.leg_id)
            except Unavailable:
                raise
            except DomainError as error:
                self._keep_trouble(job.leg_id, error.code)

    def _pack(self, leg_id: UUID) -> None:
        with self._db.transaction() as session:
            row = session.get(ElectronicLeg, leg_id)
        if row is None or row.state not in IN_THE_MAKING:
            return
        key = self._keys.of(row.graduate_id)
        with self._db.transaction() as session:
            manifest = self._manifests.of_transfer(session, key, row.transfer_id)
            receiver = self._receivers.of_transfer(session, row.transfer_id)
        name = receiver.name if receiver is not None else row.receiver_code
        only = manifest.materials if manifest.supplement else None
        to = HandOver(str(row.transfer_id), row.receiver_code, name, manifest.data, self._clock.now(), only)
        handed = self._maker.hand_over(row.graduate_id, to)
        if handed.materials != manifest.materials:
            raise Conflict("manifest_outdated")
        box = self._packaged(leg_id, handed, manifest)
        if box is not None:
            self._seal_and_submit(key, row, box, handed)

    def _packaged(self, leg_id: UUID, handed: HandedPackage, manifest: FrozenManifest) -> str | None:
        """The box to write to; None when the leg was withdrawn meanwhile."""
        with self._db.transaction() as session:
            row = self._wanted(session, leg_id)
            if row is None:
                return None
            left = row.box
        if left is not None:
            self._pieces.drop(left)
        with self._db.transaction() as session:
            row = self._wanted(session, leg_id)
            if row is None:
                return None
            row.box = new_box()
            row.package_file, row.dossier_version = f"{handed.file_name}.age", handed.dossier_version
            row.bag_digest = bytes.fromhex(handed.bag_digest)
            row.manifest_digest, row.manifest_sm3 = digests_of(manifest.data)
            if row.state is Leg.PREPARING:
                self._steps.take(session, SYSTEM, row, Leg.PACKAGED, By.CLOCKWORK)
            return row.box

    def _seal_and_submit(self, key: DataKey, leg: ElectronicLeg, box: str, handed: HandedPackage) -> None:
        out = PieceWriter(self._files, key, leg.id, box)
        plain = Measured(handed.chunks())
        self._encryptor.encrypt(leg.recipient, plain, out.write)
        digest = out.close()
        with self._db.transaction() as session:
            row = self._wanted(session, leg.id)
            wanted = row is not None and row.box == box
            if row is not None and wanted:
                self._addressee.require(session, row)
                row.size, row.digest = out.size, digest
                envelope = self._envelope(row, digest, plain)
                row.envelope = envelope.decode()
                row.signature = base64.b64encode(self._signer.sign(ENVELOPE_PREFIX + envelope)).decode()
                self._steps.take(session, SYSTEM, row, Leg.ENCRYPTED, By.CLOCKWORK)
                row.submitted_at = self._clock.now()
                self._steps.take(session, SYSTEM, row, Leg.SUBMITTED, By.CLOCKWORK)
                if row.push_url is not None:
                    row.push_due_at = row.submitted_at
                    self._queue.enqueue(session, PushElectronic(row.id))
        if not wanted:
            out.discard()

    def _envelope(self, row: ElectronicLeg, digest: bytes, plain: Measured) -> bytes:
        assert row.manifest_digest is not None  # written with the box
        assert row.manifest_sm3 is not None
        public = self._signer.public_keys()[self._signer.key_id]
        envelope = Envelope(
            format="lantai-electronic-envelope-1",
            package=str(row.id),
            transfer=str(row.transfer_id),
            attempt=row.attempt,
            sender=self._sender,
            receiver=row.receiver_code,
            cipher="age-encryption.org/v1",
            recipient=row.recipient,
            file=row.package_file or "",
            size=row.size or 0,
            sha256=digest.hex(),
            plain=PlainFile(size=plain.size, sha256=plain.sha256.hexdigest()),
            manifest=ManifestDigests(sha256=row.manifest_digest.hex(), sm3=row.manifest_sm3.hex()),
            dossier_version=row.dossier_version or 0,
            at=stamp(self._clock.now()),
            algorithm="Ed25519",
            key_id=self._signer.key_id,
            public_key=public.hex(),
        )
        return envelope_bytes(envelope)

    def _wanted(self, session: Session, leg_id: UUID) -> ElectronicLeg | None:
        row = self._steps.locked(session, leg_id)
        return row if row is not None and row.state in IN_THE_MAKING else None

    def _keep_trouble(self, leg_id: UUID, code: str) -> None:
        with self._db.transaction() as session:
            row = self._wanted(session, leg_id)
            if row is not None:
                self._steps.keep_trouble(session, row, code)
