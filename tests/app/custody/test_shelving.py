"""Places, and putting dossiers there by scanner."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.actors import Actor, Role
from app.custody.rules import (
    Move,
    Why,
)
from app.errors import Conflict, Invalid, NotFound
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.custody.lending import PLACE, People, fault_of, paper
from tests.moving import opened


def test_places_are_named_once_and_closed_when_empty(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    assert lantai.places.add(archivist, "A-03-2-04", "A-03-2-08") == (3, 2)
    assert lantai.places.add(archivist, "A-3-2-5") == (0, 1)
    (place,), total = lantai.places.search(archivist, "a-03-2-05")
    assert (total, place.code, place.held, place.words) == (1, PLACE, 0, "A 库 03 列 2 节 05 层")
    lantai.shelving.shelve(archivist, PLACE, paper(lantai, archivist, graduate_factory()).code)
    with pytest.raises(Conflict, match="place_not_empty"):
        lantai.places.close(archivist, place.id)
    other = lantai.places.search(archivist, "A-03-2-06")[0][0]
    lantai.places.close(archivist, other.id)
    with pytest.raises(Conflict, match="place_closed"):
        lantai.places.close(archivist, other.id)
    with pytest.raises(Invalid) as caught:
        lantai.shelving.shelve(archivist, "A-03-2-06", paper(lantai, archivist, graduate_factory()).code)
    assert fault_of(caught) == "place_closed_since"
    assert lantai.places.add(archivist, "A-03-2-06") == (1, 0)  # the name comes back as a new period
    assert lantai.places.search(archivist, "A-03-2-06", closed=True)[1] == 1
    with pytest.raises(NotFound):
        lantai.places.close(archivist, uuid4())


def test_scans_put_dossiers_on_their_place_and_twice_is_once(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    desk, first, second = lantai.shelving, graduate_factory(), graduate_factory()
    labelled = opened(lantai, archivist, second.id).number
    assert desk.place(archivist, "a-3-2-5") == PLACE
    assert paper(lantai, archivist, first).standing is None
    own = paper(lantai, archivist, first).code
    assert own.startswith("DA")
    assert desk.shelve(archivist, PLACE, own.lower()).changed
    assert not desk.shelve(archivist, PLACE, own).changed
    scan = desk.shelve(archivist, PLACE, labelled)
    assert (scan.graduate_id, scan.code, scan.changed, scan.why) == (second.id, labelled, True, Why.FIRST)
    moved = desk.shelve(archivist, "A-03-2-06", own)
    assert (moved.place, moved.why) == ("A-03-2-06", Why.MOVED)
    seen = paper(lantai, archivist, first)
    assert (seen.place, [m.kind for m in seen.moves], [m.place for m in seen.moves]) == (
        "A-03-2-06",
        [Move.SHELVED, Move.SHELVED],
        ["A-03-2-06", PLACE],
    )
    assert [m.staff_id for m in seen.moves] == [archivist.id] * 2
    (place,), _ = lantai.places.search(archivist, PLACE)
    (line,), total = lantai.custody.at_place(archivist, place.id)
    assert (total, line.graduate_id, line.code) == (1, second.id, labelled)
    # the dossier's own code is good as well where a label is there
    assert not desk.shelve(archivist, PLACE, f"DA{second.dossier_id.hex[:12]}").changed


def test_the_last_scan_is_taken_back_once(lantai: Lantai, archivist: Actor, graduate_factory: People) -> None:
    desk, person = lantai.shelving, graduate_factory()
    code = paper(lantai, archivist, person).code
    with pytest.raises(Conflict, match="nothing_to_undo"):
        desk.undo(archivist)
    desk.shelve(archivist, PLACE, code)
    desk.shelve(archivist, "A-03-2-06", code)
    assert desk.undo(archivist).place == PLACE
    assert (paper(lantai, archivist, person).place, paper(lantai, archivist, person).last_place) == (PLACE, PLACE)
    with pytest.raises(Conflict, match="nothing_to_undo"):
        desk.undo(archivist)
    assert [m.kind for m in paper(lantai, archivist, person).moves] == [Move.UNDONE, Move.SHELVED, Move.SHELVED]
    other = paper(lantai, archivist, graduate_factory()).code
    desk.shelve(archivist, PLACE, other)
    assert desk.undo(archivist).place == ""
    assert lantai.custody.unplaced(archivist)[1] == 1


def test_somebody_elses_later_move_is_not_undone(
    lantai: Lantai, archivist: Actor, clerk: Clerk, graduate_factory: People
) -> None:
    code = paper(lantai, archivist, graduate_factory()).code
    lantai.shelving.shelve(archivist, PLACE, code)
    lantai.shelving.shelve(clerk(Role.DISPATCHER), "A-03-2-06", code)
    with pytest.raises(Conflict, match="nothing_to_undo"):
        lantai.shelving.undo(archivist)


@pytest.mark.parametrize(
    ("place", "code", "fault"),
    [
        (PLACE, "ZD2026999999", "unknown_dossier"),
        (PLACE, "DA000000000000", "unknown_dossier"),
        (PLACE, "'; --", "unknown_dossier"),
        (PLACE, "", "unknown_dossier"),
        ("", "x", "scan_place_first"),
        ("Z-9-9", "", "unknown_dossier"),
    ],
)
def test_bad_scans_are_said(lantai: Lantai, archivist: Actor, place: str, code: str, fault: str) -> None:
    with pytest.raises(Invalid) as caught:
        lantai.shelving.shelve(archivist, place, code)
    assert fault_of(caught) == fault


def test_an_unknown_place_is_said(lantai: Lantai, archivist: Actor, graduate_factory: People) -> None:
    with pytest.raises(Invalid) as caught:
        lantai.shelving.shelve(archivist, "Z-9-9", paper(lantai, archivist, graduate_factory()).code)
    assert fault_of(caught) == "unknown_place"
    with pytest.raises(Invalid) as caught:
        lantai.shelving.place(archivist, "ZD2026000001")
    assert fault_of(caught) == "scan_place_first"
