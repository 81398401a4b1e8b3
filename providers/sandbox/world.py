"""Everything the sandbox remembers, in memory, behind one lock."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from providers.sandbox.clock import SandboxClock
from providers.sandbox.codes import OneTimeCodes
from providers.sandbox.config import SandboxConfig
from providers.sandbox.deliveries import Courier, Post, http_post
from providers.sandbox.faces import FaceDesk
from providers.sandbox.faults import FaultBox, Rids
from providers.sandbox.group_robot import GroupRobot
from providers.sandbox.journal import CallLog
from providers.sandbox.letters import LetterBox
from providers.sandbox.phones import PhoneBook
from providers.sandbox.subscriptions import ChatWindows, Subscriptions
from providers.sandbox.tokens import TokenDesk
from providers.sandbox.waybills import WaybillDesk
from providers.sandbox.wechat_crypto import PushCipher


class World:
    """``lock`` is held by every handler while it reads or changes; faults, calls and deliveries lock themselves."""

    def __init__(
        self,
        config: SandboxConfig,
        *,
        clock: SandboxClock | None = None,
        post: Post = http_post,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self.clock = clock or SandboxClock()
        self.lock = threading.RLock()
        self.sleep = sleep
        self.courier = Courier(post, sleep)
        self.cipher = PushCipher(config.wechat_push_token, config.wechat_push_aes_key, config.wechat_app_id)
        self.faults = FaultBox()
        self.calls = CallLog()
        self.phones = PhoneBook(config.phones_file)
        self._keys: dict[str, RSAPrivateKey] = {}
        self._fresh()

    def reset(self) -> None:
        """Back to the first second; what is being delivered goes on."""
        with self.lock:
            self.faults.clear()
            self.calls.clear()
            self.courier.forget()
            self.clock.rewind()
            self.phones.forget_all()
            self._fresh()

    def key(self, name: str) -> RSAPrivateKey:
        """A key of the sandbox's own, made when first asked for: a phone's fingerprint key, or a stranger's key."""
        with self.lock:
            if name not in self._keys:
                self._keys[name] = rsa.generate_private_key(65537, 2048)
            return self._keys[name]

    def number(self) -> int:
        """A 63-bit message number above 2**53, where careless JSON readers lose digits."""
        return (1 << 62) + secrets.randbits(60)

    def _fresh(self) -> None:
        self.codes = OneTimeCodes(self.clock)
        self.tokens = TokenDesk(self.clock)
        self.faces = FaceDesk(self.clock)
        self.chats = ChatWindows(self.clock)
        self.group = GroupRobot(self.clock)
        self.letters = LetterBox(self.clock)
        self.sms_nonces: set[str] = set()
        self.rids = Rids(self.clock)
        self.wechat_subscriptions = Subscriptions(self.config.wechat_templates)
        self.alipay_subscriptions = Subscriptions(self.config.alipay_templates)
        self.session_keys: dict[str, str] = {}
        self.last_seen: dict[str, float] = {}
        self.subscribe_switch_off: set[str] = set()
        self.phone_answers = 0
        self.soter_counters: dict[str, int] = {}
        self.alipay_tokens: dict[str, str] = {}
        self.waybills = WaybillDesk(self.clock, self.config.carrier_auto)
        self.carrier_nonces: set[str] = set()
