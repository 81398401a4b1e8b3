"""A browser in few words, for the list of one's own sessions: told by the browser itself, so a hint and no proof."""

from __future__ import annotations

from collections.abc import Sequence

# the first that fits: every browser names its ancestors too
_BROWSERS: Sequence[tuple[str, str]] = (
    ("MicroMessenger", "微信"),
    ("Edg", "Edge"),
    ("360SE", "360 浏览器"),
    ("QIHU", "360 浏览器"),
    ("QQBrowser", "QQ 浏览器"),
    ("OPR/", "Opera"),
    ("HuaweiBrowser", "华为浏览器"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Sequence[tuple[str, str]] = (
    ("OpenHarmony", "鸿蒙"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "安卓"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_words(user_agent: str) -> str:
    """Such as "Windows 上的 Edge"; empty when neither is known."""
    browser = next((words for mark, words in _BROWSERS if mark in user_agent), "")
    system = next((words for mark, words in _SYSTEMS if mark in user_agent), "")
    return f"{system} 上的 {browser}" if browser and system else browser or system
