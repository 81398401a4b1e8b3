"""Wording of the chat's codes."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "chat_not_found": ("没有找到这次咨询", "There is no such conversation"),
    "chat_not_possible": ("这次咨询现在不能这样办理，请刷新后再试", "The conversation's state does not allow this now"),
    "chat_not_yours": ("这次咨询不由您办理，请先接手", "A colleague has this conversation; take it over first"),
    "chat_unreadable": (
        "该毕业生的密钥已销毁，咨询内容无法读取，也不能再答复",
        "The graduate's key is destroyed; nothing can be read or replied",
    ),
}
