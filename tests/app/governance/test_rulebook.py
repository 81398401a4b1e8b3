"""Rules: draft, published, superseded; shown where the work is done; seeded once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.actors import Role
from app.errors import Conflict, Forbidden, Invalid, VersionMismatch
from app.governance.rulebook import Draft
from app.governance.rules import RuleState, System, Topic
from app.governance.seeds import SEED_RULES
from parts import Lantai
from tests.conftest import StaffLogin


def test_seeding_twice_is_once_and_covers_the_four_systems(
    lantai: Lantai, staff_factory: Callable[..., StaffLogin]
) -> None:
    assert lantai.rulebook.seed(SEED_RULES) == 4
    assert lantai.rulebook.seed(SEED_RULES) == 0
    rules = lantai.rulebook.all(staff_factory(Role.AUDITOR).actor)
    assert {r.system for r in rules} == set(System)
    assert all(r.current is not None and r.current.published_by == "随系统提供" for r in rules)
    covered = {t for rule in SEED_RULES for t in rule.topics}
    assert covered == set(Topic)
    for topic in Topic:
        assert lantai.rulebook.at(topic), topic


def test_a_new_version_supersedes_and_the_old_one_stays(
    lantai: Lantai, staff_factory: Callable[..., StaffLogin]
) -> None:
    clerk = staff_factory(Role.ARCHIVIST).actor
    rule = lantai.rulebook.add(clerk, "scan", System.FILING, Draft("扫描细则", "第一版", ["import"]))
    assert lantai.rulebook.at(Topic.IMPORT) == []
    lantai.rulebook.save_draft(clerk, rule, 1, Draft("扫描细则", "第一版改", ["import"]))
    with pytest.raises(VersionMismatch):
        lantai.rulebook.save_draft(clerk, rule, 1, Draft("扫描细则", "过时的表单", ["import"]))
    with pytest.raises(VersionMismatch):
        lantai.rulebook.publish(clerk, rule, 1)
    lantai.rulebook.publish(clerk, rule, 2)
    with pytest.raises(Conflict, match="no_draft"):
        lantai.rulebook.publish(clerk, rule, 2)
    assert [r.body for r in lantai.rulebook.at(Topic.IMPORT)] == ["第一版改"]
    lantai.rulebook.save_draft(clerk, rule, 0, Draft("扫描细则", "第二版", ["transfers"]))
    lantai.rulebook.publish(clerk, rule, 1)
    view = lantai.rulebook.rule(clerk, rule)
    assert [(v.number, v.state, v.body) for v in view.versions] == [
        (2, RuleState.PUBLISHED, "第二版"),
        (1, RuleState.SUPERSEDED, "第一版改"),
    ]
    assert lantai.rulebook.at(Topic.IMPORT) == []
    assert [r.body for r in lantai.rulebook.at(Topic.TRANSFERS)] == ["第二版"]


def test_what_a_rule_may_not_be(lantai: Lantai, staff_factory: Callable[..., StaffLogin]) -> None:
    clerk = staff_factory(Role.ARCHIVIST).actor
    for code, draft in (
        ("x y", Draft("名", "文", [])),
        ("ok", Draft("", "文", [])),
        ("ok", Draft("名", " ", [])),
        ("ok", Draft("名", "文", ["nowhere"])),
        ("ok", Draft("名\u202e", "文", [])),
        ("ok", Draft("名", "文" * 20_001, [])),
    ):
        with pytest.raises(Invalid):
            lantai.rulebook.add(clerk, code, System.FILING, draft)
    lantai.rulebook.add(clerk, "ok", System.FILING, Draft("名", "文", []))
    with pytest.raises(Conflict, match="rule_exists"):
        lantai.rulebook.add(clerk, "OK", System.FILING, Draft("名", "文", []))
    for role in (Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR, Role.DISPATCHER):
        with pytest.raises(Forbidden):
            lantai.rulebook.add(staff_factory(role).actor, "no", System.FILING, Draft("名", "文", []))
