"""可用性: a stranger can open and read everything, now and later, without a key or a program of ours."""

from __future__ import annotations

from collections.abc import Iterable

from app.checks import layout
from app.checks.check import Check, Found, each
from app.checks.package import Package, Seen
from app.checks.rules import Property, Stage
from app.package_ports import Probe

MIN_DPI = 200
"""DA/T 31-2017 纸质档案数字化规范: at least 200 dpi."""

LONG_TERM = frozenset({"application/pdf", "application/ofd", "image/tiff", "image/jpeg"})
_WHY = {
    "encrypted": "文件已加密",
    "damaged": "文件已损坏",
    "no_pages": "没有页面",
    "too_complex": "过大或过于复杂，在限定的内存和时间内打不开",
    "not_allowed": "格式不在准许范围内",
}


def _probed(files: Iterable[Seen]) -> list[tuple[Seen, Probe]]:
    return [(s, s.probe) for s in files if s.probe is not None]


def formats_allowed(package: Package) -> Found:
    files = [s for s in package.contents if s.readable]
    return each(len(files), ((s.path, "格式不在准许范围内") for s in files if s.media_type not in layout.SUFFIXES))


def files_open(package: Package) -> Found:
    wrong: list[tuple[str, str]] = [
        (s.path, _WHY.get(p.why, "无法打开")) for s, p in _probed(package.contents) if not p.opens
    ]
    wrong += [(s.path, "没有一种准许的格式能打开") for s in package.contents if s.readable and s.probe is None]
    wrong += [(s.path, "文件无法读取") for s in package.contents if not s.readable]
    return each(len(package.contents), wrong)


def nothing_encrypted(package: Package) -> Found:
    probed = _probed(package.contents)
    return each(len(probed), ((s.path, "包内文件不得另行加密") for s, p in probed if p.encrypted))


def pages_seen(package: Package) -> Found:
    probed = [(s, p) for s, p in _probed(package.contents) if p.opens]
    return each(len(probed), ((s.path, "读不出页数") for s, p in probed if not p.pages))


def sharp_enough(package: Package) -> Found:
    known = [(s, p.dpi) for s, p in _probed(package.materials) if p.dpi is not None]
    return each(len(known), ((s.path, f"{dpi} dpi，低于 {MIN_DPI} dpi") for s, dpi in known if dpi < MIN_DPI))


def kept_for_long(package: Package) -> Found:
    files = package.materials
    return each(len(files), ((s.path, "不是长期保存格式") for s in files if s.media_type not in LONG_TERM))


def documents_canonical(package: Package) -> Found:
    """NotReadable would make this not run; here the lack itself is the fault."""
    held = {
        layout.CATALOGUE: package._catalogue,
        layout.RECORDS: package._records,
        layout.METADATA: package._metadata,
    }
    return each(
        len(held),
        ((p, "缺失、不是规范的 UTF-8 JSON，或字段不符合约定") for p, document in held.items() if document is None),
    )


def bag_well_formed(package: Package) -> Found:
    wrong: list[tuple[str, str]] = []
    if package.texts.get(layout.BAGIT) != layout.BAGIT_TEXT:
        wrong.append((layout.BAGIT, "BagIt 声明缺失或版本、编码不是 1.0 / UTF-8"))
    info = layout.read_bag_info(package.texts.get(layout.BAG_INFO) or "")
    needed = ("Source-Organization", "Bagging-Date", "External-Identifier", "Payload-Oxum")
    wrong += [(layout.BAG_INFO, f"缺少 {name}") for name in needed if not (info or {}).get(name)]
    for name in (layout.MANIFEST, layout.SM3_LIST):
        if layout.read_digest_list(package.texts.get(name) or "\0") is None:
            wrong.append((name, "缺失或格式不规范"))
    return each(4, wrong)


def nothing_empty(package: Package) -> Found:
    files: Iterable[Seen] = package.payload
    return each(len(package.payload), ((s.path, "文件为空") for s in files if s.readable and s.size == 0))


def quality_to_see(package: Package) -> Found:
    """For a person: what was measured of every picture."""
    probed = _probed(package.materials)
    return each(
        len(probed),
        (
            (s.path, f"{p.width or '—'}×{p.height or '—'} 像素，{p.dpi or '未知'} dpi，{p.pages or '—'} 页")
            for s, p in probed
        ),
    )


_META, _CONTENT, _BAG = "DA/T 70-2018 元数据可用性检测", "DA/T 70-2018 内容可用性检测", "DA/T 70-2018 信息包可用性检测"
_P = Property.USABLE
_RESCAN = "重新扫描或取得可用的文件，作为新版本归档"
CHECKS = (
    Check("Z-3-01", _P, "文件格式在准许范围内", _CONTENT, _RESCAN, formats_allowed, veto=True),
    Check("Z-3-02", _P, "每个文件都能打开", _CONTENT, _RESCAN, files_open, veto=True),
    Check("Z-3-03", _P, "包内没有加密文件", _BAG, "取得未加密的文件，作为新版本归档", nothing_encrypted, veto=True),
    Check("Z-3-04", _P, "能读出每个文件的页数", _CONTENT, _RESCAN, pages_seen),
    Check("Z-3-05", _P, f"扫描分辨率不低于 {MIN_DPI} dpi", "DA/T 31-2017 纸质档案数字化规范", _RESCAN, sharp_enough),
    Check(
        "Z-3-06",
        _P,
        "文件格式适合长期保存",
        "DA/T 47-2009 版式电子文件长期保存格式需求",
        "转换为 PDF、OFD、TIFF 或 JPEG",
        kept_for_long,
        stages=frozenset({Stage.HAND_OVER, Stage.LONG_TERM}),
    ),
    Check("Z-3-07", _P, "目录、记录、元数据可读且编码规范", _META, "由本系统重新打包", documents_canonical, veto=True),
    Check(
        "Z-3-08",
        _P,
        "信息包结构规范",
        "RFC 8493；DA/T 70-2018 信息包目录结构规范性检测",
        "由本系统重新打包",
        bag_well_formed,
        veto=True,
    ),
    Check("Z-3-09", _P, "没有空文件", _CONTENT, _RESCAN, nothing_empty, veto=True),
)
