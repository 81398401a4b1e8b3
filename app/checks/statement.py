"""The signed statement that goes with a package to a receiver: from whom, to whom, in which transfer, and what.

It binds the package (by the digest of its manifest-sha256.txt) and the manifest of the transfer, whose code stands on
the paper slip, so that the receiver can hold paper and package against each other. Canonical form and signature are
those of the report, with a prefix of their own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Literal
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.checks import layout
from app.checks.assembly import House
from app.checks.documents import Strict, read_document, write_document
from app.checks.report import KeyBlock, key_id_of
from app.package_ports import HandOver, Signer

_PREFIX = b"lantai/transfer-statement/1\n"


class DigestBlock(Strict):
    sha256: str
    sm3: str


class ReceiverBlock(Strict):
    code: str
    name: str


class TransferStatement(Strict):
    """``manifest``: digests of transfer-manifest.json; ``package``: SHA-256 of manifest-sha256.txt."""

    format: Literal["lantai-transfer-statement-1"]
    transfer: str
    sender: str
    office: str
    receiver: ReceiverBlock
    manifest: DigestBlock
    package: str
    dossier_id: str
    dossier_version: int
    at: str
    key: KeyBlock


class StatementSignature(Strict):
    signs: Literal["transfer.json"]
    algorithm: Literal["Ed25519"]
    key_id: str
    public_key: str
    signature: str


def hand_over_files(to: HandOver, house: House, about: tuple[str, UUID, int], signer: Signer) -> dict[str, bytes]:
    """The three tag files of a package that goes to a receiver, by name. ``about``: the package's digest, the dossier's
    id and its version.
    """
    package, dossier_id, dossier_version = about
    public = base64.b64encode(signer.public_keys()[signer.key_id]).decode()
    statement = TransferStatement(
        format="lantai-transfer-statement-1",
        transfer=to.transfer,
        sender=house.school,
        office=house.office,
        receiver=ReceiverBlock(code=to.receiver_code, name=to.receiver_name),
        manifest=DigestBlock(sha256=layout.sha256(to.manifest), sm3=layout.sm3(to.manifest)),
        package=package,
        dossier_id=str(dossier_id),
        dossier_version=dossier_version,
        at=to.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        key=KeyBlock(algorithm="Ed25519", key_id=signer.key_id, public_key=public),
    )
    data = write_document(statement)
    signature = StatementSignature(
        signs="transfer.json",
        algorithm="Ed25519",
        key_id=signer.key_id,
        public_key=public,
        signature=base64.b64encode(signer.sign(_PREFIX + data)).decode(),
    )
    return {
        layout.STATEMENT: data,
        layout.STATEMENT_SIGNATURE: write_document(signature),
        layout.TRANSFER_MANIFEST: to.manifest,
    }


def read_statement(data: bytes) -> TransferStatement:
    """Raises NotCanonical."""
    return read_document(TransferStatement, data)


def signature_fault(told: TransferStatement, data: bytes, signature: bytes) -> str:
    """Why the signature does not hold, in Chinese; empty when it does. Raises NotCanonical for none."""
    by = read_document(StatementSignature, signature)
    try:
        public = base64.b64decode(by.public_key, validate=True)
        raw = base64.b64decode(by.signature, validate=True)
    except (binascii.Error, ValueError):
        return "签名文件无法解读"
    if (by.key_id, by.public_key) != (told.key.key_id, told.key.public_key) or by.key_id != key_id_of(public):
        return "签名文件与转递声明中的公钥或密钥标识不一致"
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(raw, _PREFIX + data)
    except (InvalidSignature, ValueError):
        return "签名与转递声明内容不符"
    return ""


def binding_faults(
    told: TransferStatement, data: Mapping[str, bytes], bag: str | None, held: tuple[str, int]
) -> list[tuple[str, str]]:
    """(where, words) of what the statement says otherwise than the package: its manifest-sha256.txt (``bag``), the
    transfer's manifest, and the dossier (``held``: id and version by the package's metadata).
    """
    manifest = data[layout.TRANSFER_MANIFEST]
    wrong = []
    if bag != told.package:
        wrong.append((layout.STATEMENT, "转递声明中的包摘要与清单不一致"))
    if (layout.sha256(manifest), layout.sm3(manifest)) != (told.manifest.sha256, told.manifest.sm3):
        wrong.append((layout.TRANSFER_MANIFEST, "转递清单与转递声明中的摘要不一致"))
    if (told.dossier_id, told.dossier_version) != held:
        wrong.append((layout.STATEMENT, "转递声明中的档案标识或版本与元数据不一致"))
    return wrong


def key_of(told: TransferStatement) -> bytes:
    """The public key as the statement names it; who holds it is for the reader to know."""
    try:
        return base64.b64decode(told.key.public_key, validate=True)
    except (binascii.Error, ValueError):
        return b""


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of transfer.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:lantai:transfer-statement:1",
        **TransferStatement.model_json_schema(),
    }
