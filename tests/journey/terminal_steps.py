"""Chapter D: local face at a campus terminal before the simulated camera: every attack, then the genuine visitor."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from app.ports import FaceClip
from providers.sandbox.attacks import Attack, stage
from providers.sandbox.attacks import Scene as Staging
from providers.sandbox.camera import SimulatedCamera, seal_clip
from tests.journey.cast import FRAME_MARK, NAME_MARK, with_comment
from tests.journey.clients import Graduate, Json, challenge_of
from tests.journey.scene import VICTIMS, Scene
from tests.journey.story import check, say, step

CHAPTER = "丁　校园终端，本地人脸 campus terminal, local face"
TRIES = 4  # one below the lock-out
SEED = 20260
RETAKES = 3
WORDS = {
    Attack.STILL_PHOTO: "静止照片",
    Attack.IDENTICAL_FRAMES: "同一张反复发送",
    Attack.RESAVED_FRAMES: "同一张重新压缩",
    Attack.TILTED_PHOTO: "倾斜平面照片",
    Attack.BENT_PHOTO: "弯曲照片",
    Attack.OLD_CLIP: "重放旧录像",
    Attack.OLD_CLIP_RESEALED: "旧录像重新签名",
    Attack.WRONG_ORDER: "动作顺序不对",
    Attack.EVERYTHING_ALWAYS: "每段都做全部动作",
    Attack.OTHER_PERSON: "他人冒充",
    Attack.ALTERNATING: "两人交替",
    Attack.SWAPPED_HALFWAY: "中途换人",
    Attack.TWO_FACES: "画面中两张脸",
    Attack.TWO_FACES_ONCE: "一帧出现第二张脸",
    Attack.REGISTRAR_PHOTO: "档案照片本身",
    Attack.FORGED_MAC: "伪造帧签名",
    Attack.FRAMES_SWAPPED: "帧顺序调换",
    Attack.TOO_LATE: "超时动作",
    Attack.MISSING_ACTION: "少做一个动作",
}


def come_to_terminal(scene: Scene, visitor: Graduate) -> None:
    """A new session of the terminal, a claim and the consent."""
    visitor.app.login("campus_terminal", scene.house.terminal)
    check(visitor.app.claim(visitor.person).status == 202, "claim at the terminal")
    visitor.app.ask("PUT", "/consents/face", 200, json={"granted": True})


def marked(clip: FaceClip, verification: Json) -> FaceClip:
    """The same clip with the canary's mark inside every picture."""
    images = [with_comment(f.image, FRAME_MARK) for f in clip.frames]
    challenge = challenge_of(verification)
    return seal_clip(challenge, images, [f.action for f in clip.frames], [f.at_ms for f in clip.frames])


@step("kiosk.login", CHAPTER, "在自助终端登录并申报", "terminal credential → session → claim, consent")
def login(scene: Scene) -> Iterator[str]:
    kai = scene.graduate("kai")
    come_to_terminal(scene, kai)
    factors = kai.app.get("/factors")
    offered = [f["factor"] for f in factors["factors"]]
    check("local_face" in offered and "activation_code" in offered, f"offered: {offered}")
    check(factors["face_health"] == "ok", f"the face worker: {factors['face_health']}")
    yield f"可用核验方式 {'、'.join(offered)}；人脸服务 {factors['face_health']}"


