"""Invented bodies with right check digits, for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from stdnum.cn import uscc

from app.receivers.rules import ReceiverFacts, ReceiverKind

KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def credit_code(leading: str = "12", region: str = "330106", serial: int = 1) -> str:
    body = f"{leading}{region}{serial:09d}"
    return body + str(uscc.calc_check_digit(body))


def facts(serial: int = 1, **changes: Any) -> ReceiverFacts:
    made = ReceiverFacts(
        kind=ReceiverKind.PUBLIC_BODY,
        name=f"示例区第{serial}人力资源公共服务中心",
        credit_code=credit_code(serial=serial),
        region_code="330106",
        address="示例路 1 号 3 楼",
        valid_from=date(2024, 1, 1),
        department="档案科",
        postal_code="310000",
        phone="0571-12345678",
        source="省级名录 2024 年版",
    )
    return replace(made, **changes)
