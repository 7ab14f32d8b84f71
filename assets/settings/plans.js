// The list of flags that a plan may list is narrowed down while somebody types. Without it, the list is whole.
(() => {
  "use strict";
  const field = document.querySelector("[data-narrow]");
  if (!field) return;
  const list = document.getElementById(field.dataset.narrow);
  const said = document.querySelector("[data-narrowed]");
  const rows = [...list.querySelectorAll(".check")].map((row) => [row, row.textContent.toLowerCase()]);
  const narrow = () => {
    const wanted = field.value.trim().toLowerCase();
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !text.includes(wanted);
      if (!row.hidden) shown++;
    }
    said.textContent = wanted ? shown + " of " + rows.length + " flags" : "";
  };
  field.addEventListener("input", narrow);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // which would save the plan
  });
})();
