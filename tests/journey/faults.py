"""The planted faults, at least one for every step: in the database, on disk, at the platforms, among the processes."""

from __future__ import annotations

import contextlib

from tests.journey.cast import FRAME_MARK, NAME_MARK
from tests.journey.clients import Json, Reply, until
from tests.journey.mischief import (
    no_inserts,
    one_value,
    run_sql,
    sandbox_fault,
    spoilt_file,
    stopped,
    swap_cells,
    trigger,
)
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack
FACE_HEALTH_LIMIT_S = 40.0


def _graduate_id(scene: Scene, name: str) -> str:
    dossier = scene.graduate(name).app.get("/dossier")["dossier_id"]
    return one_value(scene, "select graduate_id from dossier where id = %s", dossier)


# --- operator ---------------------------------------------------------------------------------------------------------


@fault("op.keys", "密钥文件已损坏 a damaged key file lies there already")
def damaged_key(scene: Scene, undo: Undo) -> None:
    scene.keys.mkdir(mode=0o700)
    (scene.keys / "kek-1.key").write_text("not a key")
    (scene.keys / "kek-1.key").chmod(0o400)


@fault("op.start", "网页进程没有运行 the web process is down")
def no_web(scene: Scene, undo: Undo) -> None:
    stopped(scene, undo, "web")


@fault("op.doctor", "平台连不上 the platforms cannot be reached")
def no_platforms(scene: Scene, undo: Undo) -> None:
    stopped(scene, undo, "sandbox")


@fault("op.staff", "应用账号不能写工作人员表 no right to add staff")
def no_staff_rows(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "staff_member")


@fault("op.import", "数据库丢弃新档案 the database refuses new dossiers")
def no_dossier_rows(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "dossier")


@fault("op.terminal", "应用账号不能登记终端 no right to add terminals")
def no_terminal_rows(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "campus_terminal")


@fault("staff.first", "强制改密标记被清除 the forced change was switched off in the database")
def no_forced_change(scene: Scene, undo: Undo) -> None:
    names = [c.username for c in scene.own_clerks.values()]
    run_sql(scene, "update staff_member set must_change_password = false where username = any(%s)", names)


# --- WeChat -----------------------------------------------------------------------------------------------------------


@fault("wx.login", "微信拒绝登录凭证 WeChat says 40029")
def code_refused(scene: Scene, undo: Undo) -> None:
    sandbox_fault(scene, undo, "wechat:/sns/jscode2session", "errcode", 40029, 1)


@fault("wx.claim", "他人先行试满该身份的次数 strangers used up the tries for this identity")
def tries_used_up(scene: Scene, undo: Undo) -> None:
    person = scene.graduate("wei").person
    for _ in range(2):
        stranger = scene.house.program(scene.stack.web)
        phone = scene.house.sandbox.phone("wechat", scene.graduate("lin").person)
        stranger.login("wechat", phone.do("login-code")["code"])
        for _ in range(5):
            stranger.claim(person)


@fault("wx.face", "人脸核身结果为不匹配 the platform's face check says mismatch", before="wx.login")
def face_differs(scene: Scene, undo: Undo) -> None:
    wei = scene.graduate("wei")
    wei.phone = scene.house.sandbox.phone("wechat", wei.person, face_passes=False)


@fault("wx.lack", "数据库里凭空多出第二因素 a second factor was forged into the session's row")
def forged_factor(scene: Scene, undo: Undo) -> None:
    current = next(s for s in scene.graduate("wei").app.get("/sessions")["items"] if s["current"])
    run_sql(
        scene,
        "update login_session set proofs = proofs || jsonb_build_array(jsonb_build_object('factor', 'phone',"
        " 'purpose', 'view_dossier', 'at', to_char(now() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"')))"
        " where id = %s",
        current["id"],
    )


@fault("wx.fingerprint", "微信指纹校验出错 WeChat's SOTER check fails")
def soter_fails(scene: Scene, undo: Undo) -> None:
    sandbox_fault(scene, undo, "wechat:/cgi-bin/soter/verify_signature", "errcode", 90011, 3)


@fault("wx.read", "两条记录的密文被对调 two records' sealed bodies were swapped")
def swapped_cells(scene: Scene, undo: Undo) -> None:
    swap_cells(
        scene,
        undo,
        "record_version",
        "sealed_body",
        "select v.id from record_version v join record r on r.id = v.record_id join dossier d on d.id = r.dossier_id"
        " where d.graduate_id = %s and r.section = 'course' order by r.position limit 2",
        _graduate_id(scene, "wei"),
    )


@fault("wx.subscribe", "后台任务进程停了 the job worker is stopped")
def no_worker(scene: Scene, undo: Undo) -> None:
    stopped(scene, undo, "worker")