@step("kiosk.attacks", CHAPTER, "各种攻击全部被拒", "every attack is refused")
def attacks(scene: Scene) -> Iterator[str]:
    here = scene.house.portraits
    shown = Staging(here.visitor.read_bytes(), here.registrar.read_bytes(), here.stranger.read_bytes(), SEED)
    check(set(WORDS) == set(Attack), "an attack has no words")
    check(len(WORDS) <= VICTIMS * TRIES, "not enough victims for the attacks")
    for number, attack in enumerate(WORDS):
        victim = scene.graduate(f"victim{number // TRIES}")
        if not victim.app.token:
            come_to_terminal(scene, victim)
        begun = victim.app.begin("local_face", "bind")
        clip = stage(attack, shown, challenge_of(begun))
        if attack is Attack.STILL_PHOTO:
            clip = marked(clip, begun)
        judged = victim.app.send_clip(begun, clip)
        refused = judged["state"] in ("failed", "retake") and judged["session"] is None
        check(refused, f"{attack.value}: {judged['state']} {judged['reason']}")
        check(judged["alternatives"], "no other way is offered after the refusal")
        check(not victim.app.get("/me")["bound"], f"{attack.value}: bound in spite of the refusal")
        say(f"      ✓ {WORDS[attack]}  {attack.value} → {judged['state']}: {judged['reason']}")
    yield f"{len(WORDS)} 种攻击，{len(WORDS)} 次被拒"


@step("kiosk.genuine", CHAPTER, "本人通过", "the genuine visitor passes (L2)", "kiosk.login")
def genuine(scene: Scene) -> Iterator[str]:
    kai = scene.graduate("kai")
    for retake in range(RETAKES):
        begun = kai.app.begin("local_face", "bind")
        clip = SimulatedCamera(scene.visitor.read_bytes(), seed=SEED + retake).record(challenge_of(begun))
        judged = kai.app.send_clip(begun, marked(clip, begun))
        if judged["state"] != "retake":
            break
    check(judged["state"] == "verified", f"the genuine clip: {judged['state']} {judged['reason']}")
    done = kai.app.prove(begun)
    check(done["state"] == "passed", f"collecting the pass: {done['state']}")
    me = kai.app.get("/me")
    check(me["bound"] and me["assurance"] == 2, f"after the face: {me}")
    actions = "、".join(begun["client"]["actions"][1:])
    yield f"动作 {actions}，{len(clip.frames)} 帧 → 通过（重拍 {retake} 次）"


@step(
    "kiosk.second", CHAPTER, "第二因素：激活码", "activation code as the second factor, zone A opens", "kiosk.genuine"
)
def second(scene: Scene) -> Iterator[str]:
    kai = scene.graduate("kai")
    refused = kai.app.call("GET", "/dossier/sections/identity")
    check((refused.status, refused.code) == (403, "step_up_required"), f"one factor opened zone A: {refused.status}")
    code = scene.keep("activation code", scene.clerk("archivist").issue_code(kai.person.student_number))
    done = kai.app.prove(kai.app.begin("activation_code", "view_dossier"), code=code)
    check(done["state"] == "passed", f"activation code: {done['state']} {done['reason']}")
    identity = kai.app.get("/dossier/sections/identity")["records"][0]
    check(identity["body"]["name"] == kai.person.name, "the identity shown is not this person's")
    yield f"等级 3：基本信息可见（姓名含标记 {NAME_MARK}）"


@step("kiosk.material", CHAPTER, "下载成绩单扫描件", "downloads a material", "kiosk.second")
def material(scene: Scene) -> Iterator[str]:
    kai = scene.graduate("kai")
    items = kai.app.get("/dossier")["items"]
    scan = next(i for i in items if i["has_file"])
    got = kai.app.call("GET", f"/dossier/materials/{scan['id']}/file")
    check(got.status == 200, f"download: {got.status} {got.code}")
    check(got.headers["content-type"] == "image/jpeg" and got.content.startswith(b"\xff\xd8"), "not a JPEG")
    check("attachment" in got.headers["content-disposition"], "not served as an attachment")
    hidden = next(i for i in items if i["kind"] == "material" and i["zone"] == "B")
    closed = kai.app.call("GET", f"/dossier/materials/{hidden['id']}/file")
    check(closed.status in (403, 404), f"a zone B file: {closed.status}")
    digest = hashlib.sha256(got.content).hexdigest()[:16]
    yield f"{scan['title']}：{len(got.content)} 字节，SHA-256 {digest}…；乙区材料 → {closed.status}"
