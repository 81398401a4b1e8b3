"""Words of search and of opening content, Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "search_too_short": (
        "请至少输入两个汉字，或一个完整的单词、数字",
        "Give two characters or a whole word",
    ),
    "search_too_long": ("检索词过长，请缩短", "The search is too long"),
    "search_empty": ("请输入检索词，或选择一项分类", "Give words or choose a class"),
    "search_not_found": ("该检索已过期或不存在，请重新检索", "This search has expired or is not yours"),
    "saved_searches_full": ("收藏的检索已满，请先删除一些", "Too many saved searches; delete some first"),
    "purpose_required": (
        "查阅档案内容前须登记调取目的",
        "Before the content is opened, say and record what it is needed for",
    ),
    "purpose_invalid": ("请完整填写调取目的", "The purpose is incomplete"),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "purpose_unknown": ("请选择调取目的", "choose a purpose"),
    "note_required": ("该目的须说明理由", "this purpose needs a note"),
    "reference_required": ("该目的须填写函号或业务编号", "this purpose needs the number of a letter"),
}
