"""The electronic leg: packing, handing over, pushing, and what the receiver says."""

from __future__ import annotations

from typing import TypedDict
from uuid import UUID

from sqlalchemy.orm import Session

from app.checks.service import CheckService
from app.envelope import DataKey
from app.errors import Conflict
from app.package_ports import PackedMaterial
from app.receivers.service import ReceiverRegistry
from app.transfers.electronic import ElectronicDesk
from app.transfers.electronic_address import Addressee
from app.transfers.electronic_packing import ElectronicPacker
from app.transfers.electronic_ports import ElectronicReceiver, FrozenManifest, ManifestOf, ReceiverOf
from app.transfers.electronic_push import ElectronicPush
from app.transfers.electronic_receiving import ReceiverDoor
from app.transfers.electronic_steps import ElectronicSteps
from app.transfers.electronic_watch import ElectronicWatch
from app.transfers.left_work import LeftWork
from app.transfers.manifest import ManifestBook
from app.transfers.models import Transfer
from app.transfers.steps import TransferSteps
from auth.partners import PartnerService
from providers.age import AgeEncryptor
from providers.pushing import HttpPusher
from providers.signing import FileSigner
from wired.ground import Ground


class ElectronicParts(TypedDict):
    electronic: ElectronicDesk
    receiver_door: ReceiverDoor
    packer: ElectronicPacker
    electronic_push: ElectronicPush
    electronic_watch: ElectronicWatch
    left_work: LeftWork


class RegisteredReceivers:
    """The version of the registry that was frozen into the transfer; without a key there it takes paper only.
    ``partners`` know who has a credential to fetch with.
    """

    def __init__(self, registry: ReceiverRegistry, partners: PartnerService) -> None:
        self._registry, self._partners = registry, partners

    def of_transfer(self, session: Session, transfer_id: UUID) -> ElectronicReceiver | None:
        row = session.get(Transfer, transfer_id)
        if row is None or row.receiver_id is None or row.receiver_version is None:
            return None
        kept = self._registry.kept(session, row.receiver_id, row.receiver_version, self._registry.today)
        facts = kept.facts
        live = bool(facts.push_url) or self._partners.receives(session, kept.code)
        key, url = facts.public_key or None, facts.push_url or None
        return ElectronicReceiver(kept.code, kept.name, key, url, live, facts.phone)


class FrozenManifests:
    """The transfers' own book, in the form the packages carry."""

    def __init__(self, book: ManifestBook) -> None:
        self._book = book

    def of_transfer(self, session: Session, key: DataKey, transfer_id: UUID) -> FrozenManifest:
        row = session.get(Transfer, transfer_id)
        manifest = self._book.of(session, key, row) if row is not None else None
        if manifest is None:
            raise Conflict("manifest_absent")
        listed = frozenset(PackedMaterial(i.class_code, i.sequence, i.sha256, i.sm3) for i in manifest.items)
        return FrozenManifest(manifest.canonical(), listed, row is not None and row.supplements is not None)


def wire_electronic(
    ground: Ground, paper: TransferSteps, checks: CheckService, receivers: ReceiverOf, manifests: ManifestOf
) -> ElectronicParts:
    """``paper``: the steps of the transfers; sealing one orders its package, and its footing bears the package too."""
    db, keys, log, queue, clock = ground.db, ground.keys, ground.log, ground.queue, ground.clock
    files, settings = ground.outside.files, ground.settings
    steps = ElectronicSteps(log, queue, clock, ground.calendar)
    encryptor, signer = AgeEncryptor(), FileSigner(settings.key_dir)
    pusher = HttpPusher(loopback=settings.environment != "production")
    desk = ElectronicDesk(
        db, keys, files, encryptor, receivers, paper.footing, steps, log, queue, clock, ground.calendar, ground.contact
    )
    paper.watch(desk)
    addressee = Addressee(receivers, paper.footing, steps)
    return {
        "electronic": desk,
        "receiver_door": ReceiverDoor(db, keys, files, addressee, steps, log, clock),
        "packer": ElectronicPacker(
            db,
            keys,
            files,
            checks,
            encryptor,
            signer,
            receivers,
            manifests,
            addressee,
            steps,
            queue,
            clock,
            settings.school_name,
        ),
        "electronic_push": ElectronicPush(db, keys, files, pusher, addressee, steps, queue, clock),
        "electronic_watch": ElectronicWatch(db, steps, addressee, log, queue, clock),
        "left_work": LeftWork(db, queue, clock),
    }
