"""The words of sending again what was not delivered."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "nothing_chosen": ("请先选择要重新发送的消息", "Choose what is to be sent again first"),
    "channel_not_stopped": (
        "该通道没有暂停，可能已经恢复；请刷新页面查看",
        "This channel is not stopped, it may have recovered: load the page again",
    ),
    "too_many_chosen": (
        "一次最多重新发送 {most} 条，请分批选择",
        "At most {most} messages are sent again at once: choose fewer",
    ),
    "double_unconfirmed": (
        "所选消息中有的可能已经送达，重新发送可能使毕业生收到两次；请勾选确认后再发，或取消选择这些消息",
        "Some of these may have arrived, and sending again may deliver them twice: confirm that, or leave them out",
    ),
}
