// The form of a sample: more rows, and of each step only the fields that its kind has.
"use strict";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-add-row]");
  if (!button) return;
  const prefix = button.dataset.addRow;
  const rows = document.querySelector(`[data-rows="${prefix}"]`);
  const total = document.getElementById(`id_${prefix}-TOTAL_FORMS`);
  const template = rows.querySelector("[data-row-template]");
  template.insertAdjacentHTML("beforebegin", template.innerHTML.replaceAll("__prefix__", total.value));
  total.value = Number(total.value) + 1;
  const row = template.previousElementSibling;
  showFieldsOfKind(row);
  row.querySelector("input, select").focus();
});

// A field that holds something stays in sight, so that nothing is sent unseen.
function showFieldsOfKind(row) {
  const kind = row.querySelector("select[name$=-kind]");
  if (!kind) return;
  for (const field of row.querySelectorAll("[data-kinds]")) {
    const belongs = field.dataset.kinds.split(" ").includes(kind.value);
    field.parentElement.hidden = !belongs && !field.value && !field.matches(".is-invalid");
  }
}

document.addEventListener("change", (event) => {
  const row = event.target.closest("[data-row]");
  if (row) showFieldsOfKind(row);
});
document.querySelectorAll("[data-row]").forEach(showFieldsOfKind);
