"""Words of scans, supplements and fixity, Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "material_same_here": (
        "本档案中已有内容完全相同的文件；确需重复归档的，请勾选确认后重新提交",
        "This dossier holds the same content already; confirm to file it again",
    ),
    "material_changed": (
        "该材料刚刚有了新版本，您的文件没有归档；请核对后重新提交",
        "The material has a newer version; look at it and submit again",
    ),
    "form_used": ("该表单已经提交过，请重新打开页面", "The form was used already; open the page again"),
    "upload_not_found": ("未找到这次上传", "The upload is not found"),
    "supplement_not_found": ("未找到该补充材料", "The supplement is not found"),
    "supplement_changed": (
        "该补充材料刚刚有了变化，您的操作没有提交；请核对最新内容",
        "The supplement has changed; look at it and try again",
    ),
    "too_many_supplements": (
        "待审核的补充材料已达 {most} 份，请等待审核或撤回后再提交",
        "{most} supplements wait already; wait for a decision or withdraw one",
    ),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "date_malformed": ("日期请写成 2026、2026-06 或 2026-06-01", "must be a year, month or day such as 2026-06-01"),
    "date_in_future": ("日期不能晚于今天", "must not be in the future"),
    "for_one_file": ("一次上传多份文件时请勿填写页数", "cannot be stated for several files at once"),
    "out_of_range": ("超出范围", "is out of range"),
}
