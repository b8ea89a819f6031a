// The recording that is played: from where somebody clicks, with a cursor that moves on all pictures.

import { clock } from "./drawing.js";
import { ask } from "./server.js";

const audio = document.getElementById("audio"), clip = document.getElementById("clip");
const button = document.getElementById("play"), time = document.getElementById("time");
const sliders = document.querySelectorAll("[role=slider]"); // the pictures that keys reach
let sound = null, isDecoded = false, fail = () => {};

function replace(player, content) {
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(content);
}

// What is played from now on, `{id, seconds, file}`; `failed` is called with the error where it cannot be.
export function load(loaded, failed) {
  [sound, isDecoded, fail] = [loaded, false, failed];
  replace(audio, sound.file);
  for (const slider of sliders) slider.setAttribute("aria-valuemax", sound.seconds.toFixed(1));
  follow();
}

export const pause = () => audio.pause();

export async function playFrom(seconds) {
  clip.pause();
  audio.currentTime = Math.min(seconds, Math.max(sound.seconds - 0.01, 0));
  await play();
}

async function play() {
  try {
    await audio.play();
  } catch (error) {
    if (error.name === "AbortError") return; // paused, or another one was chosen
    if (isDecoded) fail(new Error(`The browser does not play it (${error.message})`));
    else await playDecoded(audio.currentTime).catch(fail);
  }
}

// The browser does not know the format: the server decodes it.
async function playDecoded(at) {
  replace(audio, await (await ask(`sounds/${sound.id}`)).blob());
  isDecoded = true;
  audio.currentTime = at;
  await play();
}

// A clip of the data set, by its number.
export async function playClip(number) {
  audio.pause();
  replace(clip, await (await ask(`clips/${number}`)).blob());
  await clip.play();
}

function follow() {
  const at = audio.currentTime;
  document.body.style.setProperty("--at", Math.min(at / sound.seconds, 1));
  time.textContent = clock(at);
  for (const slider of sliders) {
    slider.setAttribute("aria-valuenow", at.toFixed(1));
    slider.setAttribute("aria-valuetext", `${at.toFixed(1)} of ${sound.seconds.toFixed(1)} seconds`);
  }
  button.textContent = audio.paused ? "Play" : "Pause";
  if (!audio.paused) requestAnimationFrame(follow);
}
for (const name of ["play", "pause", "seeked", "ended"]) audio.addEventListener(name, () => sound && follow());
button.onclick = () => (audio.paused ? play() : audio.pause());

function press(event) {
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
  if (event.key in steps) {
    audio.currentTime = Math.min(Math.max(audio.currentTime + steps[event.key], 0), sound.seconds);
  } else if (event.key === " ") {
    button.click();
  } else {
    return;
  }
  event.preventDefault();
}
for (const slider of sliders) slider.onkeydown = press;

// On a picture a click plays from there, a drag chooses a span: `choose([start, end])`.
export function listen(lane, choose) {
  let begin = null, isDrag = false;
  const place = (event) => {
    const box = lane.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * sound.seconds;
  };
  lane.onpointerdown = (event) => {
    if (event.button) return;
    [begin, isDrag] = [{ x: event.clientX, time: place(event) }, false];
    lane.setPointerCapture(event.pointerId);
  };
  lane.onpointermove = (event) => {
    if (begin === null) return;
    isDrag ||= Math.abs(event.clientX - begin.x) > 5;
    if (isDrag) choose([Math.min(begin.time, place(event)), Math.max(begin.time, place(event))]);
  };
  lane.onpointerup = () => {
    if (begin !== null && !isDrag) playFrom(begin.time);
    begin = null;
  };
  lane.onpointercancel = () => { begin = null; };
}
