"""What the electronic leg needs of its neighbours; plugged in by wiring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from app.envelope import DataKey
from app.package_ports import PackedMaterial


@dataclass(frozen=True, slots=True)
class ElectronicReceiver:
    """The receiver as it was frozen into a transfer. ``public_key`` is an age recipient; without one it takes none.
    ``live``: somebody is there to take packages, by an address to push to or a credential to fetch with. ``phone`` is
    the office's, empty where none is known.
    """

    code: str
    name: str
    public_key: str | None
    push_url: str | None = field(default=None, repr=False)
    live: bool = False
    phone: str = ""


class ReceiverOf(Protocol):
    def of_transfer(self, session: Session, transfer_id: UUID) -> ElectronicReceiver | None:
        """None where the transfer has no receiver of the registry."""
        ...


@dataclass(frozen=True, slots=True)
class FrozenManifest:
    """The transfer's catalogue as it was frozen: its canonical JSON, and what it lists. ``supplement``: it lists what
    follows a dossier that was received, and nothing else is packed.
    """

    data: bytes = field(repr=False)
    materials: frozenset[PackedMaterial] = field(repr=False)
    supplement: bool = False


class ManifestOf(Protocol):
    def of_transfer(self, session: Session, key: DataKey, transfer_id: UUID) -> FrozenManifest:
        """Raises Conflict('manifest_absent') where the catalogue is not frozen."""
        ...


@dataclass(frozen=True, slots=True)
class Office:
    """The receiving body behind a machine's credential. ``receipt_key`` is the Ed25519 key that signs its receipts."""

    code: str
    receipt_key: bytes | None = None
