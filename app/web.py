"""What every door shares: request id, error rendering, security headers. The one Flask file in app/."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import IO, Any, cast

import structlog
from flask import Flask, Request, Response, current_app, g, has_request_context, json, request
from werkzeug.exceptions import BadRequest, HTTPException

from app import logs
from app.errors import DomainError
from app.problems import Problem, problem_of, wording
from app.spool import SealedSpool

PROBLEM_TYPE = "application/problem+json"
Renderer = Callable[[Problem], Response]
log = structlog.get_logger(__name__)
AGAIN_AFTER_S = 5
"""When to ask again for what does not answer now: nobody knows, and sooner would only add to it."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9\-]{8,40}")

HTTP_CODES = {
    400: "malformed",
    404: "route_not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    422: "invalid_input",
    429: "rate_limited",
}


class StrictRequest(Request):
    """JSON is taken from a JSON content type only (APIFlask would force it), nesting without end is malformed, and
    large uploads wait sealed: Werkzeug would write them to a temporary file in the clear.
    """

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        return cast(IO[bytes], SealedSpool())

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ARG002
        try:
            return super().get_json(False, silent, cache)
        except RecursionError:
            raise BadRequest from None


def request_id() -> str:
    return str(g.get("request_id", "")) if has_request_context() else ""


def client_address() -> str:
    return request.remote_addr or "unknown"


def prefers_english() -> bool:
    """Chinese unless English is asked for first."""
    best = request.accept_languages.best_match(["zh", "zh-CN", "en", "en-US"], default="zh")
    return best.startswith("en")


def problem_response(problem: Problem) -> Response:
    body = json.dumps(problem.document(request_id()), ensure_ascii=False)
    response = Response(body, status=problem.status, content_type=PROBLEM_TYPE)
    response.headers["Content-Language"] = "en" if prefers_english() else "zh-CN"
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="lantai"'
    return tell_when(response, problem)


def tell_when(response: Response, problem: Problem) -> Response:
    """With ``Retry-After`` (RFC 9110 §10.2.3, in seconds) where waiting helps, however a door renders its problems."""
    if "retry_after" in problem.extra:
        response.headers["Retry-After"] = str(problem.extra["retry_after"])
    elif problem.status == 503:
        response.headers["Retry-After"] = str(AGAIN_AFTER_S)
    return response


def render_problems_with(app: Flask, prefix: str, renderer: Renderer) -> None:
    """Let a door render its own errors (pages instead of problem documents) below a path prefix."""
    app.extensions.setdefault("lantai_renderers", {})[prefix] = renderer


def _render(problem: Problem) -> Response:
    renderers: dict[str, Renderer] = current_app.extensions.get("lantai_renderers", {})
    for prefix, renderer in renderers.items():
        if request.path.startswith(prefix):
            return tell_when(renderer(problem), problem)
    return problem_response(problem)


def respond(error: DomainError) -> Response:
    """The problem of an expected failure, rendered for the door it happened in."""
    return _on_domain_error(error)


def _on_domain_error(error: DomainError) -> Response:
    problem = problem_of(error, english=prefers_english())
    if problem.status >= 500:
        log.warning("request_failed", code=problem.code, status=problem.status)
    return _render(problem)


def _on_http_error(error: HTTPException) -> Response:
    if error.response is not None and error.code and error.code < 400:
        return Response("", error.code, error.response.headers)
    status = error.code or 500
    code = HTTP_CODES.get(status, "internal_error" if status >= 500 else "malformed")
    words = wording(code, prefers_english(), {})
    response = _render(Problem(status, code, words, words))
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range"):
            response.headers[name] = value
    return response


def _on_surprise(error: Exception) -> Response:
    # class and lines are enough to find it; its text could hold somebody's data
    log.error("unexpected_error", error_type=type(error).__name__, places=logs.places(error))
    words = wording("internal_error", prefers_english(), {})
    return _render(Problem(500, "internal_error", words, words))


def _start() -> None:
    # only our own proxy may name a request: what strangers choose would stand in the audit
    proxied = current_app.config.get("TRUSTED_PROXIES", 0)
    given = request.headers.get("X-Request-Id", "") if proxied else ""
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    headers = response.headers
    if response.status_code == 204:
        # a body would be read by the client as the beginning of the next reply
        response.set_data(b"")
        headers.pop("Content-Type", None)
    headers["X-Request-Id"] = request_id()
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return response


def install(app: Flask) -> None:
    app.request_class = StrictRequest
    app.before_request(_start)
    app.after_request(_finish)
    app.register_error_handler(DomainError, _on_domain_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_surprise)
