// The mirror inside the dial: asks for one picture after the other, with the outline on the face that is judged,
// hides itself when none comes, and asks anew when no answer comes at all.
const STALE_MS = 1500;
const SILENT_MS = 5000; // the process answers every question within a second, if only that there is nothing
const canvas = document.getElementById("mirror");
const outline = document.querySelector(".outline");
const paint = canvas.getContext("2d", { alpha: false, desynchronized: true });
let socket = null;
let wanted = false;
let drawnAt = 0;
let askedAt = 0;
let face = null;

function draw(picture) {
  if (!wanted) { picture.close(); return; } // it was on its way when the mirror went
  const side = Math.min(picture.width, picture.height);
  const left = (picture.width - side) / 2;
  const top = (picture.height - side) / 2;
  paint.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
  follow(picture, { side, left, top });
  picture.close();
  drawnAt = performance.now();
  document.body.dataset.mirror = "on";
}

// From fractions of the picture to the dial, whose mirror is 170 units wide; a little larger than the box.
function follow(picture, { side, left, top }) {
  if (!face) { rest(); return; }
  const scale = 170 / side;
  const x = ((face[0] + face[2] / 2) * picture.width - left - side / 2) * scale;
  const y = ((face[1] + face[3] / 2) * picture.height - top - side / 2) * scale;
  const rx = Math.min(76, face[2] * picture.width * scale * 0.62);
  const ry = Math.min(80, face[3] * picture.height * scale * 0.74);
  if (Math.hypot(x, y) > 70) { rest(); return; } // at the rim: where to stand says more than where one is
  for (const [name, value] of Object.entries({ cx: x, cy: y - ry * 0.08, rx, ry })) outline.setAttribute(name, value.toFixed(1));
  outline.dataset.follows = "yes";
}

function rest() {
  for (const [name, value] of Object.entries({ cx: 0, cy: 0, rx: 40, ry: 52 })) outline.setAttribute(name, value);
  outline.dataset.follows = "no";
}

function ask() {
  if (!wanted || !socket || socket.readyState !== WebSocket.OPEN) return;
  askedAt = performance.now();
  socket.send("next");
}

async function take(event) {
  if (typeof event.data === "string") { face = JSON.parse(event.data).face; return; }
  askedAt = 0;
  if (event.data.size) {
    try {
      draw(await createImageBitmap(event.data));
    } catch {
      hide(); // not a picture
    }
  } else {
    hide();
  }
  requestAnimationFrame(ask);
}

function hide() {
  document.body.dataset.mirror = "off";
  paint.fillRect(0, 0, canvas.width, canvas.height);
  rest();
}

function connect() {
  const address = new URL("mirror", location.href);
  address.protocol = "ws:";
  const mine = new WebSocket(address);
  mine.binaryType = "blob";
  socket = mine;
  askedAt = performance.now();
  mine.addEventListener("open", ask);
  mine.addEventListener("message", (event) => { if (socket === mine) take(event); });
  mine.addEventListener("close", () => { if (socket === mine) { socket = null; hide(); } });
}

function look() {
  if (!wanted) return;
  if (socket && askedAt && performance.now() - askedAt > SILENT_MS) {
    const dead = socket;
    socket = null;
    dead.close();
  }
  if (!socket) connect();
  if (performance.now() - drawnAt > STALE_MS) hide();
}

export function mirror(on) {
  if (on === wanted) return;
  wanted = on;
  if (!on) hide();
  else if (socket) ask();
  else connect();
}

hide();
setInterval(look, 500);
