"""Reading the rules of channels (转递方式规则): TOML in, channel_rules.ChannelSet out, every fault named.

The files in channel_sets/ are their history, the latest is in force; LANTAI_CHANNEL_RULES names a school's own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from app import rule_files
from app.receivers.rules import ReceiverKind
from app.rule_files import MARKS, RuleFileInvalid
from app.transfers.channel_rules import FLOOR, ChannelRule, ChannelSet, Demand, DemandKind, PersonHistory
from app.transfers.rules import Channel

SHIPPED = Path(__file__).resolve().parent / "channel_sets"
_KEYS = frozenset(
    {"id", "words", "source", "mark", "channels", "prefer", "history", "receivers", "regions", "demand"}
    | {"valid_from", "valid_to"}
)
_DEMAND_KEYS = frozenset({"kind", "words", "channel"})
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,19}")
_REGION = re.compile(r"[0-9]{2,6}")


class ChannelRulesInvalid(RuleFileInvalid):
    """The rules of channels cannot be used."""


def load(path: Path | None) -> ChannelSet:
    """A school's own file, or with None the latest shipped one. Raises ChannelRulesInvalid."""
    return history()[-1] if path is None else read(rule_files.bytes_of(path, ChannelRulesInvalid))


def history() -> tuple[ChannelSet, ...]:
    """Every shipped version, the oldest first."""
    return rule_files.history(SHIPPED, read)


def read(data: bytes) -> ChannelSet:
    """Raises ChannelRulesInvalid naming every fault."""
    raw = rule_files.table(data, "转递方式规则", ChannelRulesInvalid)
    faults = rule_files.head_faults(raw)
    faults += [f"{name} 应为文字" for name in ("source", "note") if not isinstance(raw.get(name, ""), str)]
    entries = rule_files.entries(raw, "rule", ChannelRulesInvalid, faults)
    for number, entry in enumerate(entries, 1):
        faults += [f"第 {number} 个 rule（{entry.get('id', '无编号')}）：{f}" for f in _faults(entry)]
    ids = [str(e.get("id")) for e in entries]
    faults += [f"编号 {i} 出现多次" for i in sorted({i for i in ids if ids.count(i) > 1})]
    if faults:
        raise ChannelRulesInvalid(faults)
    rules = tuple(_rule(e) for e in entries)
    faults = _whole_faults(rules)
    if faults:
        raise ChannelRulesInvalid(faults)
    digest = hashlib.sha256(data).hexdigest()
    return ChannelSet(raw["version"], raw["valid_from"], raw.get("source", ""), raw.get("note", ""), digest, rules)


def _whole_faults(rules: Sequence[ChannelRule]) -> list[str]:
    """There is a rule for everybody, and the person's history narrows as the law wants it to be said."""
    faults = [] if any(r.unconditional for r in rules) else ["缺少对所有人适用的规则（不带条件的一条）"]
    told = {
        h
        for r in rules
        for h in r.history
        if r.channels <= FLOOR and not (r.receivers or r.regions or r.valid_from or r.valid_to)
    }
    faults += [
        f"缺少对 {h.value} 的限制：依人社部发〔2021〕112 号只能用机要通信或单位专人"
        for h in PersonHistory
        if h not in told
    ]
    return faults


def _faults(entry: Mapping[str, Any]) -> list[str]:
    faults = [f"没有 {name} 这一项" for name in entry if name not in _KEYS]
    faults += [f"{n} 须写明" for n in ("words", "source") if not _is_text(entry.get(n))]
    if not isinstance(entry.get("id"), str) or not _ID.fullmatch(entry["id"]):
        faults.append("id 应为 1 至 20 个字母、数字或连字符")
    if entry.get("mark", "U") not in MARKS:
        faults.append(f"mark 只能取 {'、'.join(MARKS)}")
    faults += _choices(entry, "channels", Channel, needed=True)
    faults += _choices(entry, "history", PersonHistory)
    faults += _choices(entry, "receivers", ReceiverKind)
    if "prefer" in entry and entry["prefer"] not in _listed(entry, "channels"):
        faults.append("prefer 应为 channels 中的一种")
    regions = entry.get("regions", [])
    if not isinstance(regions, list) or not all(isinstance(r, str) and _REGION.fullmatch(r) for r in regions):
        faults.append('regions 应为行政区划代码开头的列表，如 ["5101"]')
    days = [entry[n] for n in ("valid_from", "valid_to") if n in entry]
    if any(type(d) is not date for d in days):
        faults.append("valid_from、valid_to 应为日期")
    elif len(days) == 2 and days[1] <= days[0]:
        faults.append("valid_to 须晚于 valid_from")
    return faults + _demand_faults(entry)


def _demand_faults(entry: Mapping[str, Any]) -> list[str]:
    demands = entry.get("demand", [])
    if not isinstance(demands, list) or not all(isinstance(d, dict) for d in demands):
        return ["demand 应写成 [[rule.demand]]"]
    faults = []
    for d in demands:
        faults += [f"demand 没有 {name} 这一项" for name in d if name not in _DEMAND_KEYS]
        if d.get("kind") not in set(DemandKind):
            faults.append(f"demand.kind 只能取 {'、'.join(DemandKind)}")
        if not _is_text(d.get("words")):
            faults.append("demand.words 须写明")
        if "channel" in d and d["channel"] not in _listed(entry, "channels"):
            faults.append("demand.channel 应为 channels 中的一种")
    return faults


def _choices(entry: Mapping[str, Any], name: str, enum: type[StrEnum], *, needed: bool = False) -> list[str]:
    value = entry.get(name, [])
    if not isinstance(value, list) or (needed and not value) or any(v not in set(enum) for v in value):
        return [f"{name} 应为列表，只能取 {'、'.join(enum)}"]
    return []


def _listed(entry: Mapping[str, Any], name: str) -> list[Any]:
    value = entry.get(name)
    return value if isinstance(value, list) else []


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _rule(entry: Mapping[str, Any]) -> ChannelRule:
    return ChannelRule(
        id=entry["id"],
        words=entry["words"].strip(),
        source=entry["source"].strip(),
        mark=entry.get("mark", "U"),
        channels=frozenset(Channel(c) for c in entry["channels"]),
        prefer=Channel(entry["prefer"]) if "prefer" in entry else None,
        history=frozenset(PersonHistory(h) for h in entry.get("history", ())),
        receivers=frozenset(ReceiverKind(k) for k in entry.get("receivers", ())),
        regions=tuple(entry.get("regions", ())),
        valid_from=entry.get("valid_from"),
        valid_to=entry.get("valid_to"),
        demands=tuple(
            Demand(DemandKind(d["kind"]), d["words"].strip(), Channel(d["channel"]) if "channel" in d else None)
            for d in entry.get("demand", ())
        ),
    )
