"""The subscription-message templates that the school chose in WeChat's console: /wxaapi/newtmpl/gettemplate."""

from __future__ import annotations

import re
from collections.abc import Mapping

from wechatpy.exceptions import WeChatClientException

from providers.outbound import PlatformUnavailable
from providers.wechat.client import WeChatClient, unavailable
from providers.wechat.tokens import PROVIDER

KEY = re.compile(r"\{\{\s*([a-z_]{1,20}[0-9]{1,2})\.DATA\s*\}\}")
MOST_TEMPLATES = 200


class WeChatTemplates:
    """app.message_ports.TemplateBook."""

    def __init__(self, client: WeChatClient) -> None:
        self._client = client

    def keys(self) -> Mapping[str, frozenset[str]]:
        try:
            answer = self._client.get_json("/wxaapi/newtmpl/gettemplate", {})
        except WeChatClientException as error:
            raise unavailable(error) from None
        rows = answer.get("data")
        if not isinstance(rows, list):
            raise PlatformUnavailable(PROVIDER, "malformed", sent=True)
        found = {}
        for row in rows[:MOST_TEMPLATES]:
            name, content = (row.get("priTmplId"), row.get("content")) if isinstance(row, dict) else (None, None)
            if isinstance(name, str) and isinstance(content, str):
                found[name] = frozenset(KEY.findall(content))
        return found
