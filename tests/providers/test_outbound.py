from __future__ import annotations

import logging
import traceback

import pytest

from app.errors import Unavailable
from providers.outbound import Outbound, PlatformUnavailable, scrub
from tests.providers.fake_server import DRIP, HTML, RESET, SILENT, Answer, FakeServer, closed_port_url

SECRETS = {"secret": "s3cr3t-value", "access_token": "t0ken-value", "js_code": "c0de-value", "key": "r0bot-value"}


def test_a_whole_reply_comes_back(platform_server: FakeServer) -> None:
    platform_server.answer = lambda seen: Answer(b"abc", content_type="Image/PNG")
    reply = Outbound("x", 2.0).send("get", platform_server.url + "/p", params={"a": "1"})
    assert (reply.content, reply.content_type) == (b"abc", "image/png")
    assert platform_server.seen[0].query == {"a": "1"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (RESET, "connection"),
        (SILENT, "no_answer"),
        (DRIP, "no_answer"),
        (Answer(b"{}", status=500), "http_500"),
        (Answer(HTML.body, status=502, content_type="text/html"), "http_502"),
        (Answer(b"", status=302, headers={"Location": "http://127.0.0.1:1/elsewhere"}), "http_302"),
        (Answer(b"x" * 5000), "too_long"),
    ],
)
def test_every_bad_reply_is_unavailable_and_maybe_arrived(
    platform_server: FakeServer, answer: Answer, reason: str
) -> None:
    platform_server.answer = lambda seen: answer
    with pytest.raises(PlatformUnavailable) as caught:
        Outbound("x", 0.3, max_bytes=4000).send("get", platform_server.url + "/p")
    assert isinstance(caught.value, Unavailable)
    assert (caught.value.reason, caught.value.sent) == (reason, True)
    assert len(platform_server.seen) == 1


def test_a_closed_door_means_never_sent() -> None:
    with pytest.raises(PlatformUnavailable) as caught:
        Outbound("x", 0.5).send("get", closed_port_url())
    assert (caught.value.reason, caught.value.sent) == ("unreachable", False)


@pytest.mark.parametrize("manner", ["closed", "reset", "silent", "answers"])
def test_no_secret_in_exception_or_log(
    platform_server: FakeServer, caplog: pytest.LogCaptureFixture, manner: str
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = {"reset": RESET, "silent": SILENT, "answers": Answer(b"", status=500)}
    platform_server.answer = lambda seen: answers[manner]
    url = closed_port_url() if manner == "closed" else platform_server.url
    with pytest.raises(PlatformUnavailable) as caught:
        Outbound("x", 0.3).send("get", url + "/cgi-bin/webhook/send", params=SECRETS)
    error = caught.value
    told = "".join(traceback.format_exception(error)) + repr(error) + str(error.params) + caplog.text
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "urllib3" in caplog.text  # the chatty logger was heard, so the scrubbing below is a real test
    assert not [value for value in SECRETS.values() if value in told]


def test_cookies_are_not_kept(platform_server: FakeServer) -> None:
    platform_server.answer = lambda seen: Answer(b"{}", headers={"Set-Cookie": "who=me; Path=/"})
    outbound = Outbound("x", 2.0)
    outbound.send("get", platform_server.url)
    outbound.send("get", platform_server.url)
    assert "cookie" not in platform_server.seen[1].headers


def test_scrub_leaves_the_rest_readable() -> None:
    assert scrub("GET /a?appid=wx1&secret=abc&x=1 errcode=40001") == "GET /a?appid=wx1&secret=***&x=1 errcode=40001"
