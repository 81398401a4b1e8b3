"""The real things beyond our walls, chosen from Settings in one place. Tests give wiring fakes of the same shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import redis

from app.file_ports import RepairableStore, ReplicaStore
from app.letter_ports import SmsKind
from app.ports import (
    Clock,
    Outside,
    Platform,
)
from app.settings import Settings, SettingsError
from providers.alipay.certify import AlipayCertify
from providers.alipay.gateway import AlipayGateway
from providers.alipay.login import AlipayLogin
from providers.alipay.messages import AlipayMessages
from providers.alipay.notify import AlipayNotifications
from providers.alipay.phone import AlipayPhone
from providers.carriers import dialect
from providers.carriers.ems import Ems
from providers.clock import SystemClock
from providers.documents import ChildDocumentCleaner
from providers.files import LocalFileStore
from providers.frames import RedisFrameBox
from providers.keys import FileKeys
from providers.mail import MailServer, SmtpMailer
from providers.printing import TypstPrinter
from providers.redis_store import RedisCache, RedisNonces, RedisRateLimiter, RedisTally, connect
from providers.replicas import ReplicatedFileStore
from providers.s3_files import Bucket, S3FileStore
from providers.sms import SmsAccount, SmsGateway
from providers.wechat.chat import WeChatChat
from providers.wechat.client import WeChatClient
from providers.wechat.face import WeChatFace
from providers.wechat.login import SoterCheck, WeChatLogin, WeChatPhone
from providers.wechat.messages import WeChatMessages
from providers.wechat.push import WeChatPushDecoder
from providers.wechat.sealed_calls import SealedCalls, seal_keys
from providers.wechat.templates import WeChatTemplates
from providers.wechat.tokens import RedisTokenStore
from providers.wecom import WeComRobot


def _read(path: Path | None, name: str) -> str:
    if path is None or not path.is_file():
        raise SettingsError([f"LANTAI_{name.upper()} does not name a readable key file"])
    return path.read_text()


def build_files(settings: Settings) -> tuple[RepairableStore, ReplicaStore | None]:
    """The store, and the same again as a replicated one where a replica is configured."""
    primary = _s3(settings, "s3") if settings.file_store == "s3" else LocalFileStore(settings.data_dir / "files")
    if settings.replica_dir is not None:
        second: RepairableStore = LocalFileStore(settings.replica_dir)
    elif settings.replica_s3_endpoint:
        second = _s3(settings, "replica_s3")
    else:
        return primary, None
    both = ReplicatedFileStore(primary, second, fall_back=settings.replica_fallback)
    return both, both


def _s3(settings: Settings, prefix: str) -> S3FileStore:
    words = {name: getattr(settings, f"{prefix}_{name}") for name in ("endpoint", "region", "access_key", "secret_key")}
    return S3FileStore(
        Bucket(
            words["endpoint"],
            getattr(settings, f"{prefix}_bucket"),
            words["region"],
            words["access_key"].get_secret_value(),
            words["secret_key"].get_secret_value(),
        )
    )


def build_outside(settings: Settings, redis_url: str) -> Outside:
    """Raises SettingsError naming the setting when a key or secret is missing."""
    clock = SystemClock()
    keys = FileKeys(settings.key_dir)
    store = connect(redis_url)
    cache = RedisCache(store)
    files, replica = build_files(settings)
    parts = Outside(
        clock=clock,
        keys=keys,
        files=files,
        replica=replica,
        scratch=files,
        cleaner=ChildDocumentCleaner(settings.upload_max_bytes),
        limits=RedisRateLimiter(store, clock, keys.secret("rate-limits")),
        cache=cache,
        nonces=RedisNonces(store),
        tally=RedisTally(store),
        # clips are megabytes, so they get a connection with a longer patience
        frames=RedisFrameBox(connect(redis_url, 2.0), keys, settings.frames_ttl_s),
        redis=store,
        printer=TypstPrinter(),
    )
    parts = _with_wechat(parts, settings, store)
    parts = _with_alipay(parts, settings)
    parts = _with_letters(_with_wecom(parts, settings), settings)
    return _with_carriers(parts, settings)


def _with_wechat(parts: Outside, settings: Settings, store: redis.Redis) -> Outside:
    if not settings.wechat_app_id:
        return parts
    client = WeChatClient(
        settings.wechat_app_id,
        settings.wechat_app_secret.get_secret_value(),
        clock=parts.clock,
        store=RedisTokenStore(store),
        base_url=settings.wechat_base_url,
        timeout_s=settings.platform_timeout_s,
        sealed=_sealed_calls(settings, parts.clock),
    )
    push = None
    if settings.wechat_push_token.get_secret_value():
        push = WeChatPushDecoder(
            settings.wechat_app_id,
            settings.wechat_push_token.get_secret_value(),
            settings.wechat_push_aes_key.get_secret_value() or None,
            parts.clock,
            seen=parts.cache,
        )
    return replace(
        parts,
        logins={**parts.logins, Platform.WECHAT: WeChatLogin(client)},
        phones={**parts.phones, Platform.WECHAT: WeChatPhone(client)},
        certifiers={**parts.certifiers, "wechat_face": WeChatFace(client)},
        senders={**parts.senders, Platform.WECHAT: WeChatMessages(client)},
        templates=WeChatTemplates(client),
        fingerprint=SoterCheck(client),
        wechat_push=push,
        chat=WeChatChat(client),
    )


def _sealed_calls(settings: Settings, clock: Clock) -> SealedCalls | None:
    if not settings.wechat_seal_key.get_secret_value():
        return None
    try:
        keys = seal_keys(
            sealing_sn=settings.wechat_seal_key_sn,
            sealing=settings.wechat_seal_key.get_secret_value(),
            own_pem=_read(settings.wechat_seal_private_key_file, "wechat_seal_private_key_file"),
            platform_sn=settings.wechat_seal_platform_sn,
            platform_pem=_read(settings.wechat_seal_platform_cert_file, "wechat_seal_platform_cert_file"),
        )
    except ValueError as error:
        raise SettingsError([f"LANTAI_WECHAT_SEAL_…: {error}"]) from None
    return SealedCalls(settings.wechat_app_id, keys, clock)


def _with_alipay(parts: Outside, settings: Settings) -> Outside:
    if not settings.alipay_app_id:
        return parts
    public_pem = _read(settings.alipay_platform_public_key_file, "alipay_platform_public_key_file")
    gateway = AlipayGateway(
        settings.alipay_app_id,
        _read(settings.alipay_private_key_file, "alipay_private_key_file"),
        public_pem,
        gateway_url=settings.alipay_gateway_url,
        clock=parts.clock,
        content_aes_key=settings.alipay_content_aes_key.get_secret_value() or None,
        timeout_s=settings.platform_timeout_s,
    )
    certify = AlipayCertify(gateway, return_url=f"{settings.public_url}/partner/certified")
    return replace(
        parts,
        logins={**parts.logins, Platform.ALIPAY: AlipayLogin(gateway)},
        phones={**parts.phones, Platform.ALIPAY: AlipayPhone(gateway, seen=parts.cache)},
        certifiers={**parts.certifiers, "alipay_certify": certify},
        senders={**parts.senders, Platform.ALIPAY: AlipayMessages(gateway)},
        alipay_notify=AlipayNotifications(settings.alipay_app_id, public_pem),
    )


def _with_wecom(parts: Outside, settings: Settings) -> Outside:
    key = settings.wecom_robot_key.get_secret_value()
    if not key:
        return parts
    robot = WeComRobot(settings.wecom_base_url, key, clock=parts.clock, timeout_s=settings.platform_timeout_s)
    return replace(parts, alerts=robot)


def _with_letters(parts: Outside, settings: Settings) -> Outside:
    """E-mail and SMS, each where it is set."""
    if settings.mail_host:
        server = MailServer(
            settings.mail_host,
            settings.mail_port,
            settings.mail_security,
            settings.mail_user,
            settings.mail_password.get_secret_value(),
        )
        parts = replace(parts, mailer=SmtpMailer(server, settings.mail_from, settings.school_name, parts.clock))
    if settings.sms_base_url:
        account = SmsAccount(
            settings.sms_access_key,
            settings.sms_secret.get_secret_value(),
            settings.sms_sign_name,
            {SmsKind.NOTICE: settings.sms_template_notice, SmsKind.CODE: settings.sms_template_code},
        )
        gateway = SmsGateway(settings.sms_base_url, account, clock=parts.clock, timeout_s=settings.platform_timeout_s)
        parts = replace(parts, sms=gateway)
    return parts


def _with_carriers(parts: Outside, settings: Settings) -> Outside:
    """Only EMS answers queries: 机要通信 has no public tracking."""
    if not settings.ems_app_id:
        return parts
    try:
        spoken = dialect.load(settings.ems_dialect)
    except dialect.DialectInvalid as error:
        raise SettingsError([f"LANTAI_EMS_DIALECT: {fault}" for fault in error.faults]) from None
    ems = Ems(
        settings.ems_base_url,
        settings.ems_app_id,
        settings.ems_app_secret.get_secret_value(),
        spoken,
        clock=parts.clock,
        timeout_s=settings.platform_timeout_s,
    )
    return replace(parts, carriers={"ems": ems})
