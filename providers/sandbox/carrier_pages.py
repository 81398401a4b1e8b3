"""The carrier's pages for people: what is under way, and buttons that make something happen to it."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from providers.sandbox.waybills import CODES, SCRIPTS, UnknownWaybill
from providers.sandbox.world import World

SCRIPT_WORDS = {
    "normal": "正常送达",
    "manual": "不自动，逐条推送",
    "delay": "延误后送达",
    "lose": "途中失去踪迹",
    "lost": "邮政告知丢失",
    "return": "地址不详退回",
    "refuse": "拒收后退回",
    "duplicates": "送达，轨迹重复",
    "out_of_order": "送达，轨迹乱序",
    "contradictory": "签收后又退回（矛盾）",
}


def carrier_pages(world: World) -> Blueprint:
    blueprint = Blueprint("waybills", __name__, url_prefix="/waybills")
    notes: dict[str, str] = {}

    @blueprint.get("/")
    def home() -> str:
        with world.lock:
            return render_template(
                "sandbox/waybills.html",
                waybills=world.waybills.all(),
                scripts={word: SCRIPT_WORDS[word] for word in SCRIPTS},
                auto=world.waybills.auto,
                note=notes.pop("", ""),
            )

    @blueprint.get("/<number>")
    def one(number: str) -> str | tuple[str, int]:
        with world.lock:
            try:
                waybill = world.waybills.find(number)
            except UnknownWaybill:
                return render_template("sandbox/waybills.html", waybills=[], scripts={}, note="没有这件邮件。"), 404
            return render_template(
                "sandbox/waybill.html",
                waybill=waybill,
                left=len(SCRIPTS[waybill.script]) - waybill.done,
                script=SCRIPT_WORDS[waybill.script],
                codes={code: words for code, (_, words) in CODES.items()},
                note=notes.pop(number, ""),
            )

    @blueprint.post("/")
    def begin() -> BaseResponse:
        number = request.form.get("number", "").strip().upper()
        try:
            with world.lock:
                world.waybills.begin(number, request.form.get("script", "normal"))
        except ValueError as error:
            notes[""] = f"没有收寄：{error}"
            return redirect(url_for("waybills.home"), 303)
        return redirect(url_for("waybills.one", number=number), 303)

    @blueprint.post("/<number>/do/<action>")
    def do(number: str, action: str) -> BaseResponse:
        try:
            with world.lock:
                if action == "step":
                    world.waybills.step(number)
                elif action == "push" and request.form.get("code") in CODES:
                    world.waybills.push(number, request.form["code"])
                else:
                    notes[number] = "做不到：没有这个操作"
        except ValueError as error:
            notes[number] = f"做不到：{error}"
        return redirect(url_for("waybills.one", number=number), 303)

    return blueprint
