"""Each thing we depend on is taken away: every route answers what it declares, within 5 s, and nothing fails open.

Planted: a login that lets everybody in when the platform is silent. The drill must report it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.ports import Platform
from tests.fakes import FakeLogin
from tests.proof.outcome import Budget, Outcome
from tests.proof.ward import Answer, Ward, ward
from wiring import build
from wsgi import create_app

LIMIT_S = 5.0
SLOWER_THAN_WE_WAIT_S = 6.0
PLATFORM_FAULTS: Mapping[str, dict[str, Any]] = {
    "slow": {"kind": "slow", "value": SLOWER_THAN_WE_WAIT_S},
    "garbage": {"kind": "garbage"},
    "HTTP 500": {"kind": "http_500"},
    "connection reset": {"kind": "reset"},
    "busy (-1)": {"kind": "errcode", "value": -1},
    "token refused (40001)": {"kind": "errcode", "value": 40001},
    "user blocked (40226)": {"kind": "errcode", "value": 40226},
}
LOGIN_LIMIT = 60  # a minute and address, with Redis; without it each process allows a quarter


def declared(place: Ward, answer: Answer, when: str) -> list[str]:
    """Faults every answer is held to, whatever is broken."""
    faults = []
    where = f"{when}: {answer.operation}"
    if str(answer.status) not in place.declared[answer.operation]:
        faults.append(f"{where}: {answer.status} is not declared")
    if answer.seconds > LIMIT_S:
        faults.append(f"{where}: took {answer.seconds:.1f} s")
    if answer.status >= 400 and answer.content_type != "application/problem+json":
        faults.append(f"{where}: {answer.status} is no problem document but {answer.content_type}")
    return faults


def nothing_broken(place: Ward) -> list[str]:
    """The calls of this drill do work; otherwise refusals would prove nothing."""
    answers = [place.call(name) for name in place.reads] + [place.login(), *place.step_up()]
    return [f"void: untouched, {a.operation} answers {a.status} {a.code}" for a in answers if a.status >= 300]


def database_gone(place: Ward) -> tuple[int, list[str]]:
    answers, faults = 0, list[str]()
    with place.without("postgres"):
        for name in place.operations:
            answer = place.call(name)
            answers += 1
            faults += declared(place, answer, "PostgreSQL gone")
            if answer.status < 300:
                faults.append(f"PostgreSQL gone: {name} answers {answer.status}")
            elif answer.status != 503:
                faults.append(f"PostgreSQL gone: {name} answers {answer.status} {answer.code}, not 503")
    faults += _works_again(place, "PostgreSQL")
    return answers, faults


def redis_gone(place: Ward) -> tuple[int, list[str]]:
    answers, faults = 0, list[str]()
    with place.without("redis"):
        for name in place.operations:
            answer = place.call(name)
            answers += 1
            faults += declared(place, answer, "Redis gone")
            if name in place.reads and answer.status != 200:
                faults.append(f"Redis gone: {name} needs no Redis but answers {answer.status} {answer.code}")
        statuses = [place.login(address="10.66.0.1").status for _ in range(LOGIN_LIMIT)]
        answers += len(statuses)
        let_in = statuses.count(201)
        if let_in > LOGIN_LIMIT // 4 or 429 not in statuses:
            faults.append(f"Redis gone: {let_in} of {LOGIN_LIMIT} logins of one address were let in")
        faults += [f"Redis gone: login answers {s}" for s in set(statuses) - {201, 429}]
    faults += _works_again(place, "Redis")
    return answers, faults


def platform_in_trouble(place: Ward) -> tuple[int, list[str]]:
    """Login, phone and face check against a platform that is slow, silent or talks rubbish."""
    answers, faults = 0, list[str]()
    for name, fault in PLATFORM_FAULTS.items():
        found = place.logins_and_proofs({"target": "wechat:*", "times": 1000, **fault})
        answers += len(found)
        for answer in found:
            faults += declared(place, answer, f"platform {name}")
            if answer.passed or (answer.operation == "open_session" and answer.status == 201):
                faults.append(f"platform {name}: {answer.operation} let somebody in")
    faults += _works_again(place, "the platform")
    return answers, faults


def face_worker_gone(place: Ward) -> tuple[int, list[str]]:
    """No heartbeat: the answer names the other ways and comes within two seconds."""
    answer = place.begin_local_face()
    faults = declared(place, answer, "face worker gone")
    if answer.status != 503 or not answer.extra.get("factors"):
        faults.append(f"face worker gone: {answer.status} {answer.code}, other ways {answer.extra.get('factors')}")
    if answer.seconds > 2.0:
        faults.append(f"face worker gone: the answer took {answer.seconds:.1f} s")
    return 1, faults


def _works_again(place: Ward, what: str) -> list[str]:
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        if place.login(address="10.67.0.1").status == 201 and place.call("catalogue").status == 200:
            return []
        time.sleep(0.5)
    return [f"{what} is back, but after 30 s nothing works"]


def planted(place: Ward) -> list[str]:
    """An open door: any code is good. The check of platforms in trouble must notice."""
    outside = replace(place.parts.outside, logins={Platform.WECHAT: FakeLogin(Platform.WECHAT)})
    parts = build(place.parts.settings, place.urls, outside)
    try:
        open_door = place.at(create_app(parts))
        found = open_door.logins_and_proofs({"target": "wechat:*", "times": 50, "kind": "garbage"}, code="code-for:x:1")
    finally:
        parts.close()
    let_in = any(a.operation == "open_session" and a.status == 201 for a in found)
    return [] if let_in else ["void: a login that fails open was not noticed"]


def run(budget: Budget) -> Outcome:
    answers, faults = 0, list[str]()
    drills = (platform_in_trouble, face_worker_gone, redis_gone, database_gone)
    with ward() as place:
        faults += nothing_broken(place)
        for _ in range(1 if budget.short else max(1, int(budget.minutes))):
            for drill in drills:
                number, found = drill(place)
                answers += number
                faults += found
        faults += planted(place)
        routes = len(place.operations)
    return Outcome(f"{answers} answers of {routes} routes under {len(PLATFORM_FAULTS) + 3} faults", faults)
