"""The class map (类别映射): which material belongs to which of the ten classes, and by which titles it is known.

Schools differ, so the map is configuration with versions and sources, never code: the files in class_maps/ are the
map's history, the latest is in force, and LANTAI_CLASS_MAP names a school's own.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from app import rule_files
from app.dossiers import rules
from app.dossiers.rules import ZoneRule
from app.rule_files import MARKS, RuleFileInvalid

SHIPPED = Path(__file__).resolve().parent / "class_maps"
FORM_WORDS: Mapping[str, str] = {"original": "原件", "signature": "签名", "seal": "盖章", "date": "日期"}
_KIND_KEYS = frozenset(
    {"code", "name", "synonyms", "class", "zone", "generic", "form", "ground", "mark"}
    | {"cohort_from", "cohort_to", "valid_from"}
)
_CODE = re.compile(r"[a-z][a-z0-9_]{1,29}")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")
_NOISE = re.compile(r"[\s《》〈〉“”\"'·、,,.。:;_-]")
_TAIL = re.compile(r"(?:原件|复印件|扫描件|副本|第?[0-9一二三四五六七八九十]{1,3}[份页号]?|[0-9]+)+$")


class ClassMapInvalid(RuleFileInvalid):
    """The class map cannot be used."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of material. ``zone_rule`` None: the class decides. Cohorts are years of graduation, inclusive."""

    code: str
    name: str
    synonyms: tuple[str, ...]
    class_code: str
    zone_rule: str | None
    generic: bool
    form: tuple[str, ...]
    ground: str
    mark: str
    cohort_from: int | None
    cohort_to: int | None
    valid_from: date

    def of_cohort(self, year: int) -> bool:
        return (self.cohort_from or year) <= year <= (self.cohort_to or year)

    @property
    def form_words(self) -> str:
        return "、".join(FORM_WORDS[f] for f in self.form)


@dataclass(frozen=True, slots=True)
class ClassMap:
    """``digest`` is the file's SHA-256: two schools' versions of one name are still told apart."""

    version: str
    valid_from: date
    source: str
    note: str
    digest: str
    kinds: Mapping[str, Kind]
    titles: Mapping[str, str] = field(repr=False)

    def classify(self, title: str, class_code: str = "", kind: str = "") -> str:
        """The kind's code: what is given if the map knows it (by code or by name), else what the title says, else
        what was given. Never refines a kind into one that is shown to more people.
        """
        given = self.kinds.get(kind) or self.kinds.get(self.titles.get(_bare(kind), ""))
        if given is not None and not given.generic:
            return given.code
        found = self._by_title(title, class_code)
        if given is not None:
            same = found is not None and self._zone_id(class_code, found) == self._zone_id(class_code, given)
            return found.code if same and found is not None else given.code
        if found is None or (kind.strip() and found.zone_rule is not None):
            return kind.strip()
        return found.code

    def zone_of(self, class_code: str, kind: str) -> ZoneRule:
        """The kind's own rule wins over its class's."""
        found = self.kinds.get(kind)
        if found is None or found.zone_rule is None:
            return rules.CLASS_ZONES[class_code]
        return rules.zone_rule(found.zone_rule)

    def label(self, kind: str) -> str:
        found = self.kinds.get(kind)
        return found.name if found is not None else kind

    def default_class(self, kind: str) -> str | None:
        found = self.kinds.get(kind)
        return found.class_code if found is not None else None

    def options(self) -> list[tuple[str, str, list[Kind]]]:
        """(class code, class label, kinds) in the order of the classes, for a select field; empty classes left out."""
        grouped = [
            (code, label, [k for k in self.kinds.values() if k.class_code == code])
            for code, label in rules.MATERIAL_CLASSES.items()
        ]
        return [group for group in grouped if group[2]]

    def _by_title(self, title: str, class_code: str) -> Kind | None:
        """By the whole title, else by its longest ending: the head of a Chinese title stands last."""
        bare = _bare(title)
        whole = self.titles.get(bare)
        if whole is not None:
            return self.kinds[whole]
        for start in range(1, len(bare) - 1):
            code = self.titles.get(bare[start:])
            if code is None:
                continue
            found = self.kinds[code]
            # an ending alone may not lead out of its class into a wider zone
            if found.zone_rule is None or not class_code or class_code == found.class_code:
                return found
        return None

    def _zone_id(self, class_code: str, kind: Kind) -> str:
        return self.zone_of(class_code or kind.class_code, kind.code).id


def _bare(title: str) -> str:
    """Without brackets, punctuation, and what is said of the copy; half-width."""
    text = _NOISE.sub("", _BRACKETS.sub("", unicodedata.normalize("NFKC", title)))
    return _TAIL.sub("", text) or text


