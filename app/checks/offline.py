"""Judging an exported package from nothing but itself: the machine checks again, and the seal around them.

No database, no settings, no keys, no network. Whoever changed the package and signed a report of their own is found
only with the archive's public key in hand, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from app.checks import layout
from app.checks import report as reports
from app.checks import statement as statements
from app.checks.check import Check, NotAnswerable, ask_all, each
from app.checks.check import Found as Answer
from app.checks.documents import NotCanonical
from app.checks.package import NotReadable, Package, Source, open_package
from app.checks.registry import BY_ID, machine_checks
from app.checks.rules import RULES_VERSION, Finding, Outcome, Property, Result, Stage, Verdict, verdict
from app.errors import NotFound, Tampered
from app.package_ports import Prober

_P = Property.AUTHENTIC
_STOP = "停止接收，与移交单位核对"
SEAL = (
    Check("Z-1-71", _P, "检测报告可读且符合约定", "本系统规则", _STOP, veto=True),
    Check("Z-1-72", _P, "检测报告的数字签名有效", "DA/T 70-2018 固化信息有效性检测", _STOP, veto=True),
    Check("Z-1-73", _P, "检测报告说的就是这个档案包", "DA/T 70-2018 信息包一致性检测", _STOP, veto=True),
    Check("Z-1-74", _P, "签名密钥是立档单位公布的公钥", "本系统规则", "向立档单位索取公钥文件，用 --public-key 指定"),
    Check("Z-1-75", _P, "重新检测的结果与报告一致", "本系统规则", _STOP, veto=True),
    Check("Z-1-76", _P, "转递声明可读，其数字签名有效", "本系统规则", _STOP, veto=True),
    Check("Z-1-77", _P, "转递声明、转递清单说的就是这个档案包", "本系统规则", _STOP, veto=True),
    Check("Z-2-71", Property.COMPLETE, "标签文件与标签清单完全一致", "RFC 8493", _STOP, veto=True),
)
SEAL_BY_ID: Mapping[str, Check] = {c.id: c for c in SEAL}


@dataclass(frozen=True, slots=True)
class Verification:
    """``results`` are the machine checks again, ``seal`` those of the report and tag files. ``trusted`` is None when no
    public key was given.
    """

    stage: Stage
    results: tuple[Result, ...]
    seal: tuple[Result, ...]
    report: reports.Report | None
    trusted: bool | None

    @property
    def verdict(self) -> Verdict:
        """Of the machine part: what people confirmed is in the report and cannot be seen again."""
        pairs = [(r, BY_ID[r.check_id].veto) for r in self.results]
        pairs += [(r, SEAL_BY_ID[r.check_id].veto or r.outcome is Outcome.FAIL) for r in self.seal]
        return verdict(pairs)


def verify(
    source: Source,
    prober: Prober,
    today: date,
    *,
    trusted: Mapping[str, bytes] | None = None,
    stage: Stage | None = None,
) -> Verification:
    """``trusted``: the archive's public keys by id, as published. ``stage`` overrides the report's."""
    data = {name: _read(source, name) for name in (layout.REPORT, layout.SIGNATURE, *layout.HAND_OVER_FILES)}
    told = _report(data[layout.REPORT])
    as_of = _day(told.as_of, today) if told is not None else today
    checklist = reports.checklist_of(told) if told is not None else None
    package = open_package(source, prober, as_of, checklist=checklist)
    chosen = stage or (Stage(told.stage) if told is not None and told.stage in set(Stage) else Stage.HAND_OVER)
    # the seal is judged apart: the checks inside a report were made before it
    content = replace(package, files={n: s for n, s in package.files.items() if n not in layout.OUTER_FILES})
    results = ask_all(machine_checks(chosen), content)
    seal = [
        _answer("Z-1-71", lambda: _readable(told)),
        _answer("Z-1-72", lambda: _signed(_needed(told), data)),
        _answer("Z-1-73", lambda: _bound(_needed(told), package)),
        _answer("Z-1-74", lambda: _known(_needed(told), trusted)),
        _answer("Z-1-75", lambda: _repeated(_needed(told), chosen, results)),
        _answer("Z-2-71", lambda: _tags_listed(package)),
        *_stated(package, data, trusted),
    ]
    known = None if trusted is None else seal[3].outcome is Outcome.PASS
    return Verification(chosen, tuple(results), tuple(seal), told, known)


def _read(source: Source, name: str) -> bytes:
    try:
        return source.read(name) if name in source.names() else b""
    except (Tampered, NotFound):
        return b""


def _report(data: bytes) -> reports.Report | None:
    try:
        return reports.read_report(data)
    except NotCanonical:
        return None


def _needed(told: reports.Report | None) -> reports.Report:
    if told is None:
        raise NotReadable(layout.REPORT)
    return told


def _day(text: str, otherwise: date) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return otherwise


def _answer(check_id: str, judge: Callable[[], Answer]) -> Result:
    try:
        answer = judge()
    except (NotReadable, NotAnswerable) as lack:
        words = lack.words if isinstance(lack, NotAnswerable) else f"所需文件缺失或无法读取：{lack.what}"
        return Result(check_id, Outcome.NOT_RUN, note=words)
    outcome = Outcome.FAIL if answer.findings else Outcome.PASS
    return Result(check_id, outcome, answer.looked, answer.findings)


def _readable(told: reports.Report | None) -> Answer:
    return each(1, [] if told is not None else [(layout.REPORT, "缺失，或不是规范形式的检测报告")])


def _signed(told: reports.Report, data: Mapping[str, bytes]) -> Answer:
    try:
        fault = reports.signature_fault(told, data[layout.REPORT], data[layout.SIGNATURE])
    except NotCanonical:
        fault = "缺失，或不是规范形式的签名文件"
    return each(1, [(layout.SIGNATURE, fault)] if fault else [])


def _bound(told: reports.Report, package: Package) -> Answer:
    wrong = [
        (name, "与报告记录的摘要不一致")
        for name in layout.CORE_TAGS
        if name not in package.files or package.files[name].sha256 != told.package.tags.get(name)
    ]
    if told.package.digest != told.package.tags.get(layout.MANIFEST):
        wrong.append((layout.REPORT, "包摘要与清单摘要不一致"))
    about = package.metadata
    if (told.dossier_id, told.dossier_version) != (about.dossier_id, about.dossier_version):
        wrong.append((layout.REPORT, "档案标识或版本与元数据不一致"))
    return each(len(layout.CORE_TAGS) + 2, wrong)


def _known(told: reports.Report, trusted: Mapping[str, bytes] | None) -> Answer:
    if trusted is None:
        raise NotAnswerable("未提供立档单位公钥：签名有效只说明报告未变，不能说明由谁签发")
    known = trusted.get(told.key.key_id) == reports.public_key(told)
    return each(1, [] if known else [(layout.SIGNATURE, "不是所给公钥文件中的密钥签发的，报告可能是伪造的")])


def _repeated(told: reports.Report, stage: Stage, results: list[Result]) -> Answer:
    if told.tool.check_rules != RULES_VERSION:
        raise NotAnswerable(f"报告用的是 {told.tool.check_rules} 版规则，本程序是 {RULES_VERSION} 版")
    if told.stage != stage.value:
        raise NotAnswerable("指定的环节与报告不同")
    before = {c.id: c for c in told.checks}
    wrong = []
    for result in results:
        if before.get(result.check_id) != reports.line(BY_ID[result.check_id], result):
            wrong.append((result.check_id, f"“{BY_ID[result.check_id].title}”的结果与报告不同"))
    machine = {r.check_id for r in results}
    wrong += [(c.id, "报告中有本程序没有的检测项") for c in told.checks if c.mode == "machine" and c.id not in machine]
    return each(len(results), wrong)


def _stated(package: Package, data: Mapping[str, bytes], trusted: Mapping[str, bytes] | None) -> list[Result]:
    """What a package to a receiver says of itself; a package without any of it was not made for one."""
    if not any(name in package.files for name in layout.HAND_OVER_FILES):
        return [Result(check_id, Outcome.NOT_APPLICABLE) for check_id in ("Z-1-76", "Z-1-77")]
    try:
        told = statements.read_statement(data[layout.STATEMENT])
        fault = statements.signature_fault(told, data[layout.STATEMENT], data[layout.STATEMENT_SIGNATURE])
    except NotCanonical:
        told, fault = None, "转递声明或其签名缺失，或不是规范形式"
    if told is not None and trusted is not None and trusted.get(told.key.key_id) != statements.key_of(told):
        fault = fault or "不是所给公钥文件中的密钥签发的，转递声明可能是伪造的"
    signed = _answer("Z-1-76", lambda: each(1, [(layout.STATEMENT_SIGNATURE, fault)] if fault else []))
    return [signed, _answer("Z-1-77", lambda: _states_this(told, package, data))]


def _states_this(told: statements.TransferStatement | None, package: Package, data: Mapping[str, bytes]) -> Answer:
    if told is None:
        raise NotReadable(layout.STATEMENT)
    manifest = package.files.get(layout.MANIFEST)
    held = (package.metadata.dossier_id, package.metadata.dossier_version)
    return each(3, statements.binding_faults(told, data, manifest.sha256 if manifest is not None else None, held))


def _tags_listed(package: Package) -> Answer:
    listed = package.digests(layout.TAG_MANIFEST)
    there = {s.path: s for s in package.files.values() if not s.path.startswith("data/")}
    there.pop(layout.TAG_MANIFEST, None)
    wrong = [(p, "标签清单列出，包内没有") for p in listed if p not in there]
    wrong += [(p, "标签清单未列出") for p in there if p not in listed]
    wrong += [(p, "与标签清单的摘要不一致") for p, s in there.items() if p in listed and s.sha256 != listed[p]]
    return Answer(len(there.keys() | listed.keys()), tuple(Finding(where, words) for where, words in wrong))
