// What pages do beyond htmx: theme, keyboard, dialogs, and a word where a request fails.
"use strict";

// Theme (applied before paint by theme.js)
function showThemeChoice() {
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    const chosen = button.dataset.themeChoice === themeChoice();
    button.classList.toggle("active", chosen);
    button.setAttribute("aria-pressed", String(chosen));
  }
}

document.addEventListener("click", (event) => {
  const theme = event.target.closest("[data-theme-choice]");
  if (theme) {
    localStorage.setItem("theme", theme.dataset.themeChoice);
    applyTheme();
    showThemeChoice();
  }
  const opener = event.target.closest("[data-open-dialog]");
  if (opener) document.getElementById(opener.dataset.openDialog).showModal();
});
showThemeChoice();

// Keyboard
function keysAreOn() {
  return localStorage.getItem("keys") !== "off";
}

const keysSwitches = document.querySelectorAll("[data-keys-switch]");
for (const keysSwitch of keysSwitches) {
  keysSwitch.checked = keysAreOn();
  keysSwitch.addEventListener("change", () => {
    localStorage.setItem("keys", keysSwitch.checked ? "on" : "off");
    for (const other of keysSwitches) other.checked = keysSwitch.checked;
  });
}

const shortcuts = document.getElementById("shortcuts").dataset;
let goPressedAt = 0;

function go(address) {
  if (address) window.location.assign(address);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable], dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !keysAreOn()) return;
  const afterGo = event.timeStamp - goPressedAt < 1500;
  goPressedAt = event.key === "g" ? event.timeStamp : 0;
  if (afterGo && ["h", "s", "i", "q"].includes(event.key)) {
    go(shortcuts[`go${event.key.toUpperCase()}`]);
  } else if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
  } else if (event.key === "u") {
    go(shortcuts.upload);
  } else if (event.key === "?") {
    document.getElementById("keys-dialog").showModal();
  }
});

// A part of the page that could not be fetched says so; the next one that can takes the word back.
const requestFailed = document.getElementById("request-failed");
for (const kind of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(kind, () => { requestFailed.hidden = false; });
}
document.addEventListener("htmx:afterSwap", () => { requestFailed.hidden = true; });

// "Mark all" of a table
document.addEventListener("change", (event) => {
  const name = event.target.dataset.markAll;
  if (!name) return;
  for (const box of event.target.form.elements) if (box.name === name) box.checked = event.target.checked;
});
