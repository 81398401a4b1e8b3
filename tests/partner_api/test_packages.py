"""A receiving office at the partner door: its own packages only, downloads that resume, and words that count once."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from sqlalchemy import select

from app.actors import Actor, ActorKind, Role
from app.errors import Invalid
from app.events import Event
from app.transfers import electronic_store
from app.transfers.electronic_envelope import RECEIPT_PREFIX, receipt_bytes
from parts import Lantai
from tests.app.checks.conftest import MATERIALS
from tests.conftest import Person, StaffLogin
from tests.electronic import CODE, Registry, leg_of, plugged, registry, sealed_transfer
from tests.partner_api.conftest import Machine

__all__ = ["plugged", "registry"]


@pytest.fixture(autouse=True)
def _plugged_in(plugged: None, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is there before anything is wired; pieces are small, so that a package has many."""
    monkeypatch.setattr(electronic_store, "PIECE", 1000)


@pytest.fixture
def new_office(app: Flask, lantai: Lantai) -> Callable[..., Machine]:
    count = iter(range(1, 100))

    def make(code: str = CODE, receipt_key: bytes | None = None) -> Machine:
        client_id, credential = lantai.partners.add(f"接收单位{next(count)}", ["dossiers:receive"], code, receipt_key)
        return Machine(app.test_client(), Actor(ActorKind.PARTNER, client_id), credential)

    return make


@pytest.fixture
def office(new_office: Callable[..., Machine]) -> Machine:
    return new_office()


@dataclass
class Sent:
    """A submitted package with what its receiver can know after opening it."""

    id: UUID
    cipher: bytes
    bag: str
    manifest: str
    person: Person
    order: Callable[[], UUID]

    @property
    def path(self) -> str:
        return f"/packages/{self.id}"

    @property
    def acknowledgement(self) -> dict[str, Any]:
        return {"sha256": hashlib.sha256(self.cipher).hexdigest(), "size": len(self.cipher)}


@pytest.fixture
def send(
    lantai: Lantai,
    graduate_factory: Callable[..., Person],
    staff_factory: Callable[..., StaffLogin],
    run_jobs: Callable[[], None],
    registry: Registry,
) -> Callable[[], Sent]:
    mover = staff_factory(Role.DISPATCHER).actor

    def make() -> Sent:
        person = graduate_factory(materials=MATERIALS)
        transfer_id = sealed_transfer(lantai, person)

        def order() -> UUID:
            leg = lantai.electronic.order(mover, person.id, transfer_id)
            run_jobs()
            return leg.id

        row = leg_of(lantai, order())
        key = lantai.keys.of(person.id)
        cipher = b"".join(lantai.packer._pieces.read(key, row.id, row.box or "", 0, row.size or 0))
        archive = zipfile.ZipFile(io.BytesIO(pyrage.decrypt(cipher, [registry.keys.identity])))
        inside = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
        digests = [hashlib.sha256(inside[n]).hexdigest() for n in ("manifest-sha256.txt", "transfer-manifest.json")]
        return Sent(row.id, cipher, digests[0], digests[1], person, order)

    return make


@pytest.fixture
def sent(send: Callable[[], Sent]) -> Sent:
    return send()


def say(machine: Machine, sent: Sent, what: str, body: dict[str, Any], key: str = "", **more: Any) -> Any:
    return machine.post(f"{sent.path}/{what}", key or f"key-{what}-{len(str(body))}", json=body, **more)


def states(lantai: Lantai, sent: Sent) -> list[str]:
    with lantai.db.transaction() as session:
        query = select(Event).where(Event.object_id == sent.id, Event.type == "electronic.moved").order_by(Event.id)
        return [e.data["state"] for e in session.scalars(query)]


# --- the whole way ----------------------------------------------------------------------------------------------------


