"""The pages for people: what they show and what their buttons do."""

from __future__ import annotations

import html
import json

import pytest

from tests.providers.sandbox.conftest import PERSON, Bench


def _note(page: str) -> dict[str, str]:
    text = page.split('<pre class="note" role="status">')[1].split("</pre>")[0]
    return dict(json.loads(html.unescape(text)))


def test_home_lists_phones_and_says_what_it_is(bench: Bench) -> None:
    bench.phone(name="小兰的微信")
    page = bench.client.get("/").text
    assert "小兰的微信" in page
    assert "沙箱 · 模拟" in page


def test_a_phone_can_be_added_by_form(bench: Bench) -> None:
    reply = bench.client.post("/phones", data={"platform": "alipay", **PERSON, "face_passes": "on"})
    assert reply.status_code == 303
    assert "支付宝（模拟）" in bench.client.get(reply.headers["Location"]).text
    bench.client.post("/phones", data={"platform": "alipay"})
    assert "没有建立" in bench.client.get("/").text


def test_the_login_button_gives_a_working_code(bench: Bench) -> None:
    phone = bench.phone()
    page = bench.client.post(f"/phones/{phone['id']}/do/login-code", follow_redirects=True).text
    assert bench.login(_note(page)["code"])["openid"] == phone["open_id"]


def test_messages_stand_on_the_screen_escaped(bench: Bench) -> None:
    phone = bench.phone()
    bench.client.post(f"/phones/{phone['id']}/do/say", data={"text": "<script>alert(1)</script>"})
    assert bench.control("/deliveries/wait")["idle"]
    page = bench.client.get(f"/phones/{phone['id']}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>" not in page


def test_face_check_can_be_done_on_the_page(bench: Bench) -> None:
    phone = bench.phone()
    papers = {"cert_type": "IDENTITY_CARD", "cert_name": PERSON["real_name"], "cert_no": PERSON["id_number"]}
    body = {"out_seq_no": "order-0001", "cert_info": papers, "openid": phone["open_id"]}
    verify_id = bench.wechat("/cityservice/face/identify/getverifyid", body)["verify_id"]
    assert verify_id in bench.client.get(f"/phones/{phone['id']}").text
    form = {"ticket": verify_id, "result": ""}
    page = bench.client.post(f"/phones/{phone['id']}/do/face", data=form, follow_redirects=True).text
    assert _note(page)["result"] == "pass"


@pytest.mark.parametrize(("action", "left"), [("accept", 1), ("reject", 0)])
def test_consent_buttons(bench: Bench, action: str, left: int) -> None:
    phone = bench.phone()
    template_id = bench.environment["LANTAI_WECHAT_TEMPLATE_TRANSFER_STEP"]
    bench.client.post(f"/phones/{phone['id']}/do/{action}", data={"template_id": template_id})
    consents = bench.client.get(f"/control/phones/{phone['id']}").get_json()["consents"]
    assert {c["template_id"]: c["left"] for c in consents}[template_id] == left


def test_unknown_phone_and_action(bench: Bench) -> None:
    assert bench.client.get("/phones/nobody").status_code == 404
    assert bench.client.post("/phones/nobody/do/login-code").status_code == 404
    assert bench.client.post(f"/phones/{bench.phone()['id']}/do/fly").status_code == 404


def test_style_sheet_is_served(bench: Bench) -> None:
    assert bench.client.get("/static/sandbox.css").status_code == 200
