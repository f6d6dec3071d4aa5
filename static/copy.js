// A button that copies a field. Clipboards open to secure pages only: elsewhere the text is marked, and Ctrl+C copies it.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  const copied = navigator.clipboard ? await navigator.clipboard.writeText(field.value).then(() => true, () => false) : document.execCommand("copy");
  if (copied) button.textContent = button.dataset.copied;
});
