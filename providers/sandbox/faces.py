"""The platforms' face checks as they stand: who was named when the check began, and what the person then did."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from providers.sandbox.clock import SandboxClock
from providers.sandbox.phones import Phone

WECHAT_LIFETIME_S = 3600
ALIPAY_LIFETIME_S = 86400
PASSED = 10000
# What a person (or their surroundings) does, as WeChat's verify_ret and as Alipay's fail_reason.
RESULTS: dict[str, tuple[int, str]] = {
    "pass": (PASSED, ""),
    "mismatch": (10004, "人脸比对不通过"),
    "id_mismatch": (10003, "姓名和身份证号不匹配"),
    "cancel": (90002, "用户主动取消认证"),
    "blur": (10010, "照片质量不佳"),
    "dark": (90011, "光线过暗"),
    "timeout": (10013, "认证超时"),
    "network": (90107, "网络异常"),
    "permission": (90008, "未授权使用摄像头"),
    "device": (90001, "设备不支持"),
    "unknown_person": (10026, "权威库无此人"),
    "too_frequent": (10042, "操作过于频繁"),
    "running": (10005, ""),
    "fault": (10001, "系统异常"),
}


@dataclass(slots=True)
class FaceCase:
    """``open_id`` is empty for Alipay, which learns the account only when the person opens the check.

    ``outcome`` is the word of RESULTS, or a bare verify_ret; None until the person has acted.
    """

    ticket: str
    platform: str
    family: str
    order_no: str
    open_id: str
    name: str
    id_number: str
    expires: float
    outcome: str | int | None = None

    @property
    def verify_ret(self) -> int:
        if self.outcome is None:
            return 10300
        return self.outcome if isinstance(self.outcome, int) else RESULTS[self.outcome][0]

    @property
    def fail_reason(self) -> str:
        if self.outcome is None:
            return ""
        return f"认证失败({self.outcome})" if isinstance(self.outcome, int) else RESULTS[self.outcome][1]


class NotThisPhone(ValueError):
    """The check was begun for another account."""


class FaceDesk:
    """The caller holds the world's lock."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._cases: dict[str, FaceCase] = {}
        self._orders: set[tuple[str, str]] = set()

    def seen(self, platform: str, order_no: str) -> bool:
        return (platform, order_no) in self._orders

    def begin(self, platform: str, family: str, order_no: str, open_id: str, name: str, id_number: str) -> FaceCase:
        wechat = platform == "wechat"
        lifetime = WECHAT_LIFETIME_S if wechat else ALIPAY_LIFETIME_S
        ticket = secrets.token_urlsafe(48) if wechat else secrets.token_hex(16)
        case = FaceCase(
            ticket, platform, family, order_no, open_id, name, id_number, expires=self._clock.age() + lifetime
        )
        self._cases[ticket] = case
        self._orders.add((platform, order_no))
        return case

    def find(self, ticket: str) -> FaceCase | None:
        return self._cases.get(ticket)

    def expired(self, case: FaceCase) -> bool:
        return self._clock.age() > case.expires

    def act(self, case: FaceCase, phone: Phone, result: str | int | None) -> str | int:
        """What the holder of ``phone`` does in front of the check; gives the word that now stands.

        Without ``result`` the platform judges honestly: a pass needs the very person named at the beginning, and a
        face that passes. Raises NotThisPhone, and ValueError for an unknown word.
        """
        if case.platform != phone.platform or (case.open_id and case.open_id != phone.open_id):
            raise NotThisPhone("this check was begun for another account")
        if isinstance(result, str) and result not in RESULTS:
            raise ValueError(f"result must be a verify_ret number or one of {', '.join(RESULTS)}")
        if result is None:
            result = "pass" if phone.face_passes and phone.is_person(case.name, case.id_number) else "mismatch"
        case.outcome = result
        return result

    def waiting_for(self, phone: Phone) -> list[FaceCase]:
        """Checks this phone could act on, newest first."""
        return [
            case
            for case in reversed(self._cases.values())
            if case.platform == phone.platform and case.open_id in ("", phone.open_id) and case.outcome is None
        ]
