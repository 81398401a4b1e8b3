"""How Alipay's gateway words a reply: legal JSON made awkward on purpose, signed over the node's raw text."""

from __future__ import annotations

import json
from itertools import count
from typing import Any, Literal

from flask import Response

from providers.sandbox.alipay_crypto import aes_encrypt, rsa2_sign
from providers.sandbox.world import World

Signing = Literal["platform", "stranger", "none"]
CONTENT_TYPE = "text/html;charset=utf-8"
# Braces, brackets, quotes and a key named sign inside a string: a reader that counts braces blindly breaks here.
TRACE = '}{ "sign":"not-this-one" ]\\ /sandbox/{0}'
_turn = count()


def awkward(node: dict[str, Any]) -> str:
    """The node's text: ``\\/`` for every slash, spaces and line breaks between members in turn."""
    separators = ((",", ":"), (", ", ": "), (" ,\n ", " : "))[next(_turn) % 3]
    text = json.dumps({**node, "sandbox_trace": TRACE}, ensure_ascii=False, separators=separators)
    return text.replace("/", "\\/")


def signed_reply(world: World, name: str, node_text: str, signing: Signing) -> Response:
    """``node_text`` is put and signed exactly as it is, quotes included when it is encrypted."""
    if signing == "none":
        return Response(f'{{"{name}":{node_text}}}', content_type=CONTENT_TYPE)
    key = world.config.alipay_platform_key if signing == "platform" else world.key("stranger")
    signature = json.dumps(rsa2_sign(key, node_text)).replace("/", "\\/")
    return Response(f'{{"{name}": {node_text} , "sign":{signature}}}', content_type=CONTENT_TYPE)


def encrypted_text(world: World, node_text: str) -> str:
    """The node as a quoted base64 string."""
    return f'"{aes_encrypt(world.config.alipay_content_aes_key, node_text)}"'