@fault("wx.correct", "账号处于变更暂缓期 changes are held for this graduate")
def changes_held(scene: Scene, undo: Undo) -> None:
    run_sql(
        scene,
        "update graduate set changes_held_until = now() + interval '1 day' where id = %s",
        _graduate_id(scene, "wei"),
    )


@fault("wx.status", "申请在库中被改为已撤回 the ticket's state was changed behind the product")
def state_changed(scene: Scene, undo: Undo) -> None:
    run_sql(scene, "update ticket set state = 'withdrawn' where id = %s", scene.graduate("wei").ids["ticket"])


# --- Alipay -----------------------------------------------------------------------------------------------------------


@fault("ali.login", "支付宝拒绝授权码 Alipay refuses the code")
def alipay_refuses(scene: Scene, undo: Undo) -> None:
    sandbox_fault(scene, undo, "alipay:alipay.system.oauth.token", "error_response", "isv.code-invalid", 3)


@fault("ali.code", "激活码写不进数据库 codes cannot be written")
def no_code_rows(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "activation_code")


@fault("ali.bind", "激活码已被作废 the code was voided")
def voided(scene: Scene, undo: Undo) -> None:
    run_sql(scene, "update activation_code set voided_at = now() where used_at is null")


@fault("ali.correct", "申请写不进数据库 tickets cannot be written")
def no_ticket_rows(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "ticket")


@fault("ali.asked", "往来写不进数据库 messages cannot be written")
def no_message_rows(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "ticket_message")


@fault("ali.answer", "中间缓存给出过期版本 a cache on the way answers with a stale version")
def stale_version(scene: Scene, undo: Undo) -> None:
    def stale(method: str, url: str, reply: Reply) -> Reply:
        if method == "GET" and "/corrections/" in url:
            return Reply(reply.status, reply.body, {**reply.headers, "etag": '"2"'}, reply.content)
        return reply

    scene.house.wire.tampers.append(stale)
    undo.callback(scene.house.wire.tampers.remove, stale)


@fault("ali.rejected", "理由没有存下来 the reason is lost on its way to the row")
def reason_lost(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "ticket", "update", "new.reason_code := null; return new;")


# --- terminal ---------------------------------------------------------------------------------------------------------


@fault("kiosk.login", "终端已停用 the terminal was disabled")
def terminal_off(scene: Scene, undo: Undo) -> None:
    undo.callback(run_sql, scene, "update campus_terminal set disabled_at = null")
    run_sql(scene, "update campus_terminal set disabled_at = now()")


@fault("kiosk.attacks", "人脸进程来者不拒 a face worker that believes everybody")
def credulous(scene: Scene, undo: Undo) -> None:
    undo.callback(_await_health, scene, "ok")
    stopped(scene, undo, "face-worker")
    worker = scene.stack.spawn("-m", "tests.journey.credulous", log="credulous.log")
    undo.callback(worker.wait)
    undo.callback(worker.terminate)
    _await_health(scene, "ok")


@fault("kiosk.genuine", "镜头前是另一个人 somebody else stands before the camera")
def somebody_else(scene: Scene, undo: Undo) -> None:
    scene.visitor = scene.house.portraits.stranger


@fault("kiosk.genuine", "人脸进程停了 the face worker is stopped")
def no_face_worker(scene: Scene, undo: Undo) -> None:
    undo.callback(_await_health, scene, "ok")
    stopped(scene, undo, "face-worker")
    _await_health(scene, "down")


def _await_health(scene: Scene, wanted: str) -> None:
    """As a phone with no claim sees it: the heartbeat lives for fifteen seconds."""
    watcher = scene.house.program(scene.stack.web)
    watcher.login("campus_terminal", scene.house.terminal)
    until(lambda: watcher.get("/factors")["face_health"] == wanted, f"face {wanted}", FACE_HEALTH_LIMIT_S)


@fault("kiosk.second", "激活码一发出就过期 codes expire as they are issued")
def expired_code(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "activation_code", "insert", "new.expires_at := now() - interval '1 hour'; return new;")


@fault("kiosk.material", "扫描件在磁盘上坏了一位 one bit of the stored scan turned over")
def spoilt_scan(scene: Scene, undo: Undo) -> None:
    name = one_value(
        scene,
        "select v.file_name from material_version v join material m on m.id = v.material_id join dossier d"
        " on d.id = m.dossier_id where d.graduate_id = %s and v.file_name is not null",
        _graduate_id(scene, "kai"),
    )
    spoilt_file(scene, undo, name)


# --- staff, notices, transfer -----------------------------------------------------------------------------------------


