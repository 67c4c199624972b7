import { mirror } from "./mirror.js";
import { onPad, padAnswer, padWords, startNumber, startsByTyping } from "./pad.js";
import { onSheets, openSheet, sheetAnswer, sheetWords } from "./sheets.js";
import { listen, tell, touched } from "./wire.js";

// The page's script: shows what the screen's process says, and hands back what is touched. It decides nothing
// but what the process cannot: that the process itself is gone. Texts are set as text, never as markup.
const byId = (id) => document.getElementById(id);
const body = document.body;
let offset = 0; // of the site's time from UTC, seconds
let record = null; // (epoch, number) of the record that is shown
let waitUntil = 0; // when the next try is heard, by performance.now()

function drawTicks() {
  for (let minute = 0; minute < 60; minute += 1) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const long = minute % 5 === 0;
    line.setAttribute("y1", long ? "-96" : "-95");
    line.setAttribute("y2", long ? "-91" : "-93");
    line.setAttribute("transform", `rotate(${minute * 6})`);
    if (long) line.classList.add("five");
    byId("ticks").append(line);
  }
}

function turnHands() {
  const site = new Date(Date.now() + offset * 1000);
  const minutes = site.getUTCHours() * 60 + site.getUTCMinutes();
  document.querySelector(".hand.minute").setAttribute("transform", `rotate(${(minutes % 60) * 6})`);
  document.querySelector(".hand.hour").setAttribute("transform", `rotate(${minutes / 2})`);
}

function fill(id, texts, make) {
  const place = byId(id);
  if (place.dataset.texts === JSON.stringify(texts)) return; // unchanged: nothing is read out again
  place.dataset.texts = JSON.stringify(texts);
  place.replaceChildren(...texts.map(make));
}

function setText(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
}

function item(text) {
  const made = document.createElement("li");
  made.dir = "auto";
  made.textContent = text;
  return made;
}

function button([key, label], press) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.dataset.key = key;
  made.addEventListener("click", () => press(key, made));
  return made;
}

function choice(pair) {
  return button(pair, (key, made) => {
    made.setAttribute("aria-pressed", "true");
    const code = document.querySelector('#codes [aria-pressed="true"]');
    tell({ do: "choose", direction: key, work_code: code ? code.dataset.key : null });
  });
}

function code(name) {
  const made = button([name, name], (_, pressed) => {
    const was = pressed.getAttribute("aria-pressed") === "true";
    for (const other of byId("codes").children) other.setAttribute("aria-pressed", "false");
    pressed.setAttribute("aria-pressed", String(!was));
  });
  made.dir = "auto";
  made.setAttribute("aria-pressed", "false");
  return made;
}

function action(pair) {
  return button(pair, (key, made) => {
    if (!record) return;
    if (key === "missing") openSheet("missing", { record, offset });
    else if (tell({ do: "not_me", epoch: record[0], seq: record[1] })) made.setAttribute("aria-pressed", "true");
  });
}

function tool(pair) {
  return button(pair, (key) => {
    if (key === "number") startNumber();
    else openSheet(key, { offset });
  });
}

function show(view) {
  document.documentElement.lang = view.lang;
  document.documentElement.dir = view.dir;
  offset = view.utc_offset_s ?? -new Date().getTimezoneOffset() * 60;
  record = view.record;
  waitUntil = view.wait_s ? performance.now() + view.wait_s * 1000 : 0;
  Object.assign(body.dataset, { state: view.state, code: view.code, symbol: view.symbol, tone: view.tone, number: view.number,
    theme: view.theme, turn: view.turn, controls: view.controls, touch: view.touch ? "yes" : "no", captured: view.captured_s ?? "" });
  shape();
  byId("status").setAttribute("aria-live", view.tone === "calm" || view.tone === "work" ? "polite" : "assertive");
  const headline = byId("headline");
  setText("headline", view.headline);
  headline.classList.toggle("long", view.headline.length > 26);
  headline.classList.toggle("longer", view.headline.length > 60);
  setText("text", view.text);
  setText("time", waitUntil ? left() : view.time);
  setText("office", view.office);
  setText("notice", view.notice);
  setText("chosen", view.chosen);
  fill("messages", view.messages, item);
  fill("codes", view.codes, code);
  fill("choices", view.choices, choice);
  fill("actions", view.actions, action);
  fill("bar", view.bar, tool);
  onPad(view);
  onSheets(view);
  mirror(view.mirror);
  turnHands();
}

function left() {
  const seconds = Math.max(0, Math.ceil((waitUntil - performance.now()) / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function painted(number) {
  requestAnimationFrame(() => requestAnimationFrame(() => { body.dataset.painted = number; body.dataset.paintedAt = Date.now(); }));
}

const HEARD = {
  show(message) { show(message); painted(message.number); },
  words(message) { padWords(message); sheetWords(message); },
  answer(message) { padAnswer(message); sheetAnswer(message); },
  beat() {},
};

function gone() {
  Object.assign(body.dataset, { state: "starting", symbol: "wait", tone: "calm" });
  waitUntil = 0;
  record = null;
  mirror(false);
  onPad({ state: "starting" });
  onSheets({ state: "starting" });
  for (const id of ["headline", "text", "time", "office", "notice", "chosen"]) setText(id, "");
  for (const id of ["messages", "codes", "choices", "actions", "bar"]) fill(id, [], item);
}

function look() {
  turnHands();
  if (waitUntil) setText("time", left());
}

function shape() {
  const turned = body.dataset.turn === "90" || body.dataset.turn === "270";
  const wide = innerWidth > innerHeight;
  body.dataset.shape = wide !== turned ? "landscape" : "portrait";
}

drawTicks();
shape();
addEventListener("resize", shape);
addEventListener("pointerdown", touched);
addEventListener("keydown", (event) => { touched(); startsByTyping(event); });
setInterval(look, 1000);
listen((message) => HEARD[message.kind]?.(message), gone);
