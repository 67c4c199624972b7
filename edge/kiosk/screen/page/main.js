import { mirror } from "./mirror.js";

// The page's script: shows what the screen's process says, and hands back what is touched. It decides nothing
// but what the process cannot: that the process itself is gone. Texts are set as text, never as markup.
const SILENCE_MS = 12000; // two beats
const AGAIN_MS = [100, 300, 1000, 2000];
const byId = (id) => document.getElementById(id);
const body = document.body;
let socket = null;
let lastHeard = 0;
let failures = 0;
let offset = 0; // of the site's time from UTC, seconds
let again = 0;

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

function button([key, label]) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", () => {
    made.setAttribute("aria-pressed", "true");
    tell({ direction: key });
  });
  return made;
}

function show(view) {
  document.documentElement.lang = view.lang;
  document.documentElement.dir = view.dir;
  offset = view.utc_offset_s ?? -new Date().getTimezoneOffset() * 60;
  Object.assign(body.dataset, { state: view.state, code: view.code, symbol: view.symbol, tone: view.tone, number: view.number,
    theme: view.theme, turn: view.turn, controls: view.controls });
  shape();
  byId("status").setAttribute("aria-live", view.tone === "calm" || view.tone === "work" ? "polite" : "assertive");
  const headline = byId("headline");
  setText("headline", view.headline);
  headline.classList.toggle("long", view.headline.length > 26);
  headline.classList.toggle("longer", view.headline.length > 60);
  setText("text", view.text);
  setText("time", view.time);
  setText("office", view.office);
  setText("notice", view.notice);
  fill("messages", view.messages, item);
  fill("choices", view.choices, button);
  mirror(view.mirror);
  turnHands();
}

function tell(choice) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(choice));
}

function connect() {
  again = 0;
  const address = new URL("feed", location.href);
  address.protocol = "ws:";
  const mine = new WebSocket(address);
  socket = mine;
  lastHeard = performance.now();
  mine.addEventListener("message", (event) => {
    if (socket !== mine) return;
    lastHeard = performance.now();
    failures = 0;
    const message = JSON.parse(event.data);
    if (message.kind === "show") {
      show(message);
      const number = message.number;
      requestAnimationFrame(() => requestAnimationFrame(() => { body.dataset.painted = number; body.dataset.paintedAt = Date.now(); }));
    }
  });
  mine.addEventListener("close", () => { if (socket === mine) lost(); });
}

function lost() {
  const dead = socket;
  socket = null;
  if (dead) dead.close();
  if (failures >= 2) body.dataset.state = "starting";
  if (failures >= 2) {
    Object.assign(body.dataset, { symbol: "wait", tone: "calm" });
    mirror(false);
    for (const id of ["headline", "text", "time", "office", "notice"]) setText(id, "");
    for (const id of ["messages", "choices"]) fill(id, [], item);
  }
  if (!again) again = setTimeout(connect, AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]);
  failures += 1;
}

function look() {
  turnHands();
  if (socket && performance.now() - lastHeard > SILENCE_MS) lost();
}

function shape() {
  const turned = body.dataset.turn === "90" || body.dataset.turn === "270";
  const wide = innerWidth > innerHeight;
  body.dataset.shape = wide !== turned ? "landscape" : "portrait";
}

drawTicks();
shape();
addEventListener("resize", shape);
setInterval(look, 1000);
connect();
