// The one button of a dossier that needs a script; without it the browser's own command prints as well.
document.querySelector("[data-print]")?.addEventListener("click", () => window.print());
