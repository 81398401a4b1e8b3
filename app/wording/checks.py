"""Words of the four-property checks and of packages, Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "check_run_not_found": ("没有这次检测，或它不属于该毕业生", "No such check run"),
    "check_required": (
        "档案尚未通过四性检测（或检测后又有变动），不能记为已核对：请在“四性检测”页重新检测",
        "The dossier as it stands has not passed its four-property check",
    ),
    "package_outdated": ("检测之后档案有变动，请重新检测后再下载档案包", "The dossier changed since this check"),
    "package_unreadable": ("有文件无法读取，不能打包：请先恢复该文件", "A file cannot be read, so no package is made"),
    "package_target_exists": ("目标文件夹已存在，请另选一个", "The target exists already"),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {"unknown_check": ("没有这个检测项", "no such check")}
