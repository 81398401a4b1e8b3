"""Duplicates that go into another ticket: what they brought is not lost on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from app.corrections.casework import SentFile
from app.corrections.rules import Kind, State
from app.corrections.views import MissingMaterial
from app.dossiers.models import MaterialVersion
from app.errors import Conflict
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import OpenFor, reader
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg

People = Callable[..., Person]
WANTED = MissingMaterial("7", "三好学生登记表")


def scan(number: int = 9) -> SentFile:
    return SentFile(jpeg(number), "image/jpeg")


def test_a_scan_collected_for_a_duplicate_is_filed_by_the_survivors_decision(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    kept, twin = (open_for(person, Kind.MISSING_MATERIAL).line for _ in range(2))
    twin = lantai.casework.collect(staff, twin.id, twin.version, WANTED, scan()).line
    merged = lantai.casework.merge(staff, twin.id, twin.version, kept.id)
    assert all(p.given for p in merged.proofs)
    done = lantai.desk.accept(staff, kept.id, merged.line.version)
    assert (done.line.state, done.material_version) == (State.RESOLVED, 1)
    with lantai.db.transaction() as session:
        filed = session.scalars(select(MaterialVersion).where(MaterialVersion.material_id == done.material_id)).one()
    assert filed.source_id == kept.id
    items = lantai.dossiers.catalogue(reader(person, clock)).items
    titles = [i.title for i in items if i.id == done.material_id]
    assert titles == [WANTED.title]


def test_a_ticket_with_a_scan_goes_only_where_it_will_be_filed(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    person, staff = graduate_factory(), clerk()
    other = open_for(person, Kind.OTHER).line
    kept, twin = (open_for(person, Kind.MISSING_MATERIAL).line for _ in range(2))
    twin = lantai.casework.collect(staff, twin.id, twin.version, WANTED, scan()).line
    with pytest.raises(Conflict, match="merge_loses_material"):
        lantai.casework.merge(staff, twin.id, twin.version, other.id)
    kept = lantai.casework.merge(staff, twin.id, twin.version, kept.id).line
    # nor by way of the one it went into
    with pytest.raises(Conflict, match="merge_loses_material"):
        lantai.casework.merge(staff, kept.id, kept.version, other.id)


def test_a_scan_of_which_no_material_comes_is_not_closed_as_done(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = clerk()
    line = open_for(graduate_factory(), Kind.MISSING_MATERIAL).line
    line = lantai.casework.collect(staff, line.id, line.version, WANTED, scan()).line
    with monkeypatch.context() as broken:
        broken.setattr(type(lantai.desk), "_prepare", lambda *_: None)
        with pytest.raises(Conflict, match="collected_not_filed"):
            lantai.desk.accept(staff, line.id, line.version)
    assert lantai.desk.ticket(staff, line.id).line.state is State.SUBMITTED
    assert lantai.desk.accept(staff, line.id, line.version).material_id is not None


def test_the_older_ticket_is_kept_and_its_deadline_with_it(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    old = open_for(person, Kind.OTHER).line
    clock.advance(days=10)
    new = open_for(person, Kind.OTHER).line
    assert new.decide_by > old.decide_by
    with pytest.raises(Conflict, match="merge_into_newer"):
        lantai.casework.merge(staff, old.id, old.version, new.id)
    kept = lantai.casework.merge(staff, new.id, new.version, old.id).line
    assert (kept.id, kept.decide_by) == (old.id, old.decide_by)
