// Drafts of forms that were thrown away in this browser: listed on the page of the trash, until they leave it.
"use strict";

const browserTrash = document.querySelector("[data-browser-trash]");

function thrownAway() {
  const prefix = `trash draft ${browserTrash.dataset.person} `;
  const oldest = Date.now() - Number(browserTrash.dataset.days) * 24 * 3600 * 1000;
  const drafts = [];
  for (const key of Object.keys(localStorage).filter((name) => name.startsWith(prefix))) {
    let draft = null;
    try {
      draft = JSON.parse(localStorage.getItem(key));
    } catch {
      // not ours
    }
    if (draft && draft.trashed > oldest) drafts.push([key, draft]);
    else localStorage.removeItem(key);
  }
  return drafts.sort(([, one], [, other]) => other.trashed - one.trashed);
}

for (const [key, draft] of thrownAway()) {
  const row = document.createElement("li");
  const when = new Date(draft.trashed).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  const back = document.createElement("button");
  Object.assign(back, { type: "button", className: "btn btn-sm btn-outline-secondary ms-2", textContent: browserTrash.dataset.takeBack });
  back.addEventListener("click", () => {
    localStorage.setItem(key.slice("trash ".length), JSON.stringify({ at: Date.now(), edition: draft.edition, typed: draft.typed }));
    localStorage.removeItem(key);
    location.assign(draft.address);
  });
  row.append(`${draft.title} · ${when}`, back);
  browserTrash.append(row);
  document.querySelector("[data-browser-trash-empty]").hidden = true;
}
