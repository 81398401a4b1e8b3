"""The demo's HR office: what `lantai demo load` lays down is enough to fetch, open and receipt its sealed dossier."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.actors import Role
from app.transfers.electronic_rules import Leg
from commands.demo_office import prepare_office, seal_for_office
from commands.receivers import take_in
from parts import Lantai
from providers.sandbox.hr_checks import HrIdentity, keys_in
from providers.sandbox.hr_desk import identity_at
from providers.sandbox.hr_files import HR_CODE, HrFiles, hr_files
from providers.sandbox.hr_office import HrOffice
from providers.sandbox.receivers import write_receivers
from tests.app.checks.conftest import MATERIALS
from tests.conftest import Person, StaffLogin
from tests.partner_api.offices import served


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def files(lantai: Lantai, tmp_path: Path) -> HrFiles:
    path = tmp_path / "receivers.csv"
    write_receivers(path, seed=2026, counties=2)
    take_in(lantai, lambda: path.open("rb"))
    found = hr_files(tmp_path / "sandbox")
    prepare_office(lantai, found)
    return found


def office_of(files: HrFiles, site: str) -> HrOffice:
    who = HrIdentity(HR_CODE, identity_at(files.identity), keys_in(files.keys.read_bytes()))
    return HrOffice(who, site, files.credential.read_text().strip(), files.inbox, lambda _: True)


def test_the_sealed_dossier_is_fetched_and_accepted(
    files: HrFiles,
    site: str,
    lantai: Lantai,
    graduate_factory: Callable[..., Person],
    staff_factory: Callable[..., StaffLogin],
    run_jobs: Callable[[], None],
) -> None:
    person, first, second = graduate_factory(materials=MATERIALS), staff_factory(), staff_factory()
    seal_for_office(lantai, first.id, second.id, [person.id])
    run_jobs()
    office = office_of(files, site)
    assert office.work() == 1
    [got] = office.got.values()
    assert (got.state, got.words) == ("accepted", "")
    reader = staff_factory(Role.DISPATCHER).actor
    [legs] = lantai.electronic.of_graduate(reader, person.id).values()
    assert legs.latest is not None
    assert (legs.latest.state, legs.latest.receipt, list(legs.before)) == (Leg.E_RECEIPT, got.receipt, [])


def test_prepared_again_nothing_changes_and_lost_files_are_made_anew(files: HrFiles, site: str, lantai: Lantai) -> None:
    kept = [p.read_bytes() for p in (files.identity, files.credential)]
    prepare_office(lantai, files)
    assert [p.read_bytes() for p in (files.identity, files.credential)] == kept
    assert {stat.S_IMODE(p.stat().st_mode) for p in (files.identity, files.credential)} == {0o600}
    files.identity.unlink()
    files.credential.unlink()
    prepare_office(lantai, files)
    assert kept[1] != files.credential.read_bytes()
    assert office_of(files, site).work() == 0
    with lantai.db.transaction() as session:
        known = lantai.receivers.frozen(session, HR_CODE, lantai.receivers.today)
    assert known.facts.public_key in files.identity.read_text()
