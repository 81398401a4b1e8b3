"""Electronic legs under attack: every changed bit is refused by the receiver, and broken lines lose and double nothing.

Bits are changed in cipher text, envelope, signature, the decrypted zip and each file of the package. Walls behind the
first one are tried alone too: age without the digest, bag and offline check without the zip's digest. A credulous
receiver that believes any envelope is planted and must be found by the same drill.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from unittest.mock import patch
from uuid import UUID

from sqlalchemy import select

from app.checks.offline import verify
from app.checks.rules import Verdict
from app.checks.sources import source_at
from app.events import Event
from app.jobs import PackElectronic
from app.package_ports import HandedPackage, HandOver, PackageMaker
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_rules import Reason
from app.transfers.states import State
from providers.sandbox import hr_checks
from providers.sandbox.hr_checks import HrIdentity, Refused
from providers.sandbox.hr_office import HrOffice, Interrupted
from providers.sandbox.server import sandbox_server
from tests.app.checks.conftest import MATERIALS
from tests.electronic import CODE, Registry, leg_of
from tests.moving import Pair, desk_pair, lead, opened
from tests.proof.house import House, house
from tests.proof.outcome import Budget, Outcome
from tests.proof.package import TODAY, FooledProber, package_of
from tests.proof.tamper import Tally, flipped
from wsgi import create_app

WHOLE_WAY = 8  # preparing to e_receipt
Refuses = Callable[[bytes], bool]


@dataclass(frozen=True)
class Parcel:
    """One sound package in all its forms."""

    who: HrIdentity
    id: str
    envelope: bytes
    signature: bytes
    cipher: bytes
    folder: Path
    scratch: Path

    def told(self) -> dict[str, object]:
        return hr_checks.read_envelope(self.who, self.id, self.envelope, self.signature.decode())


def refused(work: Callable[[], object]) -> bool:
    try:
        work()
    except Refused:
        return True
    return False


def ordered(home: House, pair: Pair) -> UUID:
    person = home.graduate(*MATERIALS)
    transfer = lead(home.parts, pair, opened(home.parts, pair.first, person.id), State.SEALED)
    return home.parts.electronic.order(pair.first, person.id, transfer.id).id


def parcel_of(home: House, registry: Registry, pair: Pair, scratch: Path) -> Parcel:
    leg_id = ordered(home, pair)
    home.parts.packer.work(PackElectronic(leg_id))
    row = leg_of(home.parts, leg_id)
    assert row.box is not None, row.trouble
    key = home.parts.keys.of(row.graduate_id)
    cipher = b"".join(home.parts.packer._pieces.read(key, row.id, row.box, 0, row.size or 0))
    who = HrIdentity(CODE, registry.keys.identity, home.parts.packer._signer.public_keys())
    (scratch / "sound.age").write_bytes(cipher)
    hr_checks.decrypt(who, scratch / "sound.age", scratch / "sound.zip")
    folder = hr_checks.unpack(scratch / "sound.zip", scratch / "sound")
    envelope, signature = (row.envelope or "").encode(), (row.signature or "").encode()
    return Parcel(who, str(leg_id), envelope, signature, cipher, folder, scratch)


# --- walls ------------------------------------------------------------------------------------------------------------


def cipher_refused(parcel: Parcel, spoilt: bytes) -> bool:
    path = parcel.scratch / "spoilt.age"
    path.write_bytes(spoilt)
    return refused(lambda: hr_checks.require_cipher(parcel.told(), path))


def age_refuses(parcel: Parcel, spoilt: bytes) -> bool:
    path, target = parcel.scratch / "spoilt.age", parcel.scratch / "spoilt.zip"
    path.write_bytes(spoilt)
    return refused(lambda: hr_checks.decrypt(parcel.who, path, target))


def zip_refused(parcel: Parcel, spoilt: bytes) -> bool:
    path = parcel.scratch / "spoilt.zip"
    path.write_bytes(spoilt)
    return refused(lambda: hr_checks.require_plain(parcel.told(), path))


def envelope_refused(parcel: Parcel, envelope: bytes) -> bool:
    return refused(lambda: hr_checks.read_envelope(parcel.who, parcel.id, envelope, parcel.signature.decode()))


def signature_refused(parcel: Parcel, signature: bytes) -> bool:
    text = signature.decode("latin-1")
    return refused(lambda: hr_checks.read_envelope(parcel.who, parcel.id, parcel.envelope, text))


def credulous(parcel: Parcel, envelope: bytes) -> bool:
    """The planted receiver: whatever reads as an envelope for it is believed, whoever signed."""
    with patch("providers.sandbox.hr_checks.require_signed", lambda *_: None):
        return envelope_refused(parcel, envelope)


def folder_refused(parcel: Parcel, prober: FooledProber) -> bool:
    """Bag, statement and offline check over the unpacked folder, without the digest of the zip."""

    def judge() -> None:
        hr_checks.require_bag(parcel.folder)
        hr_checks.require_statement(parcel.who, parcel.told(), parcel.folder)
        found = verify(source_at(parcel.folder), prober, TODAY, trusted=parcel.who.trusted)
        if found.verdict not in (Verdict.PASSED, Verdict.NOTED):
            raise Refused("check_failed", "offline")

    return refused(judge)


# --- drills -----------------------------------------------------------------------------------------------------------


def flips(sound: bytes, refuses: Refuses, rng: Random, times: int) -> Tally:
    tally = Tally()
    for _ in range(times):
        tally.add(refuses(flipped(sound, rng)))
    return tally


def over_files(parcel: Parcel, rng: Random, times: int, faults: list[str]) -> Tally:
    tally, files = Tally(), package_of(parcel.folder)
    prober, names = FooledProber(files), sorted(files)
    for n in range(times):
        name = names[n % len(names)]
        (parcel.folder / name).write_bytes(flipped(files[name], rng))
        found = folder_refused(parcel, prober)
        (parcel.folder / name).write_bytes(files[name])
        tally.add(found)
        if not found:
            faults.append(f"a changed bit in {name} of the package was not refused")
    return tally


def tampering(parcel: Parcel, rng: Random, times: int, faults: list[str]) -> str:
    """``times`` single-bit changes over all forms, in equal parts."""
    zipped, share = (parcel.scratch / "sound.zip").read_bytes(), times // 5
    if folder_refused(parcel, FooledProber(package_of(parcel.folder))):
        faults.append("void: the sound package is refused")
    tallies = {
        "cipher text": flips(parcel.cipher, lambda d: cipher_refused(parcel, d), rng, share),
        "age alone": flips(parcel.cipher, lambda d: age_refuses(parcel, d), rng, share // 4),
        "envelope": flips(parcel.envelope, lambda d: envelope_refused(parcel, d), rng, share),
        "signature": flips(parcel.signature, lambda d: signature_refused(parcel, d), rng, share),
        "zip": flips(zipped, lambda d: zip_refused(parcel, d), rng, share),
    }
    for what, tally in tallies.items():
        if tally.noticed != tally.tried:
            faults.append(f"{what}: {tally.tried - tally.noticed} changed bits were believed")
    tallies["files"] = over_files(parcel, rng, share, faults)
    blind = flips(parcel.envelope, lambda d: credulous(parcel, d), rng, 200)
    if blind.noticed == blind.tried:
        faults.append("void: the planted credulous receiver was not found")
    total = sum(t.tried for t in tallies.values())
    told = ", ".join(f"{what} {t}" for what, t in tallies.items())
    believed = blind.tried - blind.noticed
    return f"{total} single-bit changes refused: {told}; planted receiver found, which believed {believed}"


class Dying:
    """A package that is broken off at a chosen chunk, as often as is left."""

    def __init__(self, inner: PackageMaker, rng: Random) -> None:
        self._inner, self._rng, self.deaths = inner, rng, 0

    def hand_over(self, graduate_id: UUID, to: HandOver) -> HandedPackage:
        made = self._inner.hand_over(graduate_id, to)
        at = self._rng.randrange(30)

        def chunks() -> Iterator[bytes]:
            for n, chunk in enumerate(made.chunks()):
                if n == at:
                    self.deaths += 1
                    raise SystemExit("killed while streaming")
                yield chunk

        return HandedPackage(made.file_name, made.bag_digest, made.dossier_version, made.materials, chunks)


@contextmanager
def site(home: House) -> Iterator[str]:
    server = sandbox_server(create_app(home.parts), 0)  # without an access log
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def packed_through_deaths(home: House, rng: Random, leg_id: UUID) -> int:
    packer = home.parts.packer
    real = packer._maker
    dying = Dying(real, rng)
    packer._maker = dying
    try:
        for _ in range(1 + rng.randrange(2)):
            try:
                packer.work(PackElectronic(leg_id))
            except SystemExit:
                continue
    finally:
        packer._maker = real
    packer.work(PackElectronic(leg_id))
    return dying.deaths


def delivering(
    home: House, registry: Registry, pair: Pair, rng: Random, wanted: int, scratch: Path
) -> tuple[str, list[str]]:
    """Until ``wanted`` packings and downloads have been broken off: every package is receipted once, none lost."""
    _, credential = home.parts.partners.add("人才服务中心", ["dossiers:receive"], CODE)
    who = HrIdentity(CODE, registry.keys.identity, home.parts.packer._signer.public_keys())
    broken, legs = 0, list[UUID]()
    with site(home) as base:
        while broken < wanted:
            leg_id = ordered(home, pair)
            legs.append(leg_id)
            broken += packed_through_deaths(home, rng, leg_id)
            for _ in range(1 + rng.randrange(3)):
                office = HrOffice(who, base, credential, scratch / "hr", lambda _: True)
                try:
                    office.work(break_after=1 + rng.randrange(30_000))
                except Interrupted:
                    broken += 1
            HrOffice(who, base, credential, scratch / "hr", lambda _: True).work()
    faults = []
    with home.parts.db.transaction() as session:
        for leg_id in legs:
            moves = select(Event).where(Event.object_id == leg_id, Event.type == "electronic.moved")
            said = [e.data["state"] for e in session.scalars(moves)]
            row = session.get_one(ElectronicLeg, leg_id)
            if row.state.value != "e_receipt" or len(said) != len(set(said)) or len(said) != WHOLE_WAY:
                faults.append(f"package {leg_id} ended {row.state.value}, or a step was taken twice")
    return f"{broken} broken off, {len(legs)} packages receipted once each", faults


def run(budget: Budget) -> Outcome:
    logging.getLogger("bagit").setLevel(logging.CRITICAL)  # it would print every damage it finds
    rng, faults, registry = Random(budget.seed), list[str](), Registry()
    times = 500 if budget.short else max(12_000, int(3_000 * budget.minutes))
    with (
        patch("wiring.RegisteredReceivers", lambda *_: registry),
        house() as home,
        tempfile.TemporaryDirectory(prefix="lantai-electronic-") as name,
    ):
        scratch, pair = Path(name), desk_pair(home.parts)
        parcel = parcel_of(home, registry, pair, scratch)
        tampered = tampering(parcel, rng, times, faults)
        home.parts.receiver_door.reject(pair.first, registry.office, UUID(parcel.id), [Reason.OTHER], "演练")
        delivered, lost = delivering(home, registry, pair, rng, 10 if budget.short else 200, scratch)
    return Outcome(f"{tampered}; {delivered}", [*faults, *lost])
