"""Machines that come through the partner door: campus systems, data terminals and receiving offices, each with a
credential and scopes; a receiving office is bound to one receiver and sees that receiver's packages alone.

A bearer credential of 256 random bits over TLS. It is shown once, kept as an HMAC under the pepper, and asked about on
every request, so that a closing acts on the next one. Keys that sign requests instead stand in machine_keys.py.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, Unauthenticated
from app.events import EventLog
from app.ports import Clock, RateLimiter
from auth.models import PartnerClient
from auth.rules import SANDBOX_SCOPES, Scope

SEEN_STEP = timedelta(seconds=60)
REQUESTS_PER_MINUTE, REQUESTS_WINDOW_S = 600, 60
LONGEST_OVERLAP = timedelta(days=7)
ED25519_BYTES = 32
SANDBOX = "lantai_sandbox_"
"""What credentials and key ids of the sandbox begin with, so that one in the wrong place is seen."""


@dataclass(frozen=True, slots=True)
class PartnerView:
    id: UUID
    name: str
    scopes: Sequence[str]
    created_at: datetime
    last_used_at: datetime | None
    disabled_at: datetime | None
    receiver_code: str | None = None
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class KeyLimit:
    """Of one key: requests within REQUESTS_WINDOW_S, and how many are left."""

    most: int
    left: int


@dataclass(frozen=True, slots=True)
class Known:
    """A machine that has shown who it is, let in or not. ``left``: requests its client may still make within
    REQUESTS_WINDOW_S; None where its key's limit came first and the client's was not asked about.
    """

    client_id: UUID
    sandbox: bool
    left: int | None
    key: KeyLimit | None = None


Note = Callable[[Known], None]


@dataclass(frozen=True, slots=True)
class Admission:
    """A machine that may come in."""

    actor: Actor
    sandbox: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """The client behind a credential or a key, with the scopes that count here."""

    id: UUID
    scopes: Sequence[str]
    last_used_at: datetime | None
    sandbox: bool


@dataclass(frozen=True, slots=True)
class ReceiverBinding:
    """The receiver a client acts for. ``receipt_key``: the raw Ed25519 key its receipts are signed by, if any."""

    code: str
    receipt_key: bytes | None


def _unheard(_known: Known) -> None:
    """For callers that tell nobody of limits."""


def _credential(*, sandbox: bool) -> str:
    return (SANDBOX if sandbox else "") + secrets.token_urlsafe(32)


def _view(row: PartnerClient) -> PartnerView:
    return PartnerView(
        id=row.id,
        name=row.name,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        disabled_at=row.disabled_at,
        receiver_code=row.receiver_code,
        sandbox=row.sandbox,
    )


# columns, not entities, and built once: this runs on every request
_CLIENT = select(*PartnerClient.__table__.c).where(
    or_(
        PartnerClient.credential_hash == bindparam("digest"),
        (PartnerClient.previous_hash == bindparam("digest")) & (PartnerClient.previous_until > bindparam("now")),
    )
)
_OF_CLIENT = select(*PartnerClient.__table__.c).where(PartnerClient.id == bindparam("client"))


class PartnerService:
    def __init__(self, db: Database, limits: RateLimiter, pepper: bytes, log: EventLog, clock: Clock) -> None:
        self._db, self._limits, self._pepper, self._log, self._clock = db, limits, pepper, log, clock

    # --- asking -------------------------------------------------------------------------------------------------------

    def resolve(self, credential: str, scope: Scope, request_id: str = "", note: Note = _unheard) -> Admission:
        """The machine behind a credential. ``note`` hears of it as soon as it is known.

        Raises Unauthenticated('credential_refused') alike for an unknown and for a closed one, RateLimited, and
        Forbidden('scope_required').
        """
        now = self._clock.now()
        row = self._db.look_up(_CLIENT, {"digest": self._hash(credential), "now": now})
        if row is None or row.disabled_at is not None:
            raise Unauthenticated("credential_refused")
        return self.admit(Caller(row.id, row.scopes, row.last_used_at, row.sandbox), scope, request_id, note)

    def admit(self, caller: Caller, scope: Scope, request_id: str, note: Note) -> Admission:
        """A caller that has shown who it is; ``note`` hears of it, also where it is refused. Raises RateLimited,
        Forbidden('scope_required').
        """
        now, left = self._clock.now(), 0
        try:
            left = self._limits.hit(
                "partner-client", str(caller.id), limit=REQUESTS_PER_MINUTE, window_s=REQUESTS_WINDOW_S
            )
        finally:
            note(Known(caller.id, caller.sandbox, left))
        if caller.last_used_at is None or now - caller.last_used_at > SEEN_STEP:
            with self._db.transaction() as session:
                session.execute(update(PartnerClient).where(PartnerClient.id == caller.id).values(last_used_at=now))
        if scope not in caller.scopes:
            raise Forbidden("scope_required", params={"scope": scope.value}, extra={"scope": scope.value})
        return Admission(Actor(ActorKind.PARTNER, caller.id, request_id=request_id), caller.sandbox)

    def receiver_of(self, actor: Actor) -> ReceiverBinding:
        """Whose packages this client may take. Raises Forbidden('scope_required') for a client that has no receiver."""
        row = self._db.look_up(_OF_CLIENT, {"client": actor.id})
        if row is None or row.receiver_code is None:
            scope = Scope.RECEIVE_DOSSIERS.value
            raise Forbidden("scope_required", params={"scope": scope}, extra={"scope": scope})
        key = bytes.fromhex(row.receipt_key) if row.receipt_key is not None else None
        return ReceiverBinding(row.receiver_code, key)

    @staticmethod
    def receives(session: Session, receiver_code: str) -> bool:
        """Whether a client that is not closed may fetch this receiver's packages."""
        query = select(PartnerClient.id).where(
            PartnerClient.receiver_code == receiver_code, PartnerClient.disabled_at.is_(None)
        )
        return session.scalar(query.limit(1)) is not None

    @staticmethod
    def of_scope(session: Session, scope: Scope) -> dict[UUID, str | None]:
        """The clients that are not closed and have this scope, each with its receiver's code if it is bound to one."""
        query = select(PartnerClient.id, PartnerClient.receiver_code).where(
            PartnerClient.disabled_at.is_(None), PartnerClient.scopes.any_() == scope.value
        )
        return dict(session.execute(query).all())

    # --- keeping ------------------------------------------------------------------------------------------------------

    def add(
        self,
        name: str,
        scopes: Sequence[str],
        receiver_code: str = "",
        receipt_key: bytes | None = None,
        *,
        sandbox: bool = False,
    ) -> tuple[UUID, str]:
        """(id, credential shown once). A client that receives dossiers is bound to one receiver; no other is.

        Raises Invalid for an unknown scope, one that the sandbox has not, a receiver code that is missing or not
        wanted, a key that is none; Conflict for a name in use.
        """
        unknown = [s for s in scopes if s not in set(Scope)]
        if unknown or not scopes:
            raise Invalid("unknown_scope", faults=[FieldFault("/scopes", "unknown_field")])
        if sandbox and not SANDBOX_SCOPES.issuperset(scopes):
            raise Invalid("sandbox_scope", faults=[FieldFault("/scopes", "wrong")])
        code = receiver_code.strip()
        if bool(code) is not (Scope.RECEIVE_DOSSIERS in scopes) or not re.fullmatch(r"[A-Za-z0-9-]{0,40}", code):
            raise Invalid("receiver_code_required", faults=[FieldFault("/receiver_code", "required")])
        if receipt_key is not None and (not code or len(receipt_key) != ED25519_BYTES):
            raise Invalid("receipt_key_refused", faults=[FieldFault("/receipt_key", "wrong")])
        credential = _credential(sandbox=sandbox)
        row = PartnerClient(
            id=new_id(),
            name=name,
            credential_hash=self._hash(credential),
            scopes=sorted(set(scopes)),
            receiver_code=code or None,
            receipt_key=receipt_key.hex() if receipt_key is not None else None,
            sandbox=sandbox,
            created_at=self._clock.now(),
        )
        try:
            with self._db.transaction() as session:
                session.add(row)
                session.flush()
                self._record(session, "partner.added", row.id)
        except IntegrityError:
            raise Conflict("partner_name_taken") from None
        return row.id, credential

    def clients(self) -> list[PartnerView]:
        """All of them by name, the closed ones too."""
        with self._db.transaction() as session:
            rows = session.scalars(select(PartnerClient).order_by(PartnerClient.name))
            return [_view(r) for r in rows]

    def rotate(self, name: str, overlap: timedelta) -> str:
        """A new credential, shown once; the old one opens the door for ``overlap`` more (0 when it has leaked).

        Raises NotFound, Conflict for a closed client.
        """
        with self._db.transaction() as session:
            row = self._named(session, name)
            if row.disabled_at is not None:
                raise Conflict("credential_refused")
            credential = _credential(sandbox=row.sandbox)
            row.previous_hash, row.credential_hash = row.credential_hash, self._hash(credential)
            row.previous_until = self._clock.now() + min(overlap, LONGEST_OVERLAP)
            self._record(session, "partner.rotated", row.id)
        return credential

    def disable(self, name: str) -> None:
        """Both credentials and all keys are dead from the next request on. Raises NotFound."""
        with self._db.transaction() as session:
            self._close(session, SYSTEM, self._named(session, name))

    def disable_by_staff(self, actor: Actor, client_id: UUID) -> None:
        """The same, from the console. Raises NotFound."""
        with self._db.transaction() as session:
            row = session.get(PartnerClient, client_id, with_for_update=True)
            if row is None:
                raise NotFound("partner_not_found")
            self._close(session, actor, row)

    def _close(self, session: Session, actor: Actor, row: PartnerClient) -> None:
        row.disabled_at = row.disabled_at or self._clock.now()
        self._record(session, "partner.disabled", row.id, actor)

    def _record(self, session: Session, kind: str, client_id: UUID, actor: Actor = SYSTEM) -> None:
        self._log.record(session, actor, kind, object_kind="partner", object_id=client_id)

    @staticmethod
    def _named(session: Session, name: str) -> PartnerClient:
        row = session.scalar(select(PartnerClient).where(PartnerClient.name == name).with_for_update())
        if row is None:
            raise NotFound("partner_not_found")
        return row

    def _hash(self, credential: str) -> bytes:
        return hmac.digest(self._pepper, b"partner" + credential.encode(), "sha256")