def test_from_the_list_to_the_receipt(office: Machine, sent: Sent, lantai: Lantai) -> None:
    (line,) = office.get("/packages").json["items"]
    assert line == office.get(sent.path).json
    envelope, signature = line["envelope"].encode(), base64.b64decode(line["signature"])
    published = next(iter(lantai.packer._signer.public_keys().values()))
    Ed25519PublicKey.from_public_bytes(published).verify(signature, b"lantai/electronic-envelope/1\n" + envelope)
    got = office.get(f"{sent.path}/content")
    assert (got.status_code, got.data) == (200, sent.cipher)
    assert got.headers["ETag"] == f'"{hashlib.sha256(sent.cipher).hexdigest()}"'
    steps = (
        ("acknowledgement", sent.acknowledgement, "transport_ack"),
        ("check", {"outcome": "passed", "bag_sha256": sent.bag}, "checked_by_receiver"),
        ("decision", {"decision": "accepted", "manifest_sha256": sent.manifest}, "accepted"),
        ("receipt", {"manifest_sha256": sent.manifest, "number": "HR-1", "issued_on": "2026-06-02"}, "e_receipt"),
    )
    for what, body, state in steps:
        for n in range(2):
            said = say(office, sent, what, body, f"once-{what}")
            assert (said.status_code, said.json["state"]) == (200, state), said.json
            assert ("Idempotent-Replayed" in said.headers) is bool(n)
            assert say(office, sent, what, body, f"again-{what}").json["state"] == state
    assert states(lantai, sent)[-5:] == ["submitted", *(s for _, _, s in steps)]
    assert office.get("/packages").json["items"] == []
    row = leg_of(lantai, sent.id)
    assert row.receipt_digest == row.manifest_digest
    (legs,) = lantai.electronic.of_graduate(sent.person.actor(), sent.person.id).values()
    assert legs.latest is not None
    assert (legs.latest.receipt, legs.combined.label) == ("HR-1", "待发出")  # the paper is still here


def test_words_out_of_order_are_refused(office: Machine, sent: Sent, lantai: Lantai) -> None:
    accepted = {"decision": "accepted", "manifest_sha256": sent.manifest}
    receipt = {"manifest_sha256": sent.manifest, "number": "HR-1", "issued_on": "2026-06-02"}
    for what, body in (
        ("check", {"outcome": "passed", "bag_sha256": sent.bag}),
        ("decision", accepted),
        ("receipt", receipt),
    ):
        said = say(office, sent, what, body)
        assert (said.status_code, said.json["code"]) == (409, "electronic_move")
    say(office, sent, "acknowledgement", sent.acknowledgement)
    assert say(office, sent, "decision", accepted, "early-decision").json["code"] == "electronic_move"
    assert states(lantai, sent)[-1] == "transport_ack"


def test_wrong_digests_are_refused_and_change_nothing(
    office: Machine, sent: Sent, send: Callable[[], Sent], lantai: Lantai
) -> None:
    other = send()
    for body in (
        {**sent.acknowledgement, "sha256": "0" * 64},
        {**sent.acknowledgement, "size": len(sent.cipher) - 1},
        other.acknowledgement,  # a replay for another package
    ):
        said = say(office, sent, "acknowledgement", body, f"k-{body['sha256'][:12]}-{body['size']}")
        assert (said.status_code, said.json["code"]) == (422, "package_digest_mismatch")
    say(office, sent, "acknowledgement", sent.acknowledgement)
    for bag in ("0" * 64, other.bag, None):
        said = say(office, sent, "check", {"outcome": "passed", "bag_sha256": bag}, f"bag-{str(bag)[:8]}")
        assert (said.status_code, said.json["code"]) == (422, "package_not_opened")
    say(office, sent, "check", {"outcome": "passed", "bag_sha256": sent.bag})
    for manifest in ("0" * 64, other.manifest):
        said = say(office, sent, "decision", {"decision": "accepted", "manifest_sha256": manifest}, f"m-{manifest[:8]}")
        assert (said.status_code, said.json["code"]) == (422, "manifest_mismatch")
    assert states(lantai, sent)[-1] == "checked_by_receiver"
    say(office, sent, "decision", {"decision": "accepted", "manifest_sha256": sent.manifest})
    receipt = {"manifest_sha256": other.manifest, "number": "HR-1", "issued_on": "2026-06-02"}
    assert say(office, sent, "receipt", receipt).json["code"] == "manifest_mismatch"
    assert states(lantai, sent)[-1] == "accepted"


