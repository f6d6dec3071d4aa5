// The review page by keyboard: 1–6 choose the verdict, Enter in the reason signs; n, p and z go on, back and undo.
"use strict";

const reason = document.getElementById("id_reason");
const verdictForm = document.getElementById("verdict-form");

function chooseVerdict(n) {
  const verdict = document.getElementById(`verdict-${n}`);
  if (!verdict) return;
  verdict.checked = true;
  verdict.dispatchEvent(new Event("change", { bubbles: true }));
}

// A known phase is named first; everything else needs its reason alone.
function showNeeded() {
  const verdict = verdictForm.querySelector("[name=verdict]:checked");
  const isKnown = verdict?.value === "known_phase";
  verdictForm.querySelector(".known-phase").hidden = !isKnown;
  if (verdict) (isKnown ? document.getElementById("id_phase") : reason).focus({ preventScroll: true });
}

if (verdictForm) {
  verdictForm.addEventListener("change", ({ target }) => {
    if (target.name === "verdict") showNeeded();
  });
  showNeeded();
}

function press(id) {
  document.getElementById(id)?.click();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest("#verdict-form")) event.target.blur();
  const typing = event.target.closest("input:not([type=radio], [type=checkbox], [type=range]), textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !keysAreOn()) return;
  if (/^[1-6]$/.test(event.key) && verdictForm) {
    event.preventDefault();
    chooseVerdict(event.key);
  } else if (event.key === "n") {
    press("review-next");
  } else if (event.key === "p") {
    press("review-previous");
  } else if (event.key === "z") {
    press("review-undo");
  }
});
