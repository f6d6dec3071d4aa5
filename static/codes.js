// Codes of samples are offered while one is typed.
"use strict";

const codeList = document.getElementById("codes");
let askingForCodes = 0;

document.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-codes]")) return;
  clearTimeout(askingForCodes);
  askingForCodes = setTimeout(() => offerCodes(target.value), 200);
});

async function offerCodes(typed) {
  const response = await fetch(`${codeList.dataset.address}?${new URLSearchParams({ q: typed })}`);
  if (response.ok) codeList.innerHTML = await response.text();
}

// Return in a row saves that row, as leaving it does, and sends no form.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("[data-codes][hx-post]")) return;
  event.preventDefault();
  event.target.blur();
});
