"""The frozen catalogue: one list that the slip prints as a code, the package signs and the receiver counts by."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import new_id
from app.dossiers.holdings import Holding
from app.envelope import DataKey, open_json, seal_json
from app.transfers.models import Transfer, TransferManifest, manifest_place

FORMAT = "lantai-manifest-1"
CODE_LENGTH, GROUP = 20, 4


@dataclass(frozen=True, slots=True)
class ManifestItem:
    """One material. ``sha256`` and ``sm3`` (hexadecimal) are None where only paper is held."""

    class_code: str
    sequence: int
    title: str = field(repr=False)
    pages: int | None
    sha256: str | None
    sm3: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """``nonce``: 32 hexadecimal digits, random; without it nobody can try titles against the digest."""

    transfer_id: UUID
    nonce: str = field(repr=False)
    dossier_version: int
    items: tuple[ManifestItem, ...]

    @property
    def pages(self) -> int:
        return sum(i.pages or 0 for i in self.items)

    def body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "transfer": str(self.transfer_id),
            "nonce": self.nonce,
            "dossier_version": self.dossier_version,
            "items": [
                {
                    "class_code": i.class_code,
                    "sequence": i.sequence,
                    "title": i.title,
                    "pages": i.pages,
                    "sha256": i.sha256,
                    "sm3": i.sm3,
                }
                for i in self.items
            ],
        }

    def canonical(self) -> bytes:
        """UTF-8 JSON, keys sorted, no blanks: the bytes every party measures."""
        return json.dumps(self.body(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def manifest_of(transfer_id: UUID, holding: Holding, only: frozenset[UUID] | None = None) -> Manifest:
    """``only``: the materials a supplement brings, None for the whole dossier."""
    items = tuple(
        ManifestItem(m.class_code, m.sequence, m.title, m.pages, m.facts.get("sha256"), m.facts.get("sm3"))
        for m in holding.materials
        if only is None or m.id in only
    )
    return Manifest(transfer_id, secrets.token_hex(16), holding.version, items)


def read_manifest(body: Mapping[str, Any]) -> Manifest:
    return Manifest(
        UUID(body["transfer"]),
        body["nonce"],
        body["dossier_version"],
        tuple(ManifestItem(**item) for item in body["items"]),
    )


def digest_of(manifest: Manifest) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(manifest.canonical()).digest()


def code_of(digest: bytes) -> str:
    """A hundred bits of the digest as base32 in groups of four: what a person reads off a slip."""
    text = base64.b32encode(digest)[:CODE_LENGTH].decode()
    return "-".join(text[i : i + GROUP] for i in range(0, CODE_LENGTH, GROUP))


def code_fits(typed: str, digest: bytes) -> bool:
    """Blanks, hyphens and case do not count, nor 0 for O and 1 for I, which base32 does not have."""
    plain = "".join(c for c in typed.upper() if c.isalnum()).replace("0", "O").replace("1", "I")
    return hmac.compare_digest(plain.encode(), code_of(digest).replace("-", "").encode())


class ManifestBook:
    """The manifests as they were frozen, sealed with the graduate's key."""

    def freeze(self, session: Session, key: DataKey, row: Transfer, manifest: Manifest, at: datetime) -> None:
        number = session.scalar(
            select(func.coalesce(func.max(TransferManifest.number), 0)).where(TransferManifest.transfer_id == row.id)
        )
        kept = TransferManifest(
            id=new_id(),
            transfer_id=row.id,
            number=(number or 0) + 1,
            digest=digest_of(manifest),
            created_at=at,
        )
        kept.sealed_body = seal_json(key, manifest_place(kept), manifest.body())
        session.add(kept)
        row.manifest_digest = kept.digest

    def of(self, session: Session, key: DataKey, row: Transfer) -> Manifest | None:
        """The one in force; None before the catalogue is frozen."""
        if row.manifest_digest is None:
            return None
        kept = session.scalar(
            select(TransferManifest)
            .where(TransferManifest.transfer_id == row.id)
            .order_by(TransferManifest.number.desc())
            .limit(1)
        )
        return None if kept is None else read_manifest(open_json(key, manifest_place(kept), kept.sealed_body))
