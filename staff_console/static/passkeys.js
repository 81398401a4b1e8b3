// The browser's dialogue for passkeys. Each [data-passkey] stands in a form that is sent when the dialogue succeeds;
// without script, or at an address where passkeys do not work, it stays hidden.
"use strict";

(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (words) =>
    Uint8Array.from(window.atob(words.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const words = (buffer) =>
    window
      .btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replaceAll("=", "");
  const named = (credentials) => (credentials || []).map((c) => ({ ...c, id: bytes(c.id) }));

  const create = async (options) => {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: named(options.excludeCredentials),
      },
    });
    return {
      id: made.id,
      rawId: words(made.rawId),
      type: made.type,
      clientExtensionResults: {},
      response: {
        clientDataJSON: words(made.response.clientDataJSON),
        attestationObject: words(made.response.attestationObject),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      },
    };
  };

  const get = async (options) => {
    const shown = await navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        allowCredentials: named(options.allowCredentials),
      },
    });
    return {
      id: shown.id,
      rawId: words(shown.rawId),
      type: shown.type,
      clientExtensionResults: {},
      response: {
        clientDataJSON: words(shown.response.clientDataJSON),
        authenticatorData: words(shown.response.authenticatorData),
        signature: words(shown.response.signature),
        userHandle: shown.response.userHandle ? words(shown.response.userHandle) : null,
      },
    };
  };

  const SAID = {
    NotAllowedError: "没有完成验证：已取消、超时，或这台设备上没有可用的通行密钥。",
    InvalidStateError: "这台设备上已登记过您的通行密钥。",
    SecurityError: "当前网址不能使用通行密钥。",
  };

  const begin = async (part, form) => {
    const answer = await fetch(part.dataset.options, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
    });
    if (answer.redirected) {
      window.location.assign(answer.url);
      return null;
    }
    const kind = answer.headers.get("Content-Type") || "";
    if (!kind.startsWith("application/json")) throw new Error("页面已失效，请刷新后重试。");
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.title);
    return told;
  };

  for (const part of document.querySelectorAll("[data-passkey]")) {
    if (part.dataset.origin !== window.location.origin || part.dataset.ready) continue;
    part.dataset.ready = "yes"; // a page may name this script twice
    const form = part.closest("form");
    const button = part.querySelector("button");
    const message = part.querySelector("[data-passkey-message]");
    part.removeAttribute("hidden");
    button.addEventListener("click", async () => {
      if (!form.reportValidity()) return;
      button.disabled = true;
      message.textContent = "请按浏览器或系统的提示操作…";
      try {
        const begun = await begin(part, form);
        if (!begun) return;
        const answer = part.dataset.passkey === "create" ? await create(begun.options) : await get(begun.options);
        part.querySelector("[data-passkey-ceremony]").value = begun.ceremony;
        part.querySelector("[data-passkey-answer]").value = JSON.stringify(answer);
        form.requestSubmit(form.querySelector("[data-passkey-submit]") || undefined);
      } catch (error) {
        message.textContent = SAID[error.name] || error.message || "通行密钥验证失败，请重试。";
        button.disabled = false;
      }
    });
  }
})();
