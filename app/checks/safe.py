"""安全性: nothing in the package acts, hides, or reaches outside its folder."""

from __future__ import annotations

import unicodedata
from collections import Counter

from app.checks import layout
from app.checks.check import HOUSE, Check, Found, each
from app.checks.package import Package
from app.checks.rules import Property

MAX_FILES = 20_000
MAX_BYTES = 8 * 1024**3
_ACTS = {
    "javascript": "脚本",
    "launch": "启动外部程序",
    "submit": "提交表单",
    "import_data": "导入外部数据",
    "remote": "打开外部文件",
    "link": "外部链接",
    "media": "多媒体对象",
    "form_script": "动态表单",
}
_HIDDEN = ("thumbs.db", "desktop.ini", "__macosx")
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}


def nothing_acts(package: Package) -> Found:
    probed = [(s, s.probe) for s in package.contents if s.probe is not None]
    wrong = [
        (s.path, "含有" + "、".join(_ACTS[a] for a in p.active if a in _ACTS))
        for s, p in probed
        if any(a in _ACTS for a in p.active)
    ]
    return each(len(probed), wrong)


def nothing_embedded(package: Package) -> Found:
    probed = [(s, s.probe) for s in package.contents if s.probe is not None]
    return each(len(probed), ((s.path, "夹带附件") for s, p in probed if "attachment" in p.active))


def nothing_behind_the_end(package: Package) -> Found:
    probed = [(s, s.probe) for s in package.contents if s.probe is not None]
    return each(len(probed), ((s.path, "文件结尾之后还有数据") for s, p in probed if p.surplus))


def no_programs(package: Package) -> Found:
    files = package.payload
    return each(len(files), ((s.path, "是可执行文件、脚本或带宏的旧式文档") for s in files if s.program))


def nothing_hidden(package: Package) -> Found:
    names = list(package.files)
    return each(
        len(names),
        (
            (n, "隐藏文件或系统文件")
            for n in names
            if any(part.startswith((".", "~$")) or part.lower() in _HIDDEN for part in n.split("/"))
        ),
    )


def path_fault(name: str) -> str:
    """Why a path may not stand in a package; empty when it may."""
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in name or any(p in ("", ".", "..") for p in parts):
        return "路径可能指向包外"
    if any(ord(c) < 32 or ord(c) == 127 or unicodedata.category(c) == "Cf" for c in name):
        return "路径含有控制字符"
    if unicodedata.normalize("NFC", name) != name or len(name.encode()) > 240:
        return "路径过长或不是规范字形"
    if any(p.rstrip(" .") != p or p.split(".")[0].lower() in _RESERVED for p in parts):
        return "路径在部分系统上无法使用"
    return ""


def paths_safe(package: Package) -> Found:
    names = list(package.files)
    folded = Counter(n.casefold() for n in names)
    wrong = [(repr(n)[1:-1], fault) for n in names if (fault := path_fault(n))]
    wrong += [(n, "与另一文件只差大小写") for n in names if folded[n.casefold()] > 1]
    return each(len(names), wrong)


def only_what_belongs(package: Package) -> Found:
    names = list(package.files)
    known = {*layout.TAGS, *layout.DOCUMENTS, layout.PHOTO}
    return each(
        len(names),
        ((n, "不属于档案包约定的内容") for n in names if n not in known and not layout.MATERIAL_PATH.fullmatch(n)),
    )


def within_bounds(package: Package) -> Found:
    total = sum(s.size for s in package.files.values())
    wrong = [] if total <= MAX_BYTES else [("总字节数", "超过档案包上限")]
    wrong += [] if len(package.files) <= MAX_FILES else [("文件个数", "超过档案包上限")]
    return each(2, wrong)


_VIRUS, _BAG = "DA/T 70-2018 病毒感染检测", "DA/T 70-2018 信息包安全性检测"
_P = Property.SAFE
_CLEAN = "隔离该文件，经文件处理程序清除活动内容后重新归档"
CHECKS = (
    Check("Z-4-01", _P, "文件不含脚本等活动内容", _VIRUS, _CLEAN, nothing_acts, veto=True),
    Check("Z-4-02", _P, "文件不夹带附件", _VIRUS, _CLEAN, nothing_embedded, veto=True),
    Check("Z-4-03", _P, "文件结尾没有附加数据", HOUSE, _CLEAN, nothing_behind_the_end, veto=True),
    Check("Z-4-04", _P, "没有程序、脚本和宏文档", _VIRUS, _CLEAN, no_programs, veto=True),
    Check("Z-4-05", _P, "没有隐藏文件和系统文件", _BAG, "由本系统重新打包", nothing_hidden, veto=True),
    Check("Z-4-06", _P, "路径安全", _BAG, "由本系统重新打包", paths_safe, veto=True),
    Check("Z-4-07", _P, "没有约定以外的文件", _BAG, "由本系统重新打包", only_what_belongs, veto=True),
    Check("Z-4-08", _P, "大小在限度内", HOUSE, "分批移交", within_bounds, veto=True),
)
