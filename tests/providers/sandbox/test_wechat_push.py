"""What WeChat sends to our call-back address."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from providers.sandbox.wechat_crypto import PushCipher
from tests.providers.sandbox.conftest import SUBSCRIBE, Bench


def _cipher(bench: Bench) -> PushCipher:
    env = bench.environment
    return PushCipher(env["LANTAI_WECHAT_PUSH_TOKEN"], env["LANTAI_WECHAT_PUSH_AES_KEY"], env["LANTAI_WECHAT_APP_ID"])


def _opened(bench: Bench, index: int = -1) -> Any:
    """The decrypted JSON message, after checking the address and both signatures."""
    url, body, _ = bench.callbacks.received[index]
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    encrypted = json.loads(body)["Encrypt"]
    cipher = _cipher(bench)
    assert url.startswith("http://lantai.test/partner/callbacks/wechat?")
    assert query["encrypt_type"] == "aes"
    assert query["signature"] == cipher.signature(query["timestamp"], query["nonce"])
    assert query["msg_signature"] == cipher.signature(query["timestamp"], query["nonce"], encrypted)
    opened = cipher.decrypt(encrypted)
    assert opened.app_id == bench.environment["LANTAI_WECHAT_APP_ID"]
    return json.loads(opened.message)


def test_chat_message(bench: Bench) -> None:
    phone = bench.phone()
    reply = bench.control(f"/phones/{phone['id']}/say", {"text": "我的档案到哪了？"})
    assert reply["delivery"]["state"] == "delivered"
    message = _opened(bench)
    assert (message["MsgType"], message["Content"], message["FromUserName"]) == (
        "text",
        "我的档案到哪了？",
        phone["open_id"],
    )
    assert isinstance(message["MsgId"], int)
    assert message["MsgId"] > 2**53


def test_list_is_an_object_for_one_and_an_array_for_several(bench: Bench) -> None:
    phone = bench.phone()
    ids = [bench.environment[f"LANTAI_WECHAT_TEMPLATE_{name}"] for name in ("TICKET_DECIDED", "TRANSFER_STEP")]
    bench.control(f"/phones/{phone['id']}/subscribe", {"template_ids": ids[:1], "accept": True})
    one = _opened(bench)
    bench.control(f"/phones/{phone['id']}/subscribe", {"template_ids": ids, "accept": False})
    several = _opened(bench)
    assert one["Event"] == "subscribe_msg_popup_event"
    assert one["List"] == {"TemplateId": ids[0], "SubscribeStatusString": "accept", "PopupScene": "0"}
    assert [row["SubscribeStatusString"] for row in several["List"]] == ["reject", "reject"]
    assert isinstance(one["CreateTime"], int)
    assert "MsgId" not in one


def test_taking_consent_back_sends_a_change_event(bench: Bench) -> None:
    template_id = bench.environment["LANTAI_WECHAT_TEMPLATE_TICKET_DECIDED"]
    bench.control(f"/phones/{bench.phone()['id']}/unsubscribe", {"template_ids": [template_id]})
    message = _opened(bench)
    assert message["Event"] == "subscribe_msg_change_event"
    assert message["List"] == {"TemplateId": template_id, "SubscribeStatusString": "reject"}


@pytest.mark.parametrize(("fault", "code"), [(None, "0"), ({"kind": "errcode", "value": 7}, "7")])
def test_sent_event_follows_a_send(bench: Bench, fault: Any, code: str) -> None:
    phone = bench.phone()
    template_id = bench.environment["LANTAI_WECHAT_TEMPLATE_TICKET_DECIDED"]
    bench.control(f"/phones/{phone['id']}/subscribe", {"template_ids": [template_id], "accept": True})
    if fault:
        bench.control("/faults", {"target": "wechat:sent_event", **fault}, status=201)
    message = {"touser": phone["open_id"], "template_id": template_id, "data": {"thing1": {"value": "好"}}}
    sent = bench.wechat(SUBSCRIBE.removeprefix("/wechat"), message)
    assert bench.control("/deliveries/wait", {"timeout": 10})["idle"]
    event = _opened(bench)
    assert event["Event"] == "subscribe_msg_sent_event"
    assert (event["List"]["MsgID"], event["List"]["ErrorCode"]) == (str(sent["msgid"]), code)
    shown = bench.client.get(f"/control/phones/{phone['id']}/messages").get_json()["messages"]
    assert len(shown) == (0 if fault else 1)


def test_resent_twice_at_five_seconds_and_byte_for_byte(bench: Bench) -> None:
    bench.callbacks.answers = [(500, b""), (200, b"wait"), (503, b"success")]
    delivery = bench.control(f"/phones/{bench.phone()['id']}/say", {"text": "喂"})["delivery"]
    assert (delivery["state"], delivery["tries"], delivery["statuses"]) == ("given_up", 3, [500, 200, 503])
    assert bench.slept == [5.0, 5.0]
    assert len({(url, body) for url, body, _ in bench.callbacks.received}) == 1


@pytest.mark.parametrize("answer", [b"", b"success"])
def test_empty_or_success_stops_the_resending(bench: Bench, answer: bytes) -> None:
    bench.callbacks.answers = [(200, answer)]
    delivery = bench.control(f"/phones/{bench.phone()['id']}/say", {"text": "喂"})["delivery"]
    assert (delivery["state"], delivery["tries"]) == ("delivered", 1)


def test_encrypted_passive_reply_is_taken(bench: Bench) -> None:
    cipher, phone = _cipher(bench), bench.phone()
    encrypted = cipher.encrypt(b'{"MsgType":"transfer_customer_service"}')
    reply = {
        "Encrypt": encrypted,
        "MsgSignature": cipher.signature("1", "2", encrypted),
        "TimeStamp": 1,
        "Nonce": "2",
    }
    bench.callbacks.answers = [(200, json.dumps(reply).encode())]
    assert bench.control(f"/phones/{phone['id']}/say", {"text": "转人工"})["delivery"]["state"] == "delivered"
    shown = bench.client.get(f"/control/phones/{phone['id']}/messages").get_json()["messages"]
    assert [(m["kind"], m["title"]) for m in shown] == [("said", ""), ("passive", "transfer_customer_service")]


def test_xml_form(bench: Bench) -> None:
    phone = bench.phone()
    bench.control(f"/phones/{phone['id']}/say", {"text": "a]]>b<c", "format": "xml"})
    _, body, headers = bench.callbacks.received[-1]
    assert headers["Content-Type"] == "text/xml"
    encrypted = body.decode().split("<Encrypt><![CDATA[")[1].split("]]>")[0]
    message = _cipher(bench).decrypt(encrypted).message.decode()
    assert "<Content>a]]&gt;b&lt;c</Content>" in message
    assert f"<FromUserName><![CDATA[{phone['open_id']}]]></FromUserName>" in message


def test_xml_event_wraps_its_list(bench: Bench) -> None:
    rows = [{"TemplateId": "T1", "SubscribeStatusString": "accept", "PopupScene": "0"}] * 2
    event = {"MsgType": "event", "Event": "subscribe_msg_popup_event", "List": rows}
    bench.control("/callbacks/wechat", {"phone_id": bench.phone()["id"], "message": event, "format": "xml"})
    body = bench.callbacks.received[-1][1].decode()
    plain = _cipher(bench).decrypt(body.split("<Encrypt><![CDATA[")[1].split("]]>")[0]).message.decode()
    assert plain.count("<List><TemplateId><![CDATA[T1]]></TemplateId>") == 2
    assert "<SubscribeMsgPopupEvent><List>" in plain


@pytest.mark.parametrize("tamper", ["msg_signature", "body", "app_id", "old_timestamp", "plain"])
def test_tampered_pushes_are_really_wrong(bench: Bench, tamper: str) -> None:
    bench.control(f"/phones/{bench.phone()['id']}/say", {"text": "喂", "tamper": tamper})
    url, body, _ = bench.callbacks.received[-1]
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    sealed, cipher = json.loads(body), _cipher(bench)
    if tamper == "plain":
        assert "msg_signature" not in query
        assert sealed["Content"] == "喂"
    elif tamper == "old_timestamp":
        assert int(query["timestamp"]) < bench.world.clock.wall() - 3000
    elif tamper == "app_id":
        assert cipher.decrypt(sealed["Encrypt"]).app_id != bench.environment["LANTAI_WECHAT_APP_ID"]
    else:
        expected = cipher.signature(query["timestamp"], query["nonce"], sealed["Encrypt"])
        assert query["msg_signature"] != expected


def test_console_verification_query(bench: Bench) -> None:
    text = bench.client.get("/control/callbacks/wechat/verification?echostr=77").get_json()["query"]
    query = {name: values[0] for name, values in parse_qs(text).items()}
    assert query["echostr"] == "77"
    assert query["signature"] == _cipher(bench).signature(query["timestamp"], query["nonce"])
