"""By which channels a dossier may go: the shipped rules, what they may not become, faults of a school's own file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.receivers.rules import ReceiverKind
from app.settings import Settings
from app.transfers import channel_file
from app.transfers.channel_file import ChannelRulesInvalid
from app.transfers.channel_rules import (
    FLOOR,
    HISTORY_LABELS,
    ChannelFacts,
    ChannelRule,
    ChannelSet,
    DemandKind,
    PersonHistory,
    decide,
)
from app.transfers.rules import Channel
from commands.doctor import channels_in_force

ON = date(2026, 7, 1)
SHIPPED = channel_file.load(None)
TEXT = (channel_file.SHIPPED / "2026-1.toml").read_text("utf-8")


def about(
    *history: PersonHistory, kind: ReceiverKind = ReceiverKind.PUBLIC_BODY, region: str = "330106"
) -> ChannelFacts:
    return ChannelFacts(frozenset(history), kind, region)


def test_a_graduates_dossier_may_go_by_any_of_the_three() -> None:
    found = decide(SHIPPED, about(), ON)
    assert found.allowed == tuple(Channel)
    assert found.preferred is Channel.EMS
    assert [r.id for r in found.rules] == ["N-1"]
    assert found.version == "2026-1"
    assert all(r.words and r.source and r.mark for r in found.rules)


@pytest.mark.parametrize("history", list(PersonHistory))
def test_former_officials_go_by_confidential_post_or_a_person_sent(history: PersonHistory) -> None:
    found = decide(SHIPPED, about(history), ON)
    assert frozenset(found.allowed) == FLOOR
    assert found.preferred is Channel.CONFIDENTIAL_POST
    assert [r.id for r in found.rules] == ["N-1", "N-2"]
    assert HISTORY_LABELS[history]


def test_a_citys_demands_hold_for_its_bodies_and_the_channel_they_are_about() -> None:
    chengdu = decide(SHIPPED, about(region="510104"), ON)
    assert chengdu.rules[-1].mark == "W"
    by_ems = {d.words for d in chengdu.demands_of(Channel.EMS)}
    assert "寄件人只能为高校" in by_ems
    assert not by_ems & {d.words for d in chengdu.demands_of(Channel.DEDICATED_PERSON) if d.kind is DemandKind.ENVELOPE}
    former = decide(SHIPPED, about(PersonHistory.FORMER_OFFICIAL, region="510104"), ON)
    assert not [d for d in former.demands if d.channel is Channel.EMS]
    school = decide(SHIPPED, about(kind=ReceiverKind.ADMITTING_SCHOOL, region="510104"), ON)
    assert "L-5101-1" not in [r.id for r in school.rules]


def test_a_rule_holds_from_its_first_day_to_the_day_before_its_last() -> None:
    rule = ChannelRule(
        "T-1", "只走机要", "测试", "U", frozenset({Channel.CONFIDENTIAL_POST}), valid_from=ON, valid_to=date(2026, 8, 1)
    )
    rules = replace(SHIPPED, rules=(*SHIPPED.rules, rule))
    for on, narrowed in ((date(2026, 6, 30), False), (ON, True), (date(2026, 7, 31), True), (date(2026, 8, 1), False)):
        assert (decide(rules, about(), on).allowed == (Channel.CONFIDENTIAL_POST,)) is narrowed, on


def test_rules_that_leave_nothing_in_common_are_shown_and_allow_nothing() -> None:
    rule = ChannelRule("T-2", "只收 EMS", "测试", "U", frozenset({Channel.EMS}), prefer=Channel.EMS)
    rules = replace(SHIPPED, rules=(*SHIPPED.rules, rule))
    found = decide(rules, about(PersonHistory.FORMER_OFFICIAL), ON)
    assert (found.allowed, found.preferred) == ((), None)
    assert [r.id for r in found.rules] == ["N-1", "N-2", "T-2"]


RULES = st.builds(
    ChannelRule,
    id=st.from_regex(r"[A-Z]-[0-9]{1,3}", fullmatch=True),
    words=st.just("规则"),
    source=st.just("来源"),
    mark=st.sampled_from("CWU"),
    channels=st.frozensets(st.sampled_from(list(Channel)), min_size=1),
    prefer=st.none() | st.sampled_from(list(Channel)),
    history=st.frozensets(st.sampled_from(list(PersonHistory))),
    receivers=st.frozensets(st.sampled_from(list(ReceiverKind))),
    regions=st.lists(st.sampled_from(["33", "3301", "510104"]), max_size=2).map(tuple),
)
FACTS = st.builds(
    ChannelFacts,
    history=st.frozensets(st.sampled_from(list(PersonHistory))),
    receiver_kind=st.sampled_from(list(ReceiverKind)),
    receiver_region=st.sampled_from(["330106", "510104", "110101"]),
)


@given(st.lists(RULES, max_size=6), FACTS)
def test_rules_only_narrow_and_never_below_the_floor(drawn: list[ChannelRule], facts: ChannelFacts) -> None:
    rules = ChannelSet("t", ON, "", "", "", tuple(drawn))
    found = decide(rules, facts, ON)
    assert not facts.history or frozenset(found.allowed) <= FLOOR
    assert all(r.applies(facts, ON) and frozenset(found.allowed) <= r.channels for r in found.rules)
    assert found.preferred in (*found.allowed, None)
    assert (found.preferred is None) == (not found.allowed)
    fewer = decide(replace(rules, rules=tuple(drawn[1:])), facts, ON)
    assert frozenset(found.allowed) <= frozenset(fewer.allowed)


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('version = "2026-1"', 'version = "x y"', "version 应为"),
        ("valid_from = 2026-06-01", 'valid_from = "早"', "valid_from 应为日期"),
        ('channels = ["confidential_post", "dedicated_person"]', 'channels = ["self_carry"]', "channels 应为列表"),
        ('channels = ["confidential_post", "dedicated_person"]', "channels = []", "channels 应为列表"),
        (
            'channels = ["confidential_post", "dedicated_person"]\nprefer',
            'channels = ["ems"]\nother',
            "没有 other 这一项",
        ),
        ('prefer = "confidential_post"', 'prefer = "ems"', "prefer 应为 channels 中的一种"),
        ('history = ["former_official", "state_unit_staff", "military_civilian"]', "", "缺少对 former_official 的限制"),
        ('"state_unit_staff", "military_civilian"]', "]", "缺少对 military_civilian 的限制"),
        ('id = "N-2"', 'id = "N-1"', "编号 N-1 出现多次"),
        ('id = "N-2"', 'id = ""', "id 应为"),
        ('mark = "W"', 'mark = "X"', "mark 只能取"),
        ('regions = ["5101"]', 'regions = ["成都"]', "regions 应为"),
        ('receivers = ["public_body", "authorised_unit"]', 'receivers = ["company"]', "receivers 应为列表"),
        ('kind = "envelope"', 'kind = "box"', "demand.kind 只能取"),
        ('words = "寄件人只能为高校"', "", "demand.words 须写明"),
        ('words = "寄件人只能为高校"', 'words = "寄件人只能为高校"\nwhere = 1', "demand 没有 where 这一项"),
        ('prefer = "ems"', 'prefer = "ems"\nregions = ["33"]', "缺少对所有人适用的规则"),
        ('prefer = "ems"', 'prefer = "ems"\nvalid_from = 2026-07-01\nvalid_to = 2026-07-01', "valid_to 须晚于"),
        ("[[rule]]", "[[other]]", "没有 [[rule]] 条目"),
        ('version = "2026-1"', "version = ", "不是 UTF-8 的 TOML"),
    ],
)
def test_each_fault_of_a_file_is_named(old: str, new: str, words: str) -> None:
    assert old in TEXT
    with pytest.raises(ChannelRulesInvalid) as caught:
        channel_file.read(TEXT.replace(old, new).encode())
    assert any(words in fault for fault in caught.value.faults), caught.value.faults


def test_a_schools_own_file_goes_in_force_and_the_doctor_says_which(tmp_path: Path, settings: Settings) -> None:
    own = tmp_path / "own.toml"
    own.write_text(TEXT.replace('version = "2026-1"', 'version = "school-3"'), "utf-8")
    assert channel_file.load(own).version == "school-3"
    told = channels_in_force(settings.model_copy(update={"channel_rules": own}))
    assert told.ok
    assert "school-3" in told.words
    assert "own.toml" in told.words
    broken = channels_in_force(settings.model_copy(update={"channel_rules": tmp_path / "absent.toml"}))
    assert broken.ok is False
    assert "LANTAI_CHANNEL_RULES" in broken.words
    assert channel_file.history()[-1].digest == SHIPPED.digest
