"""What a person does with a phone, for the control API and for the pages alike."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes

from providers.sandbox.alipay_notify import phone_text
from providers.sandbox.codes import CodeKind
from providers.sandbox.config import Template
from providers.sandbox.phones import Phone
from providers.sandbox.subscriptions import Subscriptions
from providers.sandbox.wechat_account import SOTER_PADDING
from providers.sandbox.wechat_push import PushStyle, push, push_event
from providers.sandbox.world import World

Json = dict[str, Any]
MOST_TEMPLATES = {"wechat": 5, "alipay": 3}
SOTER_FIELDS = {"fid": "0", "tee_n": "TEE", "tee_v": "1.0", "fp_n": "finger", "fp_v": "1.0"}


class NotPossible(ValueError):
    """The person cannot do this on this phone now; the text says why."""


class PhoneActions:
    """One phone's holder at work. Raises ValueError for wrong arguments and NotPossible where the phone refuses."""

    def __init__(self, world: World, phone_id: str) -> None:
        self._world = world
        with world.lock:
            self.phone: Phone = world.phones.get(phone_id)

    def login_code(self) -> Json:
        """What wx.login or my.getAuthCode gives."""
        with self._world.lock:
            self._world.last_seen[self.phone.open_id] = self._world.clock.age()
            return {"code": self._world.codes.issue(CodeKind.LOGIN, self.phone.platform, self.phone.id)}

    def phone_code(self, fault: str = "") -> Json:
        """WeChat: a code. Alipay: the signed and encrypted text."""
        with self._world.lock:
            if self.phone.platform == "wechat":
                return {"code": self._world.codes.issue(CodeKind.PHONE, "wechat", self.phone.id)}
            return {"response": phone_text(self._world, self.phone, fault)}

    def face(self, ticket: str, result: str | int | None = None) -> Json:
        """Do the platform's face check; see FaceDesk.act."""
        with self._world.lock:
            case = self._world.faces.find(ticket)
            if case is None:
                raise NotPossible("no such face check")
            if self._world.faces.expired(case):
                raise NotPossible("this face check has expired")
            stands = self._world.faces.act(case, self.phone, result)
            return {"result": stands, "verify_ret": case.verify_ret, "fail_reason": case.fail_reason}

    def fingerprint(self, challenge: str) -> Json:
        """wx.startSoterAuthentication: the text the phone's secure hardware signed, and its signature in base64."""
        if self.phone.platform != "wechat" or not self.phone.fingerprint_enrolled:
            raise NotPossible("no fingerprint is enrolled on this phone")
        with self._world.lock:
            counter = self._world.soter_counters[self.phone.id] = self._world.soter_counters.get(self.phone.id, 0) + 1
        text = json.dumps(
            {
                "raw": challenge,
                **SOTER_FIELDS,
                "counter": counter,
                "cpu_id": f"cpu-{self.phone.id}",
                "uid": f"uid-{self.phone.id}",
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        signature = self._world.key(f"soter:{self.phone.id}").sign(text.encode(), SOTER_PADDING, hashes.SHA256())
        return {"json_string": text, "json_signature": base64.b64encode(signature).decode()}

    def subscribe(self, template_ids: list[str], accept: bool, *, wait: bool = True) -> Json:
        """The consent pop-up. WeChat also tells our call-back; the reply is what the client's own call returns."""
        with self._world.lock:
            if self.phone.open_id in self._world.subscribe_switch_off:
                raise NotPossible("20004 the main switch for messages is off")
            templates = self._templates(template_ids)
            if accept:
                for template in templates:
                    self._desk().accept(self.phone.open_id, template)
        word = "accept" if accept else "reject"
        if self.phone.platform == "alipay":
            return self._alipay_consent(template_ids, accept)
        items = [{"TemplateId": t, "SubscribeStatusString": word, "PopupScene": "0"} for t in template_ids]
        delivery = push_event(self._world, self.phone, "subscribe_msg_popup_event", items, wait=wait)
        results = {"errMsg": "requestSubscribeMessage:ok"} | dict.fromkeys(template_ids, word)
        return {"result": results, "delivery": delivery.as_json()}

    def withdraw(self, template_ids: list[str], *, wait: bool = True) -> Json:
        """Switch messages off in the platform's settings; WeChat tells our call-back with a change event."""
        with self._world.lock:
            for template_id in template_ids:
                self._desk().withdraw(self.phone.open_id, template_id)
        if self.phone.platform == "alipay":
            return {"delivery": None}
        items = [{"TemplateId": t, "SubscribeStatusString": "reject"} for t in template_ids]
        delivery = push_event(self._world, self.phone, "subscribe_msg_change_event", items, wait=wait)
        return {"delivery": delivery.as_json()}

    def main_switch(self, on: bool) -> Json:
        """The one switch for all subscription messages of this mini-program."""
        with self._world.lock:
            switched_off = self._world.subscribe_switch_off
            (switched_off.discard if on else switched_off.add)(self.phone.open_id)
        return {"on": on}

    def say(self, text: str, style: PushStyle | None = None, *, wait: bool = True) -> Json:
        """Write into the customer-service chat."""
        self._wechat_only()
        with self._world.lock:
            self._world.chats.wrote(self.phone.open_id)
            self._world.phones.show(self.phone, self._world.clock.wall(), "said", text=text)
        message = {"MsgType": "text", "Content": text, "MsgId": self._world.number()}
        return {"delivery": push(self._world, self.phone, message, style, wait=wait).as_json()}

    def enter_chat(self, session_from: str, *, wait: bool = True) -> Json:
        """Open the customer-service chat."""
        self._wechat_only()
        with self._world.lock:
            self._world.chats.entered(self.phone.open_id)
            self._world.phones.show(self.phone, self._world.clock.wall(), "entered", text=session_from)
        message = {"MsgType": "event", "Event": "user_enter_tempsession", "SessionFrom": session_from}
        return {"delivery": push(self._world, self.phone, message, wait=wait).as_json()}

    def screen(self) -> list[Json]:
        with self._world.lock:
            return [received.as_json() for received in self._world.phones.screen(self.phone)]

    def consents(self) -> list[Json]:
        """Each template and the sends it still allows; None for no limit."""
        with self._world.lock:
            desk = self._desk()
            return [
                {
                    "template_id": t.template_id,
                    "title": t.title,
                    "long_term": t.long_term,
                    "left": desk.left(self.phone.open_id, t.template_id),
                }
                for t in desk.templates()
            ]

    def _desk(self) -> Subscriptions:
        wechat = self.phone.platform == "wechat"
        return self._world.wechat_subscriptions if wechat else self._world.alipay_subscriptions

    def _templates(self, template_ids: list[str]) -> list[Template]:
        most = MOST_TEMPLATES[self.phone.platform]
        if not template_ids or len(template_ids) > most:
            raise ValueError(f"template_ids must name one to {most} templates")
        found = [t for t in map(self._desk().template, template_ids) if t is not None]
        if len(found) != len(template_ids):
            raise NotPossible("20001 a template_id is unknown")
        if len({t.long_term for t in found}) > 1:
            code = "20002" if self.phone.platform == "wechat" else "106002"
            raise NotPossible(f"{code} one-time and long-term templates may not be mixed")
        return found

    def _alipay_consent(self, template_ids: list[str], accept: bool) -> Json:
        agreed = list(template_ids) if accept else []
        result = {
            "subscribeEntityIds": template_ids,
            "subscribedEntityIds": agreed,
            "unsubscribedEntityIds": [] if accept else list(template_ids),
            "currentSubscribedEntityIds": agreed,
        }
        return {"result": {"behavior": "subscribe" if accept else "cancel", "keep": False, "result": result}}

    def _wechat_only(self) -> None:
        if self.phone.platform != "wechat":
            raise NotPossible("only WeChat pushes its chat to us")


def new_phone(world: World, values: Json) -> Phone:
    """Raises ValueError with a sentence."""
    with world.lock:
        return world.phones.add(**values)
