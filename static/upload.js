// The upload page: files are sent in small groups, so that many show progress and one bad group stops nothing.
"use strict";

const MOST_FILES = 8;
const MOST_BYTES = 8_000_000;
const TRIES = 4; // of a group whose connection is lost, a longer pause before each
const NAMES_SHOWN = 10;

const uploadForm = document.getElementById("upload-form");
const fileInput = document.getElementById("files");
const dropZone = document.getElementById("drop-zone");
const folderInput = document.getElementById("folder");
const uploadStatus = document.getElementById("upload-status");
const sortOut = document.getElementById("sort-out");

let waiting = [];
let lost = [];
let why = ""; // the lab's own sentence, where it said one
let nSent = 0;
let nTotal = 0;
let sending = false;

function pathOf(file) {
  return file.sentPath || file.webkitRelativePath || file.name;
}

function takeFiles(files) {
  waiting.push(...files.sort((a, b) => pathOf(a).localeCompare(pathOf(b), undefined, { numeric: true })));
  nTotal += files.length;
  if (!sending) sendAll();
}

function nextGroup() {
  const group = [waiting.shift()];
  let bytes = group[0].size;
  while (waiting.length && group.length < MOST_FILES && bytes + waiting[0].size < MOST_BYTES) {
    bytes += waiting[0].size;
    group.push(waiting.shift());
  }
  return group;
}

async function sendAll() {
  sending = true;
  while (waiting.length) {
    const group = nextGroup();
    say(uploadForm.dataset.sending.replace("{n}", nSent + group.length).replace("{total}", nTotal));
    try {
      await sendPatiently(group);
      await unpackAll();
      nSent += group.length;
    } catch (error) {
      lost.push(...group);
      why = error.why || why;
    }
  }
  sending = false;
  fileInput.value = folderInput.value = "";
  if (lost.length) sayLost();
  else say(nSent ? uploadForm.dataset.sent : "");
  sayWhereToSortOut();
}

// The lab answers that it cannot serve now, with a page that says why: the disk is full, the database is away.
class NotServed extends Error {
  constructor(status, page) {
    super(`status ${status}`);
    this.status = status;
    this.why = new DOMParser().parseFromString(page, "text/html").getElementById("why")?.textContent ?? "";
  }
}

// The same bytes again are recognised by the server, so that a group whose answer was lost may be sent again.
async function sendPatiently(group) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendGroup(group);
    } catch (error) {
      const mayPass = error instanceof TypeError || error.status === 503;
      if (!mayPass || attempt === TRIES) throw error;
      say(uploadForm.dataset.retrying);
      await new Promise((resolve) => setTimeout(resolve, 500 * 3 ** attempt));
    }
  }
}

// A zip archive is taken out in steps, each of which answers with its cards.
async function unpackAll() {
  for (;;) {
    const { unpack, since } = document.getElementById("run-progress").dataset;
    if (!unpack) return;
    await untilAnswered();
    const body = new FormData(uploadForm);
    body.delete("files");
    body.append("since", since);
    const response = await fetch(unpack, { method: "POST", body, headers: { "HX-Request": "true" } });
    if (!response.ok) throw new Error(response.statusText);
    showAnswer(await response.text());
  }
}

function sayWhereToSortOut() {
  const { address } = document.getElementById("run-progress").dataset;
  sortOut.hidden = !address;
  if (address) sortOut.querySelector("a").href = address;
}

async function sendGroup(group) {
  const body = new FormData(uploadForm);
  body.delete("files");
  for (const file of group) {
    body.append("files", file, file.name);
    body.append("paths", pathOf(file));
  }
  await untilAnswered();
  const { run, since } = document.getElementById("run-progress").dataset;
  if (run) {
    body.append("run", run);
    body.append("since", since);
  }
  const response = await fetch(uploadForm.action, { method: "POST", body, headers: { "HX-Request": "true" } });
  const text = await response.text();
  if (response.status === 422) return showForm(text);
  if (!response.ok) throw new NotServed(response.status, text);
  showAnswer(text);
}

function showAnswer(text) {
  htmx.swap("#run-progress", text, { swapStyle: "outerHTML" });
  const progress = document.getElementById("run-progress");
  if (progress.dataset.address !== window.location.pathname + window.location.search) {
    history.replaceState(null, "", progress.dataset.address);
  }
}

// While files are sent, their answers tell what changed of earlier cards, and the page asks for nothing else:
// it could be told of cards that it does not have yet.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (sending && event.target.id === "run-progress") event.preventDefault();
});

async function untilAnswered() {
  while (document.querySelector("#run-progress.htmx-request")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// The form was refused, for a sample that does not exist: show it with its sentence; the files were not sent.
function showForm(text) {
  const answered = new DOMParser().parseFromString(text, "text/html").getElementById("upload-form");
  const field = answered.querySelector("[name=sample]").parentElement;
  uploadForm.querySelector("[name=sample]").parentElement.replaceWith(field);
  field.querySelector("input").focus();
  nTotal = nSent;
  waiting = [];
}

function say(words) {
  uploadStatus.textContent = words;
}

function sayLost() {
  const names = lost.slice(0, NAMES_SHOWN).map(({ name }) => name);
  if (lost.length > NAMES_SHOWN) names.push(uploadForm.dataset.more.replace("{n}", lost.length - NAMES_SHOWN));
  say(`${uploadForm.dataset.lost} ${names.join(", ")}${why && `. ${why}`} `);
  why = "";
  const again = document.createElement("button");
  again.type = "button";
  again.className = "btn btn-sm btn-outline-primary";
  again.textContent = uploadForm.dataset.again;
  again.addEventListener("click", () => {
    const files = lost;
    lost = [];
    nTotal -= files.length;
    takeFiles(files);
  });
  uploadStatus.append(again);
}

// A dropped folder is read through; hidden files such as .DS_Store are no measurements.
async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    file.sentPath = entry.fullPath;
    return [file];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return found;
    for (const inner of entries) {
      if (!inner.name.startsWith(".")) found.push(...(await filesOf(inner)));
    }
  }
}

for (const kind of ["dragenter", "dragover"]) {
  dropZone.addEventListener(kind, (event) => {
    event.preventDefault();
    dropZone.classList.add("drop-over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  dropZone.addEventListener(kind, () => dropZone.classList.remove("drop-over"));
}
dropZone.addEventListener("drop", async (event) => {
  event.preventDefault();
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  takeFiles((await Promise.all(entries.map(filesOf))).flat());
});
// A file dropped beside the zone must not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());

fileInput.addEventListener("change", () => takeFiles([...fileInput.files]));
folderInput.addEventListener("change", () => {
  takeFiles([...folderInput.files].filter(({ webkitRelativePath }) => !/(^|\/)\./.test(webkitRelativePath)));
});
document.getElementById("choose-folder").addEventListener("click", () => folderInput.click());
uploadForm.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("beforeunload", (event) => {
  if (sending) event.preventDefault();
});
