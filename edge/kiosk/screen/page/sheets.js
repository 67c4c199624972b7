import { tell } from "./wire.js";

// The other dialogs: a missing record, in or out and work codes, the language, the privacy notice. Whoever walks
// off leaves none of them open: a result closes them, and so does a while without a touch.
const CLOSING = new Set(["recorded", "already_recorded", "choose", "not_stored", "starting", "identify", "enter_pin", "asleep", "voided"]);
const IDLE_MS = 60000;
const byId = (id) => document.getElementById(id);
const NAMES = ["missing", "choose", "language", "about"];
let words = { labels: {}, about: [], tongues: [], directions: [], codes: [] };
let context = { record: null, offset: 0 };
let when = { days_ago: 0, hour: 0, minute: 0 };
let pending = ""; // what an answer is waited for
let lastTouch = 0;

const set = (id, text) => { byId(id).textContent = text ?? ""; };
const picked = (id) => byId(id).querySelector('[aria-checked="true"]')?.dataset.key ?? null;

function chip([key, label], group) {
  const made = document.createElement("button");
  made.type = "button";
  made.dataset.key = key;
  made.dir = "auto";
  made.textContent = label;
  made.setAttribute("role", "radio");
  made.setAttribute("aria-checked", "false");
  made.addEventListener("click", () => {
    for (const other of byId(group).children) other.setAttribute("aria-checked", String(other === made));
  });
  return made;
}

function chips(group, pairs, first) {
  byId(group).replaceChildren(...pairs.map((pair) => chip(pair, group)));
  if (first) byId(group).firstElementChild?.setAttribute("aria-checked", "true");
}

function siteNow() {
  return new Date(Date.now() + context.offset * 1000);
}

function clock() {
  const day = siteNow();
  day.setUTCDate(day.getUTCDate() - when.days_ago);
  const lang = document.documentElement.lang;
  const near = new Intl.RelativeTimeFormat(lang, { numeric: "auto" }).format(-when.days_ago, "day");
  const far = new Intl.DateTimeFormat(lang, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" }).format(day);
  set("missing-day", when.days_ago < 2 ? near : far);
  set("missing-hour", String(when.hour).padStart(2, "0"));
  set("missing-minute", String(when.minute).padStart(2, "0"));
}

function step(what, by) {
  if (what === "day") when.days_ago = Math.min(30, Math.max(0, when.days_ago + by));
  else if (what === "hour") when.hour = (when.hour + by + 24) % 24;
  else when.minute = (when.minute + by + 60) % 60;
  clock();
}

const OPENING = {
  missing() {
    const now = siteNow();
    when = { days_ago: 0, hour: now.getUTCHours(), minute: now.getUTCMinutes() - now.getUTCMinutes() % 5 };
    chips("missing-directions", words.directions, true);
    byId("missing-send").hidden = false;
    clock();
  },
  choose() {
    chips("choose-directions", words.choose_direction ? words.directions : [], false);
    chips("choose-codes", words.codes.length ? [["", words.labels.none], ...words.codes.map((code) => [code, code])] : [], true);
  },
  language() {},
  about() {},
};

export function openSheet(name, given) {
  context = { record: null, offset: 0, ...given };
  for (const id of ["missing-alert", "choose-alert"]) set(id, "");
  OPENING[name]();
  lastTouch = performance.now();
  byId(name).showModal();
  (byId(name).querySelector(".fields button") ?? byId(name).querySelector(".ask button")).focus();
}

function shut() {
  pending = "";
  for (const name of NAMES) if (byId(name).open) byId(name).close();
}

export function sheetWords(said) {
  words = said;
  const { labels } = said;
  for (const name of NAMES) set(`${name}-title`, labels[`${name}_title`]);
  set("missing-text", labels.missing_text);
  set("missing-send", labels.send);
  set("choose-send", labels.ok);
  for (const [id, key] of [["missing-cancel", "close"], ["choose-cancel", "cancel"], ["language-close", "close"], ["about-close", "close"]]) set(id, labels[key]);
  for (const what of ["day", "hour", "minute"]) set(`missing-${what}-name`, labels[what]);
  for (const each of document.querySelectorAll("[data-step]")) {
    const sign = (Number(each.dataset.by) > 0) === (each.dataset.step !== "day") ? "+" : "\u2212";
    each.textContent = sign;
    each.setAttribute("aria-label", `${labels[each.dataset.step]} ${sign}`);
  }
  set("choose-codes-name", said.codes.length ? labels.code_group : "");
  if (!said.choose_direction) set("choose-title", labels.code_group);
  byId("about-list").replaceChildren(...said.about.flatMap(([name, text]) => {
    const made = [document.createElement("dt"), document.createElement("dd")];
    made[0].textContent = name;
    made[1].textContent = text;
    return name ? made : [made[1]];
  }));
  byId("tongues").replaceChildren(...said.tongues.map(([tag, name, dir]) => {
    const made = document.createElement("button");
    made.type = "button";
    Object.assign(made, { lang: tag, dir, textContent: name });
    made.addEventListener("click", () => { tell({ do: "speak", language: tag }); shut(); });
    return made;
  }));
}

export function sheetAnswer(answer) {
  const { labels } = words;
  if (answer.to !== pending) return;
  pending = "";
  if (answer.to === "choose") {
    if (answer.outcome === "next" || answer.outcome === "waiting") shut();
    else set("choose-alert", answer.outcome === "nobody" ? labels.recorded_already : labels.unsent);
  } else if (answer.to === "missing") {
    const text = { sent: labels.sent, too_late: labels.too_late, ahead: labels.ahead }[answer.outcome];
    byId("missing-send").hidden = answer.outcome === "sent" || answer.outcome === "too_late";
    set("missing-alert", text ?? labels.unsent);
  }
}

export function onSheets(view) {
  if (CLOSING.has(view.state) && !(view.state === "recorded" && byId("missing").open && same(view.record))) shut();
}

function same(record) {
  return record && context.record && record[0] === context.record[0] && record[1] === context.record[1];
}

function send(touch) {
  pending = touch.do;
  if (!tell(touch)) sheetAnswer({ to: touch.do, outcome: "unsent" });
}

byId("missing-send").addEventListener("click", () => {
  const [epoch, seq] = context.record;
  send({ do: "missing", epoch, seq, direction: picked("missing-directions"), ...when });
});
byId("choose-send").addEventListener("click", () => {
  const direction = picked("choose-directions");
  const code = picked("choose-codes") || null;
  if (direction || code) send({ do: "choose", direction, work_code: code });
  else shut();
});
for (const id of ["missing-cancel", "choose-cancel", "language-close", "about-close"]) byId(id).addEventListener("click", shut);
for (const each of document.querySelectorAll("[data-step]")) each.addEventListener("click", () => step(each.dataset.step, Number(each.dataset.by)));
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { lastTouch = performance.now(); });
setInterval(() => { if (performance.now() - lastTouch > IDLE_MS) shut(); }, 1000);
