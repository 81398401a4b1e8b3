"""Receiving offices take electronic dossiers: list, envelope, resumable download, and what they say of each package.

A client sees the packages of the one receiver it is bound to; any other is absent.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from flask import Response, request, url_for
from pydantic import BaseModel

from app.actors import Actor
from app.errors import Conflict, DomainError, FieldFault, Invalid, NotFound, VersionMismatch
from app.transfers.electronic_ports import Office
from app.transfers.electronic_receiving import PackageContent, PackageView, Receipt
from app.transfers.electronic_rules import LEG_LABELS, LEG_NEXT, REASON_LABELS, Reason
from auth.guards import current_machine, machine
from auth.rules import Scope
from partner_api import door
from partner_api.describing import BINARY, Answer, Description, describes
from partner_api.door import lantai, machines
from partner_api.package_records import Acknowledgement, CheckResult, Decision, ReceiptRecord
from partner_api.replies import PackagePage, PackageReply, ReasonTable

_REASONS = frozenset(r.value for r in Reason)
ABSENT, CLOSED, MOVED = NotFound("package_not_found"), Conflict("package_closed"), Conflict("electronic_move")
REUSED = Invalid("idempotency_key_reused")
_FILE = Answer(None, (BINARY,), headers=("ETag", "Accept-Ranges", "Content-Disposition", "Repr-Digest"))
_PART = Answer(None, (BINARY,), headers=(*_FILE.headers, "Content-Range"))


def _office(actor: Actor) -> Office:
    bound = lantai().partners.receiver_of(actor)
    return Office(bound.code, bound.receipt_key)


def _shown(package: PackageView) -> PackageReply:
    """``envelope`` is text, byte for byte what ``signature`` covers."""
    address = url_for("machines.package", package_id=package.id)
    return {
        "id": str(package.id),
        "transfer": str(package.transfer_id),
        "attempt": package.attempt,
        "state": package.state.value,
        "state_label": LEG_LABELS[package.state],
        "next": LEG_NEXT[package.state],
        "file": package.file,
        "size": package.size,
        "sha256": package.digest.hex(),
        "submitted_at": package.submitted_at.isoformat(timespec="seconds"),
        "acknowledged_at": package.acked_at.isoformat(timespec="seconds") if package.acked_at else None,
        "reasons": list(package.reasons),
        "envelope": package.envelope,
        "signature": package.signature,
        "links": {"self": address, "content": f"{address}/content"},
    }


def _said(work: Callable[[Actor, Office], PackageView]) -> Response:
    """Do ``work`` once per Idempotency-Key; retries get the stored reply."""
    door.only_query()
    actor = current_machine()
    key, office = door.batch_key(), _office(actor)

    def job() -> tuple[int, Any]:
        return 200, _shown(work(actor, office))

    fingerprint = request.path.encode() + b"|" + request.get_data()
    done = lantai().idempotency.run(actor, key, str(request.url_rule), fingerprint, job)
    replayed = {"Idempotent-Replayed": "true"} if done.replayed else {}
    return door.reply(done.body, done.status, **replayed)


def _word(model: type[BaseModel], *raises: DomainError) -> Description:
    """Of a route through which the receiver says something."""
    answer = Answer(PackageReply, may_have=("Idempotent-Replayed",))
    return Description({200: answer}, body=model, key=True, raises=(ABSENT, CLOSED, MOVED, REUSED, *raises))


# --- seeing -----------------------------------------------------------------------------------------------------------


@machines.get("/packages")
@machine(Scope.RECEIVE_DOSSIERS)
@describes(Description({200: Answer(PackagePage)}, query=("cursor", "limit")))
def packages() -> Response:
    """What waits for this receiver, oldest first."""
    door.only_query()
    after, limit = door.page_asked()
    office = _office(current_machine())
    found = lantai().receiver_door.waiting(office, after=after, limit=limit + 1)
    page, more = found[:limit], len(found) > limit
    told: PackagePage = {
        "items": [_shown(p) for p in page],
        "next": door.cursor(page[-1].serial) if more else None,
    }
    return door.reply(told)


@machines.get("/packages/<uuid:package_id>")
@machine(Scope.RECEIVE_DOSSIERS)
@describes(Description({200: Answer(PackageReply)}, raises=(ABSENT,)))
def package(package_id: UUID) -> Response:
    """State, digest and signed envelope of one package."""
    door.only_query()
    office = _office(current_machine())
    return door.reply(_shown(lantai().receiver_door.package(office, package_id)))


class _Body(io.RawIOBase):
    """The cipher text as a file that Werkzeug can seek in, so that a range costs what it is long."""

    def __init__(self, content: PackageContent) -> None:
        self._content, self._at = content, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._content.size}[whence]
        self._at = max(0, min(start + offset, self._content.size))
        return self._at

    def tell(self) -> int:
        return self._at

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        left = self._content.size - self._at
        if left <= 0:
            raise StopIteration
        # the rest of one stored piece, so that each is opened once
        block = next(self._content.read(self._at, left))
        self._at += len(block)
        return block


@machines.get("/packages/<uuid:package_id>/content")
@machine(Scope.RECEIVE_DOSSIERS)
@describes(
    Description(
        {200: _FILE, 206: _PART, 304: Answer(None, (), headers=_FILE.headers)},
        headers=("Range", "If-Range", "If-Match", "If-None-Match"),
        raises=(ABSENT, CLOSED, Conflict("receiver_not_entitled"), VersionMismatch()),
    )
)
def package_content(package_id: UUID) -> Response:
    """The cipher text. Single ranges (RFC 9110 §14) and If-Range with the ETag, which is the digest."""
    door.only_query()
    actor = current_machine()
    content = lantai().receiver_door.content(actor, _office(actor), package_id)
    response = Response(_Body(content), content_type=BINARY, direct_passthrough=True)
    response.content_length = content.size
    response.set_etag(content.digest.hex())
    response.headers["Content-Disposition"] = f'attachment; filename="{content.file}"'
    response.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(content.digest).decode()}:"
    response.make_conditional(request, accept_ranges=True, complete_length=content.size)
    if response.status_code == 412:
        raise VersionMismatch()
    return response


# --- saying -----------------------------------------------------------------------------------------------------------


@machines.post("/packages/<uuid:package_id>/acknowledgement")
@machine(Scope.RECEIVE_DOSSIERS)
@describes(_word(Acknowledgement, Invalid("package_digest_mismatch")))
def acknowledge_package(package_id: UUID) -> Response:
    """What was received, after the download."""
    said = door.json_body(Acknowledgement)
    return _said(
        lambda actor, office: lantai().receiver_door.acknowledge(
            actor, office, package_id, bytes.fromhex(said.sha256), said.size
        )
    )


@machines.post("/packages/<uuid:package_id>/check")
@machine(Scope.RECEIVE_DOSSIERS)
@describes(_word(CheckResult, Invalid("package_not_opened"), Conflict("check_said_otherwise")))
def check_package(package_id: UUID) -> Response:
    """What the receiver's own check of the opened package found."""
    said = door.json_body(CheckResult)
    bag = bytes.fromhex(said.bag_sha256) if said.bag_sha256 is not None else None
    return _said(
        lambda actor, office: lantai().receiver_door.checked(
            actor, office, package_id, passed=said.outcome == "passed", bag=bag
        )
    )


