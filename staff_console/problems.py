"""The console's answer to a problem: the way to sign in, a page, or a fragment for htmx."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from flask import Response, request

from app.problems import Problem
from staff_console.gate import safe_next
from staff_console.render import fragment, go, page, protect, wants_fragment

# by status: what to do next, where the problem's own wording does not say it
ADVICE: Mapping[int, str] = {
    400: "请返回上一页重新操作。",
    403: "如果您的工作需要此权限，请联系本单位的管理员。",
    404: "链接可能已失效，或该内容不属于您的工作范围。请从工作台重新进入。",
    405: "请从页面上的按钮操作，不要直接输入地址。",
    409: "请返回上一页，查看最新状态后再操作。",
    412: "请返回上一页并刷新，查看最新内容后再操作。",
    413: "请压缩或分批后重新提交。",
    422: "请返回上一页，按提示修改。",
    429: "请稍等片刻再试。",
    500: "请把下面的错误编号告诉技术人员，便于查找原因。",
    503: "本次操作没有生效，请稍后再试。",
}


def _way_back() -> str:
    """Where to go after signing in: this page, or for a form the page it stood on."""
    if request.method in ("GET", "HEAD") and not wants_fragment():
        return safe_next(request.full_path.rstrip("?"))
    url = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    if url.netloc != request.host:
        return "/console/"
    return safe_next(f"{url.path}?{url.query}" if url.query else url.path)


def _sign_in_first(problem: Problem) -> Response:
    expired = "&expired=1" if problem.code == "session_expired" else ""
    target = f"/console/sign-in?next={quote(_way_back(), safe='/')}{expired}"
    if not wants_fragment():
        return go(target)
    response = Response("", 401)
    response.headers["HX-Redirect"] = target
    return response


def _purpose_first(problem: Problem) -> Response:
    """Ask what it is needed for, and come back to what was asked for."""
    target = f"/console/graduates/{problem.extra['graduate_id']}/purpose?next={quote(_place_asked_for(), safe='/')}"
    if not wants_fragment():
        return go(target)
    response = Response("")
    response.headers["HX-Redirect"] = target
    return response


def _factor_first() -> Response:
    """Show passkey or one-time password, and come back; of a form, to the page it stood on."""
    target = f"/console/step-up?next={quote(_place_asked_for(), safe='/')}"
    if not wants_fragment():
        return go(target)
    response = Response("")
    response.headers["HX-Redirect"] = target
    return response


def _place_asked_for() -> str:
    return safe_next(request.full_path.rstrip("?")) if request.method in ("GET", "HEAD") else _way_back()


def _shown(problem: Problem) -> Response:
    context = {"problem": problem, "advice": ADVICE.get(problem.status, "")}
    if not wants_fragment():
        return page("problem.html", problem.status, **context)
    response = fragment("_problem.html", problem.status, **context)
    response.headers["HX-Retarget"] = "#notice"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def render_console_problem(problem: Problem) -> Response:
    """Registered for the path prefix /console by app.web.render_problems_with."""
    if problem.status == 401 and problem.code in ("session_required", "session_expired"):
        return protect(_sign_in_first(problem))
    if problem.code == "password_change_required":
        return protect(go("/console/password"))
    if problem.code == "purpose_required":
        return protect(_purpose_first(problem))
    if problem.code == "fresh_factor_required" and problem.status == 403:
        return protect(_factor_first())
    return protect(_shown(problem))
