// Moving along the list of flags by keyboard: arrows, or j and k; Enter opens, as for every link.
(() => {
  "use strict";
  const rows = () => [...document.querySelectorAll("a[data-row]")];
  const go = (to) => {
    const all = rows();
    all[Math.max(0, Math.min(to, all.length - 1))]?.focus();
  };
  document.addEventListener("keydown", (event) => {
    const down = event.key === "ArrowDown" || event.key === "j";
    const up = event.key === "ArrowUp" || event.key === "k";
    if ((!down && !up) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const search = event.target.closest?.("[data-search]");
    if (search ? event.key !== "ArrowDown" : event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    const row = event.target.closest?.("tr");
    const at = rows().findIndex((link) => row?.contains(link));
    const arrow = event.key.startsWith("Arrow");
    if (at < 0 && arrow && !search) return; // the arrows scroll the page until a row has the focus
    event.preventDefault();
    if (up && at === 0 && arrow) document.querySelector("[data-search]")?.focus();
    else go(at < 0 ? 0 : at + (down ? 1 : -1));
  });
})();
