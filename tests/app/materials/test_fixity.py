"""Every kind of damage is found, files are mended from the replica, and a killed round goes on where it was."""

from __future__ import annotations

import io
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import select

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.db import Base
from app.dossiers.models import Dossier, MaterialVersion, RecordVersion
from app.envelope import HOUSE
from app.errors import Forbidden, Unavailable
from app.events import Event
from app.keyring import WrappedKey
from app.materials import fixity_scope
from app.materials.fixity import FixityService
from app.materials.models import FixityFinding, FixityRun
from app.materials.rules import MENDED_LABELS, Damage, Mended
from app.materials.views import FindingView, RunView, SupplementView
from app.people.models import Graduate
from parts import Lantai
from tests import fakes
from tests.app.conftest import Clerk
from tests.app.imports.test_imports import row, table
from tests.app.materials.conftest import Intruder
from tests.conftest import Person

Make = Callable[..., FixityService]


def whole(service: FixityService, *, afresh: bool = True) -> RunView:
    return service.run_to_end(SYSTEM, lambda _: None, afresh=afresh)


def found(lantai: Lantai) -> set[tuple[str, UUID, str, Damage, bool]]:
    rows, total = lantai.fixity_board.findings(SYSTEM, limit=500)
    assert len(rows) == total
    return {(f.object_kind, f.object_id, f.part, f.damage, f.mended_at is not None) for f in rows}


def stored(lantai: Lantai) -> list[MaterialVersion]:
    with lantai.db.transaction() as session:
        return list(session.scalars(select(MaterialVersion).where(MaterialVersion.file_name.is_not(None))))


def test_every_sealed_column_is_verified_or_has_a_reason() -> None:
    assert list(fixity_scope.unlisted()) == []
    columns = {f"{t.name}.{c.name}" for t in Base.metadata.sorted_tables for c in t.columns}
    assert set(fixity_scope.UNCHECKED) <= columns
    for sealed in fixity_scope.SCOPE:
        assert {f"{sealed.table}.{c}" for c in sealed.columns} <= columns


def test_an_intact_archive_passes_and_everything_was_looked_at(
    lantai: Lantai, with_files: Callable[[], Person], fixity: Make, send_in: Callable[..., SupplementView], clerk: Clerk
) -> None:
    people = [with_files() for _ in range(3)]
    send_in(people[0])
    view = whole(fixity())
    assert (view.damaged, view.missing, view.erased, view.percent) == (0, 0, 0, 100)
    assert view.rows == view.total > 35
    # three cards, photos' names, materials' abouts and facts, records; photos, contents and previews
    assert view.files == 3 * 3 + 1
    assert found(lantai) == set()


