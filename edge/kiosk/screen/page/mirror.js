// The mirror inside the dial: asks for one picture after the other, and hides itself when none comes.
const STALE_MS = 1500;
const canvas = document.getElementById("mirror");
const paint = canvas.getContext("2d", { alpha: false, desynchronized: true });
let socket = null;
let wanted = false;
let drawnAt = 0;

function draw(picture) {
  const side = Math.min(picture.width, picture.height);
  paint.drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
  picture.close();
  drawnAt = performance.now();
  document.body.dataset.mirror = "on";
}

function ask() {
  if (wanted && socket && socket.readyState === WebSocket.OPEN) socket.send("next");
}

async function take(event) {
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
}

function connect() {
  const address = new URL("mirror", location.href);
  address.protocol = "ws:";
  const mine = new WebSocket(address);
  mine.binaryType = "blob";
  socket = mine;
  mine.addEventListener("open", ask);
  mine.addEventListener("message", take);
  mine.addEventListener("close", () => { if (socket === mine) { socket = null; hide(); } });
}

function look() {
  if (!wanted) return;
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
