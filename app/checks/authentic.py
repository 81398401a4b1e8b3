"""真实性: the content is what was filed, the metadata can be true, and the two belong together."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise

from app.checks import layout
from app.checks.check import HOUSE, Check, Found, each
from app.checks.documents import CatalogueItem
from app.checks.package import Package, Seen
from app.checks.rules import Property
from app.people import rules as people

_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_PART = "档案包内的人员信息"


def day(text: str) -> date | None:
    """The first day a date of the form YYYY, YYYY-MM or YYYY-MM-DD can mean; None when it is no such date."""
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return None


def _digest(
    name: str, of: Callable[[Seen], str], recorded: Callable[[CatalogueItem], str | None]
) -> Callable[[Package], Found]:
    def judge(package: Package) -> Found:
        lines = [i for i in package.catalogue.items if i.path is not None]
        wrong = []
        for item in lines:
            seen = package.files.get(item.path or "")
            if seen is not None and not seen.readable:
                wrong.append((item.path or "", "密封内容无法打开：文件被改动、调换或密钥不符"))
            elif seen is not None and recorded(item) is not None and of(seen) != recorded(item):
                wrong.append((item.path or "", f"{name} 摘要与归档时登记的不一致"))
        return each(len(lines), wrong)

    return judge


def digests_recorded(package: Package) -> Found:
    lines = [i for i in package.catalogue.items if i.path is not None]
    return each(
        len(lines),
        ((i.path or "", "归档时未登记数字摘要，无法证明此后未变") for i in lines if not (i.sha256 and i.sm3)),
    )


def dates_in_order(package: Package) -> Found:
    identity, enrolment = package.section("identity"), package.section("enrolment")
    steps = [
        ("出生日期", identity.get("birth_date", "")),
        ("入学日期", enrolment.get("enrolled_on", "")),
        ("毕业日期", enrolment.get("graduated_on", "")),
    ]
    known = [(name, when) for name, text in steps if (when := day(text)) is not None]
    wrong = [(later[0], f"早于{earlier[0]}") for earlier, later in pairwise(known) if later[1] <= earlier[1]]
    wrong += [(name, "晚于检测当日") for name, when in known if when > package.today and name != "毕业日期"]
    return each(len(known), wrong)


def formed_in_the_past(package: Package) -> Found:
    born = day(package.section("identity").get("birth_date", ""))
    dated = [(i, when) for i in package.catalogue.items if i.formed_on and (when := day(i.formed_on)) is not None]
    wrong = [(_line(i), "形成日期晚于检测当日") for i, when in dated if when > package.today]
    wrong += [(_line(i), "形成日期早于本人出生日期") for i, when in dated if born is not None and when < born]
    return each(len(dated), wrong)


def _record_dates(package: Package) -> Iterator[tuple[str, str]]:
    for record in package.records.records:
        for name, value in record.fields.items():
            if name.endswith(("_on", "_date")) and value:
                yield f"{record.section}[{record.position}].{name}", value


def dates_well_formed(package: Package) -> Found:
    values = [*_record_dates(package), *((_line(i), i.formed_on) for i in package.catalogue.items if i.formed_on)]
    return each(len(values), ((where, "不是“年-月-日”形式的日期") for where, value in values if day(value) is None))


def id_number_holds(package: Package) -> Found:
    number = package.metadata.id_number
    if len(number) != 18:
        return each(0, ())
    fault = people.id_number_fault(number, package.today)
    return each(1, [("身份证号", "校验码、地区或日期段不正确")] if fault else [])


def id_number_and_birth(package: Package) -> Found:
    number, given = package.metadata.id_number, package.section("identity").get("birth_date", "")
    born = people.id_number_birth_date(number) if len(number) == 18 else None
    if born is None or not given:
        return each(0, ())
    return each(1, [] if day(given) == born else [("出生日期", "与身份证号中的出生日期不一致")])


def id_number_and_sex(package: Package) -> Found:
    number, sex = package.metadata.id_number, package.section("identity").get("sex", "")
    if len(number) != 18 or sex not in ("男", "女"):
        return each(0, ())
    return each(1, [] if people.id_number_is_male(number) == (sex == "男") else [("性别", "与身份证号顺序码不一致")])


def name_well_formed(package: Package) -> Found:
    fault = people.name_fault(package.metadata.name)
    return each(1, [("姓名", "含有不可见、自造或不应出现在姓名中的字符")] if fault else [])


def same_person(package: Package) -> Found:
    identity, enrolment, about = package.section("identity"), package.section("enrolment"), package.metadata
    pairs = (
        ("姓名", identity.get("name"), about.name),
        ("身份证号", identity.get("id_number"), about.id_number),
        ("学号", enrolment.get("student_number"), about.student_number),
    )
    known = [(name, a, b) for name, a, b in pairs if a]
    return each(len(known), ((name, f"电子记录与{_PART}不一致") for name, a, b in known if a != b))


def no_equal_content(package: Package) -> Found:
    groups: dict[str, list[str]] = defaultdict(list)
    for seen in package.materials:
        if seen.sha256:
            groups[seen.sha256].append(seen.path)
    twice = [paths for paths in groups.values() if len(paths) > 1]
    return each(len(package.materials), ((p[1], f"内容与 {p[0]} 完全相同") for p in twice))


def no_equal_lines(package: Package) -> Found:
    groups: dict[tuple[object, ...], list[CatalogueItem]] = defaultdict(list)
    for item in package.catalogue.items:
        groups[item.class_code, item.title, item.formed_on].append(item)
    return each(
        len(package.catalogue.items),
        ((_line(g[1]), "类号、题名、日期与同类另一份材料相同") for g in groups.values() if len(g) > 1),
    )


def content_is_what_it_says(package: Package) -> Found:
    pairs = [(i, s) for i, s in package.with_files() if s.readable]
    return each(
        len(pairs), ((s.path, "目录登记的格式与文件内容不符") for i, s in pairs if i.media_type != s.media_type)
    )


def classes_known(package: Package) -> Found:
    known = package.metadata.class_map
    lines = package.catalogue.items
    return each(len(lines), ((_line(i), "类号不在分类表中") for i in lines if i.class_code not in known))


def zones_known(package: Package) -> Found:
    known = package.metadata.zones
    held = [(_line(i), i.zone) for i in package.catalogue.items]
    held += [(f"{r.section}[{r.position}]", r.zone) for r in package.records.records]
    return each(len(held), ((where, "开放范围取值不在规定值域内") for where, zone in held if zone not in known))


def lines_and_files_belong(package: Package) -> Found:
    claimed = [i.path for i in package.catalogue.items if i.path is not None]
    wrong = [(p, "目录登记了文件，包内没有") for p in claimed if p not in package.files]
    wrong += [(s.path, "包内有文件，目录没有登记") for s in package.materials if s.path not in claimed]
    wrong += [(p, "同一文件被目录登记两次") for p in set(claimed) if claimed.count(p) > 1]
    return each(len(claimed) + len(package.materials), wrong)


def names_follow_the_rule(package: Package) -> Found:
    lines = [i for i in package.catalogue.items if i.path is not None]
    return each(
        len(lines),
        (
            (i.path or "", "文件名与类号、顺序号、格式不符")
            for i in lines
            if i.path != layout.material_path(i.class_code, i.sequence, i.media_type or "")
        ),
    )


def no_odd_characters(package: Package) -> Found:
    texts = [(_line(i), t) for i in package.catalogue.items for t in (i.title, i.remark or "", i.kind)]
    texts += [
        (f"{r.section}[{r.position}].{name}", value)
        for r in package.records.records
        for name, value in r.fields.items()
    ]
    return each(len(texts), ((where, "含有控制字符或改变文字方向的字符") for where, text in texts if _odd(text)))


def _odd(text: str) -> bool:
    return any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text) or any(
        "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in text
    )


def _line(item: CatalogueItem) -> str:
    return f"{item.class_code} 类第 {item.sequence} 份"


def titles_to_compare(package: Package) -> Found:
    """For a person: which files to look into, beside what they should show."""
    pairs = package.with_files()
    return each(len(pairs), ((s.path, f"题名“{i.title}”，{i.pages or '未登记'} 页") for i, s in pairs))


_CONTENT, _META, _LINK = (
    "DA/T 70-2018 电子文件内容真实性检测",
    "DA/T 70-2018 元数据准确性检测",
    "DA/T 70-2018 元数据与内容关联真实性检测",
)
_P = Property.AUTHENTIC
_RESTORE = "从备份或副本库恢复该文件后重新检测；恢复不了的，查明原因并按事故处理"
_CORRECT = "核对原件，按更正程序改正电子记录后重新检测"
CHECKS = (
    Check(
        "Z-1-01",
        _P,
        "文件 SHA-256 摘要与归档登记一致",
        _CONTENT,
        _RESTORE,
        _digest("SHA-256", lambda s: s.sha256, lambda i: i.sha256),
        veto=True,
    ),
    Check(
        "Z-1-02",
        _P,
        "文件 SM3 摘要与归档登记一致",
        _CONTENT,
        _RESTORE,
        _digest("SM3", lambda s: s.sm3, lambda i: i.sm3),
        veto=True,
    ),
    Check(
        "Z-1-03",
        _P,
        "每个文件归档时都登记了数字摘要",
        HOUSE,
        "重新归档该材料的新版本，由系统登记摘要",
        digests_recorded,
    ),
    Check("Z-1-04", _P, "出生、入学、毕业日期先后合理", _META, _CORRECT, dates_in_order),
    Check("Z-1-05", _P, "材料形成日期合理", _META, _CORRECT, formed_in_the_past),
    Check("Z-1-06", _P, "日期格式规范", _META, _CORRECT, dates_well_formed),
    Check("Z-1-07", _P, "身份证号校验正确", "GB 11643-1999", _CORRECT, id_number_holds),
    Check("Z-1-08", _P, "出生日期与身份证号一致", _META, _CORRECT, id_number_and_birth),
    Check("Z-1-09", _P, "性别与身份证号一致", _META, _CORRECT, id_number_and_sex),
    Check("Z-1-10", _P, "姓名字符规范", _META, _CORRECT, name_well_formed),
    Check("Z-1-11", _P, "电子记录与人员信息指向同一人", HOUSE, _CORRECT, same_person, veto=True),
    Check(
        "Z-1-12",
        _P,
        "没有内容相同的文件",
        "DA/T 70-2018 元数据项数据重复性检测",
        "确认是否重复归档，保留一份",
        no_equal_content,
    ),
    Check("Z-1-13", _P, "目录没有重复条目", "DA/T 70-2018 元数据项数据重复性检测", "确认是否重复著录", no_equal_lines),
    Check(
        "Z-1-14", _P, "登记格式与文件内容一致", _CONTENT, "按文件的真实格式重新归档", content_is_what_it_says, veto=True
    ),
    Check("Z-1-15", _P, "类号在分类表值域内", _META, "改正类号", classes_known, veto=True),
    Check("Z-1-16", _P, "开放范围在值域内", _META, "由管理员核对开放规则", zones_known),
    Check("Z-1-17", _P, "目录与文件一一对应", _LINK, "补齐文件或更正目录", lines_and_files_belong, veto=True),
    Check(
        "Z-1-18",
        _P,
        "文件命名符合规则",
        "DA/T 70-2018 信息包规范性检测",
        "由本系统重新打包",
        names_follow_the_rule,
        veto=True,
    ),
    Check("Z-1-19", _P, "元数据不含异常字符", _META, _CORRECT, no_odd_characters),
)