def read(data: bytes) -> ClassMap:
    """Raises ClassMapInvalid naming every fault."""
    raw = rule_files.table(data, "类别映射", ClassMapInvalid)
    faults = rule_files.head_faults(raw)
    entries = rule_files.entries(raw, "kind", ClassMapInvalid, faults)
    for number, entry in enumerate(entries, 1):
        faults += [f"第 {number} 个 kind（{entry.get('code', '无代码')}）：{f}" for f in _entry_faults(entry)]
    if faults:
        raise ClassMapInvalid(faults)
    kinds = [_kind(e, raw["valid_from"]) for e in entries]
    titles, clashes = _titles(kinds)
    if clashes:
        raise ClassMapInvalid(clashes)
    digest = hashlib.sha256(data).hexdigest()
    by_code = {k.code: k for k in kinds}
    return ClassMap(
        raw["version"], raw["valid_from"], raw.get("source", ""), raw.get("note", ""), digest, by_code, titles
    )


def _entry_faults(entry: Mapping[str, Any]) -> list[str]:
    faults = [f"没有 {name} 这一项" for name in entry if name not in _KIND_KEYS]
    faults += [f"缺少 {name}" for name in ("code", "name", "class", "ground") if not isinstance(entry.get(name), str)]
    if faults:
        return faults
    synonyms, form = entry.get("synonyms", []), entry.get("form", [])
    checks = (
        (_CODE.fullmatch(entry["code"]), "code 应为小写字母开头的字母、数字或 _，2 至 30 个"),
        (entry["name"].strip() and len(entry["name"]) <= 40, "name 应为 1 至 40 个字"),
        (entry["ground"].strip(), "ground 须写明依据"),
        (entry["class"] in rules.MATERIAL_CLASSES, f"没有 {entry['class']} 这一类"),
        (_are_titles(synonyms), "synonyms 应为题名列表"),
        (isinstance(form, list) and all(f in FORM_WORDS for f in form), f"form 只能取 {'、'.join(FORM_WORDS)}"),
        (entry.get("mark", "U") in MARKS, f"mark 只能取 {'、'.join(MARKS)}"),
        (entry.get("zone", "A-1") in {z.id for z in rules.ZONE_RULES}, f"没有 {entry.get('zone')} 这条展示规则"),
        (isinstance(entry.get("generic", False), bool), "generic 应为 true 或 false"),
        (all(type(entry.get(n, 0)) is int for n in ("cohort_from", "cohort_to")), "cohort_from、cohort_to 应为年份"),
        (type(entry.get("valid_from", date.min)) is date, "valid_from 应为日期"),
    )
    return [words for holds, words in checks if not holds]


def _are_titles(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(s, str) and _bare(s) for s in value)


def _kind(entry: Mapping[str, Any], valid_from: date) -> Kind:
    return Kind(
        code=entry["code"],
        name=entry["name"].strip(),
        synonyms=tuple(entry.get("synonyms", [])),
        class_code=entry["class"],
        zone_rule=entry.get("zone"),
        generic=entry.get("generic", False),
        form=tuple(entry.get("form", [])),
        ground=entry["ground"].strip(),
        mark=entry.get("mark", "U"),
        cohort_from=entry.get("cohort_from"),
        cohort_to=entry.get("cohort_to"),
        valid_from=entry.get("valid_from", valid_from),
    )


def _titles(kinds: Sequence[Kind]) -> tuple[dict[str, str], list[str]]:
    """Bare title -> code, and what stands twice."""
    titles: dict[str, str] = {}
    clashes = [f"代码 {c} 出现多次" for c in {k.code for k in kinds} if sum(k.code == c for k in kinds) > 1]
    for kind in kinds:
        for title in (kind.name, *kind.synonyms):
            holder = titles.setdefault(_bare(title), kind.code)
            if holder != kind.code:
                clashes.append(f"题名“{title}”同时属于 {holder} 和 {kind.code}")
    return titles, clashes


def history() -> tuple[ClassMap, ...]:
    """Every shipped version, the oldest first. Raises ClassMapInvalid."""
    return rule_files.history(SHIPPED, read)


class _InForce:
    """One map per process: rows are built deep inside filing, and every door must speak of the same kinds."""

    def __init__(self) -> None:
        self.map: ClassMap | None = None


_in_force = _InForce()


def use(path: Path | None) -> ClassMap:
    """Put a school's own map in force, or with None the latest shipped one. Raises ClassMapInvalid."""
    _in_force.map = history()[-1] if path is None else read(rule_files.bytes_of(path, ClassMapInvalid))
    return _in_force.map


def current() -> ClassMap:
    return _in_force.map or use(None)


def classify(title: str, class_code: str = "", kind: str = "") -> str:
    """For whoever files a material: the kind's code, by the map in force."""
    return current().classify(title, class_code, kind)
