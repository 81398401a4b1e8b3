"""The electronic leg inside the house: its rule book, packing, attempts, and what kills and races cannot do."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import bagit
import pyrage
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Role
from app.checks.offline import verify
from app.checks.rules import Outcome
from app.checks.sources import source_at
from app.envelope import DataKey
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, Unavailable
from app.events import Event
from app.jobs import PackElectronic
from app.package_ports import HandedPackage, HandOver
from app.transfers import electronic_rules as rules
from app.transfers.electronic import LegView
from app.transfers.electronic_envelope import ENVELOPE_PREFIX, Envelope, holds
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_packing import ElectronicPacker
from app.transfers.electronic_ports import ElectronicReceiver, FrozenManifest
from app.transfers.electronic_rules import By, Leg, Progress, Reason, lesser
from app.transfers.electronic_store import PIECE
from app.transfers.models import Transfer
from app.transfers.states import ARRIVED, State
from parts import Lantai
from providers.probe import ChildProber
from tests.app.checks.conftest import MATERIALS
from tests.app.conftest import Clerk
from tests.conftest import Person, World
from tests.electronic import CODE, Registry, leg_of, sealed_transfer
from tests.fakes import FakeClock

# --- the rule book ----------------------------------------------------------------------------------------------------


def test_the_tables_cover_every_state() -> None:
    assert set(rules.LEG_LABELS) == set(rules.LEG_NEXT) == set(rules.LEG_PROGRESS) == set(Leg)
    assert set(rules.PROGRESS_LABELS) == set(Progress)
    assert set(rules.REASON_LABELS) == set(Reason)
    assert {s.target for s in rules.STEPS} | {Leg.PREPARING} == set(Leg)
    assert len({(s.source, s.target) for s in rules.STEPS}) == len(rules.STEPS)
    assert not [s for s in rules.STEPS if s.source in rules.ENDED]
    # accepting and the receipt are the receiver's alone, and only with the manifest
    assert {s.by for s in rules.STEPS if s.target in (Leg.ACCEPTED, Leg.E_RECEIPT)} == {By.RECEIVER}
    assert {s.source for s in rules.STEPS if s.target is Leg.ACCEPTED} == {Leg.CHECKED}
    assert set(rules.PAPER_PROGRESS) == set(State)


def test_sent_is_never_shown_as_received() -> None:
    received = {Leg.ACCEPTED, Leg.E_RECEIPT}
    for paper in rules.PAPER_PROGRESS:
        for leg in Leg:
            both = lesser(paper, leg)
            assert both.progress <= min(rules.PAPER_PROGRESS[paper], rules.LEG_PROGRESS[leg])
            if both.progress >= Progress.RECEIVED:
                assert leg in received
                assert paper in ARRIVED
    assert lesser(State.IN_TRANSIT, Leg.E_RECEIPT).progress is Progress.SENT
    assert lesser(State.RECEIVED, Leg.SUBMITTED).progress is Progress.SENT
    assert lesser(State.RECEIVED, None).progress is Progress.RECEIVED
    assert lesser(State.RECEIVED, Leg.REJECTED).progress is Progress.STOPPED


# --- packing ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def held(graduate_factory: Callable[..., Person]) -> Person:
    return graduate_factory(materials=MATERIALS)


@pytest.fixture
def order(lantai: Lantai, clerk: Clerk, held: Person) -> Callable[[], LegView]:
    actor, transfer_id = clerk(Role.DISPATCHER), sealed_transfer(lantai, held)
    return lambda: lantai.electronic.order(actor, held.id, transfer_id)


def cipher_of(lantai: Lantai, leg_id: UUID) -> bytes:
    row = leg_of(lantai, leg_id)
    key = lantai.keys.of(row.graduate_id)
    pieces = lantai.packer._pieces
    return b"".join(pieces.read(key, row.id, row.box or "", 0, row.size or 0))


def test_a_package_is_checked_signed_encrypted_and_submitted(
    lantai: Lantai, order: Callable[[], LegView], run_jobs: Callable[[], None], registry: Registry, tmp_path: Path
) -> None:
    leg = order()
    assert leg.state is Leg.PREPARING
    run_jobs()
    row = leg_of(lantai, leg.id)
    assert (row.trouble, row.state) == (None, Leg.SUBMITTED)
    cipher = cipher_of(lantai, leg.id)
    assert (len(cipher), hashlib.sha256(cipher).digest()) == (row.size, row.digest)
    envelope = (row.envelope or "").encode()
    told = Envelope.model_validate_json(envelope)
    signature = base64.b64decode(row.signature or "")
    assert holds(bytes.fromhex(told.public_key), signature, ENVELOPE_PREFIX + envelope)
    assert (told.receiver, told.package, told.sha256) == (CODE, str(leg.id), hashlib.sha256(cipher).hexdigest())
    # with the receiver's key, and no other, it is a valid bag
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(cipher, [pyrage.x25519.Identity.generate()])
    archive = zipfile.ZipFile(io.BytesIO(pyrage.decrypt(cipher, [registry.keys.identity])))
    archive.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    bagit.Bag(str(folder)).validate(processes=1)
    assert hashlib.sha256((folder / "manifest-sha256.txt").read_bytes()).digest() == row.bag_digest
    found = verify(source_at(folder), ChildProber(), lantai.clock.now().date())
    outcome = {r.check_id: r.outcome for r in found.seal}
    assert outcome["Z-1-76"] is outcome["Z-1-77"] is Outcome.PASS
    assert found.stage.value == "hand_over"
    with lantai.db.transaction() as session:
        assert session.get_one(Transfer, row.transfer_id).manifest_digest == row.manifest_digest
    assert told.manifest.sha256 == hashlib.sha256((folder / "transfer-manifest.json").read_bytes()).hexdigest()


def test_pieces_in_the_store_are_sealed_with_the_graduates_key_too(
    lantai: Lantai, order: Callable[[], LegView], run_jobs: Callable[[], None], world: World
) -> None:
    before = set(world.files.files)
    leg = order()
    run_jobs()
    fresh = {n: d for n, d in world.files.files.items() if n not in before}
    assert len(fresh) == -(-(leg_of(lantai, leg.id).size or 0) // PIECE)
    assert all(d.startswith(b"\x4c\xa1") and b"age-encryption.org" not in d for d in fresh.values())


class BreakingMaker:
    """Dies in the middle of the package, ``times`` times."""

    def __init__(self, inner: object, times: int, error: BaseException) -> None:
        self.inner, self.left, self.error = inner, times, error

    def hand_over(self, graduate_id: object, to: HandOver) -> HandedPackage:
        made: HandedPackage = self.inner.hand_over(graduate_id, to)  # type: ignore[attr-defined]

        def chunks() -> Iterator[bytes]:
            for n, chunk in enumerate(made.chunks()):
                if n == 3 and self.left:
                    self.left -= 1
                    raise self.error
                # large enough that pieces are stored before it breaks
                yield chunk
                if n < 3:
                    yield from (b"\0" * 65536 for _ in range(20))

        return HandedPackage(made.file_name, made.bag_digest, made.dossier_version, made.materials, chunks)


def broken(lantai: Lantai, times: int, error: BaseException) -> ElectronicPacker:
    packer = lantai.packer
    packer._maker = BreakingMaker(packer._maker, times, error)
    return packer


def test_a_worker_killed_while_streaming_leaves_nothing_submitted_and_the_next_one_finishes(
    lantai: Lantai, order: Callable[[], LegView], world: World, registry: Registry
) -> None:
    before = set(world.files.files)
    leg = order()
    packer = broken(lantai, 1, SystemExit("killed"))
    with pytest.raises(SystemExit):
        packer.work(PackElectronic(leg.id))
    half = set(world.files.files) - before
    row = leg_of(lantai, leg.id)
    assert (row.state, row.digest, len(half) > 0) == (Leg.PACKAGED, None, True)
    with pytest.raises(NotFound):
        lantai.receiver_door.package(registry.office, leg.id)
    packer.work(PackElectronic(leg.id))
    assert leg_of(lantai, leg.id).state is Leg.SUBMITTED
    assert not half & set(world.files.files)  # the half box is gone
    pyrage.decrypt(cipher_of(lantai, leg.id), [registry.keys.identity])
    packer.work(PackElectronic(leg.id))  # the job twice changes nothing
    assert states_of(lantai, leg.id) == ["preparing", "packaged", "encrypted_to_receiver", "submitted"]


def states_of(lantai: Lantai, leg_id: UUID) -> list[str]:
    with lantai.db.transaction() as session:
        rows = session.scalars(
            select(Event).where(Event.object_id == leg_id, Event.type == "electronic.moved").order_by(Event.id)
        )
        return [e.data["state"] for e in rows]


def test_a_store_that_is_away_is_tried_again_and_other_trouble_is_kept_for_staff(
    lantai: Lantai, order: Callable[[], LegView]
) -> None:
    leg = order()
    packer = broken(lantai, 1, Unavailable("file_store_unavailable"))
    with pytest.raises(Unavailable):
        packer.work(PackElectronic(leg.id))
    assert leg_of(lantai, leg.id).trouble is None
    packer._maker.left, packer._maker.error = 1, Conflict("package_outdated")  # type: ignore[attr-defined]
    packer.work(PackElectronic(leg.id))
    assert leg_of(lantai, leg.id).trouble == "package_outdated"
    with pytest.raises(Conflict, match="electronic_under_way"):
        order_twice(order)
    packer.work(PackElectronic(leg.id))
    assert leg_of(lantai, leg.id).state is Leg.SUBMITTED


def order_twice(order: Callable[[], LegView]) -> None:
    """The first asks again for what could not be made; the second finds that under way."""
    assert order().attempt == 1
    order()


def test_a_dossier_that_is_not_what_the_frozen_manifest_lists_is_not_packed(
    lantai: Lantai, order: Callable[[], LegView], run_jobs: Callable[[], None]
) -> None:
    real = lantai.packer._manifests

    class Fewer:
        def of_transfer(self, session: Session, key: DataKey, transfer_id: UUID) -> FrozenManifest:
            held = real.of_transfer(session, key, transfer_id)
            return FrozenManifest(held.data, frozenset(sorted(held.materials, key=str)[1:]))

    lantai.packer._manifests = Fewer()
    leg = order()
    run_jobs()
    row = leg_of(lantai, leg.id)
    assert (row.state, row.trouble, row.box) == (Leg.PREPARING, "manifest_outdated", None)


def test_withdrawn_while_it_is_made_is_not_submitted_and_leaves_no_cipher_text(
    lantai: Lantai, held: Person, clerk: Clerk, world: World
) -> None:
    actor, transfer_id = clerk(Role.DISPATCHER), sealed_transfer(lantai, held)
    leg = lantai.electronic.order(actor, held.id, transfer_id)
    before = set(world.files.files)
    real = lantai.packer._maker

    class Withdrawing:
        def hand_over(self, graduate_id: object, to: HandOver) -> HandedPackage:
            made = real.hand_over(graduate_id, to)  # type: ignore[arg-type]

            def chunks() -> Iterator[bytes]:
                lantai.electronic.withdraw(actor, held.id, transfer_id)
                yield from made.chunks()

            return HandedPackage(made.file_name, made.bag_digest, made.dossier_version, made.materials, chunks)

    lantai.packer._maker = Withdrawing()
    lantai.packer.work(PackElectronic(leg.id))
    assert leg_of(lantai, leg.id).state is Leg.WITHDRAWN
    assert set(world.files.files) == before
    lantai.packer._maker = real
    again = lantai.electronic.order(actor, held.id, transfer_id)
    assert again.attempt == 2


# --- who may, and when ------------------------------------------------------------------------------------------------


def test_only_a_sealed_dossier_goes_to_a_receiver_that_has_a_key(
    lantai: Lantai, held: Person, clerk: Clerk, registry: Registry
) -> None:
    mover, reviewer = clerk(Role.DISPATCHER), clerk(Role.REVIEWER)
    early = sealed_transfer(lantai, held, State.CHECKED)
    with pytest.raises(Conflict, match="electronic_not_yet"):
        lantai.electronic.order(mover, held.id, early)
    with lantai.db.transaction() as session:
        session.execute(text("update transfer set state = 'sealed', manifest_digest = null"))
    with pytest.raises(Conflict, match="manifest_absent"):
        lantai.electronic.order(mover, held.id, early)
    with lantai.db.transaction() as session:
        session.execute(text("update transfer set manifest_digest = sha256('x')"))
    with pytest.raises(Forbidden):
        lantai.electronic.order(reviewer, held.id, early)
    for receiver, code in (
        (None, "receiver_takes_no_packages"),
        (ElectronicReceiver(CODE, "x", ""), "receiver_takes_no_packages"),
        (ElectronicReceiver(CODE, "x", "age1nonsense"), "recipient_refused"),
    ):
        registry.receiver = receiver
        with pytest.raises(Conflict, match=code):
            lantai.electronic.order(mover, held.id, early)


def test_a_transfer_of_somebody_else_is_absent(
    lantai: Lantai, held: Person, graduate_factory: Callable[..., Person], clerk: Clerk
) -> None:
    other = graduate_factory()
    transfer_id = sealed_transfer(lantai, held)
    with pytest.raises(NotFound):
        lantai.electronic.order(clerk(Role.DISPATCHER), other.id, transfer_id)
    with pytest.raises(NotFound):
        lantai.electronic.of_graduate(other.actor(), held.id)
    assert set(lantai.electronic.of_graduate(held.actor(), held.id)) == {transfer_id}


def test_two_orders_at_once_make_one_attempt(lantai: Lantai, order: Callable[[], LegView]) -> None:
    barrier, told = threading.Barrier(4), list[str]()

    def race() -> None:
        barrier.wait()
        try:
            told.append(order().state.value)
        except DomainError as error:
            told.append(error.code)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(told) == ["electronic_under_way"] * 3 + ["preparing"]
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(ElectronicLeg.id))) == 1


def test_the_database_holds_acceptance_to_the_manifest(
    lantai: Lantai, order: Callable[[], LegView], run_jobs: Callable[[], None]
) -> None:
    leg = order()
    run_jobs()
    for change in (
        "state = 'accepted'",
        "state = 'e_receipt', receipt_digest = sha256('other')",
        "state = 'accepted', receipt_digest = manifest_digest, manifest_digest = null",
        "digest = null",
    ):
        with pytest.raises(IntegrityError), lantai.db.transaction() as session:
            session.execute(text(f"update electronic_leg set {change} where id = :id"), {"id": leg.id})


def test_what_stands_too_long_is_overdue_and_a_stuck_package_may_be_asked_for_again(
    lantai: Lantai, order: Callable[[], LegView], held: Person, clerk: Clerk, clock: FakeClock
) -> None:
    leg = order()
    clock.advance(hours=2)
    (legs,) = lantai.electronic.of_graduate(clerk(Role.REVIEWER), held.id).values()
    assert legs.latest is not None
    assert (legs.latest.stalled, legs.latest.repeatable) == (True, True)
    assert (order().id, leg_of(lantai, leg.id).moved_at) == (leg.id, leg.moved_at)
    with pytest.raises(Conflict, match="electronic_under_way"):
        order()
    clock.advance(hours=2)
    assert order().id == leg.id


def test_cipher_text_of_what_has_ended_is_swept(
    lantai: Lantai, order: Callable[[], LegView], run_jobs: Callable[[], None], world: World, registry: Registry
) -> None:
    before = set(world.files.files)
    leg = order()
    run_jobs()
    assert lantai.electronic.sweep() == 0
    receiver = registry.office
    lantai.receiver_door.reject(SYSTEM, receiver, leg.id, [Reason.CANNOT_DECRYPT], "")
    assert (lantai.electronic.sweep(), lantai.electronic.sweep()) == (1, 0)
    assert set(world.files.files) == before
    assert order().attempt == 2


def test_a_rejection_needs_a_reason_and_other_needs_words(
    lantai: Lantai, order: Callable[[], LegView], run_jobs: Callable[[], None], registry: Registry
) -> None:
    leg = order()
    run_jobs()
    door = lantai.receiver_door
    for reasons, note in (([], ""), ([Reason.OTHER], " "), ([Reason.CHECK_FAILED], "字" * 501)):
        with pytest.raises(Invalid):
            door.reject(SYSTEM, registry.office, leg.id, reasons, note)
    assert leg_of(lantai, leg.id).state is Leg.SUBMITTED
