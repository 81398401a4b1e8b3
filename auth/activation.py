"""One-time school activation codes: the way without face. Issued by staff after a check at the counter."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.errors import FieldFault, Forbidden, Invalid, NotFound
from app.events import EventLog
from app.people.models import Graduate
from app.ports import Clock
from auth.models import ActivationCode

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
LENGTH = 10
LIFE = timedelta(hours=24)
DOCUMENT_KINDS = {
    "id_card": "居民身份证",
    "passport": "护照",
    "hk_macao_permit": "港澳居民来往内地通行证",
    "taiwan_permit": "台湾居民来往大陆通行证",
    "household_register": "户口簿",
}
ISSUER_ROLES = (Role.ARCHIVIST, Role.REVIEWER)


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """Shown once to the member of staff at the counter, in groups of five."""

    code: str = field(repr=False)
    expires_at: datetime


def require_counter_staff(actor: Actor) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*ISSUER_ROLES):
        raise Forbidden("role_required")


class ActivationService:
    def __init__(self, db: Database, pepper: bytes, log: EventLog, clock: Clock) -> None:
        self._db, self._pepper, self._log, self._clock = db, pepper, log, clock

    def _hash(self, code: str) -> bytes:
        plain = "".join(c for c in code.upper() if c.isalnum())
        return hmac.digest(self._pepper, b"activation" + plain.encode(), "sha256")

    def issue(self, actor: Actor, graduate_id: UUID, document_kind: str, *, identity_checked: bool) -> IssuedCode:
        """Voids earlier codes. Raises Invalid unless the document was checked, Forbidden without the role."""
        require_counter_staff(actor)
        faults = []
        if document_kind not in DOCUMENT_KINDS:
            faults.append(FieldFault("/document_kind", "unknown_document"))
        if not identity_checked:
            faults.append(FieldFault("/identity_checked", "must_be_confirmed"))
        if faults:
            raise Invalid("invalid_input", faults=faults)
        plain = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        now = self._clock.now()
        row = ActivationCode(
            id=new_id(),
            graduate_id=graduate_id,
            code_hash=self._hash(plain),
            issued_by=actor.id,
            document_kind=document_kind,
            created_at=now,
            expires_at=now + LIFE,
        )
        with self._db.transaction() as session:
            if session.get(Graduate, graduate_id) is None:
                raise NotFound("graduate_not_found")
            session.execute(
                update(ActivationCode)
                .where(
                    ActivationCode.graduate_id == graduate_id,
                    ActivationCode.used_at.is_(None),
                    ActivationCode.voided_at.is_(None),
                )
                .values(voided_at=now)
            )
            session.add(row)
            self._log.record(
                session,
                actor,
                "activation.issued",
                graduate_id=graduate_id,
                object_kind="activation_code",
                object_id=row.id,
                data={"document": document_kind},
            )
        return IssuedCode(f"{plain[:5]}-{plain[5:]}", row.expires_at)

    def redeem(self, code: str, graduate_id: UUID | None) -> bool:
        """True once for a living code of this very graduate. A wrong code costs the code nothing."""
        now = self._clock.now()
        with self._db.transaction() as session:
            row = session.scalar(
                select(ActivationCode).where(ActivationCode.code_hash == self._hash(code)).with_for_update()
            )
            if row is None or row.graduate_id != graduate_id:
                return False
            if row.used_at is not None or row.voided_at is not None or now >= row.expires_at:
                return False
            row.used_at = now
        return True
