// How surprising each moment is to a language model: a track, and a list of the most surprising moments.

import * as drawing from "./drawing.js";
import { $, choice, element } from "./elements.js";
import * as player from "./player.js";
import { ask } from "./server.js";

let found = null, waiting = new AbortController();

// The server is to measure no further: another recording comes.
export const stop = () => waiting.abort();

export async function measure(id) {
  waiting = new AbortController();
  const { signal } = waiting;
  put(null, "measuring …");
  try {
    const measured = await (await ask(`surprise?sound=${id}`, { method: "POST", signal })).json();
    const most = drawing.most(measured.bits).toFixed(1), mean = measured.moments[0].bits.toFixed(1);
    put(measured, `each up to ${most}; a second's mean up to ${mean}, at ${drawing.clock(measured.peak)}`);
  } catch (error) {
    put(null, signal.aborted ? "not measured" : error.message);
  }
}

function put(measured, text) {
  found = measured;
  const moments = found?.moments ?? [];
  $("bits").textContent = text;
  $("surprise").setAttribute("aria-label", `Surprise, bits a token: ${text}`);
  $("moments").hidden = !moments.length;
  $("moments").querySelector("ol").replaceChildren(...moments.map(({ time, bits }, place) => {
    const parts = ["", drawing.clock(time), `${bits.toFixed(1)} bits a token`].map((part) => element("span", part));
    parts[0].className = place ? "dot" : "dot peak";
    return choice(parts, () => player.playFrom(Math.max(time - 0.5, 0))); // the second that it is the mean of
  }));
  draw();
}

export const draw = () => drawing.curve($("surprise"), found);
