"""A supplement has a catalogue of its own: what the correction filed, on slip, receipt, counting page, in packages."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bagit
import pyrage
import pytest
from sqlalchemy import func, select

from app.actors import Actor, ActorKind, Role
from app.checks.models import CheckRun
from app.checks.offline import verify
from app.checks.rules import Outcome
from app.checks.sources import source_at
from app.dossiers.incoming import NewMaterial
from app.errors import Conflict, Invalid
from app.receivers.rules import DestinationCase
from app.transfers.counting import Outcome as Counted
from app.transfers.electronic_rules import Leg
from app.transfers.models import Transfer
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import State
from parts import Lantai
from providers.probe import ChildProber
from tests.app.conftest import Clerk
from tests.conftest import Person
from tests.counting import ADDRESS, as_listed, printed_slip
from tests.electronic import Registry, leg_of
from tests.fakes import FakeClock, jpeg
from tests.moving import Pair, destination, lead, now, opened
from tests.pdf_reading import pages_of
from tests.supplementing import supplement_after

HELD = (NewMaterial("3", "", "学年鉴定表", "2026-06-01", 2), NewMaterial("7", "", "优秀学生证书", "2026-06-01", 1))
TITLE = "三好学生登记表"


@pytest.fixture
def arrived(lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person]) -> TransferView:
    return lead(lantai, pair, opened(lantai, pair.first, graduate_factory(materials=HELD).id), State.RECEIVED)


def award(lantai: Lantai, title: str = TITLE) -> NewMaterial:
    return NewMaterial("7", "", title, "2025-05-01", 1, None, lantai.outside.cleaner.clean(jpeg(64, 48 + len(title))))


def listed(lantai: Lantai, pair: Pair, view: TransferView) -> list[tuple[str, int, str]]:
    manifest = lantai.transfers.manifest(pair.first, view.graduate_id, view.id)
    assert manifest is not None
    return [(i.class_code, i.sequence, i.title) for i in manifest.items]


def test_it_lists_what_the_correction_filed_and_nothing_else(lantai: Lantai, pair: Pair, arrived: TransferView) -> None:
    other = supplement_after(lantai, arrived, award(lantai, "另一次更正的材料"))
    view = supplement_after(lantai, arrived, award(lantai))
    assert view.manifest_code is None
    view = lead(lantai, pair, view, State.ASSEMBLED)
    assert listed(lantai, pair, view) == [("7", 3, TITLE)]
    other = lead(lantai, pair, other, State.ASSEMBLED)
    assert listed(lantai, pair, other) == [("7", 2, "另一次更正的材料")]
    assert len({arrived.manifest_code, view.manifest_code, other.manifest_code}) == 3


def test_slip_catalogue_and_receipt_name_it(lantai: Lantai, pair: Pair, arrived: TransferView) -> None:
    view = lead(lantai, pair, supplement_after(lantai, arrived, award(lantai)), State.IN_TRANSIT)
    code = view.manifest_code
    assert code is not None
    [slip] = pages_of(lantai.transfer_papers.slips(pair.first, [view.id]))
    assert code in slip
    assert "1份1页" in slip
    [catalogue] = pages_of(lantai.transfer_papers.catalogue(pair.first, view.id))
    assert code in catalogue
    assert TITLE in catalogue
    assert "学年鉴定表" not in catalogue
    for wrong in ("", arrived.manifest_code or ""):
        receipt = {Evidence.RECEIPT_NUMBER: "HZ-2", Evidence.MANIFEST_CODE: wrong}
        with pytest.raises(Invalid):
            lantai.transfers.move(pair.first, view.id, view.version, State.RECEIVED, receipt)
    lantai.transfers.move(
        pair.first,
        view.id,
        view.version,
        State.RECEIVED,
        {Evidence.RECEIPT_NUMBER: "HZ-2", Evidence.MANIFEST_CODE: code},
    )
    with lantai.db.transaction() as session:
        row = session.get_one(Transfer, view.id)
        assert row.receipt_digest == row.manifest_digest is not None
    assert now(lantai, pair.first, arrived).state is State.CLOSED


def test_the_receiver_counts_against_it(lantai: Lantai, pair: Pair, arrived: TransferView) -> None:
    view = lead(lantai, pair, supplement_after(lantai, arrived, award(lantai)), State.SEALED)
    slip = printed_slip(lantai, pair, view)
    lead(lantai, pair, view, State.IN_TRANSIT)
    sheet = lantai.counting.open(slip.id, slip.code, ADDRESS)
    assert sheet.manifest_code == view.manifest_code
    [only] = sheet.classes
    assert (only.total.class_code, only.total.items, only.total.pages, only.titles) == ("7", 1, 1, ((TITLE, 1),))
    assert lantai.counting.count(slip.id, slip.code, ADDRESS, as_listed()).outcome is Counted.MATCHED
    assert now(lantai, pair.first, view).state is State.RECEIVED


def test_a_correction_of_records_alone_has_an_empty_one(lantai: Lantai, pair: Pair, arrived: TransferView) -> None:
    view = lead(lantai, pair, supplement_after(lantai, arrived), State.SEALED)
    assert listed(lantai, pair, view) == []
    assert view.manifest_code is not None
    slip = printed_slip(lantai, pair, view)
    lead(lantai, pair, view, State.IN_TRANSIT)
    assert lantai.counting.open(slip.id, slip.code, ADDRESS).classes == ()
    assert lantai.counting.count(slip.id, slip.code, ADDRESS, as_listed()).outcome is Counted.MATCHED


def test_a_redirected_one_brings_the_same(lantai: Lantai, pair: Pair, arrived: TransferView, clock: FakeClock) -> None:
    view = lead(lantai, pair, supplement_after(lantai, arrived, award(lantai)), State.REDIRECTED)
    (new,) = [v for v in lantai.transfers.of_graduate(pair.first, view.graduate_id) if v.follows == view.id]
    clock.advance(days=1)
    lantai.destinations.change(pair.first, new.id, new.version, destination(lantai))
    clock.advance(hours=25)
    new = lead(lantai, pair, now(lantai, pair.first, new), State.ASSEMBLED)
    assert listed(lantai, pair, new) == [("7", 2, TITLE)]


def test_it_is_never_kept_at_school_and_the_desk_alone_says_where_it_goes(
    lantai: Lantai, pair: Pair, arrived: TransferView
) -> None:
    view = lead(lantai, pair, supplement_after(lantai, arrived, award(lantai)), State.REDIRECTED)
    (new,) = [v for v in lantai.transfers.of_graduate(pair.first, view.graduate_id) if v.follows == view.id]
    owner = Actor(ActorKind.GRADUATE, view.graduate_id)
    (own,) = [v for v in lantai.transfers.of_graduate(owner, owner.id) if v.id == new.id]
    assert own.next_words == "学校登记改寄的接收单位"
    with pytest.raises(Conflict, match="destination_settled"):
        lantai.destinations.change(owner, new.id, new.version, destination(lantai))
    kept = replace(destination(lantai), case=DestinationCase.KEPT_AT_SCHOOL)
    with pytest.raises(Invalid) as caught:
        lantai.destinations.change(pair.first, new.id, new.version, kept)
    assert [(f.pointer, f.code) for f in caught.value.faults] == [("/case", "supplement_not_kept")]
    assert now(lantai, pair.first, new).version == new.version
    lantai.destinations.change(pair.first, new.id, new.version, destination(lantai))
    assert now(lantai, pair.first, new).state is State.DESTINATION_REGISTERED


@pytest.mark.parametrize("filed", [True, False])
def test_its_package_holds_these_materials_only(
    filed: bool,
    lantai: Lantai,
    pair: Pair,
    arrived: TransferView,
    clerk: Clerk,
    run_jobs: Callable[[], None],
    registry: Registry,
    tmp_path: Path,
) -> None:
    view = supplement_after(lantai, arrived, *([award(lantai)] if filed else []))
    view = lead(lantai, pair, view, State.SEALED)
    run_jobs()
    with lantai.db.transaction() as session:
        checked = session.scalar(select(func.count()).select_from(CheckRun))
    leg = lantai.electronic.order(clerk(Role.DISPATCHER), view.graduate_id, view.id)
    run_jobs()
    row = leg_of(lantai, leg.id)
    assert (row.trouble, row.state) == (None, Leg.SUBMITTED)
    cipher = b"".join(
        lantai.packer._pieces.read(lantai.keys.of(view.graduate_id), row.id, row.box or "", 0, row.size or 0)
    )
    zipfile.ZipFile(io.BytesIO(pyrage.decrypt(cipher, [registry.keys.identity]))).extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    bagit.Bag(str(folder)).validate(processes=1)
    catalogue = json.loads((folder / "data/catalogue.json").read_bytes())
    wanted = [TITLE] if filed else []
    assert [i["title"] for i in catalogue["items"]] == wanted
    assert sorted(p.name for p in folder.glob("data/materials/*/*")) == (["002.jpg"] if filed else [])
    assert not (folder / "data/photo.jpg").exists()
    manifest = (folder / "transfer-manifest.json").read_bytes()
    assert [i["title"] for i in json.loads(manifest)["items"]] == wanted
    with lantai.db.transaction() as session:
        assert session.get_one(Transfer, view.id).manifest_digest == hashlib.sha256(manifest).digest()
        # a part says nothing about the dossier
        assert session.scalar(select(func.count()).select_from(CheckRun)) == checked
    found = verify(source_at(folder), ChildProber(), lantai.clock.now().date())
    outcome = {r.check_id: r.outcome for r in found.seal}
    assert outcome["Z-1-76"] is outcome["Z-1-77"] is Outcome.PASS
    assert not [r for r in found.seal if r.outcome is Outcome.FAIL]
