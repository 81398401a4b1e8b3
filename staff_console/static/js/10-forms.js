// Small conveniences on pages that work without them: list keys, one submission per form, printing.
"use strict";

(() => {
  const KEYS = "lantai-console-keys";
  const keysOn = () => window.localStorage.getItem(KEYS) !== "off";
  const typing = (target) => target instanceof Element && target.closest("input, textarea, select, [contenteditable]");

  const step = (by) => {
    const rows = [...document.querySelectorAll("[data-row]")];
    if (rows.length === 0) return;
    const at = rows.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !keysOn()) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "/") {
      const search = document.querySelector("main [data-search]") || document.querySelector("[data-search]");
      if (!search) return;
      search.focus();
    } else return;
    event.preventDefault();
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
    if (form.dataset.sent === "yes") {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button[type=submit]")) {
      button.setAttribute("aria-disabled", "true");
      if (button.dataset.busy) button.textContent = button.dataset.busy;
    }
  });
  // back from the next page: the form may be sent again
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  const toggle = document.querySelector("[data-keys-toggle]");
  if (toggle) {
    const show = () => {
      toggle.setAttribute("aria-pressed", String(keysOn()));
      toggle.textContent = keysOn() ? "键盘快捷键：开" : "键盘快捷键：关";
    };
    toggle.addEventListener("click", () => {
      window.localStorage.setItem(KEYS, keysOn() ? "off" : "on");
      show();
    });
    toggle.closest("[hidden]")?.removeAttribute("hidden");
    show();
  }

  for (const button of document.querySelectorAll("[data-print]")) {
    button.removeAttribute("hidden");
    button.addEventListener("click", () => window.print());
  }
  document.querySelector("[data-focus]")?.focus();
})();
