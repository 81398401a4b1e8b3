from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.alipay.envelope import members, signed_node

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(value=VALUES, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_any_node_comes_out_as_it_went_in(value: Any, ascii_only: bool, indent: int | None) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode(errors="surrogatepass")
    body = b' {\n"a_b_response" : ' + raw + b' , "sign":"m\\/n=" }\n'
    node = signed_node(body, "a.b")
    assert (node.raw, node.sign) == (raw, "m/n=")


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"url":"https:\/\/x\/","t":"}{][\"\\"}',
        rb'{"a":"{\"b\":\"}\"}","c":[{"d":"]"}]}',
        '{"名":"含 } 与 { 的 文字"}'.encode(),
        b'"QUJD+/=="',
        b"[]",
        b"12",
    ],
)
def test_strings_with_brackets_and_slashes(raw: bytes) -> None:
    assert members(b'{"x":' + raw + b',"sign":"s"}')["x"] == raw


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"<html></html>",
        b"{}",
        b'{"a_b_response":{}',
        b'{"a_b_response":{}}}',
        b'{"a_b_response":{},}',
        b'{"a_b_response":{"x":"}}',
        b'{"a_b_response":}',
        b'{"a_b_response" {}}',
        b"{a_b_response:{}}",
        b'{"other_response":{}}',
        b'{"a_b_response":{},"error_response":{}}',
        b'{"a_b_response":{},"a_b_response":{"code":"10000"}}',
        b'{"a_b_response":{},"\\u0061_b_response":{}}',
        b'{"a_b_response":{},"sign":7}',
        b'{"a_b_response":{},"sign":null}',
    ],
)
def test_anything_ambiguous_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        signed_node(body, "a.b")


@given(body=st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with pytest.raises(ValueError):
        signed_node(body, "a.b")
