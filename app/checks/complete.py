"""完整性: nothing is missing, nothing is too much, and everything that must be said is said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from app.checks import layout
from app.checks.check import HOUSE, Check, Found, NotAnswerable, each
from app.checks.package import Package, Seen
from app.checks.rules import Property, Stage

_NO_FORM_BEFORE = 2023
"""From this cohort on there is no 报到证; the 转递编号 of the destination registration takes its place."""


def counts_agree(package: Package) -> Found:
    said = package.metadata.counts
    lines = package.catalogue.items
    real = (
        ("记录条数", said.records, len(package.records.records)),
        ("材料份数", said.materials, len(lines)),
        ("目录登记的文件个数", said.files, sum(i.path is not None for i in lines)),
        ("包内文件个数", said.files, len(package.materials)),
    )
    return each(len(real), ((name, f"应为 {a}，实为 {b}") for name, a, b in real if a != b))


def bytes_agree(package: Package) -> Found:
    pairs = [(i, s) for i, s in package.with_files() if s.readable]
    wrong = [(s.path, f"登记 {i.size} 字节，实为 {s.size} 字节") for i, s in pairs if i.size != s.size]
    said, real = package.metadata.counts.file_bytes, sum(s.size for s in package.materials)
    if said != real:
        wrong.append(("文件总字节数", f"应为 {said}，实为 {real}"))
    return each(len(pairs) + 1, wrong)


def oxum_agrees(package: Package) -> Found:
    info = layout.read_bag_info(package.text(layout.BAG_INFO)) or {}
    real = f"{sum(s.size for s in package.payload)}.{len(package.payload)}"
    said = info.get("Payload-Oxum")
    return each(1, [] if said == real else [(layout.BAG_INFO, f"Payload-Oxum 与实际 {real} 不符")])


def person_described(package: Package) -> Found:
    about = package.metadata
    needed = {
        "姓名": about.name, "身份证号": about.id_number, "学号": about.student_number, "学院": about.college,
        "专业": about.major, "学历层次": about.degree_level, "立档单位": about.archive,
    }  # fmt: skip
    wrong = [(name, "必填项为空") for name, value in needed.items() if not value.strip()]
    if not 1949 <= about.cohort_year <= package.today.year + 1:
        wrong.append(("毕业年份", "不在合理范围内"))
    return each(len(needed) + 1, wrong)


def materials_described(package: Package) -> Found:
    lines = package.catalogue.items
    return each(len(lines), ((_line(i.class_code, i.sequence), "题名为空") for i in lines if not i.title.strip()))


def materials_dated(package: Package) -> Found:
    lines = package.catalogue.items
    return each(len(lines), ((_line(i.class_code, i.sequence), "未登记形成日期") for i in lines if not i.formed_on))


def materials_paged(package: Package) -> Found:
    lines = package.catalogue.items
    return each(len(lines), ((_line(i.class_code, i.sequence), "未登记页数") for i in lines if not i.pages))


def numbered_without_gaps(package: Package) -> Found:
    by_class: dict[str, list[int]] = defaultdict(list)
    for item in package.catalogue.items:
        by_class[item.class_code].append(item.sequence)
    return each(sum(map(len, by_class.values())), _gaps(by_class, "类"))


def records_without_gaps(package: Package) -> Found:
    by_section: dict[str, list[int]] = defaultdict(list)
    for record in package.records.records:
        by_section[record.section].append(record.position)
    return each(sum(map(len, by_section.values())), _gaps(by_section, "栏"))


def _gaps(groups: dict[str, list[int]], word: str) -> Iterator[tuple[str, str]]:
    for name, numbers in groups.items():
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            yield f"{name} {word}", "顺序号有漏号或重号"


def pages_agree(package: Package) -> Found:
    pairs = [(i, s) for i, s in package.with_files() if i.pages and s.probe is not None and s.probe.pages]
    wrong = [
        (s.path, f"目录 {i.pages} 页，文件 {s.probe.pages} 页")
        for i, s in pairs
        if s.probe is not None and i.pages != s.probe.pages
    ]
    return each(len(pairs), wrong)


def attachments_present(package: Package) -> Found:
    lines = [i for i in package.catalogue.items if i.path is not None]
    wrong = [
        (i.path or "", "登记的文件不在包内或为空")
        for i in lines
        if (seen := package.files.get(i.path or "")) is None or (seen.readable and seen.size == 0)
    ]
    return each(len(lines), wrong)


def digitised(package: Package) -> Found:
    lines = package.catalogue.items
    return each(
        len(lines), ((_line(i.class_code, i.sequence), "仅有纸质，尚无电子文件") for i in lines if i.path is None)
    )


def _listed(name: str, digest: Callable[[Seen], str]) -> Callable[[Package], Found]:
    def judge(package: Package) -> Found:
        listed, payload = package.digests(name), {s.path: s for s in package.payload}
        wrong = [(p, f"{name} 列出，包内没有") for p in listed if p not in payload]
        wrong += [(p, f"包内有，{name} 未列出") for p in payload if p not in listed]
        wrong += [(p, f"与 {name} 的摘要不一致") for p, s in payload.items() if p in listed and digest(s) != listed[p]]
        return each(len(payload.keys() | listed.keys()), wrong)

    return judge


def checklist_complete(package: Package) -> Found:
    state = package.checklist
    if state is None:
        raise NotAnswerable("未接入材料清单，归档范围未检测")
    return each(max(state.required, len(state.missing)), ((m.words, "应归未归") for m in state.missing))


def mandatory_records(package: Package) -> Found:
    held = {r.section for r in package.records.records}
    needed = {"identity": "基本信息", "enrolment": "学籍"}
    return each(len(needed), ((code, f"缺少“{words}”记录") for code, words in needed.items() if code not in held))


def destination_registered(package: Package) -> Found:
    if package.metadata.cohort_year < _NO_FORM_BEFORE:
        return each(0, ())
    code = package.section("enrolment").get("destination_code", "")
    return each(1, [] if code.strip() else [("转递编号", "2023 届起，档案转递前须有毕业去向登记的转递编号")])


def process_described(package: Package) -> Found:
    lines = package.catalogue.items
    return each(
        len(lines),
        ((_line(i.class_code, i.sequence), "缺少来源或归档时间") for i in lines if not (i.source and i.filed_at)),
    )


def _line(class_code: str, sequence: int) -> str:
    return f"{class_code} 类第 {sequence} 份"


def pages_to_compare(package: Package) -> Found:
    """For a person with the paper dossier at hand."""
    lines = package.catalogue.items
    return each(
        len(lines), ((_line(i.class_code, i.sequence), f"“{i.title}”，目录 {i.pages or '未登记'} 页") for i in lines)
    )


_TOTAL, _META = "DA/T 70-2018 电子文件数据总量检测", "DA/T 70-2018 元数据完整性检测"
_CONTENT, _BAG = "DA/T 70-2018 内容完整性检测", "DA/T 70-2018 信息包完整性检测"
_P = Property.COMPLETE
_REPACK = "由本系统重新打包；仍不一致的，查明文件何时缺失"
CHECKS = (
    Check("Z-2-01", _P, "件数与登记相符", _TOTAL, _REPACK, counts_agree, veto=True),
    Check("Z-2-02", _P, "字节数与登记相符", _TOTAL, _REPACK, bytes_agree, veto=True),
    Check("Z-2-03", _P, "包的总量标记与载荷相符", "RFC 8493 Payload-Oxum", _REPACK, oxum_agrees, veto=True),
    Check("Z-2-04", _P, "人员必填项齐全", _META, "补录必填项", person_described, veto=True),
    Check("Z-2-05", _P, "材料题名齐全", _META, "补录题名", materials_described, veto=True),
    Check("Z-2-06", _P, "材料形成日期齐全", _META, "对照原件补录形成日期", materials_dated),
    Check("Z-2-07", _P, "材料页数齐全", _META, "对照原件补录页数", materials_paged),
    Check(
        "Z-2-08",
        _P,
        "类内顺序号连续",
        "DA/T 70-2018 连续性元数据项检测",
        "核对缺号的材料去向后重新编号",
        numbered_without_gaps,
    ),
    Check("Z-2-09", _P, "记录序号连续", "DA/T 70-2018 连续性元数据项检测", "核对缺号的记录", records_without_gaps),
    Check("Z-2-10", _P, "目录页数与文件页数相符", _CONTENT, "补扫缺页或更正目录页数", pages_agree),
    Check("Z-2-11", _P, "登记的电子文件都在", _CONTENT, "补齐电子文件", attachments_present, veto=True),
    Check("Z-2-12", _P, "材料都有电子文件", HOUSE, "按数字化计划补扫；纸质原件随档转递", digitised),
    Check(
        "Z-2-13",
        _P,
        "SHA-256 清单与包内文件完全一致",
        _BAG,
        _REPACK,
        _listed(layout.MANIFEST, lambda s: s.sha256),
        veto=True,
    ),
    Check(
        "Z-2-14", _P, "SM3 清单与包内文件完全一致", _BAG, _REPACK, _listed(layout.SM3_LIST, lambda s: s.sm3), veto=True
    ),
    Check(
        "Z-2-15",
        _P,
        "应归材料齐全（归档范围）",
        "DA/T 70-2018 归档范围检测",
        "按材料清单补齐或记录缺失原因",
        checklist_complete,
    ),
    Check("Z-2-16", _P, "基本信息与学籍记录齐全", HOUSE, "补导入缺少的记录", mandatory_records, veto=True),
    Check(
        "Z-2-17",
        _P,
        "转递编号已登记",
        "2023 年起毕业去向登记制度",
        "向就业部门取得转递编号后录入",
        destination_registered,
        veto=True,
        stages=frozenset({Stage.HAND_OVER}),
    ),
    Check("Z-2-18", _P, "归档过程信息齐全", "DA/T 70-2018 过程信息完整性检测", "补录来源与归档时间", process_described),
)
