"""What of a ticket's files a graduate is shown and opens: their own, and nothing the desk got."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.corrections.casework import SentFile
from app.corrections.rules import Kind
from app.corrections.views import MissingMaterial
from app.dossiers.rules import MASKED_TITLE
from app.errors import NotFound
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import OpenFor, reader
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg

People = Callable[..., Person]
SCAN = SentFile(jpeg(9), "image/jpeg")
SEALED = MissingMaterial("10", "涉密或依法保密材料")


def test_a_scan_the_desk_collected_is_not_the_graduates_to_open(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    line = open_for(person, Kind.MISSING_MATERIAL).line
    held = lantai.casework.collect(staff, line.id, line.version, SEALED, SCAN)
    (scan,) = held.evidence
    assert (scan.by_staff, held.missing) == (True, SEALED)
    # a step-up opens no more of it: it is not a material yet, and might be one that is never shown
    for own in (person.actor(), reader(person, clock)):
        seen = lantai.corrections.ticket(own, line.id)
        assert (seen.evidence, [p.given for p in seen.proofs]) == ((), [True])
        assert seen.missing == MissingMaterial(SEALED.class_code, MASKED_TITLE)
        with pytest.raises(NotFound, match="evidence_not_found"):
            lantai.corrections.evidence_file(own, scan.id)
    assert lantai.desk.evidence_file(staff, line.id, scan.id)[1]


def test_a_forming_units_reply_is_the_desks_and_the_graduates_proof_stays_theirs(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    line = open_for(person, Kind.FORMING_UNIT).line
    line = lantai.casework.send_out(staff, line.id, line.version, "已函请教务处核实").line
    reply = next(e for e in lantai.casework.unit_answered(staff, line.id, line.version, SCAN).evidence if e.by_staff)
    own = reader(person, clock)
    seen = lantai.corrections.ticket(own, line.id)
    assert [e.proof for e in seen.evidence] == ["supporting_document"]
    assert {p.code: p.given for p in seen.proofs} == {"supporting_document": True, "unit_reply": True}
    assert lantai.corrections.evidence_file(own, seen.evidence[0].id)[1]
    with pytest.raises(NotFound, match="evidence_not_found"):
        lantai.corrections.evidence_file(own, reply.id)
