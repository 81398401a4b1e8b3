// A one-time link carries its code behind the "#": it goes into the form and out of the address and the history.
"use strict";

(() => {
  const field = document.querySelector("[data-link-code]");
  const code = window.location.hash.slice(1);
  if (!field || !code) return;
  window.history.replaceState(null, "", window.location.pathname);
  field.value = decodeURIComponent(code);
  field.form.requestSubmit();
})();
