// What the forms about one flag do by themselves when scripts run; without them, their buttons do the same by way of the
// server.
(() => {
  "use strict";

  // The key follows the title until somebody writes a key.
  const title = document.querySelector("#new-flag #title");
  const key = document.querySelector("#new-flag #key");
  const suggestion = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").replace(/ß/g, "ss").toLowerCase()
    .replace(/[^a-z0-9._]+/g, "-").replace(/^[-._]+|[-._]+$/g, "").slice(0, 128);
  if (title && key) {
    let follows = key.value === "" || key.value === suggestion(title.value);
    title.addEventListener("input", () => { if (follows) key.value = suggestion(title.value); });
    key.addEventListener("input", () => { follows = key.value === ""; });
  }

  // Rows are added, removed and moved in place.
  const number = (body) => {
    [...body.rows].forEach((row, i) => {
      for (const part of row.querySelectorAll("input, textarea, button")) {
        if (part.type === "radio") part.value = i;
        else if (part.tagName === "BUTTON") part.value = part.value.replace(/\d+$/, i);
        else part.id = part.id.replace(/\d+$/, i);
        part.setAttribute("aria-label", part.getAttribute("aria-label").replace(/\d+$/, i + 1));
      }
    });
    body.closest("table").hidden = body.rows.length === 0;
  };
  const empty = (rows) => {
    const body = rows.querySelector("tbody");
    const pattern = document.querySelector(`template[data-row=${rows.dataset.rows}]`)?.content.firstElementChild || body.rows[body.rows.length - 1];
    if (!pattern) return null;
    const row = document.importNode(pattern, true);
    for (const wrong of row.querySelectorAll(".error")) wrong.remove();
    for (const part of row.querySelectorAll("input, textarea")) {
      part.removeAttribute("aria-invalid");
      part.removeAttribute("aria-describedby");
      if (part.type === "radio") part.checked = false;
      else part.value = "";
    }
    return row;
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-rows] button[name=do]");
    if (!button) return;
    const rows = button.closest("[data-rows]");
    const body = rows.querySelector("tbody");
    const row = button.closest("tr");
    const verb = button.value.split("-")[1];
    if (verb === "add") {
      const fresh = empty(rows);
      if (!fresh) return; // the server knows what a row looks like
      event.preventDefault();
      body.append(fresh);
      number(body);
      fresh.querySelector("input").focus();
      return;
    }
    event.preventDefault();
    // Rows that change places keep what is chosen in them: while their radio buttons are apart, none is unchosen.
    const chosen = [...body.querySelectorAll("input[type=radio]:checked")];
    if (verb === "remove") {
      const next = row.nextElementSibling || row.previousElementSibling;
      if (!next && rows.dataset.rows === "variant") return;
      row.remove();
      (next?.querySelector("button[value*=remove]") || rows.querySelector("button[value$=add]")).focus();
    } else if (verb === "up" && row.previousElementSibling) {
      row.previousElementSibling.before(row);
    } else if (verb === "down" && row.nextElementSibling) {
      row.nextElementSibling.after(row);
    }
    for (const radio of chosen) radio.checked = true;
    number(body);
    if (verb !== "remove") button.focus();
  });
})();
