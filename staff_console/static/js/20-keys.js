// Keys beside the pages' own links and buttons: each presses or opens what stands on the page already.
"use strict";

(() => {
  const SWITCH = "lantai-console-keys";
  const on = () => window.localStorage.getItem(SWITCH) !== "off";
  const typing = (target) => target instanceof Element && target.closest("input, textarea, select, [contenteditable]");
  const dialog = document.querySelector("[data-keys-help]");
  const PLACES = { h: "/console/", q: "/console/tickets" };
  let leading = false;

  const step = (by) => {
    const rows = [...document.querySelectorAll("[data-row]")];
    if (rows.length === 0) return;
    const at = rows.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
  };

  const open = (details) => {
    details.open = true;
    const field = details.querySelector("textarea, select, input:not([type=hidden]), button");
    (field || details.querySelector("summary")).focus();
    details.scrollIntoView({ block: "nearest" });
  };

  const help = () => {
    if (!dialog) return false;
    if (dialog.open) dialog.close();
    else dialog.showModal();
    return true;
  };

  const act = (key) => {
    if (key === "j") step(1);
    else if (key === "k") step(-1);
    else if (key === "/") {
      const search = document.querySelector("main [data-search]") || document.querySelector("[data-search]");
      if (!search) return false;
      search.focus();
    } else if (key === "g") leading = true;
    else if (key === "?") return help();
    else {
      const name = window.CSS.escape(key);
      const form = document.querySelector(`[data-key-open="${name}"]`);
      const button = document.querySelector(`[data-key-press="${name}"]`);
      if (form) open(form);
      else if (button && window.getComputedStyle(button).visibility === "visible") button.click();
      else return false;
    }
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1) return;
    if (typing(event.target) || !on() || (dialog?.open && event.key !== "?")) return;
    if (leading) {
      leading = false;
      if (!(event.key in PLACES)) return;
      const link = document.querySelector(`a[href="${PLACES[event.key]}"]`);
      if (!link) return;
      event.preventDefault();
      link.click();
      return;
    }
    if (act(event.key)) event.preventDefault();
  });

  const toggle = document.querySelector("[data-keys-toggle]");
  if (toggle) {
    const show = () => {
      toggle.setAttribute("aria-pressed", String(on()));
      toggle.textContent = on() ? "键盘快捷键：开" : "键盘快捷键：关";
    };
    toggle.addEventListener("click", () => {
      window.localStorage.setItem(SWITCH, on() ? "off" : "on");
      show();
    });
    toggle.closest("[hidden]")?.removeAttribute("hidden");
    show();
  }
  document.querySelector("[data-keys-show]")?.addEventListener("click", help);
})();
