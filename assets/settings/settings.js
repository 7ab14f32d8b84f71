// What all settings pages share. Every page works without it.
(() => {
  "use strict";

  // Times are written in the reader's zone by the server once it knows the zone. It is told here; on the very first page
  // they are written anew.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const told = document.cookie.includes("flags-zone=" + encodeURIComponent(zone));
  if (zone && !told) {
    document.cookie = "flags-zone=" + encodeURIComponent(zone) + "; path=/; max-age=31536000; samesite=lax";
    const written = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = written.format(new Date(time.dateTime));
      if (time.title) time.title = at;
      else if (time.textContent.includes(":")) time.textContent = at;
    }
  }

  // A link marked data-dialog opens its page's form in a dialog. Where that does not work, the link is followed.
  const dialog = document.getElementById("dialog");
  const open = async (url) => {
    const answer = await fetch(url, { headers: { "HX-Request": "true", "X-Dialog": "true" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const sheet = page.querySelector("[data-sheet]");
    if (!answer.ok || !sheet) throw new Error("no form there");
    sheet.classList.add("sheet");
    const title = sheet.querySelector("h1, h2");
    if (title) title.id = "dialog-title";
    dialog.replaceChildren(sheet);
    window.htmx?.process(sheet);
    for (const cancel of dialog.querySelectorAll("[data-cancel]")) {
      cancel.addEventListener("click", (event) => {
        event.preventDefault();
        dialog.close();
      });
    }
    document.dispatchEvent(new CustomEvent("settings:content", { detail: dialog }));
    dialog.showModal();
    (dialog.querySelector("[autofocus]") || dialog.querySelector("input:not([type=hidden]), textarea, select, button"))?.focus();
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    open(link.href).catch(() => location.assign(link.href));
  });
  dialog?.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });

  // The menu closes when the focus leaves it, or with Escape.
  const menu = document.querySelector(".menu");
  menu?.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  menu?.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // On a phone a line of tabs may be longer than the screen: the current one is in sight.
  for (const tab of document.querySelectorAll(".tabs-line [aria-current]")) {
    const line = tab.parentElement;
    line.scrollLeft = Math.max(0, tab.offsetLeft + tab.offsetWidth - line.clientWidth + 24);
  }

  // "/" goes to the page's search.
  document.addEventListener("keydown", (event) => {
    const search = document.querySelector("[data-search]");
    if (event.key !== "/" || !search || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable], dialog[open]")) return;
    event.preventDefault();
    search.focus();
    search.select();
  });

  // After a refused form, the first marked field has the focus.
  document.querySelector("main [aria-invalid=true]")?.focus();

  // What takes effect as soon as it is chosen; without a script there is a button.
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-submit]")) event.target.form.requestSubmit();
  });

  // A button is not pressed twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    setTimeout(() => {
      for (const button of form.querySelectorAll("button:not([type=button])")) button.disabled = true;
    });
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const button of document.querySelectorAll("button[disabled]")) button.disabled = false;
  });

  // data-copy copies a text, such as a token that is shown once.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.querySelector("[data-said]").textContent = "Copied";
  });
})();
