"""Graduates' cards and platform identities: who exists, who came with which account, who staff are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.envelope import BlindIndex, DataKey, Place, open_json, seal_json
from app.errors import Conflict, Forbidden, NotFound
from app.events import EventLog
from app.keyring import Keyring, WrappedKey
from app.people import rules
from app.people.models import Graduate, IdentityState, PlatformIdentity, StaffMember
from app.ports import Clock, Platform, PlatformAccount

CHANGES_HOLD = timedelta(hours=24)
"""After a second account of one platform is bound, changes wait this long (docs/architecture.md, the ladder)."""

READERS = (Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER)


@dataclass(frozen=True, slots=True)
class Card:
    """Who a graduate is, in clear; only ever in memory."""

    name: str = field(repr=False)
    id_number: str = field(repr=False)
    student_number: str = field(repr=False)
    phone: str = field(repr=False)

    def masked(self) -> Card:
        return Card(
            rules.mask_name(self.name),
            rules.mask_id_number(self.id_number),
            rules.mask_student_number(self.student_number),
            rules.mask_phone(self.phone),
        )


@dataclass(frozen=True, slots=True)
class GraduateView:
    id: UUID
    card: Card
    cohort_year: int
    college: str
    major: str
    degree_level: str
    changes_held_until: datetime | None


@dataclass(frozen=True, slots=True)
class IdentityView:
    id: UUID
    platform: Platform
    app_id: str
    open_id: str = field(repr=False)
    state: IdentityState
    graduate_id: UUID | None
    bound_at: datetime | None
    reachable: bool


_TAKEN = text("select student_number_bidx, id from graduate where student_number_bidx = any(cast(:indexes as bytea[]))")


def identity_view(row: PlatformIdentity) -> IdentityView:
    return IdentityView(
        row.id,
        row.platform,
        row.app_id,
        row.open_id,
        row.state,
        row.graduate_id,
        row.bound_at,
        row.unreachable_at is None,
    )


def card_place(row: Graduate) -> Place:
    return Place("graduate", "sealed_card", row.id, row.card_version)


class PeopleService:
    def __init__(self, db: Database, keys: Keyring, index: BlindIndex, log: EventLog, clock: Clock) -> None:
        self._db, self._keys, self._index, self._log, self._clock = db, keys, index, log, clock

    # --- look-ups ---------------------------------------------------------------------------------------------------

    def student_number_index(self, student_number: str) -> bytes:
        return self._index.of("graduate", "student_number", rules.normalise_student_number(student_number))

    def id_number_index(self, id_number: str) -> bytes:
        return self._index.of("graduate", "id_number", rules.normalise_id_number(id_number))

    def phone_index(self, phone: str) -> bytes:
        return self._index.of("graduate", "phone", rules.normalise_phone(phone))

    def card_indexes(self, student_number: str, id_number: str) -> tuple[bytes, bytes]:
        """Both of numbers that are in normal form already: a cohort's rows are put into it once."""
        of = self._index.of
        return of("graduate", "student_number", student_number), of("graduate", "id_number", id_number)

    def match_claim(self, student_number: str, id_number: str, name: str) -> UUID | None:
        """The graduate all three belong to. A miss does the same work as a hit: one query, one decryption."""
        wanted = rules.normalise_name(name)
        by_id = self.id_number_index(id_number)
        with self._db.transaction() as session:
            row = session.scalar(
                select(Graduate).where(Graduate.student_number_bidx == self.student_number_index(student_number))
            )
            # read on hits too, so that both cost two queries, one unwrapped key and one decryption
            decoy = session.scalar(select(Graduate).order_by(Graduate.id).limit(1))
            subject = row or decoy
            if subject is None:
                return None
            key = self._keys.many(session, [subject.id])[subject.id]
        card = self._open_card(key, subject)
        hit = row is not None and row.id_number_bidx == by_id and card.name == wanted
        return row.id if hit and row is not None else None

    def find_by_student_number(self, actor: Actor, student_number: str) -> GraduateView:
        """For staff. Raises NotFound; the search itself is recorded."""
        self._require_reader(actor)
        index = self.student_number_index(student_number)
        with self._db.transaction() as session:
            row = session.scalar(select(Graduate).where(Graduate.student_number_bidx == index))
            self._log.record(
                session,
                actor,
                "graduate.searched",
                graduate_id=row.id if row else None,
                data={"found": row is not None},
            )
        if row is None:
            raise NotFound("graduate_not_found")
        return self._view(row)

    def graduate(self, graduate_id: UUID) -> GraduateView:
        """Unmasked; callers are services that must verify or send. Raises NotFound."""
        with self._db.transaction() as session:
            row = session.get(Graduate, graduate_id)
        if row is None:
            raise NotFound("graduate_not_found")
        return self._view(row)

    def shown_to_staff(self, actor: Actor, graduate_id: UUID) -> GraduateView:
        """The masked card, for the console. Raises NotFound, Forbidden without a reading role."""
        self._require_reader(actor)
        found = self.graduate(graduate_id)
        return replace(found, card=found.card.masked())

    def names(self, graduate_ids: list[UUID]) -> dict[UUID, str]:
        """Masked names for list pages, in two queries; of the erased there is none."""
        with self._db.transaction() as session:
            rows = session.scalars(select(Graduate).where(Graduate.id.in_(graduate_ids))).all()
            keys = self._keys.for_list(session, [r.id for r in rows])
        return {r.id: rules.mask_name(self._open_card(keys[r.id], r).name) for r in rows if r.id in keys}

    # --- writing ----------------------------------------------------------------------------------------------------

    def prepare_graduate(
        self, card: Card, *, cohort_year: int, college: str, major: str, level: str
    ) -> tuple[Graduate, DataKey, WrappedKey]:
        """Rows of a new graduate with a data key of their own, to be added in the importer's transaction."""
        values, key, wrapped = self.prepare_values(
            replace(card, phone=rules.normalise_phone(card.phone)),
            new_id(),
            (self.student_number_index(card.student_number), self.id_number_index(card.id_number)),
            cohort_year=cohort_year,
            college=college,
            major=major,
            level=level,
        )
        return Graduate(**values), key, WrappedKey(**wrapped)

    def prepare_values(
        self,
        card: Card,
        owner: UUID,
        indexes: tuple[bytes, bytes],
        *,
        cohort_year: int,
        college: str,
        major: str,
        level: str,
    ) -> tuple[dict[str, Any], DataKey, dict[str, Any]]:
        """The same as plain values, for a cohort that is copied in. ``card`` in normal form, ``indexes`` its own."""
        key, wrapped = self._keys.new_values(owner)
        values = {
            "id": owner,
            "sealed_card": seal_json(key, Place("graduate", "sealed_card", owner, 1), _card_values(card)),
            "student_number_bidx": indexes[0],
            "id_number_bidx": indexes[1],
            "phone_bidx": self._index.of("graduate", "phone", card.phone) if card.phone else None,
            "cohort_year": cohort_year,
            "college": college,
            "major": major,
            "degree_level": level,
            "changes_held_until": None,
            "card_version": 1,
            "created_at": self._clock.now(),
        }
        return values, key, wrapped

    def taken(self, session: Session, indexes: Sequence[bytes]) -> dict[bytes, UUID]:
        """Which of these student numbers' blind indexes are somebody's, in one query."""
        return {row[0]: row[1] for row in session.execute(_TAKEN, {"indexes": list(indexes)})}

    def student_exists(self, session: Session, student_number: str) -> bool:
        index = self.student_number_index(student_number)
        return session.scalar(select(Graduate.id).where(Graduate.student_number_bidx == index)) is not None

    def rewrite_card(self, session: Session, key: DataKey, graduate_id: UUID, changes: dict[str, str]) -> None:
        """Follow an applied correction of an identity field; ``changes`` are Card field names, values in normal form.

        Raises Conflict('student_exists') for a student number that is another graduate's.
        """
        row = session.get(Graduate, graduate_id, with_for_update=True)
        if row is None:
            raise NotFound("graduate_not_found")
        old = self._open_card(key, row)
        card = Card(
            name=changes.get("name", old.name),
            id_number=changes.get("id_number", old.id_number),
            student_number=changes.get("student_number", old.student_number),
            phone=changes.get("phone", old.phone),
        )
        taken = session.scalar(
            select(Graduate.id).where(
                Graduate.student_number_bidx == self.student_number_index(card.student_number),
                Graduate.id != graduate_id,
            )
        )
        if taken is not None:
            raise Conflict("student_exists")
        row.card_version += 1
        row.sealed_card = self._seal_card(key, row, card)
        row.student_number_bidx = self.student_number_index(card.student_number)
        row.id_number_bidx = self.id_number_index(card.id_number)
        row.phone_bidx = self.phone_index(card.phone) if card.phone else None
        row.college = changes.get("college", row.college)
        row.major = changes.get("major", row.major)

    # --- platform identities ----------------------------------------------------------------------------------------

    def remember_identity(self, session: Session, account: PlatformAccount) -> IdentityView:
        """The row of this account, made on first sight; safe when two logins race."""
        session.execute(
            insert(PlatformIdentity)
            .values(
                id=new_id(),
                platform=account.platform,
                app_id=account.app_id,
                open_id=account.open_id,
                union_id=account.union_id,
                state=IdentityState.UNBOUND,
                created_at=self._clock.now(),
            )
            .on_conflict_do_nothing(index_elements=["platform", "app_id", "open_id"])
        )
        row = session.scalars(
            select(PlatformIdentity).where(
                PlatformIdentity.platform == account.platform,
                PlatformIdentity.app_id == account.app_id,
                PlatformIdentity.open_id == account.open_id,
            )
        ).one()
        row.unreachable_at = None  # whoever logs in can be reached again
        if row.state is IdentityState.REVOKED:
            # an unbound account may come back, but as a stranger
            row.state, row.graduate_id, row.bound_at = IdentityState.UNBOUND, None, None
        return identity_view(row)

    def identity(self, identity_id: UUID) -> IdentityView:
        with self._db.transaction() as session:
            row = session.get(PlatformIdentity, identity_id)
        if row is None:
            raise NotFound("identity_not_found")
        return identity_view(row)

    def identity_by_open_id(self, platform: Platform, open_id: str) -> IdentityView | None:
        with self._db.transaction() as session:
            row = session.scalar(
                select(PlatformIdentity).where(
                    PlatformIdentity.platform == platform, PlatformIdentity.open_id == open_id
                )
            )
            return identity_view(row) if row else None

    def identities_of(self, graduate_id: UUID) -> list[IdentityView]:
        """Bound ones, oldest first; not those a campus terminal had for the length of a session."""
        with self._db.transaction() as session:
            rows = session.scalars(
                select(PlatformIdentity)
                .where(
                    PlatformIdentity.graduate_id == graduate_id,
                    PlatformIdentity.state == IdentityState.BOUND,
                    PlatformIdentity.platform != Platform.CAMPUS_TERMINAL,
                )
                .order_by(PlatformIdentity.bound_at)
            )
            return [identity_view(r) for r in rows]

    def identities_of_app(self, session: Session, platform: Platform, app_id: str) -> list[UUID]:
        query = select(PlatformIdentity.id).where(
            PlatformIdentity.platform == platform, PlatformIdentity.app_id == app_id
        )
        return list(session.scalars(query))

    def bind(self, session: Session, identity_id: UUID, graduate_id: UUID) -> bool:
        """Join an account to a proofed graduate. True if another account of that platform was bound before:
        then changes are held for a day and the old account must be told. Raises Conflict('already_bound').
        """
        row = session.get(PlatformIdentity, identity_id, with_for_update=True)
        if row is None:
            raise NotFound("identity_not_found")
        if row.state is IdentityState.BOUND:
            if row.graduate_id != graduate_id:
                # one account, one person: it must be parted from the other dossier first, where its owner hears of it
                raise Conflict("already_bound")
            return False
        others = session.scalars(
            select(PlatformIdentity).where(
                PlatformIdentity.graduate_id == graduate_id,
                PlatformIdentity.state == IdentityState.BOUND,
                PlatformIdentity.id != identity_id,
                PlatformIdentity.platform == row.platform,
            )
        ).all()
        row.graduate_id, row.state, row.bound_at = graduate_id, IdentityState.BOUND, self._clock.now()
        # a terminal's account lives as long as its session, so it displaces nobody
        again = bool(others) and row.platform is not Platform.CAMPUS_TERMINAL
        if again:
            graduate = session.get(Graduate, graduate_id, with_for_update=True)
            if graduate is not None:
                graduate.changes_held_until = self._clock.now() + CHANGES_HOLD
        return again

    def require_no_hold(self, graduate_id: UUID) -> None:
        """Raises Conflict('changes_held') while changes wait after a new binding."""
        with self._db.transaction() as session:
            until = session.scalar(select(Graduate.changes_held_until).where(Graduate.id == graduate_id))
        if until is not None and self._clock.now() < until:
            raise Conflict("changes_held", extra={"until": until.isoformat()})

    def unbind(self, session: Session, identity_id: UUID) -> None:
        row = session.get(PlatformIdentity, identity_id, with_for_update=True)
        if row is not None:
            row.state = IdentityState.REVOKED

    def mark_unreachable(self, session: Session, identity_id: UUID) -> None:
        row = session.get(PlatformIdentity, identity_id)
        if row is not None:
            row.unreachable_at = self._clock.now()

    # --- staff ------------------------------------------------------------------------------------------------------

    def staff_names(self, staff_ids: list[UUID]) -> dict[UUID, str]:
        wanted = select(StaffMember.id, StaffMember.display_name).where(StaffMember.id.in_(set(staff_ids)))
        with self._db.transaction() as session:
            return {r.id: r.display_name for r in session.execute(wanted)} if staff_ids else {}

    # --- inside -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _require_reader(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*READERS):
            raise Forbidden("role_required")

    def _view(self, row: Graduate) -> GraduateView:
        card = self._open_card(self._keys.of(row.id), row)
        return GraduateView(
            row.id, card, row.cohort_year, row.college, row.major, row.degree_level, row.changes_held_until
        )

    @staticmethod
    def _open_card(key: DataKey, row: Graduate) -> Card:
        return Card(**open_json(key, card_place(row), row.sealed_card))

    @staticmethod
    def _seal_card(key: DataKey, row: Graduate, card: Card) -> bytes:
        return seal_json(key, card_place(row), _card_values(card))


def _card_values(card: Card) -> dict[str, str]:
    return {
        "name": card.name,
        "id_number": card.id_number,
        "student_number": card.student_number,
        "phone": card.phone,
    }