def test_a_failed_check_can_only_be_rejected(office: Machine, sent: Sent) -> None:
    say(office, sent, "acknowledgement", sent.acknowledgement)
    say(office, sent, "check", {"outcome": "failed"})
    said = say(office, sent, "check", {"outcome": "passed", "bag_sha256": sent.bag}, "second-thoughts")
    assert said.json["code"] == "check_said_otherwise"
    said = say(office, sent, "decision", {"decision": "accepted", "manifest_sha256": sent.manifest})
    assert (said.status_code, said.json["code"]) == (409, "check_not_passed")


def test_rejected_with_reasons_then_a_supplement_and_the_old_messages_wake_nothing(
    office: Machine, sent: Sent, lantai: Lantai
) -> None:
    say(office, sent, "acknowledgement", sent.acknowledgement)
    for body, pointer in (
        ({"decision": "rejected"}, "/reasons"),
        ({"decision": "rejected", "reasons": ["material_missing", "no such"]}, "/reasons/1"),
        ({"decision": "rejected", "reasons": ["other"]}, "/note"),
        ({"decision": "accepted"}, "/manifest_sha256"),
    ):
        said = say(office, sent, "decision", body, f"wrong-{pointer.replace('/', '-')}-x")
        assert (said.status_code, said.json["errors"][0]["pointer"]) == (422, pointer)
    body = {"decision": "rejected", "reasons": ["other", "material_missing"], "note": "缺毕业生登记表"}
    assert say(office, sent, "decision", body).json["reasons"] == ["material_missing", "other"]
    assert office.get(f"{sent.path}/content").json["code"] == "package_closed"
    second = sent.order()
    assert second != sent.id
    row = leg_of(lantai, second)
    assert (row.attempt, row.state.value) == (2, "submitted")
    # replays for the first attempt
    for what, old in (("acknowledgement", sent.acknowledgement), ("check", {"outcome": "failed"})):
        said = say(office, sent, what, old, f"old-{what}")
        assert (said.status_code, said.json["code"]) == (409, "package_closed")
    # and the first attempt's digest does not acknowledge the second
    said = office.post(f"/packages/{second}/acknowledgement", "cross-attempt", json=sent.acknowledgement)
    assert (said.status_code, said.json["code"]) == (422, "package_digest_mismatch")
    (legs,) = lantai.electronic.of_graduate(sent.person.actor(), sent.person.id).values()
    assert legs.before[0].reasons == ["缺少应有材料", "其他原因（见说明）"]
    assert legs.before[0].note == ""  # the receiver's own words are for the desk


# --- whose ------------------------------------------------------------------------------------------------------------


def test_another_receivers_package_is_absent(
    office: Machine, sent: Sent, new_office: Callable[..., Machine], campus: Machine, lantai: Lantai
) -> None:
    foreign = new_office("HR-OTHER")
    assert foreign.get("/packages").json["items"] == []
    nothing = f"/packages/{UUID(int=1)}"
    for path in ("", "/content"):
        theirs, absent = foreign.get(f"{sent.path}{path}"), foreign.get(f"{nothing}{path}")
        assert theirs.status_code == absent.status_code == 404
        assert {**theirs.json, "request_id": ""} == {**absent.json, "request_id": ""}
    bodies = {
        "acknowledgement": sent.acknowledgement,
        "check": {"outcome": "passed", "bag_sha256": sent.bag},
        "decision": {"decision": "rejected", "reasons": ["check_failed"]},
        "receipt": {"manifest_sha256": sent.manifest, "number": "HR-1", "issued_on": "2026-06-02"},
    }
    for what, body in bodies.items():
        assert say(foreign, sent, what, body).status_code == 404
        assert say(campus, sent, what, body).json["code"] == "scope_required"
    assert states(lantai, sent)[-1] == "submitted"