@fault("desk.ticket", "证明文件在磁盘上坏了一位 one bit of the stored evidence turned over")
def spoilt_evidence(scene: Scene, undo: Undo) -> None:
    evidence = scene.graduate("wei").ids["evidence"]
    spoilt_file(scene, undo, one_value(scene, "select file_name from evidence where id = %s", evidence))


@fault("desk.accept", "记录指针停在旧版 the record keeps pointing at its old version")
def stale_record(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "record", "update", "new.current := old.current; return new;")


@fault("desk.statutory", "两个账号是同一个人 the two accounts belong to one person")
def one_person(scene: Scene, undo: Undo) -> None:
    undo.callback(run_sql, scene, "update staff_member set person_key = gen_random_uuid()")
    run_sql(scene, "update staff_member set person_key = (select person_key from staff_member order by id limit 1)")


@fault("news.decided", "微信返回 43101，手机收不到 WeChat says 43101", before="desk.accept")
def no_credit(scene: Scene, undo: Undo) -> None:
    sandbox_fault(scene, undo, "wechat:/cgi-bin/message/subscribe/send", "errcode", 43101, 9)


@fault("news.rejected", "支付宝拒绝模板消息 Alipay refuses the message", before="ali.rejected")
def template_refused(scene: Scene, undo: Undo) -> None:
    sandbox_fault(
        scene, undo, "alipay:alipay.open.app.mini.templatemessage.send", "sub_code", "USER_TEMPLATE_ILLEGAL", 9
    )


@fault("move.out", "转递行不许更新 transfers cannot be moved in the database")
def stuck_transfer(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "transfer", "update", "raise exception 'planted'; return new;")


@fault("move.seen", "后台任务进程被停 the job worker was stopped", before="move.choose")
def worker_gone(scene: Scene, undo: Undo) -> None:
    stopped(scene, undo, "worker")


# --- borders ----------------------------------------------------------------------------------------------------------


@fault("guard.foreign", "他人的申请被改挂到本人名下 another's ticket was hung on this graduate")
def foreign_owner(scene: Scene, undo: Undo) -> None:
    ticket = scene.graduate("lin").ids["ticket"]
    hung = "update ticket set graduate_id = %s where id = %s"
    # taken back: what is sealed in it opens with its owner's key alone, and fixity reads the whole house
    owner = one_value(scene, "select graduate_id from ticket where id = %s", ticket)
    undo.callback(run_sql, scene, hung, owner, ticket)
    run_sql(scene, hung, _graduate_id(scene, "wei"), ticket)


@fault("guard.tokens", "数据库不肯记下退出 the database forgets revocations")
def unrevoked(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "login_session", "update", "new.revoked_at := null; return new;")


@fault("guard.log", "工作人员的查阅没有记下 staff's openings are not recorded", before="ali.asked")
def unlogged(scene: Scene, undo: Undo) -> None:
    body = "if new.actor_kind = 'staff' and new.type = 'ticket.read' then return null; end if; return new;"
    trigger(scene, undo, "event", "insert", body)


@fault("faceless.bind", "人脸开关没有关上 the switch was not thrown: face is still on")
def face_still_on(scene: Scene, undo: Undo) -> None:
    scene.faceless = scene.stack.web


@fault("faceless.read", "记录被错误划入乙区 the records were put into zone B")
def wrong_zone(scene: Scene, undo: Undo) -> None:
    run_sql(
        scene,
        "update record set zone = 'B', zone_rule = 'B-1' from dossier d where d.id = record.dossier_id"
        " and d.graduate_id = %s",
        _graduate_id(scene, "min"),
    )


# --- canary -----------------------------------------------------------------------------------------------------------


@fault("canary", "日志里写出了姓名 a name in a log")
def name_in_log(scene: Scene, undo: Undo) -> None:
    path = scene.stack.folder / "log" / "web-debug.log"
    path.write_text(f"claim by {NAME_MARK}甲\n", "utf-8")
    undo.callback(path.unlink)


@fault("canary", "画面留在了临时目录 a frame left in the temporary folder")
def frame_on_disk(scene: Scene, undo: Undo) -> None:
    path = scene.stack.folder / "tmp" / "frame.jpg"
    path.write_bytes(b"\xff\xd8\xff\xfe" + FRAME_MARK)
    undo.callback(path.unlink)


@fault("canary", "令牌写进了事件行 a token in an event row")
def token_in_event(scene: Scene, undo: Undo) -> None:
    leak: Json = {"session": sorted(scene.house.marks.texts["session token"])[0]}
    run_sql(
        scene,
        "insert into event (public_id, at, type, actor_kind, actor_id, object_kind, data, request_id)"
        " values (gen_random_uuid(), now(), 'planted', 'system', gen_random_uuid(), '',"
        " jsonb_build_object('t', %s::text), '')",
        leak["session"],
    )