def test_one_flipped_bit_swapped_cells_and_a_lost_file_are_all_found(
    lantai: Lantai, with_files: Callable[[], Person], fixity: Make, intruder: Intruder, replica: fakes.MemoryReplica
) -> None:
    people = [with_files() for _ in range(4)]
    with lantai.db.transaction() as session:
        records = list(session.scalars(select(RecordVersion).limit(3)))
        dossier = session.scalars(select(Dossier).where(Dossier.graduate_id == people[3].id)).one()
    files = stored(lantai)
    intruder.flip("record_version", "sealed_body", records[0].id)
    intruder.swap("record_version", "sealed_body", records[1].id, records[2].id)
    intruder.flip("graduate", "sealed_card", people[0].id)
    intruder.flip("material_version", "sealed_facts", files[0].id)
    intruder.flip("dossier", "sealed_photo_name", dossier.id)
    assert files[1].file_name is not None
    assert files[2].file_name is not None
    assert files[2].preview_name is not None
    spoilt = bytearray(replica.files[files[1].file_name])
    spoilt[len(spoilt) // 2] ^= 1
    replica.files[files[1].file_name] = bytes(spoilt)
    del replica.files[files[2].file_name]
    replica.files[files[2].preview_name] = b"short"
    view = whole(fixity(copies=False))
    assert found(lantai) == {
        *(("record_version", r.id, "sealed_body", Damage.CELL, False) for r in records),
        ("graduate", people[0].id, "sealed_card", Damage.CELL, False),
        ("material_version", files[0].id, "sealed_facts", Damage.CELL, False),
        ("dossier", dossier.id, "sealed_photo_name", Damage.CELL, False),
        ("material_version", files[1].id, "file", Damage.FILE, False),
        ("material_version", files[2].id, "file", Damage.MISSING, False),
        ("material_version", files[2].id, "preview", Damage.FILE, False),
    }
    assert (view.damaged, view.missing, view.repaired) == (9, 1, 0)
    assert lantai.fixity_board.damaged() == 9


def test_files_are_mended_from_the_replica_and_a_bad_copy_mends_nothing(
    lantai: Lantai, with_files: Callable[[], Person], fixity: Make, replica: fakes.MemoryReplica
) -> None:
    for _ in range(4):
        with_files()
    one, two, three, four = stored(lantai)
    names = [v.file_name or "" for v in (one, two, three, four)]
    good = dict(replica.copies)
    whole_file = replica.files[names[0]]
    replica.files[names[0]] = whole_file[:-1] + bytes([whole_file[-1] ^ 1])
    del replica.files[names[1]]
    replica.files[names[2]] = replica.copies[names[2]] = b"both are gone"
    replica.copies[names[3]] = b"only the copy is bad"
    view = whole(fixity())
    assert found(lantai) == {
        ("material_version", one.id, "file", Damage.FILE, True),
        ("material_version", two.id, "file", Damage.MISSING, True),
        ("material_version", three.id, "file", Damage.FILE, False),
        ("material_version", four.id, "replica:file", Damage.FILE, True),
    }
    assert (view.damaged, view.missing, view.repaired) == (4, 1, 3)
    assert {n: replica.files[n] for n in (names[0], names[1])} == {n: good[n] for n in (names[0], names[1])}
    assert replica.copies[names[3]] == good[names[3]]
    assert replica.files[names[2]] == b"both are gone"
    again = whole(fixity())
    assert (again.damaged, again.repaired) == (1, 0)
    # the operator brings the last one back from a backup: the finding closes by itself
    replica.files[names[2]] = replica.copies[names[2]] = good[names[2]]
    whole(fixity())
    assert lantai.fixity_board.damaged() == 0
    assert all(mended for *_, mended in found(lantai))


def test_a_finding_whose_row_was_taken_back_closes_as_gone(
    lantai: Lantai, with_files: Callable[[], Person], fixity: Make, intruder: Intruder
) -> None:
    """An import with a damaged record is undone: no round will ever meet that row again."""
    stays = with_files()
    batch = lantai.importer.receive(SYSTEM, name="g.csv", stream=io.BytesIO(table(row(801))), source="console")
    lantai.importer.import_now(SYSTEM, batch.id)
    with lantai.db.transaction() as session:
        imported = session.scalars(select(Graduate.id).where(Graduate.id != stays.id)).one()
    for graduate in (stays.id, imported):
        intruder.flip("graduate", "sealed_card", graduate)
    whole(fixity())
    assert lantai.fixity_board.damaged() == 2
    lantai.importer.undo(SYSTEM, batch.id, at_once=True)
    view = whole(fixity())
    rows, _ = lantai.fixity_board.findings(SYSTEM)
    assert {(f.object_id, f.mended_words) for f in rows} == {(stays.id, ""), (imported, MENDED_LABELS[Mended.GONE])}
    assert (view.damaged, view.repaired, lantai.fixity_board.damaged()) == (1, 0, 1)
    with lantai.db.transaction() as session:
        told = session.scalars(select(Event).where(Event.type == "fixity.gone")).one()
    assert (told.object_id, told.data) == (imported, {"part": "sealed_card"})


def test_content_that_opens_but_is_not_what_was_filed(
    lantai: Lantai, with_files: Callable[[], Person], fixity: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody with the keys sealed something else in the right place: the tag fits, the digest does not."""
    with_files()
    monkeypatch.setattr("app.materials.fixity_check.digests", lambda data: {"sha256": "0" * 64, "sm3": "0" * 64})
    whole(fixity())
    (version,) = stored(lantai)
    assert found(lantai) == {("material_version", version.id, "file", Damage.DIGEST, False)}


def test_a_key_that_does_not_unwrap_is_told_once_and_an_erased_one_is_no_damage(
    lantai: Lantai, with_files: Callable[[], Person], fixity: Make, intruder: Intruder, replica: fakes.MemoryReplica
) -> None:
    broken, erased = with_files(), with_files()
    with lantai.db.transaction() as session:
        session.delete(session.get_one(WrappedKey, erased.id))
    intruder.flip("data_key", "wrapped", broken.id, "owner_id")
    lantai.keys._cache.clear()
    view = whole(fixity())
    assert found(lantai) == {("data_key", broken.id, "key", Damage.UNREADABLE, False)}
    assert view.erased > 10


def test_a_killed_round_goes_on_where_it_was_and_counts_everything_once(
    lantai: Lantai, with_files: Callable[[], Person], fixity: Make, replica: fakes.MemoryReplica
) -> None:
    """Power fails at every possible call of a slice; what follows is as if nothing had happened."""

    class Killed(BaseException):
        pass

    for _ in range(2):
        with_files()
    undisturbed = whole(fixity())
    name = stored(lantai)[0].file_name or ""
    del replica.files[name]
    service = fixity()
    run_id = service.start(SYSTEM, by_jobs=False)
    real = lantai.db.transaction
    kills = 0
    for at in range(1, 400):
        calls = 0

        def dying(at: int = at) -> object:
            nonlocal calls
            calls += 1
            if calls == at % 5 + 1:
                raise Killed
            return real()

        service._db.transaction = dying  # type: ignore[method-assign,assignment]
        try:
            if not service.slice(run_id):
                break
        except Killed:
            kills += 1
        finally:
            service._db.transaction = real  # type: ignore[method-assign]
    while service.slice(run_id):
        continue
    with lantai.db.transaction() as session:
        run = session.get_one(FixityRun, run_id)
    assert kills > 10
    assert run.finished_at is not None
    assert (run.rows, run.cells, run.files) == (undisturbed.rows, undisturbed.cells, undisturbed.files)
    assert (run.damaged, run.missing, run.repaired) == (1, 1, 1)
    assert name in replica.files


def test_a_slice_done_twice_counts_once(lantai: Lantai, with_files: Callable[[], Person], fixity: Make) -> None:
    with_files()
    one, other = fixity(), fixity()
    run_id = one.start(SYSTEM, by_jobs=False)
    assert other.start(SYSTEM, by_jobs=False) == run_id
    seen, stage = 0, fixity_scope.of(fixity_scope.STAGES[0])
    with lantai.db.transaction() as session:
        rows = fixity_scope.batch(session, stage, None, 5)
    one.slice(run_id)
    done = type("Done", (), {"cells": 9, "files": 9, "erased": 0})()
    assert other._move_on(run_id, seen, stage, rows, done, []) is False
    with lantai.db.transaction() as session:
        assert session.get_one(FixityRun, run_id).slices == 1


def test_a_store_that_does_not_answer_is_no_damage(
    lantai: Lantai, with_files: Callable[[], Person], fixity: Make, replica: fakes.MemoryReplica
) -> None:
    with_files()
    service = fixity()

    def away(name: str) -> bytes:
        raise Unavailable("file_store_unavailable")

    replica.get = away  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        whole(service)
    del replica.get
    assert found(lantai) == set()
    assert whole(service, afresh=False).damaged == 0


def test_rounds_come_by_themselves_through_the_worker(
    lantai: Lantai, with_files: Callable[[], Person], run_jobs: Callable[[], None], clock: fakes.FakeClock
) -> None:
    with_files()
    assert lantai.fixity.tick() is True
    assert lantai.fixity.tick() is False
    # the next slices are due in real seconds, so the queue is worked until the round is over
    for _ in range(60):
        run_jobs()
        with lantai.db.transaction() as session:
            (run,) = session.scalars(select(FixityRun))
        if run.finished_at is not None:
            break
        clock.advance(seconds=1)
    assert run.finished_at is not None
    assert run.rows == run.total
    assert lantai.fixity.tick() is False
    clock.advance(days=8)
    assert lantai.fixity.tick() is True
    clock.advance(hours=1)
    assert lantai.fixity.tick() is True  # its job was lost: woken
    with lantai.db.transaction() as session:
        types = session.scalars(select(Event.type).where(Event.type.like("fixity.%")).order_by(Event.id)).all()
    assert types == ["fixity.started", "fixity.finished", "fixity.started"]


def test_who_may_watch(lantai: Lantai, clerk: Clerk, fixity: Make) -> None:
    for role in (Role.ARCHIVIST, Role.AUDITOR):
        assert lantai.fixity_board.overview(clerk(role)).damaged == 0
    for actor in (clerk(Role.REVIEWER), clerk(Role.ADMINISTRATOR), Actor(ActorKind.GRADUATE, HOUSE)):
        with pytest.raises(Forbidden):
            lantai.fixity_board.overview(actor)
        with pytest.raises(Forbidden):
            lantai.fixity_board.findings(actor)
        with pytest.raises(Forbidden):
            fixity().start(actor)


def test_findings_hold_ids_and_codes_only(
    lantai: Lantai, with_files: Callable[[], Person], fixity: Make, intruder: Intruder
) -> None:
    person = with_files()
    intruder.flip("graduate", "sealed_card", person.id)
    whole(fixity())
    (finding,), _ = lantai.fixity_board.findings(SYSTEM)
    assert isinstance(finding, FindingView)
    with lantai.db.transaction() as session:
        event = session.scalars(select(Event).where(Event.type == "fixity.damaged")).one()
        row = session.scalars(select(FixityFinding)).one()
    assert (event.graduate_id, event.object_id, event.data) == (person.id, person.id, {"part": "sealed_card"})
    assert row.owner_id == person.id
    assert person.card.name not in str(finding) + str(event.data)
