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
    "nothing_to_replay": (
        "没有可重新发送的消息，可能已重新发送或已送达；请返回“未送达”查看",
        "There is nothing to send again: it may have been sent again or have arrived meanwhile",
    ),
    "replay_double_unconfirmed": (
        "这些消息都可能已经送达，重新发送可能使毕业生收到两次；请勾选确认后再发",
        "All of these may have arrived, and sending again may deliver them twice: confirm that first",
    ),
    "replay_not_found": ("没有这次重新发送的记录", "There is no such run"),
    "replay_ended": ("这次重新发送已经结束，不必停止", "This run has ended already"),
    "double_unconfirmed": (
        "所选消息中有的可能已经送达，重新发送可能使毕业生收到两次；请勾选确认后再发，或取消选择这些消息",
        "Some of these may have arrived, and sending again may deliver them twice: confirm that, or leave them out",
    ),
}