def test_a_receiving_client_is_bound_to_one_receiver_and_no_other_client_is(lantai: Lantai) -> None:
    for scope, code in (("dossiers:receive", ""), ("dossiers:receive", "a code"), ("dossiers:push", CODE)):
        with pytest.raises(Invalid, match="receiver_code_required"):
            lantai.partners.add("x", [scope], code, None)
    with pytest.raises(Invalid, match="receipt_key_refused"):
        lantai.partners.add("x", ["dossiers:receive"], CODE, b"short")


def test_the_list_goes_on_where_the_page_before_ended(office: Machine, send: Callable[[], Sent]) -> None:
    ids = [str(send().id) for _ in range(3)]
    first = office.get("/packages?limit=2").json
    second = office.get(f"/packages?limit=2&cursor={first['next']}").json
    assert [p["id"] for p in first["items"] + second["items"]] == ids
    assert second["next"] is None


# --- ranges -----------------------------------------------------------------------------------------------------------


def test_single_ranges(office: Machine, sent: Sent) -> None:
    size, path = len(sent.cipher), f"{sent.path}/content"
    etag = office.get(path).headers["ETag"]
    for asked, (start, end) in {
        "bytes=0-0": (0, 1),
        "bytes=999-1000": (999, 1001),  # across a piece
        "bytes=1500-": (1500, size),
        "bytes=-7": (size - 7, size),
        f"bytes=10-{size + 500}": (10, size),
    }.items():
        got = office.get(path, headers={"Range": asked})
        assert (got.status_code, got.data) == (206, sent.cipher[start:end]), asked
        assert got.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert got.headers["Content-Length"] == str(end - start)
    beyond = office.get(path, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.json["code"]) == (416, "range_not_satisfiable")
    assert beyond.headers["Content-Range"] == f"bytes */{size}"
    same = office.get(path, headers={"Range": "bytes=5-9", "If-Range": etag})
    assert (same.status_code, same.data) == (206, sent.cipher[5:10])
    changed = office.get(path, headers={"Range": "bytes=5-9", "If-Range": '"another"'})
    assert (changed.status_code, changed.data) == (200, sent.cipher)
    assert office.get(path, headers={"If-None-Match": etag}).status_code == 304
    other = office.get(path, headers={"If-Match": '"another"'})
    assert (other.status_code, other.json["code"]) == (412, "version_mismatch")
    head = office.call("HEAD", path)
    assert (head.status_code, head.headers["Content-Length"], head.data) == (200, str(size), b"")


def test_a_range_opens_only_the_pieces_it_needs(office: Machine, sent: Sent, world: Any) -> None:
    opened, real = list[str](), world.files.get

    def counted(name: str) -> Any:
        opened.append(name)
        return real(name)

    world.files.get = counted
    got = office.get(f"{sent.path}/content", headers={"Range": "bytes=2500-2600"})
    assert (got.status_code, len(got.data), len(opened)) == (206, 101, 1)


# --- races and receipts -----------------------------------------------------------------------------------------------


def test_an_acknowledgement_that_races_itself_counts_once(
    app: Flask, office: Machine, sent: Sent, lantai: Lantai
) -> None:
    barrier, told = threading.Barrier(6), list[int]()

    def race(n: int) -> None:
        mine = Machine(app.test_client(), office.actor, office.credential)
        barrier.wait()
        # half of them under one key
        key = "the-same-key" if n % 2 else f"another-key-{n}"
        told.append(say(mine, sent, "acknowledgement", sent.acknowledgement, key).status_code)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert told == [200] * 6
    assert states(lantai, sent).count("transport_ack") == 1