def _decided(said: Decision, actor: Actor, office: Office, package_id: UUID) -> PackageView:
    receiving = lantai().receiver_door
    if said.decision == "accepted":
        if said.manifest_sha256 is None or said.reasons:
            pointer = "/reasons" if said.reasons else "/manifest_sha256"
            raise Invalid("invalid_input", faults=[FieldFault(pointer, "wrong" if said.reasons else "required")])
        return receiving.accept(actor, office, package_id, bytes.fromhex(said.manifest_sha256))
    wrong = [FieldFault(f"/reasons/{n}", "enum") for n, r in enumerate(said.reasons) if r not in _REASONS]
    if wrong:
        raise Invalid("invalid_input", faults=wrong)
    return receiving.reject(actor, office, package_id, [Reason(r) for r in said.reasons], said.note)


@machines.post("/packages/<uuid:package_id>/decision")
@machine(Scope.RECEIVE_DOSSIERS)
@describes(_word(Decision, Invalid("manifest_mismatch"), Conflict("check_not_passed")))
def decide_package(package_id: UUID) -> Response:
    """Accept, or send back with reasons."""
    said = door.json_body(Decision)
    return _said(lambda actor, office: _decided(said, actor, office, package_id))


@machines.post("/packages/<uuid:package_id>/receipt")
@machine(Scope.RECEIVE_DOSSIERS)
@describes(_word(ReceiptRecord, Invalid("manifest_mismatch"), Invalid("receipt_signature"), Conflict("receipt_given")))
def give_receipt(package_id: UUID) -> Response:
    """The e-receipt (电子回执)."""
    said = door.json_body(ReceiptRecord)
    receipt = Receipt(bytes.fromhex(said.manifest_sha256), said.number, said.issued_on, said.signature)
    return _said(lambda actor, office: lantai().receiver_door.receipt(actor, office, package_id, receipt))


@machines.get("/reasons")
@machine(Scope.RECEIVE_DOSSIERS)
@describes(Description({200: Answer(ReasonTable)}))
def rejection_reasons() -> Response:
    """The code table of rejections."""
    door.only_query()
    table: ReasonTable = {"items": [{"code": r.value, "label": label} for r, label in REASON_LABELS.items()]}
    return door.reply(table)
