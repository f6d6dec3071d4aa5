// The sheet of observed phases: cells copied from a spreadsheet are pasted over the cells from here on.
"use strict";

const pasteStatus = document.querySelector("[data-paste-status]");

function cellsOf(row) {
  return [...row.querySelectorAll("tr:first-child td")].map((cell) => cell.querySelector("input, select, textarea"));
}

function rowsOf(sheet) {
  return [...sheet.querySelectorAll("tbody[data-row]")];
}

function normalised(text) {
  return text.normalize("NFKC").trim().toLowerCase();
}

// What could not be put into the cell is given back.
function put(cell, text) {
  const wanted = normalised(text);
  if (cell.type === "checkbox") {
    cell.checked = ["x", "1", "yes", "true", "✓", "はい"].includes(wanted);
  } else if (cell.matches("select")) {
    const options = [...cell.options];
    const option = options.find((o) => [o.value, o.text].some((said) => normalised(said) === wanted))
      || options.find((o) => wanted && normalised(o.text).startsWith(wanted));
    if (!option) return text;
    cell.value = option.value;
  } else {
    cell.value = text.trim();
  }
  return "";
}

document.addEventListener("paste", (event) => {
  const sheet = event.target.closest("[data-sheet]");
  const text = event.clipboardData.getData("text/plain").replace(/[\r\n]+$/, "");
  if (!sheet || !/[\t\n]/.test(text)) return;
  event.preventDefault();
  const firstRow = rowsOf(sheet).indexOf(event.target.closest("tbody[data-row]"));
  const firstCell = cellsOf(rowsOf(sheet)[firstRow]).indexOf(event.target);
  const left = [];
  text.split(/\r?\n/).forEach((line, n) => {
    while (rowsOf(sheet).length <= firstRow + n) {
      const before = rowsOf(sheet).length;
      document.querySelector(`[data-add-row="${sheet.dataset.rows}"]`).click();
      if (rowsOf(sheet).length === before) return;
    }
    const cells = cellsOf(rowsOf(sheet)[firstRow + n]);
    line.split("\t").forEach((said, column) => {
      const cell = cells[firstCell + column];
      if (cell && said.trim()) left.push(put(cell, said));
    });
  });
  const lost = left.filter(Boolean);
  pasteStatus.textContent = lost.length ? `${pasteStatus.dataset.notAChoice} ${lost.join(", ")}` : "";
  event.target.focus();
});

// A row that was added asks for its conversions too.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-add-row]");
  if (!button) return;
  const rows = document.querySelectorAll(`[data-rows="${button.dataset.addRow}"] [data-row]`);
  htmx.process(rows[rows.length - 1]);
});
