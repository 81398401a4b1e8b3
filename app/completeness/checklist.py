"""Reading a checklist (材料清单): TOML in, rules.Checklist out, every fault named.

The files in checklists/ are its history, the latest is in force; LANTAI_CHECKLIST names a school's own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from app import rule_files
from app.completeness.rules import Checklist, Due, Item, Need, condition_fault
from app.dossiers.class_map import ClassMap
from app.dossiers.rules import SECTIONS
from app.rule_files import MARKS, RuleFileInvalid

SHIPPED = Path(__file__).resolve().parent / "checklists"
FACTS = frozenset(
    {"cohort_year", "degree_level", "college", "major", "held", "enrolment.years_over"}
    | {f"{section.value}.{name}" for section, rule in SECTIONS.items() for name in rule.fields}
)
"""What a condition may ask. ``held``: kinds on file; ``enrolment.years_over``: years beyond the length of study."""
_KEYS = frozenset(
    {"kind", "also", "field", "code", "name", "pattern", "need", "owner", "due", "when", "otherwise"}
    | {"before_sealing", "advice", "ground", "mark"}
)
_CODE = re.compile(r"[a-z][a-z0-9_]{1,29}")
_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


class ChecklistInvalid(RuleFileInvalid):
    """The checklist cannot be used."""


def read(data: bytes, kinds: ClassMap) -> Checklist:
    """Raises ChecklistInvalid naming every fault; a kind must stand in the class map."""
    raw = rule_files.table(data, "材料清单", ChecklistInvalid)
    faults = _head_faults(raw)
    entries = rule_files.entries(raw, "item", ChecklistInvalid, faults)
    owners = raw.get("owners", {}) if isinstance(raw.get("owners", {}), dict) else {}
    for number, entry in enumerate(entries, 1):
        name = entry.get("kind") or entry.get("code") or "无代码"
        faults += [f"第 {number} 个 item（{name}）：{f}" for f in _faults(entry, owners, kinds)]
    codes = [str(e.get("kind") or e.get("code")) for e in entries]
    faults += [f"{code} 出现多次" for code in sorted({c for c in codes if codes.count(c) > 1})]
    if faults:
        raise ChecklistInvalid(faults)
    return Checklist(
        version=raw["version"],
        valid_from=raw["valid_from"],
        source=raw.get("source", ""),
        digest=hashlib.sha256(data).hexdigest(),
        graduation_day=_day(raw["graduation_day"]),
        owners=dict(owners),
        items=tuple(_item(e, kinds) for e in entries),
    )


def load(path: Path | None, kinds: ClassMap) -> Checklist:
    """A school's own file, or with None the latest shipped one. Raises ChecklistInvalid."""
    return history(kinds)[-1] if path is None else read(rule_files.bytes_of(path, ChecklistInvalid), kinds)


def history(kinds: ClassMap) -> tuple[Checklist, ...]:
    return rule_files.history(SHIPPED, lambda data: read(data, kinds))


def _head_faults(raw: Mapping[str, Any]) -> list[str]:
    faults = rule_files.head_faults(raw)
    if not _is_day(raw.get("graduation_day")):
        faults.append("graduation_day 应为月-日，如 06-30")
    owners = raw.get("owners")
    if not isinstance(owners, dict) or not all(_CODE.fullmatch(k) and isinstance(v, str) for k, v in owners.items()):
        faults.append("owners 应为代码 = 名称的表")
    return faults


def _faults(entry: Mapping[str, Any], owners: Mapping[str, str], kinds: ClassMap) -> list[str]:
    faults = [f"没有 {name} 这一项" for name in entry if name not in _KEYS]
    faults += _subject_faults(entry, kinds)
    checks = (
        (entry.get("need") in set(Need), f"need 只能取 {'、'.join(Need)}"),
        (entry.get("owner") in owners, f"没有 {entry.get('owner')} 这个责任方"),
        (_is_due(entry.get("due")), "due 应为 { before_graduation = 天数 } 或 { on = 月-日 }"),
        (isinstance(entry.get("ground"), str) and entry["ground"].strip(), "ground 须写明依据"),
        (entry.get("mark", "U") in MARKS, f"mark 只能取 {'、'.join(MARKS)}"),
        (isinstance(entry.get("before_sealing", False), bool), "before_sealing 应为 true 或 false"),
        (entry.get("need") != Need.CONDITIONAL or "when" in entry, "conditional 须有 when"),
        ("when" not in entry or entry.get("otherwise"), "有 when 时须写明 otherwise"),
    )
    faults += [words for holds, words in checks if not holds]
    if "when" in entry:
        fault = condition_fault(entry["when"], FACTS)
        faults += [f"when：{fault}"] if fault else []
    return faults


def _subject_faults(entry: Mapping[str, Any], kinds: ClassMap) -> list[str]:
    if "kind" in entry:
        named = [entry["kind"], *entry.get("also", [])]
        faults = [f"类别映射 {kinds.version} 中没有种类 {k}" for k in named if k not in kinds.kinds]
        return faults + (["field 不能与 kind 并列"] if "field" in entry else [])
    faults = []
    if entry.get("field") not in FACTS:
        faults.append(f"没有 {entry.get('field')} 这个字段")
    if not isinstance(entry.get("code"), str) or not _CODE.fullmatch(entry["code"]) or entry["code"] in kinds.kinds:
        faults.append("code 应为小写字母开头的代码，且不与种类代码相同")
    if not isinstance(entry.get("name"), str) or not entry["name"].strip():
        faults.append("缺少 name")
    try:
        re.compile(entry.get("pattern", ""))
    except (re.error, TypeError):
        faults.append("pattern 不是正则表达式")
    return faults


def _is_day(value: object) -> bool:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        date(2023, *_day(value))  # a day that every year has
    except ValueError:
        return False
    return True


def _day(value: str) -> tuple[int, int]:
    month, day = value.split("-")
    return int(month), int(day)


def _is_due(value: object) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    days = value.get("before_graduation")
    return (type(days) is int and 0 <= days <= 1500) or _is_day(value.get("on"))


def _item(entry: Mapping[str, Any], kinds: ClassMap) -> Item:
    code = entry.get("kind") or entry["code"]
    due = entry["due"]
    return Item(
        code=code,
        name=kinds.label(code) if "kind" in entry else entry["name"].strip(),
        record_field=entry.get("field", ""),
        pattern=entry.get("pattern", ""),
        kinds=(code, *entry.get("also", ())) if "kind" in entry else (),
        need=Need(entry["need"]),
        owner=entry["owner"],
        due=Due(on=_day(due["on"])) if "on" in due else Due(before_graduation=due["before_graduation"]),
        when=entry.get("when"),
        otherwise=entry.get("otherwise", ""),
        before_sealing=entry.get("before_sealing", False),
        advice=entry.get("advice", ""),
        ground=entry["ground"].strip(),
        mark=entry.get("mark", "U"),
    )
