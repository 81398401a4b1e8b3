"""Bit flips and swapped cells over every sealed column and the file store, in a real database: all must be noticed.

The intruder holds the owner's role and the files, and none of the keys. Every value is first read untouched: one that
does not open then makes the run void.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import inspect, select

from app.actors import SYSTEM, Actor, Purpose, Role
from app.corrections.book import claim_place, evidence_place, text_place
from app.corrections.drafts import TicketDraft, draft_place
from app.corrections.models import Evidence, Ticket, TicketMessage, TicketNote
from app.corrections.places import note_place
from app.corrections.queue_models import Satisfaction, SavedView
from app.corrections.ratings import words_place
from app.corrections.rules import Kind
from app.corrections.saved_views import view_place
from app.corrections.views import OpenTicket
from app.db import new_id
from app.dossiers.models import Dossier, Material, MaterialVersion, Record, RecordVersion
from app.dossiers.places import about_place, body_place, file_place, photo_name_place, photo_place
from app.dossiers.rules import Section
from app.envelope import HOUSE, Place, open_bytes, open_json
from app.errors import DomainError, Tampered
from app.field_table import FIELDS
from app.governance.models import ReviewItem
from app.idempotency import StoredReply
from app.keyring import WrappedKey
from app.people.models import Graduate, StaffMember
from app.people.service import card_place
from app.transfers.models import Transfer
from auth.models import Claim, GraduateTotp, Verification
from auth.places import staff_link_place, staff_totp_place, state_place, totp_place
from auth.rules import Factor
from auth.staff_models import StaffLink
from notifications.chat.models import Conversation
from tests import fakes
from tests.moving import opened as transfer_opened
from tests.proof.cell import Cell
from tests.proof.house import House, Person, house
from tests.proof.outcome import Budget, Outcome
from tests.proof.tamper_rooms import cells_of_rooms, fill_rooms
from tests.proof.tamper_transfers import cells_of_transfers, fill_transfers


def _house(_: Any) -> UUID:
    return HOUSE


def cells(home: House) -> list[Cell]:
    owners: dict[UUID, UUID] = {}
    with home.parts.db.transaction() as session:
        by_dossier = {d.id: d.graduate_id for d in session.scalars(select(Dossier))}
        owners |= {r.id: by_dossier[r.dossier_id] for r in session.scalars(select(Record))}
        owners |= {m.id: by_dossier[m.dossier_id] for m in session.scalars(select(Material))}
        owners |= {t.id: t.graduate_id for t in session.scalars(select(Ticket))}
        owners |= {t.id: t.graduate_id for t in session.scalars(select(Transfer))}
        owners |= {c.id: c.owner for c in session.scalars(select(Conversation))}
        owners |= by_dossier | {i.id: i.graduate_id for i in session.scalars(select(ReviewItem))}
        replies = {row.id: home.reply_owner for row in session.scalars(select(StoredReply))}
    return [
        Cell(Graduate, "sealed_card", lambda r: r.id, card_place),
        Cell(Dossier, "sealed_photo_name", lambda r: r.graduate_id, photo_name_place),
        Cell(RecordVersion, "sealed_body", lambda r: owners[r.record_id], body_place),
        Cell(MaterialVersion, "sealed_about", lambda r: owners[r.material_id], about_place),
        Cell(Ticket, "sealed_claim", lambda r: r.graduate_id, claim_place),
        Cell(TicketMessage, "sealed_text", lambda r: owners[r.ticket_id], text_place),
        Cell(TicketDraft, "sealed_text", lambda r: owners[r.ticket_id], draft_place),
        Cell(TicketNote, "sealed_text", lambda r: owners[r.ticket_id], note_place),
        Cell(Satisfaction, "sealed_words", lambda r: r.graduate_id, lambda r: words_place(r.ticket_id)),
        Cell(SavedView, "sealed_view", _house, view_place),
        Cell(StaffLink, "sealed_totp", _house, lambda r: staff_link_place(r.id)),
        Cell(Transfer, "sealed_proofs", lambda r: r.graduate_id, lambda r: Place("transfer", "sealed_proofs", r.id)),
        Cell(Transfer, "sealed_basis", lambda r: r.graduate_id, lambda r: Place("transfer", "sealed_basis", r.id)),
        Cell(StaffMember, "sealed_totp", _house, lambda r: staff_totp_place(r.id)),
        Cell(GraduateTotp, "sealed_secret", lambda r: r.graduate_id, lambda r: totp_place(r.graduate_id)),
        Cell(Verification, "sealed_state", _house, lambda r: state_place(r.id)),
        Cell(Claim, "sealed_person", _house, lambda r: Place("claim", "sealed_person", r.id)),
        Cell(
            StoredReply, "sealed_reply", lambda r: replies[r.id], lambda r: Place("stored_reply", "sealed_reply", r.id)
        ),
        Cell(WrappedKey, "wrapped", lambda r: r.owner_id, lambda r: Place("data_key", "wrapped", r.owner_id)),
        *cells_of_rooms(owners),
        *cells_of_transfers(owners),
    ]


def fill(home: House) -> list[Person]:
    """Something in every sealed column, of several graduates."""
    staff, _ = home.staff(Role.ARCHIVIST, Role.REVIEWER), home.staff(Role.ARCHIVIST)
    people = [home.graduate() for _ in range(4)]
    for number, person in enumerate(people):
        actor = home.actor(person)
        records = home.parts.dossiers.section(actor, Section.COURSE).records
        for record in records[:2]:
            wanted = OpenTicket(Kind.TRANSCRIPTION, "成绩有误", record.id, record.version, {"grade": "91"}, ())
            ticket = home.parts.corrections.open_ticket(actor, wanted)
            home.parts.casework.note(staff, ticket.line.id, "原件在三号柜")
            home.parts.desk.accept(staff, ticket.line.id, ticket.line.version, "已核对原件")
            home.parts.drafts.save(staff, ticket.line.id, "note", new_id(), {"text": "待核对学籍卡"})
            home.parts.ratings.rate(actor, ticket.line.id, 5, "办得很快")
        home.parts.saved_views.save(staff, f"我的课程 {number}", {}, shared=False)
        home.parts.links.invite(SYSTEM, f"新同事 {number}", [Role.ARCHIVIST])
        home.parts.corrections.add_evidence(
            actor, home.parts.corrections.prepare_evidence(actor, fakes.jpeg(30 + number), "image/jpeg")
        )
        transfer_opened(home.parts, staff, person.id)
        home.parts.totp.enrol(actor)
        view = home.claimed(person, number)
        home.parts.factors.set_consent(view.actor, "face", granted=True)
        home.parts.verifications.begin(view, Factor.WECHAT_FACE, Purpose.BIND)
    for number in range(3):
        home.parts.idempotency.run(
            home.actor(people[0]), f"proof-key-{number}", "/proof", b"body", lambda: (200, {"said": "成绩有误"})
        )
    home.reply_owner = people[0].id
    fill_rooms(home, staff, people)
    fill_transfers(home)
    return people


class Intruder:
    """Writes what the application never would; ``opens`` reads it back the way the application does."""

    def __init__(self, home: House, owner: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._home, self._owner = home, owner
        for table in {cell.name[0] for cell in cells(home)}:
            owner.execute(sql.SQL("alter table {} disable trigger user").format(sql.Identifier(table)))

    def write(self, cell: Cell, row: Any, value: bytes) -> None:
        keys = [sql.SQL("{} = %s").format(sql.Identifier(c.name)) for c in inspect(cell.model).primary_key]
        self._owner.execute(
            sql.SQL("update {} set {} = %s where {}").format(
                sql.Identifier(cell.name[0]), sql.Identifier(cell.column), sql.SQL(" and ").join(keys)
            ),
            (value, *self.key_of(cell, row)),
        )

    @staticmethod
    def key_of(cell: Cell, row: Any) -> tuple[Any, ...]:
        return tuple(getattr(row, c.name) for c in inspect(cell.model).primary_key)

    def notices(self, cell: Cell, row: Any) -> bool:
        """Whether the application refuses the value as it now stands. Raises anything but Tampered."""
        try:
            with self._home.parts.db.transaction() as session:
                now = session.get_one(cell.model, self.key_of(cell, row))
                if cell.model is WrappedKey:
                    self._home.parts.keys.many(session, [now.owner_id])
                    return False
            open_bytes(self._home.parts.keys.of(cell.owner(now)), cell.place(now), getattr(now, cell.column))
        except Tampered:
            return True
        return False

    def rows(self, cell: Cell) -> list[Any]:
        with self._home.parts.db.transaction() as session:
            rows = session.scalars(select(cell.model)).all()
        return [row for row in rows if getattr(row, cell.column) is not None]


def flipped(value: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(value) * 8)
    return value[: at // 8] + bytes([value[at // 8] ^ (1 << at % 8)]) + value[at // 8 + 1 :]


@dataclass(slots=True)
class Tally:
    tried: int = 0
    noticed: int = 0

    def add(self, noticed: bool) -> None:
        self.tried += 1
        self.noticed += noticed

    def __str__(self) -> str:
        return f"{self.noticed}/{self.tried}"


def over_columns(home: House, intruder: Intruder, rng: Random, times: int, faults: list[str]) -> tuple[Tally, Tally]:
    flips, swaps = Tally(), Tally()
    for cell in cells(home):
        rows = intruder.rows(cell)
        if len(rows) < 2 or any(intruder.notices(cell, row) for row in rows):
            faults.append(f"void: {cell.name}: {len(rows)} rows, or one that does not open untouched")
            continue
        for _ in range(times):
            row, before = (found := rng.choice(rows)), getattr(found, cell.column)
            intruder.write(cell, row, flipped(before, rng))
            flips.add(noticed := intruder.notices(cell, row))
            intruder.write(cell, row, before)
            if not noticed:
                faults.append(f"{cell.name}: a flipped bit was not noticed")
            pair = rng.sample(rows, 2)
            kept = [getattr(r, cell.column) for r in pair]
            for each, other in zip(pair, reversed(kept), strict=True):
                intruder.write(cell, each, other)
            for each in pair:
                swaps.add(noticed := intruder.notices(cell, each))
                if not noticed:
                    faults.append(f"{cell.name}: a swapped value was not noticed")
            for each, own in zip(pair, kept, strict=True):
                intruder.write(cell, each, own)
    return flips, swaps


Read = Callable[[], bytes]


def blobs(home: House) -> list[tuple[str, Read]]:
    """(name in the store, how the application reads it) of every file."""
    parts = home.parts

    def opened(owner: UUID, place: Place, name: str) -> bytes:
        return open_bytes(parts.keys.of(owner), place, parts.outside.files.get(name))

    found: list[tuple[UUID, Place, str]] = []
    with parts.db.transaction() as session:
        owners = {d.id: d.graduate_id for d in session.scalars(select(Dossier))}
        for dossier in session.scalars(select(Dossier).where(Dossier.sealed_photo_name.is_not(None))):
            key = parts.keys.of(dossier.graduate_id)
            name = open_json(key, photo_name_place(dossier), dossier.sealed_photo_name or b"")["name"]
            found.append((dossier.graduate_id, photo_place(dossier), name))
        query = select(MaterialVersion, Material).join(Material, Material.id == MaterialVersion.material_id)
        for version, material in session.execute(query.where(MaterialVersion.file_name.is_not(None))):
            found.append((owners[material.dossier_id], file_place(version), version.file_name or ""))
        for row in session.scalars(select(Evidence)):
            found.append((row.graduate_id, evidence_place(row.id), row.file_name))
    return [(name, partial(opened, owner, place, name)) for owner, place, name in found]


def over_files(home: House, rng: Random, times: int, faults: list[str]) -> tuple[Tally, Tally]:
    flips, swaps = Tally(), Tally()
    store = home.folder / "data" / "files"
    files = blobs(home)

    def path(name: str) -> Path:
        return store / name[:2] / name[2:4] / name

    def notices(read: Read, what: str) -> bool:
        try:
            read()
        except Tampered:
            return True
        faults.append(f"file store: {what} was not noticed")
        return False

    for _, read in files:
        read()
    for _ in range(times):
        (name, read), (other, read_other) = rng.sample(files, 2)
        before, before_other = path(name).read_bytes(), path(other).read_bytes()
        path(name).write_bytes(flipped(before, rng))
        flips.add(notices(read, "a flipped bit"))
        path(name).write_bytes(before_other)
        path(other).write_bytes(before)
        for each in (read, read_other):
            swaps.add(notices(each, "a swapped file"))
        path(name).write_bytes(before)
        path(other).write_bytes(before_other)
    return flips, swaps


def through_services(home: House, people: Sequence[Person], intruder: Intruder, rng: Random) -> list[str]:
    """A reader meets the error, never the content, on each way to a record."""
    person = people[0]
    actor: Actor = home.actor(person)
    cell = next(c for c in cells(home) if c.model is RecordVersion)
    record = home.parts.dossiers.section(actor, Section.COURSE).records[-1]
    row = next(r for r in intruder.rows(cell) if r.record_id == record.id)
    intruder.write(cell, row, flipped(row.sealed_body, rng))
    ways: dict[str, Callable[[], object]] = {
        "catalogue": lambda: home.parts.dossiers.catalogue(actor),
        "section": lambda: home.parts.dossiers.section(actor, Section.COURSE),
        "record": lambda: home.parts.dossiers.record(actor, record.id),
    }
    faults = []
    for name, read in ways.items():
        try:
            read()
            faults.append(f"{name} served a tampered record")
        except DomainError as error:
            if not isinstance(error, Tampered):
                faults.append(f"{name}: {type(error).__name__} instead of Tampered")
    intruder.write(cell, row, row.sealed_body)
    return faults


def run(budget: Budget) -> Outcome:
    rng, faults = Random(budget.seed), list[str]()
    times = 25 if budget.short else int(100 * budget.minutes)
    with house() as home:
        people = fill(home)
        listed = {
            (table, column) for table, columns in FIELDS.items() for column, f in columns.items() if f.how == "sealed"
        }
        if missing := listed - {cell.name for cell in cells(home)}:
            faults.append(f"void: sealed columns that this drill does not know: {sorted(missing)}")
        with home.owner() as owner:
            intruder = Intruder(home, owner)
            column_flips, column_swaps = over_columns(home, intruder, rng, times, faults)
            faults += through_services(home, people, intruder, rng)
        file_flips, file_swaps = over_files(home, rng, times * 4, faults)
        columns = len(cells(home))
    number = (
        f"noticed: flipped bits {column_flips} in {columns} columns and {file_flips} in files,"
        f" swaps {column_swaps} in columns and {file_swaps} of files"
    )
    return Outcome(number, faults)
