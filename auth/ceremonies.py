"""WebAuthn's two ceremonies: a challenge good once and shortly, and the check of what an authenticator answers.

User verification (the authenticator's own PIN or fingerprint) is asked for and checked in both.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from cbor2 import CBORDecodeError
from sqlalchemy import delete, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from app.db import Database, new_id
from app.errors import Conflict, Invalid
from app.ports import Clock
from auth.staff_models import CeremonyKind, StaffCeremony, StaffPasskey

CHALLENGE_LIFE = timedelta(minutes=2)
MAX_ANSWER = 20_000
TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal"})
_MALFORMED = (WebAuthnException, CBORDecodeError, ValueError, TypeError, KeyError, AttributeError, IndexError)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """``id`` is the domain passkeys belong to; ``origin`` the one address they answer to."""

    id: str
    origin: str
    name: str


@dataclass(frozen=True, slots=True)
class Begun:
    """``options`` is what navigator.credentials takes, with bytes as base64url."""

    ceremony_id: UUID
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewCredential:
    """What an authenticator made, checked."""

    credential_id: str
    public_key: str = field(repr=False)
    sign_count: int
    backed_up: bool
    transports: tuple[str, ...]


class Ceremonies:
    def __init__(self, db: Database, clock: Clock, party: RelyingParty | None) -> None:
        """Without ``party`` there are no passkeys: see Settings.passkey_origin."""
        self._db, self._clock, self._party = db, clock, party

    @property
    def party(self) -> RelyingParty:
        """Raises Conflict('passkeys_off')."""
        if self._party is None:
            raise Conflict("passkeys_off")
        return self._party

    @property
    def offered(self) -> bool:
        return self._party is not None

    def begin_get(self, kind: CeremonyKind, bound_to: UUID | None, allowed: Sequence[str] = ()) -> Begun:
        """Ask for an assertion, by these credentials or by any the authenticator finds for this house."""
        options = generate_authentication_options(
            rp_id=self.party.id,
            challenge=(challenge := secrets.token_bytes(32)),
            timeout=int(CHALLENGE_LIFE.total_seconds() * 1000),
            allow_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(c)) for c in allowed],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return self._begun(kind, bound_to, challenge, json.loads(options_to_json(options)))

    def begin_create(
        self,
        kind: CeremonyKind,
        bound_to: UUID,
        user_id: UUID,
        username: str,
        display_name: str,
        present: Sequence[str] = (),
    ) -> Begun:
        """Ask for a new discoverable credential on an authenticator that holds none of ``present``."""
        options = generate_registration_options(
            rp_id=self.party.id,
            rp_name=self.party.name,
            user_id=user_id.bytes,
            user_name=username,
            user_display_name=display_name,
            challenge=(challenge := secrets.token_bytes(32)),
            timeout=int(CHALLENGE_LIFE.total_seconds() * 1000),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(c)) for c in present],
        )
        return self._begun(kind, bound_to, challenge, json.loads(options_to_json(options)))

    def spend(self, kind: CeremonyKind, bound_to: UUID | None, ceremony_id: UUID) -> bytes:
        """The challenge, used up by this whatever the answer proves. Raises Invalid('passkey_refused')."""
        now = self._clock.now()
        with self._db.transaction() as session:
            challenge = session.scalar(
                update(StaffCeremony)
                .where(
                    StaffCeremony.id == ceremony_id,
                    StaffCeremony.kind == kind,
                    StaffCeremony.bound_to.is_not_distinct_from(bound_to),
                    StaffCeremony.used_at.is_(None),
                    StaffCeremony.expires_at > now,
                )
                .values(used_at=now)
                .returning(StaffCeremony.challenge)
            )
        if challenge is None:
            raise Invalid("passkey_refused")
        return base64url_to_bytes(challenge)

    def created(self, challenge: bytes, answer: str) -> NewCredential:
        """Raises Invalid('passkey_refused')."""
        told = read_answer(answer)
        try:
            found = verify_registration_response(
                credential=told,
                expected_challenge=challenge,
                expected_rp_id=self.party.id,
                expected_origin=self.party.origin,
                require_user_verification=True,
            )
        except _MALFORMED:
            raise Invalid("passkey_refused") from None
        transports = told.get("response", {}).get("transports")
        known = [t for t in transports if t in TRANSPORTS] if isinstance(transports, list) else []
        return NewCredential(
            bytes_to_base64url(found.credential_id),
            bytes_to_base64url(found.credential_public_key),
            found.sign_count,
            found.credential_backed_up,
            tuple(sorted(set(known))),
        )

    def asserted(self, challenge: bytes, answer: str, passkey: StaffPasskey) -> None:
        """Moves the passkey's counter on. Raises Invalid('passkey_refused'): wrong origin, signature, challenge or
        counter, or no user verification.
        """
        told = read_answer(answer)
        try:
            handle = told["response"].get("userHandle")
            if handle and base64url_to_bytes(handle) != passkey.staff_id.bytes:
                raise Invalid("passkey_refused")
            found = verify_authentication_response(
                credential=told,
                expected_challenge=challenge,
                expected_rp_id=self.party.id,
                expected_origin=self.party.origin,
                credential_public_key=base64url_to_bytes(passkey.public_key),
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        except _MALFORMED:
            raise Invalid("passkey_refused") from None
        passkey.sign_count, passkey.backed_up = found.new_sign_count, found.credential_backed_up
        passkey.last_used_at = self._clock.now()

    def _begun(self, kind: CeremonyKind, bound_to: UUID | None, challenge: bytes, options: dict[str, Any]) -> Begun:
        now = self._clock.now()
        row = StaffCeremony(
            id=new_id(),
            kind=kind,
            bound_to=bound_to,
            challenge=bytes_to_base64url(challenge),
            expires_at=now + CHALLENGE_LIFE,
        )
        with self._db.transaction() as session:
            session.execute(delete(StaffCeremony).where(StaffCeremony.expires_at < now - timedelta(hours=1)))
            session.add(row)
        return Begun(row.id, options)


def read_answer(answer: str) -> dict[str, Any]:
    """The browser's JSON. Raises Invalid('passkey_refused')."""
    try:
        told = json.loads(answer) if len(answer) <= MAX_ANSWER else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("response"), dict):
        raise Invalid("passkey_refused")
    return told
