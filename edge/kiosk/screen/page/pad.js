import { tell } from "./wire.js";

// The pad for a PIN, a code, or an employee number and then its PIN: touch, keypad and keyboard alike. Digits are
// shown as dots, sent once, and forgotten. It closes when the process says that something else is to be seen.
const LEAST = 4;
const MOST = 12;
const HOLD_MS = 5000; // a key press asks for more time, no oftener
const WARN_S = 20; // so long before the end somebody is told that a touch gives more time
const ANSWER_MS = 12000;
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "delete", "0", "ok"];
const RESULTS = new Set(["recorded", "already_recorded", "choose", "not_stored", "starting", "identify", "enter_pin", "asleep"]);
const byId = (id) => document.getElementById(id);
const pad = byId("pad");
const field = byId("pad-field");
let labels = {};
let mode = ""; // "pin" or "code" for a question; "number", then "number_pin"
let question = null;
let number = "";
let endsAt = 0; // of the question, by performance.now()
let lastHold = -Infinity;
let busy = 0; // a timer while an answer is waited for
let waitUntil = 0;
let hears = false; // whether the way "number and PIN" is offered

function say(text) {
  const place = byId("pad-alert");
  if (place.textContent !== text) place.textContent = text;
}

function dress() {
  const title = { pin: "pin_title", code: "code_title", number: "number_title", number_pin: "pin_title" }[mode];
  byId("pad-title").textContent = labels[title] ?? "";
  byId("pad-text").textContent = labels[`${mode}_text`] ?? "";
  byId("pad-cancel").textContent = labels.cancel ?? "";
  field.type = mode === "number" ? "text" : "password";
  field.maxLength = mode === "number" ? 64 : mode === "code" ? 6 : MOST;
  byId("pad-keys").setAttribute("aria-label", labels.keypad ?? "");
  for (const key of byId("pad-keys").children) {
    if (key.dataset.key === "delete" || key.dataset.key === "ok") key.setAttribute("aria-label", labels[key.dataset.key] ?? "");
  }
}

function open(wanted) {
  mode = wanted;
  clear();
  say("");
  dress();
  if (!pad.open) pad.showModal();
  field.focus();
}

function clear() {
  field.value = "";
  clearTimeout(busy);
  busy = 0;
  waitUntil = 0;
  byId("pad-wait").textContent = "";
  pad.dataset.busy = "no";
}

function shut() {
  clear();
  say("");
  mode = number = "";
  question = null;
  if (pad.open) pad.close();
}

function cancel() {
  if (question) tell({ do: "cancel", prompt: question.id });
  shut();
}

function hold() {
  if (!question || busy || performance.now() - lastHold < HOLD_MS) return;
  lastHold = performance.now();
  tell({ do: "hold", prompt: question.id });
}

function press(key) {
  if (busy || waitUntil) return;
  if (key === "ok") send();
  else if (key === "delete") field.value = field.value.slice(0, -1);
  else if (field.value.length < field.maxLength) field.value += key;
  if (key !== "ok") say("");
  hold();
}

function send() {
  const typed = field.value.trim();
  if (mode === "number") {
    if (!typed) return;
    number = typed;
    open("number_pin");
    return;
  }
  if (typed.length < LEAST || !/^[0-9]+$/.test(typed)) { say(labels.short); return; }
  const sent = tell(question ? { do: "pin", prompt: question.id, pin: typed } : { do: "pin", number, pin: typed });
  field.value = "";
  if (!sent) { say(labels.unsent); return; }
  pad.dataset.busy = "yes";
  say(labels.moment);
  busy = setTimeout(() => padAnswer({ to: "pin", outcome: "nobody" }), ANSWER_MS);
}

function wait(seconds) {
  waitUntil = performance.now() + seconds * 1000;
  say(labels.wait);
  tick();
}

function tick() {
  if (waitUntil) {
    const seconds = Math.max(0, Math.ceil((waitUntil - performance.now()) / 1000));
    byId("pad-wait").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (!seconds) { clear(); say(""); field.focus(); }
  } else if (question && !busy && pad.open && endsAt - performance.now() < WARN_S * 1000 && !byId("pad-alert").textContent) {
    say(labels.hold);
  }
}

export function padWords(words) {
  labels = words.labels;
  if (pad.open) dress();
}

export function padAnswer(answer) {
  if (answer.to !== "pin" || !pad.open) return;
  if (answer.outcome === "accepted") return; // the record follows
  clear();
  if (answer.wait_s > 0) {
    if (question) shut(); // the question is over, and the screen says how long
    else wait(answer.wait_s);
    return;
  }
  say(answer.outcome === "refused" ? labels.wrong : answer.outcome === "closed" ? labels.closed : labels.unsent);
  if (!question && answer.outcome === "refused") { const text = labels.wrong; open("number"); say(text); }
  field.focus();
}

export function onPad(view) {
  hears = Boolean(view.ways && view.ways.includes("pin")) && view.state !== "recorded";
  if (view.state === "enter_pin" && view.question) {
    endsAt = performance.now() + view.question.left_s * 1000;
    const other = !question || question.id !== view.question.id;
    question = view.question;
    if (other) { lastHold = -Infinity; open(question.asks); }
    else if (byId("pad-alert").textContent === labels.hold && question.left_s > WARN_S) say("");
  } else if (question || (pad.open && RESULTS.has(view.state))) {
    shut();
  }
}

export function startNumber() {
  number = "";
  open("number");
}

export function startsByTyping(event) {
  if (!hears || document.querySelector("dialog[open]") || event.ctrlKey || event.altKey || event.metaKey) return;
  if (!/^[0-9]$/.test(event.key)) return;
  startNumber();
  field.value = event.key;
  event.preventDefault();
}

for (const key of KEYS) {
  const made = document.createElement("button");
  made.type = "button";
  made.dataset.key = key;
  made.textContent = key === "delete" ? "\u232b" : key === "ok" ? "\u2713" : key;
  made.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the keyboard
  made.addEventListener("click", () => press(key));
  byId("pad-keys").append(made);
}
byId("pad-cancel").addEventListener("click", cancel);
pad.addEventListener("cancel", (event) => { event.preventDefault(); cancel(); });
field.addEventListener("keydown", (event) => {
  if (busy || waitUntil) { if (event.key !== "Tab" && event.key !== "Escape") event.preventDefault(); return; }
  hold();
  if (event.key === "Enter") { event.preventDefault(); send(); }
});
field.addEventListener("input", () => {
  if (mode !== "number") field.value = field.value.normalize("NFKC").replace(/\p{Nd}/gu, digit).replace(/[^0-9]/g, "");
  say("");
});
setInterval(tick, 500);

function digit(character) {
  const code = character.codePointAt(0);
  for (const zero of [0x0030, 0x0660, 0x06f0, 0x0966]) if (code >= zero && code < zero + 10) return String(code - zero);
  return "";
}
