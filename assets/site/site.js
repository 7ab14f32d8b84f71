// The sample site's own script: it works without.
(() => {
  const table = document.getElementById("flag-table");

  // The table at the foot compares what the server decided with what the browser reads.
  const compare = () => {
    const values = window.flags.all();
    let agree = true;
    for (const row of table.querySelectorAll("tr[data-visible]")) {
      const inBrowser = JSON.stringify(values[row.dataset.key]);
      const cell = row.querySelector("[data-browser]");
      cell.textContent = inBrowser === undefined ? "missing" : inBrowser;
      const same = cell.textContent === row.querySelector("[data-server]").textContent;
      row.classList.toggle("differs", !same);
      agree = agree && same;
    }
    table.dataset.agree = String(agree);
  };
  if (table && window.flags) {
    compare();
    window.flags.on("change", compare);
  }

  for (const select of document.querySelectorAll("select[data-submit]")) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }
})();
