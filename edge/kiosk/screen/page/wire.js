// The line to the screen's process: one web socket, asked for again when it is lost. Whoever listens is told.
const SILENCE_MS = 12000; // two beats
const AGAIN_MS = [100, 300, 1000, 2000];
const TOUCH_MS = 5000; // "somebody is there" is said no oftener
let socket = null;
let lastHeard = 0;
let lastTouched = -Infinity;
let failures = 0;
let again = 0;
let heard = () => {};
let gone = () => {};

export function tell(touch) {
  const open = socket && socket.readyState === WebSocket.OPEN;
  if (open) socket.send(JSON.stringify(touch));
  return Boolean(open);
}

export function touched() {
  if (performance.now() - lastTouched < TOUCH_MS) return;
  lastTouched = performance.now();
  tell({ do: "touched" });
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
    heard(JSON.parse(event.data));
  });
  mine.addEventListener("close", () => { if (socket === mine) lost(); });
}

function lost() {
  const dead = socket;
  socket = null;
  if (dead) dead.close();
  if (failures >= 2) gone();
  if (!again) again = setTimeout(connect, AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]);
  failures += 1;
}

export function listen(onMessage, onGone) {
  heard = onMessage;
  gone = onGone;
  setInterval(() => { if (socket && performance.now() - lastHeard > SILENCE_MS) lost(); }, 1000);
  connect();
}
