// Loaded before the page is painted, so that a dark room stays dark.
"use strict";

const systemTheme = window.matchMedia("(prefers-color-scheme: dark)");

function themeChoice() {
  return localStorage.getItem("theme") || "auto";
}

function applyTheme() {
  const choice = themeChoice();
  const theme = choice === "auto" ? (systemTheme.matches ? "dark" : "light") : choice;
  document.documentElement.setAttribute("data-bs-theme", theme);
  document.dispatchEvent(new CustomEvent("themechange"));
}

systemTheme.addEventListener("change", applyTheme);
applyTheme();
