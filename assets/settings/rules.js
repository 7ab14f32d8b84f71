// The rule builder with a script: what its buttons would ask the server for is done in place, rules can be dragged, and
// what the rules do is said anew while somebody types. Without it every button works all the same.
(() => {
  "use strict";
  const form = document.querySelector("[data-builder]");
  if (!form) return;
  const announcer = form.querySelector("[data-announce]");
  const announce = (text) => { announcer.textContent = text; };

  // Each field is named by its place: the lists that it stands in, and its number in each.
  const scopeOf = (element) => element.parentElement?.closest("[data-item], [data-scope]");
  const itemsOf = (list) => [...list.children].filter((child) => child.matches("[data-item]"));
  const pathOf = (element) => {
    const parent = scopeOf(element);
    const above = parent && form.contains(parent) ? pathOf(parent) : "";
    const own = element.dataset.scope ?? itemsOf(element.parentElement).indexOf(element);
    return above === "" ? String(own) : above + "." + own;
  };
  const rename = () => {
    const paths = new Map();
    const path = (scope) => {
      if (!paths.has(scope)) paths.set(scope, pathOf(scope));
      return paths.get(scope);
    };
    for (const field of form.querySelectorAll("[data-f]")) field.name = path(scopeOf(field)) + "." + field.dataset.f;
    for (const button of form.querySelectorAll("[data-do]")) {
      const scope = scopeOf(button);
      button.value = button.dataset.do + (scope ? ":" + path(scope) : "");
    }
    form.querySelectorAll("[data-rule]").forEach((rule, i) => {
      rule.id = "rules." + i;
      for (const number of rule.querySelectorAll("[data-number]")) number.textContent = i + 1;
      for (const button of rule.querySelectorAll("[data-label]")) button.setAttribute("aria-label", button.dataset.label.replace("#", i + 1));
    });
  };

  // What the rules do is the server's to say: it is shown the form, and saves nothing.
  let asked = 0;
  let timer;
  const describe = async () => {
    const turn = ++asked;
    const data = new URLSearchParams(new FormData(form));
    data.delete("do");
    data.set("do", "show");
    const answer = await fetch(form.action, { method: "POST", body: data, headers: { "HX-Request": "true" } });
    if (!answer.ok || turn !== asked) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["[data-words]", "[data-advice]"]) {
      const said = page.querySelectorAll("[data-builder] " + part);
      const shown = form.querySelectorAll(part);
      if (said.length !== shown.length) return;
      shown.forEach((element, i) => {
        if (element.innerHTML !== said[i].innerHTML) element.replaceChildren(...said[i].cloneNode(true).childNodes);
      });
    }
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => describe().catch(() => {}), 250);
  };
  const changed = () => {
    rename();
    soon();
  };

  const fresh = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
  const firstField = (element) => element.querySelector("input:not([type=hidden]):not([type=range]), select, textarea");
  // A copy brings along what was typed, which cloning leaves behind for some fields, and none of the complaints.
  const copyOf = (item) => {
    const copy = item.cloneNode(true);
    const typed = item.querySelectorAll("input, select, textarea");
    copy.querySelectorAll("input, select, textarea").forEach((field, i) => {
      field.value = typed[i].value;
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
      field.removeAttribute("autofocus");
    });
    for (const error of copy.querySelectorAll(".error")) error.remove();
    return copy;
  };
  const numberOf = (rule) => itemsOf(rule.parentElement).indexOf(rule) + 1;
  const move = (rule, by) => {
    const other = by < 0 ? rule.previousElementSibling : rule.nextElementSibling;
    if (!other) {
      announce("Rule " + numberOf(rule) + (by < 0 ? " is the first." : " is the last."));
      return;
    }
    const had = document.activeElement;
    if (by < 0) other.before(rule);
    else other.after(rule);
    changed();
    if (rule.contains(had)) had.focus();
    announce("Moved to place " + numberOf(rule) + " of " + itemsOf(rule.parentElement).length + ".");
  };
  const add = (list, item, text) => {
    list.append(item);
    changed();
    firstField(item)?.focus();
    announce(text);
  };
  const remove = (item) => {
    const list = item.parentElement;
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    changed();
    const adding = list.parentElement.querySelector(":scope > .adds button, :scope > .actions button");
    ((next && firstField(next)) ?? adding)?.focus();
    announce("Removed.");
  };
  const listOf = (button) => button.closest(".adds").parentElement.querySelector(":scope > [data-list]");
  const actions = {
    "add-rule": () => add(form.querySelector("[data-rules]"), fresh("new-rule"), "A rule was added."),
    "add-condition": (button) => add(listOf(button), fresh("new-condition"), "A condition was added."),
    "add-segment": (button) => add(listOf(button), fresh("new-segment"), "A segment was added."),
    "add-group": (button) => add(listOf(button), fresh("new-group"), "A group was added."),
    up: (button) => move(button.closest("[data-rule]"), -1),
    down: (button) => move(button.closest("[data-rule]"), 1),
    remove: (button) => remove(button.closest("[data-item]")),
    duplicate: (button) => {
      const item = button.closest("[data-item]");
      const copy = copyOf(item);
      item.after(copy);
      changed();
      firstField(copy)?.focus();
      announce("Copied.");
    },
  };
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    event.preventDefault();
    actions[button.dataset.do](button);
  });

  // Enter in a field says what the rules do now; it saves nothing.
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input:not([type=range])")) {
      event.preventDefault();
      describe().catch(() => {});
    }
    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    const rule = event.target.closest("[data-rule]");
    if (!rule) return;
    event.preventDefault();
    move(rule, event.key === "ArrowUp" ? -1 : 1);
  });

  // A slider beside the field of a share, and bars beside the weights of a split.
  const number = (text) => {
    const n = Number(text.trim().replace(",", ".").replace("%", ""));
    return Number.isFinite(n) && n > 0 ? n : 0;
  };
  const fill = (slider) => slider.style.setProperty("--slider-value", slider.value + "%");
  form.querySelectorAll("[data-slider]").forEach(fill);
  const weigh = (weights) => {
    const rows = [...weights.querySelectorAll("[data-weight]")];
    const values = rows.map((row) => number(row.querySelector("input:not([type=hidden])").value));
    const total = values.reduce((a, b) => a + b, 0);
    rows.forEach((row, i) => {
      const share = total ? values[i] / total : 0;
      row.querySelector("progress").value = Math.floor(share * 1000);
      row.querySelector("output").textContent = parseFloat((share * 100).toFixed(2)) + " %";
    });
  };
  form.addEventListener("input", (event) => {
    const field = event.target;
    if (field.matches("[data-slider]")) field.parentElement.querySelector("[data-f=share]").value = field.value;
    if (field.dataset.f === "share") field.closest(".share").querySelector("[data-slider]").value = number(field.value);
    for (const slider of field.closest(".share")?.querySelectorAll("[data-slider]") ?? []) fill(slider);
    const weights = field.closest("[data-weights]");
    if (weights) weigh(weights);
    soon();
  });
  form.addEventListener("change", (event) => {
    const look = event.target.dataset.f === "segment" && event.target.closest("[data-item]").querySelector("[data-segment]");
    if (look) look.href = look.dataset.segment + encodeURIComponent(event.target.value);
    soon();
  });

  // Values that people often have for an attribute: a button each, which adds the value or takes it out again.
  const often = new Map();
  for (const list of document.querySelectorAll("[data-often]")) often.set(list.dataset.often, [...list.options].map((option) => option.value));
  const linesOf = (field) => field.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const offer = (condition) => {
    const offers = condition.querySelector(":scope > .fields > [data-offers]");
    if (!offers) return;
    const known = often.get(condition.querySelector("[data-f=attribute]").value.trim()) ?? [];
    const chosen = linesOf(condition.querySelector("[data-f=values]"));
    offers.hidden = known.length === 0;
    offers.replaceChildren("Often: ", ...known.slice(0, 8).map((value) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "offer key";
      button.textContent = value;
      button.setAttribute("aria-pressed", chosen.includes(value));
      return button;
    }));
  };
  const offerAll = () => form.querySelectorAll("[data-item].condition").forEach(offer);
  offerAll();
  form.addEventListener("input", (event) => {
    if (event.target.matches("[data-f=attribute], [data-f=values]")) offer(event.target.closest("[data-item]"));
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest(".offer");
    if (!button) return;
    const condition = button.closest("[data-item]");
    const field = condition.querySelector("[data-f=values]");
    const value = button.textContent;
    const lines = linesOf(field);
    field.value = (lines.includes(value) ? lines.filter((line) => line !== value) : [...lines, value]).join("\n");
    field.rows = Math.min(8, Math.max(1, linesOf(field).length));
    for (const one of condition.querySelectorAll(".offer")) one.setAttribute("aria-pressed", linesOf(field).includes(one.textContent));
    soon();
  });

  // Dragging by the handle, with a mouse, a pen or a finger. Meanwhile rules show their heads alone, so that the way is
  // short; the one that is dragged stays under the pointer.
  form.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    if (!grip || event.button !== 0) return;
    event.preventDefault();
    const rule = grip.closest("[data-rule]");
    const from = numberOf(rule);
    const list = rule.parentElement;
    const begin = () => {
      if (list.classList.contains("dragging")) return;
      const top = grip.getBoundingClientRect().top;
      rule.classList.add("dragged");
      list.classList.add("dragging");
      scrollBy({ top: grip.getBoundingClientRect().top - top, behavior: "instant" });
    };
    const drag = (at) => {
      begin();
      for (const other of itemsOf(rule.parentElement)) {
        if (other === rule) continue;
        const box = other.getBoundingClientRect();
        const above = other.compareDocumentPosition(rule) & Node.DOCUMENT_POSITION_FOLLOWING;
        if (above && at.clientY < box.top + box.height / 2) return other.before(rule);
        if (!above && at.clientY > box.bottom - box.height / 2) other.after(rule);
      }
    };
    const drop = () => {
      removeEventListener("pointermove", drag);
      removeEventListener("pointerup", drop);
      removeEventListener("pointercancel", drop);
      rule.classList.remove("dragged");
      list.classList.remove("dragging");
      rule.scrollIntoView({ block: "nearest" });
      changed();
      if (numberOf(rule) !== from) announce("Moved to place " + numberOf(rule) + " of " + itemsOf(rule.parentElement).length + ".");
    };
    addEventListener("pointermove", drag);
    addEventListener("pointerup", drop);
    addEventListener("pointercancel", drop);
  });

  // Where somebody was before a round trip.
  if (!form.querySelector("[aria-invalid=true]")) {
    const focus = form.querySelector("[autofocus]");
    focus?.focus();
  }
})();
