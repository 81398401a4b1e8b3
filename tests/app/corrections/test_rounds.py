"""A later round and what an earlier one has made: the graduate never reads that nothing was corrected while it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.corrections.casework import SentFile
from app.corrections.rules import Kind, State
from app.corrections.views import MissingMaterial
from app.errors import Conflict
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import BroughtTo, OpenFor, reader
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg

People = Callable[..., Person]


def test_what_an_earlier_round_changed_is_edited_back_and_not_refused(
    graduate_factory: People, brought_to: BroughtTo, clerk: Clerk, lantai: Lantai
) -> None:
    staff = clerk()
    done = brought_to(graduate_factory(), State.APPLIED)
    (change,) = done.changes
    again = lantai.casework.reopen(staff, done.line.id, done.line.version, "看错了行")
    with pytest.raises(Conflict, match="earlier_decision_stands"):
        lantai.desk.reject(staff, again.line.id, again.line.version, "record_is_right", "原件无误")
    assert change.before
    back = lantai.casework.edit(staff, again.line.id, again.line.version, {change.name: change.before}, 2)
    assert (again.stands, back.stands) == (True, False)
    with pytest.raises(Conflict, match="earlier_decision_stands"):
        lantai.desk.reject(staff, back.line.id, back.line.version, "record_is_right", "原件无误")
    final = lantai.desk.accept(staff, back.line.id, back.line.version)
    assert (final.line.state, final.applied_version) == (State.APPLIED, 3)
    assert final.current[change.name] == change.before


def test_what_an_earlier_round_changed_is_accepted_as_it_stands(
    graduate_factory: People, brought_to: BroughtTo, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    """As for an appeal that changes nothing."""
    person, staff = graduate_factory(), clerk()
    done = brought_to(person, State.APPLIED).line
    line = lantai.corrections.appeal(reader(person, clock), done.id, done.version, "请再核对").line
    with pytest.raises(Conflict, match="earlier_decision_stands"):
        lantai.desk.reject(staff, line.id, line.version, "record_is_right", "维持原决定")
    kept = lantai.desk.accept(staff, line.id, line.version, "维持原决定")
    assert (kept.line.state, kept.applied_version, kept.record_version) == (State.APPLIED, 2, 2)
    assert [(d.round, d.outcome, d.applied_version) for d in kept.decisions] == [
        (1, State.APPLIED, 2),
        (2, State.APPLIED, 2),
    ]


def test_what_an_earlier_round_refused_is_refused_again(
    graduate_factory: People, brought_to: BroughtTo, clerk: Clerk, lantai: Lantai
) -> None:
    staff = clerk()
    done = brought_to(graduate_factory(), State.REJECTED).line
    line = lantai.casework.reopen(staff, done.id, done.version, "说明写错了").line
    assert lantai.desk.reject(staff, line.id, line.version, "other", "见说明").line.state is State.REJECTED


def test_a_filed_material_stands_until_another_scan_is_collected(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    staff, wanted = clerk(), MissingMaterial("7", "三好学生登记表")
    line = open_for(graduate_factory(), Kind.MISSING_MATERIAL).line
    line = lantai.casework.collect(staff, line.id, line.version, wanted, SentFile(jpeg(9), "image/jpeg")).line
    filed = lantai.desk.accept(staff, line.id, line.version)
    line = lantai.casework.reopen(staff, line.id, filed.line.version, "核对扫描件").line
    with pytest.raises(Conflict, match="earlier_decision_stands"):
        lantai.desk.reject(staff, line.id, line.version, "already_filed", "已归档")
    kept = lantai.desk.accept(staff, line.id, line.version)
    assert (kept.line.state, kept.material_id, kept.material_version) == (State.RESOLVED, filed.material_id, 1)
    line = lantai.casework.reopen(staff, line.id, kept.line.version, "扫描不全").line
    clock.advance(seconds=1)
    line = lantai.casework.collect(staff, line.id, line.version, wanted, SentFile(jpeg(11), "image/jpeg")).line
    assert lantai.desk.accept(staff, line.id, line.version).material_id not in (None, filed.material_id)
