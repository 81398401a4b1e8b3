"""Whatever is open to everybody stands here with the reason, and nothing else may be."""

from __future__ import annotations

PUBLIC = {
    "GET /healthz": "the supervisor's question; tells that the process answers",
    "GET /readyz": "the load balancer's question; tells which dependency is away",
    "GET /api/v1/openapi.json": "the description of the door holds no data",
    "GET /api/v1/reference": "the description of the door holds no data",
    "GET /api/v1/reference/<path:name>": "files of the reference page",
    "POST /api/v1/sessions": "the first rung: a platform's one-time code is what is checked",
    "GET /console/static/<name>": "style sheet and scripts, needed before signing in",
    "GET /console/sign-in": "the form that makes a session",
    "POST /console/sign-in": "password and second factor are what is checked",
    "GET /console/welcome": "asks for the code of a one-time link",
    "POST /console/welcome": "the code of a one-time link is what is checked",
    "POST /console/welcome/password": "the code of a one-time link is what is checked",
    "POST /console/welcome/passkey": "the code of a one-time link is what is checked",
    "POST /console/welcome/passkey/options": "the code of a one-time link is what is checked",
    "POST /console/sign-in/passkey": "the passkey's signature is what is checked",
    "POST /console/sign-in/passkey/options": "a random challenge, limited by address",
    "GET /partner/callbacks/wechat": "WeChat's signature is what is checked",
    "POST /partner/callbacks/wechat": "WeChat's signature is what is checked",
    "POST /partner/callbacks/alipay": "Alipay's signature is what is checked",
    "GET /partner/certified": "shows one fixed sentence",
    "GET /receipt": "asks for the code on a slip and reads nothing",
    "POST /receipt": "the one-time code on the slip is what is checked",
    "POST /receipt/count": "the one-time code on the slip is what is checked",
    "GET /partner/api/v1/schemas/<name>": "the description of the door holds no data",
}
