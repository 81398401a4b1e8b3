"""A receiver with its keys, the transfer that goes to it, and the registry that names it: for tests of every room."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from app.db import new_id
from app.envelope import seal_json
from app.transfers.electronic_models import ElectronicLeg, words_place
from app.transfers.electronic_ports import ElectronicReceiver, Office
from app.transfers.electronic_rules import Leg
from app.transfers.electronic_store import new_box
from app.transfers.states import State
from parts import Lantai
from tests.conftest import Person
from tests.moving import desk_pair, lead, opened

CODE = "HR-440100"


@dataclass
class Keys:
    """A receiving office's own: an age identity and the key that signs its receipts."""

    identity: Any = field(default_factory=pyrage.x25519.Identity.generate)
    receipts: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def recipient(self) -> str:
        return str(self.identity.to_public())


@dataclass
class Registry:
    """app.transfers.electronic_ports.ReceiverOf and ManifestOf; a test may change what it answers."""

    keys: Keys = field(default_factory=Keys)
    receiver: ElectronicReceiver | None = None

    def __post_init__(self) -> None:
        self.receiver = self.receiver or ElectronicReceiver(CODE, "某市人才服务中心", self.keys.recipient)

    def of_transfer(self, session: Session, transfer_id: UUID) -> ElectronicReceiver | None:
        return self.receiver

    @property
    def office(self) -> Office:
        return Office(CODE)

    def pushed_to(self, url: str) -> None:
        assert self.receiver is not None
        self.receiver = replace(self.receiver, push_url=url)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def plugged(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is wired."""
    monkeypatch.setattr("wiring.RegisteredReceivers", lambda *_: registry)


def sealed_transfer(lantai: Lantai, person: Person, state: State = State.SEALED) -> UUID:
    """A transfer whose paper has come as far as ``state``."""
    pair = desk_pair(lantai)
    return lead(lantai, pair, opened(lantai, pair.first, person.id), state).id


def leg_of(lantai: Lantai, leg_id: UUID) -> ElectronicLeg:
    with lantai.db.transaction() as session:
        return session.get_one(ElectronicLeg, leg_id)


def submitted_leg(lantai: Lantai, graduate_id: UUID, transfer_id: UUID, code: str = CODE) -> ElectronicLeg:
    """One that waits for its receiver, without a package behind it."""
    now, digest = lantai.clock.now(), bytes(32)
    row = ElectronicLeg(
        id=new_id(),
        transfer_id=transfer_id,
        graduate_id=graduate_id,
        attempt=1,
        state=Leg.SUBMITTED,
        receiver_code=code,
        recipient=Keys().recipient,
        package_file="lantai.zip.age",
        box=new_box(),
        size=1,
        digest=digest,
        envelope="{}",
        signature="",
        manifest_digest=digest,
        bag_digest=digest,
        reasons=[],
        push_tries=0,
        created_at=now,
        submitted_at=now,
        moved_at=now,
        version=1,
    )
    row.sealed_words = seal_json(lantai.keys.of(graduate_id), words_place(row), {})
    with lantai.db.transaction() as session:
        session.add(row)
    return row
