"""wechatpy's client, hardened: bounded calls, one shared stable token, one base URL, no secrets in errors.

What is wrong with the plain one, and the rules kept here: docs/decisions/0004-platform-clients.md.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, cast

from wechatpy import WeChatClient as PlainClient
from wechatpy.exceptions import APILimitedException, WeChatClientException

from app.ports import Clock
from providers.outbound import Outbound, PlatformUnavailable, Reply, scrub
from providers.send_faults import TOKEN_TROUBLE
from providers.wechat.sealed_calls import PATHS, SealBroken, SealedCalls
from providers.wechat.tokens import PROVIDER, AccessTokens, TokenRefused, TokenStore

log = logging.getLogger(__name__)

OFFICIAL_BASE = "https://api.weixin.qq.com"
BUSY = -1
MINUTE_LIMIT, DAY_LIMIT = 45011, 45009
LONGEST_TOKEN_S = 7200
ERRMSG_LENGTH = 160
LONG_RUN = re.compile(r"[A-Za-z0-9_-]{28,}")  # tokens, secrets, codes and open ids; a rid is 26 long and stays


def refusal_code(error: WeChatClientException) -> int:
    """WeChat's errcode."""
    return cast(int, error.errcode)


def unavailable(error: WeChatClientException) -> PlatformUnavailable:
    """For codes that are nobody's fault in front of us; the ones of our own set-up are logged as errors."""
    code = refusal_code(error)
    level = logging.WARNING if code in (BUSY, MINUTE_LIMIT, DAY_LIMIT) else logging.ERROR
    log.log(level, "wechat refused a call: %s", error)
    return PlatformUnavailable(PROVIDER, str(code), sent=True)