def test_one_key_with_another_body_is_refused(office: Machine, sent: Sent) -> None:
    say(office, sent, "acknowledgement", sent.acknowledgement, "one-and-the-same")
    other = {**sent.acknowledgement, "size": 1}
    said = say(office, sent, "acknowledgement", other, "one-and-the-same")
    assert (said.status_code, said.json["code"]) == (422, "idempotency_key_reused")
    without = office.post(f"{sent.path}/acknowledgement", json=sent.acknowledgement)
    assert (without.status_code, without.json["code"]) == (400, "idempotency_key_required")


def test_a_registered_key_must_sign_the_receipt(new_office: Callable[..., Machine], sent: Sent, lantai: Lantai) -> None:
    key = Ed25519PrivateKey.generate()
    signing = new_office(CODE, key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    say(signing, sent, "acknowledgement", sent.acknowledgement)
    say(signing, sent, "check", {"outcome": "passed", "bag_sha256": sent.bag})
    say(signing, sent, "decision", {"decision": "accepted", "manifest_sha256": sent.manifest})
    row = leg_of(lantai, sent.id)
    message = receipt_bytes(str(sent.id), str(row.transfer_id), sent.manifest, "HR-9", "2026-06-02")
    body = {"manifest_sha256": sent.manifest, "number": "HR-9", "issued_on": "2026-06-02"}
    good = base64.b64encode(key.sign(RECEIPT_PREFIX + message)).decode()
    forged = base64.b64encode(Ed25519PrivateKey.generate().sign(RECEIPT_PREFIX + message)).decode()
    elsewhere = receipt_bytes(str(UUID(int=1)), str(row.transfer_id), sent.manifest, "HR-9", "2026-06-02")
    replayed = base64.b64encode(key.sign(RECEIPT_PREFIX + elsewhere)).decode()  # that of another package
    for signature in (None, "", "!", forged, replayed, base64.b64encode(key.sign(message)).decode()):
        said = say(
            signing, sent, "receipt", {**body, "signature": signature}, f"sig-{str(signature).encode().hex()[:20]:0>8}"
        )
        assert (said.status_code, said.json["code"]) == (422, "receipt_signature")
    assert say(signing, sent, "receipt", {**body, "number": "HR-8", "signature": good}).status_code == 422
    assert say(signing, sent, "receipt", {**body, "signature": good}, "the-good-one").json["state"] == "e_receipt"
    assert leg_of(lantai, sent.id).receipt_signature == good
    # a second receipt with another number is not taken
    again = receipt_bytes(str(sent.id), str(row.transfer_id), sent.manifest, "HR-10", "2026-06-02")
    other = base64.b64encode(key.sign(RECEIPT_PREFIX + again)).decode()
    said = say(signing, sent, "receipt", {**body, "number": "HR-10", "signature": other}, "another-number")
    assert (said.status_code, said.json["code"]) == (409, "receipt_given")


def test_every_schema_is_published_and_the_envelope_keeps_to_its_own(office: Machine, sent: Sent) -> None:
    for name in ("envelope", "acknowledgement", "check", "decision", "receipt"):
        schema = office.get(f"/schemas/package-{name}.json").json
        assert schema["$id"].endswith(f"package-{name}.json")
    codes = [r["code"] for r in office.get("/reasons").json["items"]]
    decision = office.get("/schemas/package-decision.json").json
    assert decision["properties"]["reasons"]["items"]["enum"] == codes


def test_withdrawn_is_closed_to_its_receiver(
    office: Machine, sent: Sent, lantai: Lantai, staff_factory: Callable[..., StaffLogin]
) -> None:
    mover = staff_factory(Role.DISPATCHER).actor
    row = leg_of(lantai, sent.id)
    lantai.electronic.withdraw(mover, sent.person.id, row.transfer_id)
    assert office.get(sent.path).json["state"] == "withdrawn"
    assert office.get(f"{sent.path}/content").json["code"] == "package_closed"
    said = say(office, sent, "acknowledgement", sent.acknowledgement)
    assert (said.status_code, said.json["code"]) == (409, "package_closed")
