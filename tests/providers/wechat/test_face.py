from __future__ import annotations

import pytest

from app.ports import CertifyState, FaceCertifier
from providers.outbound import PlatformUnavailable
from providers.wechat.client import WeChatClient
from providers.wechat.face import STATE_OF, WeChatFace, cert_hash
from tests.providers.fake_server import HTML, Answer, as_json
from tests.providers.wechat.fake_wechat import FakeWeChat, refusal

ORDER = "0123456789abcdef0123456789abcdef"
PERSON = {"order_no": ORDER, "open_id": "o1", "name": "张三", "id_number": "310101199801011234"}


def result_of(wechat: FakeWeChat, client: WeChatClient, answer: Answer) -> tuple[CertifyState, str]:
    wechat.api = lambda seen: answer
    outcome = WeChatFace(client).result(ticket="v1", **PERSON)
    return outcome.state, outcome.reason


def test_a_ticket_is_bound_to_order_and_person(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: as_json({"errcode": 0, "errmsg": "ok", "verify_id": "v1", "expires_in": 3600})
    face: FaceCertifier = WeChatFace(client)
    ticket = face.begin(**PERSON)
    assert (ticket.ticket, ticket.client_params, ticket.expires_in) == ("v1", {"verifyId": "v1"}, 3600)
    asked = wechat.calls()[0]
    assert asked.path == "/wechat/cityservice/face/identify/getverifyid"
    assert asked.json == {
        "out_seq_no": ORDER,
        "cert_info": {"cert_type": "IDENTITY_CARD", "cert_name": "张三", "cert_no": "310101199801011234"},
        "openid": "o1",
    }


@pytest.mark.parametrize("answer", [refusal(84019), refusal(84014), refusal(-1), HTML, as_json({"errcode": 0})])
def test_no_ticket_is_unavailable(wechat: FakeWeChat, client: WeChatClient, answer: Answer) -> None:
    wechat.api = lambda seen: answer
    with pytest.raises(PlatformUnavailable) as caught:
        WeChatFace(client).begin(**PERSON)
    assert "310101199801011234" not in str(caught.value.params)


def test_the_query_names_all_four(wechat: FakeWeChat, client: WeChatClient) -> None:
    result_of(wechat, client, as_json({"errcode": 0, "verify_ret": 10000}))
    asked = wechat.calls()[0]
    assert asked.path == "/wechat/cityservice/face/identify/queryverifyinfo"
    assert asked.json == {
        "verify_id": "v1",
        "out_seq_no": ORDER,
        "cert_hash": cert_hash("张三", "310101199801011234"),
        "openid": "o1",
    }


@pytest.mark.parametrize(
    ("verify_ret", "state"),
    [
        (10000, CertifyState.PASSED),
        ("10000", CertifyState.PASSED),
        (10300, CertifyState.PENDING),
        (10005, CertifyState.PENDING),
        (10021, CertifyState.RETRY),
        (10007, CertifyState.RETRY),
        (90107, CertifyState.RETRY),
        (90011, CertifyState.RETRY),
        (90002, CertifyState.CANCELLED),
        (10003, CertifyState.MISMATCH),
        (10004, CertifyState.MISMATCH),
        (10012, CertifyState.MISMATCH),
        (10026, CertifyState.MANUAL),
        (90001, CertifyState.MANUAL),
        (10001, CertifyState.FAULT),
        (10040, CertifyState.FAULT),
        (12345, CertifyState.FAULT),
    ],
)
def test_verify_ret_groups(wechat: FakeWeChat, client: WeChatClient, verify_ret: object, state: CertifyState) -> None:
    assert result_of(wechat, client, as_json({"errcode": 0, "verify_ret": verify_ret})) == (state, str(verify_ret))


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (84022, CertifyState.RETRY),
        (84017, CertifyState.FAULT),
        (84018, CertifyState.FAULT),
        (84020, CertifyState.FAULT),
        (84021, CertifyState.FAULT),
    ],
)
def test_refused_queries(wechat: FakeWeChat, client: WeChatClient, code: int, state: CertifyState) -> None:
    assert result_of(wechat, client, refusal(code)) == (state, str(code))


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"verify_ret": 10000}),  # no errcode: not a pass
        as_json({"errcode": 0}),
        as_json({"errcode": 0, "verify_ret": "010000"}),
        as_json({"errcode": 0, "verify_ret": 10000.0}),
        as_json({"errcode": 0, "verify_ret": True}),
        as_json({"errcode": 0, "verify_ret": [10000]}),
        refusal(-1),
        HTML,
    ],
)
def test_an_unclear_answer_never_passes(wechat: FakeWeChat, client: WeChatClient, answer: Answer) -> None:
    with pytest.raises(PlatformUnavailable):
        result_of(wechat, client, answer)


def test_a_refusal_with_a_pass_inside_does_not_pass(wechat: FakeWeChat, client: WeChatClient) -> None:
    answer = as_json({"errcode": 84018, "errmsg": "hash", "verify_ret": 10000})
    assert result_of(wechat, client, answer)[0] is CertifyState.FAULT


def test_only_one_code_passes() -> None:
    assert CertifyState.PASSED not in STATE_OF.values()