class WeChatClient(PlainClient):  # type: ignore[misc]  # wechatpy has no types
    """All of wechatpy's methods, and ``post_json``/``get_json`` for what it lacks.

    Raises WeChatClientException (its ``errcode`` ≠ 0; holds neither request nor response) when WeChat refuses, and
    PlatformUnavailable, a child of app.errors.Unavailable, when no usable answer came. Thread-safe.
    """

    def __init__(
        self,
        app_id: str,
        secret: str,
        *,
        clock: Clock,
        store: TokenStore | None = None,
        base_url: str = OFFICIAL_BASE,
        timeout_s: float = 3.0,
        sealed: SealedCalls | None = None,
    ) -> None:
        """``base_url`` takes the place of https://api.weixin.qq.com in every address. ``store`` None: no sharing.

        With ``sealed`` the calls that support it are encrypted and signed, and so must be their replies.
        """
        super().__init__(app_id, secret, timeout=timeout_s, auto_retry=False)
        self._base = base_url.rstrip("/")
        self._outbound, self._sealed = Outbound(PROVIDER, timeout_s), sealed
        self._tokens = AccessTokens(app_id, self._fetch_stable_token, store, clock, fetch_timeout_s=timeout_s)

    @property
    def access_token(self) -> str:
        return self._tokens.current()

    def fetch_access_token(self) -> dict[str, str]:
        """Kept for wechatpy's callers; never fetches more often than needed."""
        return {"access_token": self.access_token}

    def get_json(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """GET ``path`` ("/wxa/…") with the access token."""
        return cast("dict[str, Any]", self._request("get", OFFICIAL_BASE + path, params=dict(params)))

    def post_json(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """POST ``body`` as UTF-8 JSON to ``path`` ("/wxa/…") with the access token."""
        return cast("dict[str, Any]", self._request("post", OFFICIAL_BASE + path, data=dict(body)))

    def code_to_session(self, js_code: str) -> dict[str, Any]:
        """jscode2session: {"openid", "session_key", "unionid"?}. Needs no access token and is never tried again."""
        query = {"appid": self.appid, "secret": self.secret, "js_code": js_code, "grant_type": "authorization_code"}
        return self._checked(self._answer("get", self._base + "/sns/jscode2session", query, None))

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        """Every call of wechatpy's methods comes through here."""
        url = self._resolved(url_or_endpoint, kwargs.pop("api_base_url", self.API_BASE_URL))
        process = kwargs.pop("result_processor", None)
        params = {k: str(v) for k, v in (kwargs.pop("params", None) or {}).items() if v is not None}
        body, files = kwargs.pop("data", None), kwargs.pop("files", None)
        if "access_token" in params or files is not None:  # a stream cannot be sent twice
            params.setdefault("access_token", self.access_token)
            answer = self._answer(method, url, params, body, files)
        else:
            answer = self._answer_with_token(method, url, params, body)
        if isinstance(answer, Reply):
            return answer
        result = self._checked(answer)
        return process(result) if process else result

    def _answer_with_token(self, method: str, url: str, params: dict[str, str], body: object) -> dict[str, Any] | Reply:
        token = self._tokens.current()
        answer = self._answer(method, url, {**params, "access_token": token}, body)
        if not _token_refused(answer):
            return answer
        token = self._tokens.replacement(token)
        answer = self._answer(method, url, {**params, "access_token": token}, body)
        if _token_refused(answer):
            raise self._tokens.give_up()
        return answer

    def _resolved(self, url_or_endpoint: str, api_base: str) -> str:
        """The address under our base URL. A token is never sent to any other host."""
        url = url_or_endpoint if url_or_endpoint.startswith(("http://", "https://")) else api_base + url_or_endpoint
        if not url.startswith(OFFICIAL_BASE + "/"):
            raise PlatformUnavailable(PROVIDER, "foreign_host", sent=False)
        return self._base + url.removeprefix(OFFICIAL_BASE)

    def _answer(
        self, method: str, url: str, params: Mapping[str, str], body: object, files: object = None
    ) -> dict[str, Any] | Reply:
        """The JSON object WeChat sent, or the reply itself where it is a picture."""
        path = url.removeprefix(self._base)
        if self._sealed is not None and path in PATHS and isinstance(body, dict):
            return self._sealed_answer(self._sealed, url, path, params, body)
        raw = json.dumps(body, ensure_ascii=False).encode(errors="replace") if isinstance(body, dict) else body
        headers = {"Content-Type": "application/json; charset=utf-8"} if isinstance(body, dict) else {}
        content = raw.encode() if isinstance(raw, str) else cast("bytes | None", raw)
        reply = self._outbound.send(method, url, params=params, body=content, files=files, headers=headers)
        if reply.content_type.startswith("image/"):
            return reply
        return _parsed(reply.content)

    def _sealed_answer(
        self, sealed: SealedCalls, url: str, path: str, params: Mapping[str, str], body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A reply without a signature is believed as a refusal only: WeChat refuses in the clear (40001, 4023x)."""
        posted, headers = sealed.seal(OFFICIAL_BASE + path, body)
        headers |= {"Content-Type": "application/json; charset=utf-8"}
        reply = self._outbound.send("post", url, params=params, body=posted, files=None, headers=headers)
        if "wechatmp-signature" not in reply.headers:
            answer = _parsed(reply.content)
            if answer.get("errcode", 0) != 0:
                return answer
            raise PlatformUnavailable(PROVIDER, "not_signed", sent=True)
        try:
            return _parsed(sealed.open(OFFICIAL_BASE + path, reply.headers, reply.content))
        except SealBroken as fault:
            log.error("a sealed reply of wechat is not believed: %s", fault)
            raise PlatformUnavailable(PROVIDER, "seal_broken", sent=True) from None

    def _checked(self, answer: dict[str, Any] | Reply) -> dict[str, Any]:
        if isinstance(answer, Reply):
            raise PlatformUnavailable(PROVIDER, "not_json", sent=True)
        code = answer.get("errcode", 0)
        if code == 0:
            return answer
        words = LONG_RUN.sub("***", scrub(str(answer.get("errmsg", ""))))[:ERRMSG_LENGTH]
        kind = APILimitedException if code == DAY_LIMIT else WeChatClientException
        raise kind(code, words)

    def _fetch_stable_token(self) -> tuple[str, int]:
        """One POST to stable_token in normal mode; force_refresh is for people after a leak, never for code."""
        body = {
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self.secret,
            "force_refresh": False,
        }
        answer = self._answer("post", self._base + "/cgi-bin/stable_token", {}, body)
        if isinstance(answer, Reply):
            raise PlatformUnavailable(PROVIDER, "not_json", sent=False)
        code = answer.get("errcode", 0)
        if code == BUSY:
            raise PlatformUnavailable(PROVIDER, "token_busy", sent=False)
        if code != 0:
            log.error("wechat gives no access token: errcode %s", code)
            raise TokenRefused(PROVIDER, f"token_{code}", sent=False)
        return _token_of(answer)


def _token_refused(answer: dict[str, Any] | Reply) -> bool:
    return isinstance(answer, dict) and answer.get("errcode") in TOKEN_TROUBLE


def _token_of(answer: Mapping[str, Any]) -> tuple[str, int]:
    value, seconds = answer.get("access_token"), answer.get("expires_in")
    if isinstance(seconds, str) and seconds.isdecimal():
        seconds = int(seconds[:6])
    if not isinstance(value, str) or not value or isinstance(seconds, bool) or not isinstance(seconds, int):
        raise PlatformUnavailable(PROVIDER, "token_garbage", sent=False)
    if seconds <= 0:
        raise PlatformUnavailable(PROVIDER, "token_garbage", sent=False)
    return value, min(seconds, LONGEST_TOKEN_S)


def _parsed(content: bytes) -> dict[str, Any]:
    """The JSON object, its ``errcode`` (if any) as an int. Raises PlatformUnavailable for anything else."""
    answer = None
    try:
        answer = json.loads(content.decode(), strict=False)
        if isinstance(answer, dict) and "errcode" in answer:
            answer["errcode"] = int(answer["errcode"])
    except (ValueError, TypeError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise PlatformUnavailable(PROVIDER, "not_json", sent=True)
    return answer
