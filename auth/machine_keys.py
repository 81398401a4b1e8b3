"""Keys by which machines sign their requests, an equal to bearer credentials: what is overheard opens nothing.

Keys are asked about on every request, so that a revocation acts on the next one. An unknown, revoked, expired or not
yet valid key is refused alike, as is one of a closed client.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor
from app.db import Database, new_id
from app.envelope import open_bytes, seal_bytes
from app.errors import Conflict, FieldFault, Invalid, NotFound, RateLimited, Unauthenticated
from app.events import EventLog
from app.keyring import Keyring
from app.machine_ports import NonceStore
from app.office_time import office_date
from app.ports import Clock, RateLimiter
from auth import signatures
from auth.machine_models import MachineKey, secret_place
from auth.models import PartnerClient
from auth.partners import (
    ED25519_BYTES,
    LONGEST_OVERLAP,
    REQUESTS_PER_MINUTE,
    REQUESTS_WINDOW_S,
    SANDBOX,
    Admission,
    Caller,
    KeyLimit,
    Known,
    Note,
    PartnerService,
)
from auth.rules import Scope
from auth.signatures import Algorithm, Claim, SignedRequest

LIVE = "lantai_"
SECRET_BYTES = 32
MOST_KEYS = 20
"""Of one client that are not revoked: enough for a rotation on every machine it has."""
ABSENT = NotFound("machine_key_not_found")


@dataclass(frozen=True, slots=True)
class KeyView:
    id: UUID
    client_id: UUID
    key_id: str
    algorithm: Algorithm
    scopes: Sequence[str]
    per_minute: int | None
    not_before: datetime
    expires_at: datetime | None
    created_at: datetime
    last_used_on: date | None
    revoked_at: datetime | None

    def opens(self, now: datetime) -> bool:
        return self.revoked_at is None and _within(self.not_before, self.expires_at, now)


@dataclass(frozen=True, slots=True)
class NewKey:
    """What to make. ``public_key``: 32 raw bytes; None makes a shared secret. ``scopes``: None is all of the client's.

    ``per_minute``: requests, at most the client's own limit. ``not_before`` and ``expires_at``: None is now and never.
    """

    public_key: bytes | None = None
    scopes: Sequence[str] | None = None
    per_minute: int | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """``secret``: URL-safe Base64, shown once; None for a public key."""

    key_id: str
    secret: str | None = field(repr=False)


def _within(begin: datetime, end: datetime | None, now: datetime) -> bool:
    return begin <= now and (end is None or now < end)


def _seen(claim: Claim) -> str:
    return hashlib.sha256(f"{claim.key_id}|{claim.nonce}".encode()).hexdigest()


def public_key_in(text: str) -> bytes:
    """The raw bytes of an Ed25519 public key, written as PEM or as a JWK (RFC 8037). Raises
    Invalid('machine_key_refused'), also for a private key, which has no business here.
    """
    try:
        if text.lstrip().startswith("{"):
            return _of_jwk(json.loads(text))
        key = load_pem_public_key(text.strip().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm, RecursionError):
        raise _refused() from None
    if not isinstance(key, Ed25519PublicKey):
        raise _refused()
    return key.public_bytes_raw()


def _of_jwk(said: dict[str, Any]) -> bytes:
    if said.get("kty") != "OKP" or said.get("crv") != "Ed25519" or "d" in said:
        raise _refused()
    try:
        raw = base64.urlsafe_b64decode(str(said.get("x", "")) + "==")
    except binascii.Error:
        raise _refused() from None
    if len(raw) != ED25519_BYTES:
        raise _refused()
    return raw


def _refused() -> Invalid:
    return Invalid("machine_key_refused", faults=[FieldFault("/public_key", "wrong")])


_KEY = (
    select(
        *MachineKey.__table__.c,
        PartnerClient.scopes.label("client_scopes"),
        PartnerClient.last_used_at,
        PartnerClient.disabled_at,
        PartnerClient.sandbox,
    )
    .join(PartnerClient, PartnerClient.id == MachineKey.client_id)
    .where(MachineKey.key_id == bindparam("key_id"))
)


class MachineKeys:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        partners: PartnerService,
        limits: RateLimiter,
        nonces: NonceStore,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._partners = db, keys, partners
        self._limits, self._nonces, self._log, self._clock = limits, nonces, log, clock

    # --- asking -------------------------------------------------------------------------------------------------------

    def admit(
        self, request: SignedRequest, scope: Scope, request_id: str, check_body: Callable[[str], None], note: Note
    ) -> Admission:
        """The machine that signed; ``note`` hears of it once it is counted. ``check_body`` gets the Content-Digest of a
        body and raises where it is another's; it runs once all else is in order, and the nonce is spent last, so that a
        body altered on its way burns none. A nonce that was spent before is found out first: a replay costs the honest
        client nothing of its limits.

        Raises Unauthenticated: ``signature_malformed``, ``signature_missing_component``, ``signature_expired``,
        ``credential_refused``, ``signature_wrong``, ``signature_replayed``; RateLimited; Forbidden('scope_required');
        Unavailable('nonces_unavailable').
        """
        claim = signatures.claim_of(request)
        signatures.require_whole(claim, request)
        now = self._clock.now()
        signatures.require_recent(claim, now)
        row = self._db.look_up(_KEY, {"key_id": claim.key_id})
        if row is None or not self._opens(row, now):
            raise Unauthenticated("credential_refused")
        signatures.require_signed(request, row.algorithm, self._checking(row))
        self._require_unspent(claim)
        admitted = self._counted(row, scope, request_id, note)
        if request.has_body:
            check_body(request.headers[signatures.DIGEST])
        self._spend(claim)
        self._note_use(row, now)
        return admitted

    @staticmethod
    def _opens(row: Any, now: datetime) -> bool:
        closed = row.revoked_at is not None or row.disabled_at is not None
        return not closed and _within(row.not_before, row.expires_at, now)

    def _checking(self, row: Any) -> Any:
        """What the signature is checked by."""
        if row.sealed_secret is not None:
            return open_bytes(self._keys.house(), secret_place(row.id), row.sealed_secret)
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(row.public_key))

    def _counted(self, row: Any, scope: Scope, request_id: str, note: Note) -> Admission:
        limit = None
        if row.per_minute is not None:
            most = min(row.per_minute, REQUESTS_PER_MINUTE)
            try:
                left = self._limits.hit("machine-key", row.key_id, limit=most, window_s=REQUESTS_WINDOW_S)
            except RateLimited:
                note(Known(row.client_id, row.sandbox, None, KeyLimit(most, 0)))
                raise
            limit = KeyLimit(most, left)
        scopes = tuple(s for s in row.scopes if s in row.client_scopes)
        caller = Caller(row.client_id, scopes, row.last_used_at, row.sandbox)
        return self._partners.admit(caller, scope, request_id, lambda known: note(replace(known, key=limit)))

    def _require_unspent(self, claim: Claim) -> None:
        if claim.nonce is not None and self._nonces.spent(_seen(claim)):
            raise Unauthenticated("signature_replayed")

    def _spend(self, claim: Claim) -> None:
        if claim.nonce is not None and not self._nonces.spend(_seen(claim), signatures.NONCE_KEPT_S):
            raise Unauthenticated("signature_replayed")

    def _note_use(self, row: Any, now: datetime) -> None:
        if row.last_used_on == office_date(now):
            return
        with self._db.transaction() as session:
            session.execute(update(MachineKey).where(MachineKey.id == row.id).values(last_used_on=office_date(now)))

    # --- keeping ------------------------------------------------------------------------------------------------------

    def add(self, client_name: str, wanted: NewKey) -> MadeKey:
        """A key of a client. Raises NotFound; Conflict for a closed client, too many keys or one without any scope;
        Invalid for scopes beyond the client's, a limit or an expiry that makes no sense, a public key that stands there
        already.
        """
        house = self._keys.house()
        with self._db.transaction() as session:
            client = session.scalar(select(PartnerClient).where(PartnerClient.name == client_name).with_for_update())
            if client is None:
                raise NotFound("partner_not_found")
            self._require_room(session, client)
            made = self._made(session, client, wanted, house)
            self._record(session, SYSTEM, "partner.key_added", client.id, made.key_id)
        return made

    def rotate(self, key_id: str, overlap: timedelta, public_key: bytes | None = None) -> MadeKey:
        """A key in another's place, with its scopes and limit; the old one opens the door for ``overlap`` more (0 when
        it has leaked). A public key's successor has to be given, a secret's is made.

        Raises NotFound, Conflict for one that is revoked or has no scope left, Invalid for a key that is missing or not
        wanted.
        """
        house = self._keys.house()
        with self._db.transaction() as session:
            row = self._of(session, key_id)
            client = session.get_one(PartnerClient, row.client_id, with_for_update=True)
            if row.revoked_at is not None:
                raise Conflict("credential_refused")
            if (row.algorithm is Algorithm.ED25519) is not (public_key is not None):
                raise _refused()
            self._require_room(session, client)
            until = self._clock.now() + min(overlap, LONGEST_OVERLAP)
            # the successor's end is its own: what it stands in for may be about to run out
            scopes = [s for s in row.scopes if s in client.scopes]
            made = self._made(session, client, NewKey(public_key, scopes, row.per_minute), house)
            row.expires_at = min(row.expires_at or until, until)
            self._record(session, SYSTEM, "partner.key_rotated", client.id, key_id)
        return made

    def revoke(self, key_id: str, actor: Actor = SYSTEM) -> None:
        """Dead from the next request on. Raises NotFound."""
        with self._db.transaction() as session:
            row = self._of(session, key_id)
            if row.revoked_at is None:
                row.revoked_at = self._clock.now()
                self._record(session, actor, "partner.key_revoked", row.client_id, key_id)

    def all(self) -> list[KeyView]:
        """Every key there is, oldest first."""
        with self._db.transaction() as session:
            return [
                _view(row) for row in session.scalars(select(MachineKey).order_by(MachineKey.created_at, MachineKey.id))
            ]

    def _require_room(self, session: Session, client: PartnerClient) -> None:
        if client.disabled_at is not None:
            raise Conflict("credential_refused")
        now = self._clock.now()
        rows = session.scalars(select(MachineKey).where(MachineKey.client_id == client.id))
        if sum(r.revoked_at is None and (r.expires_at is None or r.expires_at > now) for r in rows) >= MOST_KEYS:
            raise Conflict("too_many_machine_keys")

    def _made(self, session: Session, client: PartnerClient, wanted: NewKey, house: Any) -> MadeKey:
        now, number = self._clock.now(), new_id()
        self._require_sound(session, client, wanted, now)
        secret = secrets.token_urlsafe(SECRET_BYTES) if wanted.public_key is None else None
        sealed = seal_bytes(house, secret_place(number), secret.encode()) if secret is not None else None
        row = MachineKey(
            id=number,
            client_id=client.id,
            key_id=f"{SANDBOX if client.sandbox else LIVE}{secrets.token_hex(12)}",
            algorithm=Algorithm.HMAC if secret is not None else Algorithm.ED25519,
            public_key=wanted.public_key.hex() if wanted.public_key is not None else None,
            sealed_secret=sealed,
            scopes=sorted(set(client.scopes if wanted.scopes is None else wanted.scopes)),
            per_minute=wanted.per_minute,
            not_before=wanted.not_before or now,
            expires_at=wanted.expires_at,
            created_at=now,
        )
        session.add(row)
        session.flush()
        return MadeKey(row.key_id, secret)

    @staticmethod
    def _require_sound(session: Session, client: PartnerClient, wanted: NewKey, now: datetime) -> None:
        if wanted.scopes is not None and not wanted.scopes:
            raise Conflict("machine_key_scopeless")
        if not set(wanted.scopes or ()) <= set(client.scopes):
            raise Invalid("unknown_scope", faults=[FieldFault("/scopes", "unknown_field")])
        if wanted.per_minute is not None and not 0 < wanted.per_minute <= REQUESTS_PER_MINUTE:
            raise Invalid("machine_key_limit", faults=[FieldFault("/per_minute", "wrong")])
        if wanted.expires_at is not None and wanted.expires_at <= max(now, wanted.not_before or now):
            raise Invalid("machine_key_expiry", faults=[FieldFault("/expires_at", "wrong")])
        if wanted.public_key is None:
            return
        # under two ids one key would have two limits and outlive its own revocation
        known = select(MachineKey.id).where(MachineKey.public_key == wanted.public_key.hex()).limit(1)
        if len(wanted.public_key) != ED25519_BYTES or session.scalar(known) is not None:
            raise _refused()

    @staticmethod
    def _of(session: Session, key_id: str) -> MachineKey:
        row = session.scalar(select(MachineKey).where(MachineKey.key_id == key_id).with_for_update())
        if row is None:
            raise ABSENT
        return row

    def _record(self, session: Session, actor: Actor, kind: str, client: UUID, key_id: str) -> None:
        self._log.record(session, actor, kind, object_kind="partner", object_id=client, data={"key": key_id})


def _view(row: MachineKey) -> KeyView:
    return KeyView(
        row.id,
        row.client_id,
        row.key_id,
        row.algorithm,
        tuple(row.scopes),
        row.per_minute,
        row.not_before,
        row.expires_at,
        row.created_at,
        row.last_used_on,
        row.revoked_at,
    )
