from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from app.ports import CertifyState, FaceCertifier
from providers.alipay.certify import AlipayCertify
from providers.outbound import PlatformUnavailable
from tests.providers.alipay.fake_alipay import FakeAlipay, content_of
from tests.providers.fake_server import HTML

ORDER = "0123456789abcdef0123456789abcdef"
PERSON = {"order_no": ORDER, "open_id": "o1", "name": "张三", "id_number": "310101199801011234"}
BACK = "https://school.example/back"


def certifier(alipay: FakeAlipay) -> AlipayCertify:
    return AlipayCertify(alipay.gateway(), return_url=BACK)


def test_family_a_opens_a_signed_page(secret_alipay: FakeAlipay) -> None:
    secret_alipay.node = lambda form: {"code": "10000", "certify_id": "c1"}
    face: FaceCertifier = certifier(secret_alipay)
    ticket = face.begin(**PERSON)
    assert (ticket.ticket, ticket.client_params["certifyId"]) == ("c1", "c1")
    page = dict(parse_qsl(urlsplit(ticket.client_params["url"]).query))
    secret_alipay.check(page)
    assert page["method"] == "alipay.user.certify.open.certify"
    assert content_of(page) == {"certify_id": "c1"}
    assert "310101199801011234" not in ticket.client_params["url"]
    asked = secret_alipay.server.seen
    assert [seen.form["method"] for seen in asked] == ["alipay.user.certify.open.initialize"]
    assert content_of(asked[0].form) == {
        "outer_order_no": ORDER,
        "biz_code": "FACE",
        "identity_param": {
            "identity_type": "CERT_INFO",
            "cert_type": "IDENTITY_CARD",
            "cert_name": "张三",
            "cert_no": "310101199801011234",
        },
        "merchant_config": {"return_url": BACK},
    }


def test_family_b_asks_for_its_page(alipay: FakeAlipay) -> None:
    prefix = "datadigital.fincloud.generalsaas.face.certify."
    nodes = {"initialize": {"certify_id": "c1"}, "verify": {"certify_url": "https://page"}, "query": {"passed": "T"}}
    alipay.node = lambda form: {"code": "10000", **nodes[form["method"].removeprefix(prefix)]}
    face = AlipayCertify(alipay.gateway(), return_url=BACK, family="B")
    assert face.begin(**PERSON).client_params == {"certifyId": "c1", "url": "https://page"}
    assert face.result(ticket="c1", **PERSON).state is CertifyState.PASSED
    assert content_of(alipay.server.seen[0].form)["biz_code"] == "FUTURE_TECH_BIZ_FACE_SDK"


def test_the_biz_code_can_be_chosen(alipay: FakeAlipay) -> None:
    alipay.node = lambda form: {"code": "10000", "certify_id": "c1"}
    AlipayCertify(alipay.gateway(), return_url=BACK, biz_code="SMART_FACE").begin(**PERSON)
    assert content_of(alipay.server.seen[0].form)["biz_code"] == "SMART_FACE"


@pytest.mark.parametrize(
    "node", [{"code": "10000"}, {"code": "40004", "sub_code": "X"}, {"code": "10000", "certify_id": 7}]
)
def test_no_ticket_is_unavailable(alipay: FakeAlipay, node: dict[str, object]) -> None:
    alipay.node = lambda form: node
    with pytest.raises(PlatformUnavailable):
        certifier(alipay).begin(**PERSON)
    assert len(alipay.server.seen) == 1


@pytest.mark.parametrize(
    ("node", "state", "reason"),
    [
        ({"passed": "T"}, CertifyState.PASSED, "T"),
        ({"passed": "F"}, CertifyState.PENDING, "F"),
        ({"passed": "F", "fail_reason": ""}, CertifyState.PENDING, "F"),
        ({"passed": "F", "fail_reason": "FACE_NOT_MATCH"}, CertifyState.MISMATCH, "FACE_NOT_MATCH"),
        ({"passed": "F", "fail_reason": "张三 与证件不符"}, CertifyState.MISMATCH, "failed"),
        ({"code": "40004", "sub_code": "CERTIFY_ID_EXPIRED"}, CertifyState.RETRY, "CERTIFY_ID_EXPIRED"),
        ({"code": "40004", "sub_code": "OTHER"}, CertifyState.FAULT, "OTHER"),
    ],
)
def test_outcomes(alipay: FakeAlipay, node: dict[str, object], state: CertifyState, reason: str) -> None:
    alipay.node = lambda form: {"code": "10000", **node}
    outcome = certifier(alipay).result(ticket="c1", **PERSON)
    assert (outcome.state, outcome.reason) == (state, reason)
    assert content_of(alipay.server.seen[0].form) == {"certify_id": "c1"}


@pytest.mark.parametrize(
    "node", [{}, {"passed": True}, {"passed": "t"}, {"passed": "TRUE"}, {"passed": None}, {"passed": ["T"]}]
)
def test_an_unclear_answer_never_passes(alipay: FakeAlipay, node: dict[str, object]) -> None:
    alipay.node = lambda form: {"code": "10000", **node}
    with pytest.raises(PlatformUnavailable):
        certifier(alipay).result(ticket="c1", **PERSON)


def test_a_busy_gateway_is_asked_twice_and_garbage_once(alipay: FakeAlipay) -> None:
    alipay.node = lambda form: {"code": "20000", "sub_code": "isp.unknow-error"}
    with pytest.raises(PlatformUnavailable):
        certifier(alipay).result(ticket="c1", **PERSON)
    assert len(alipay.server.seen) == 2
    alipay.answer = lambda seen: HTML
    with pytest.raises(PlatformUnavailable):
        certifier(alipay).result(ticket="c1", **PERSON)
    assert len(alipay.server.seen) == 3
