// What is typed into a form is kept in this browser until it is saved, and offered again; leaving it unsaved is asked about.
//
// <form data-draft="sample ASR-001" data-draft-edition="3">  The words "Restore what you typed…" are in #draft-words.
"use strict";

const DRAFT_LIVES = 14 * 24 * 3600 * 1000;
const draftWords = document.getElementById("draft-words").dataset;
const draftForms = [...document.querySelectorAll("form[data-draft]")];

function draftKey(form) {
  return `draft ${draftWords.person} ${form.dataset.draft}`;
}

function draftFields(form) {
  return [...form.elements].filter((field) => field.name && !["hidden", "password", "file", "submit", "button"].includes(field.type));
}

function typedIn(form) {
  return draftFields(form).map((field) => [
    field.name, ["checkbox", "radio"].includes(field.type) ? `${field.value}=${field.checked}` : field.value,
  ]);
}

function storedDraft(form) {
  try {
    const draft = JSON.parse(localStorage.getItem(draftKey(form)));
    return draft && Date.now() - draft.at < DRAFT_LIVES ? draft : null;
  } catch {
    return null; // not ours, or from an older page
  }
}

function keepDraft(form) {
  const typed = typedIn(form);
  form.unsaved = JSON.stringify(typed) !== form.asOpened;
  try {
    if (form.unsaved) localStorage.setItem(draftKey(form), JSON.stringify({ at: Date.now(), edition: form.dataset.draftEdition || "", typed }));
    else localStorage.removeItem(draftKey(form));
  } catch {
    // full or forbidden: the warning before leaving is still there
  }
}

function addMissingRows(form, typed) {
  // Rows of a sheet that were added by its button
  const names = new Set(typed.map(([name]) => name));
  for (const button of form.querySelectorAll("[data-add-row]")) {
    const prefix = button.dataset.addRow;
    const wanted = Math.max(-1, ...[...names].map((name) => name.match(new RegExp(`^${prefix}-(\\d+)-`))).filter(Boolean).map((match) => Number(match[1])));
    for (let tries = 0; tries < 60 && !draftFields(form).some((field) => field.name.startsWith(`${prefix}-${wanted}-`)) && wanted >= 0; tries += 1) button.click();
  }
}

function restoreDraft(form, typed) {
  addMissingRows(form, typed);
  const waiting = [...typed];
  for (const field of draftFields(form)) {
    const place = waiting.findIndex(([name, value]) => name === field.name
      && (!["checkbox", "radio"].includes(field.type) || value.startsWith(`${field.value}=`)));
    if (place < 0) continue;
    const [, value] = waiting.splice(place, 1)[0];
    if (["checkbox", "radio"].includes(field.type)) field.checked = value.endsWith("=true");
    else field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  keepDraft(form);
}

// The page of the trash lists it, and gives it back.
function throwAway(form, draft) {
  const kept = { ...draft, trashed: Date.now(), address: location.pathname + location.search, title: document.title };
  localStorage.removeItem(draftKey(form));
  try {
    localStorage.setItem(`trash ${draftKey(form)}`, JSON.stringify(kept));
  } catch {
    // full: then it is gone
  }
}

function offerDraft(form, draft) {
  const offer = document.createElement("div");
  offer.className = "alert alert-info draft-offer";
  offer.setAttribute("role", "status");
  const when = new Date(draft.at).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  const question = document.createElement("p");
  question.textContent = draftWords.question.replace("{when}", when);
  if (draft.edition !== (form.dataset.draftEdition || "")) question.textContent += ` ${draftWords.changed}`;
  const restore = document.createElement("button");
  Object.assign(restore, { type: "button", className: "btn btn-sm btn-primary", textContent: draftWords.restore });
  restore.addEventListener("click", () => { restoreDraft(form, draft.typed); offer.remove(); });
  const drop = document.createElement("button");
  Object.assign(drop, { type: "button", className: "btn btn-sm btn-outline-secondary ms-2", textContent: draftWords.drop });
  drop.addEventListener("click", () => { throwAway(form, draft); offer.remove(); });
  offer.append(question, restore, drop);
  form.prepend(offer);
}

// A form that was saved is answered by a redirect; one that was refused, or came too late, is not, and its draft stays.
function dropSavedDraft() {
  const sent = JSON.parse(sessionStorage.getItem("draft sent"));
  sessionStorage.removeItem("draft sent");
  const [arrival] = performance.getEntriesByType("navigation");
  const saved = draftWords.person && arrival && arrival.redirectCount > 0 && sent && Date.now() - sent.at < 60000;
  if (saved) localStorage.removeItem(sent.key);
  return sent && !saved ? sent.key : "";
}

const refused = dropSavedDraft();

for (const form of draftForms) {
  form.asOpened = JSON.stringify(typedIn(form));
  const draft = storedDraft(form);
  if (draft && JSON.stringify(draft.typed) !== form.asOpened) offerDraft(form, draft);
  else if (draft && refused === draftKey(form)) form.unsaved = true;
  form.addEventListener("input", () => keepDraft(form));
  form.addEventListener("change", () => keepDraft(form));
  form.addEventListener("submit", () => {
    form.unsaved = false;
    sessionStorage.setItem("draft sent", JSON.stringify({ key: draftKey(form), at: Date.now() }));
  });
}

window.addEventListener("beforeunload", (event) => {
  if (draftForms.some((form) => form.unsaved)) event.preventDefault();
});
