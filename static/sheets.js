// A form that takes a while says so, and is not sent twice.
"use strict";

for (const form of document.querySelectorAll("[data-busy]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const words = form.querySelector("[data-busy-words]");
    if (words) words.textContent = form.dataset.busy;
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-busy]")) {
    delete form.dataset.sent;
    const words = form.querySelector("[data-busy-words]");
    if (words) words.textContent = "";
  }
});
