// The page: a recording is sent, drawn, played, searched for and corrected.

import * as drawing from "./drawing.js";
import { $, choice, element } from "./elements.js";
import * as player from "./player.js";
import { Recorder } from "./recorder.js";
import { ask, post } from "./server.js";
import * as surprise from "./surprise.js";

const SHOWN = 6; // classes at first
let served, model, sound, picture, tracks, times, span = null, recorder = null, requests = 0;

function say(text, isError = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", isError);
}

const attempt = (work) => async (...values) => {
  try {
    await work(...values);
  } catch (error) {
    say(error.message, true);
  }
};

// ---- a recording

const show = attempt(async (file, name) => {
  const request = ++requests;
  player.pause();
  surprise.stop();
  if (file.size > 1e6 * served.megabytes) {
    throw new Error(`${name} has ${(file.size / 1e6).toFixed(1)} MB, at most ${served.megabytes} are taken.`);
  }
  say(`Listening to ${name} …`);
  const drawn = await post("picture", { model: model.name }, file);
  const scored = await score(drawn, { top: SHOWN });
  if (request !== requests) return; // another one was chosen meanwhile
  sound = { id: drawn.sound, seconds: drawn.seconds, name, file };
  picture = drawn;
  player.load(sound, (error) => say(error.message, true));
  tracks = [];
  take(scored);
  $("name").textContent = name;
  $("facts").textContent = `${drawing.clock(drawn.seconds)} · ${model.name} · ${model.can.includes("steps")
    ? `steps of ${model.step.toFixed(2)} s` : `windows of ${(times.window).toFixed(1)} s`}`;
  $("notes").replaceChildren(...drawn.notes.map((note) => element("li", note)));
  $("band").textContent = `${round(drawn.lowest / 1000)} to ${round(drawn.highest / 1000)} kHz`;
  $("clips").replaceChildren();
  list([]);
  $("saved").textContent = "";
  document.body.classList.add("used");
  $("recording").hidden = false;
  choose(null);
  draw();
  say("");
  await Promise.all([showCorrections(), served.surprise && surprise.measure(sound.id)]);
});

// Scores over time: of steps where the model keeps time, else of windows that overlap.
function score({ sound: id, seconds }, fields) {
  const window = Math.min(model.window, 60);
  const hop = Math.max(window / 8, (seconds - window) / 200);
  const parts = model.can.includes("steps") ? { steps: true } : seconds > window ? { window, hop } : {};
  return post("tag", { model: model.name, sound: id, ...parts, ...fields });
}

function take(scored) {
  times = { starts: scored.starts, ends: scored.ends, window: Math.min(model.window, 60) };
  if (!model.can.includes("steps")) { // windows overlap: each tells of what is nearest to its middle
    const middles = scored.starts.map((start, part) => (start + scored.ends[part]) / 2);
    const between = middles.slice(1).map((middle, part) => (middle + middles[part]) / 2);
    times.starts = [0, ...between];
    times.ends = [...between, sound.seconds];
  }
  scored.labels.forEach((label, column) => {
    if (tracks.some((track) => track.label === label)) return;
    const threshold = scored.thresholds[column], scores = scored.scores.map((row) => row[column]);
    tracks.push({ label, threshold, scores, place: tracks.length, ticked: false });
  });
  $("tracks").replaceChildren(...tracks.map(row));
  showTicks();
}

// ---- tracks

function row(track) {
  const line = element("div", "", "row"), what = element("div", "", "what"), name = element("div", "", "name");
  name.append(element("span", track.label), element("span", Math.max(...track.scores).toFixed(2)));
  const slider = element("input"), value = element("output", track.threshold.toFixed(2));
  Object.assign(slider, { type: "range", min: 0, max: 1, step: 0.01, value: track.threshold });
  slider.setAttribute("aria-label", `Threshold of ${track.label}`);
  slider.oninput = () => {
    track.threshold = slider.valueAsNumber;
    value.textContent = track.threshold.toFixed(2);
    drawTrack(track);
    showEvents();
  };
  const threshold = element("div", "", "threshold");
  threshold.append(slider, value);
  what.append(name, threshold);
  track.lane = element("div", "", "lane");
  const canvas = element("canvas");
  canvas.setAttribute("role", "img");
  track.lane.append(canvas);
  player.listen(track.lane, choose);
  line.append(what, track.lane);
  return line;
}

function eventsOf({ label, scores, threshold, place }) {
  const events = [];
  scores.forEach((value, part) => {
    if (value < threshold) return;
    const last = events.at(-1);
    if (last && last.part === part - 1) {
      Object.assign(last, { offset: times.ends[part], part, score: Math.max(last.score, value) });
    } else {
      events.push({ label, place, onset: times.starts[part], offset: times.ends[part], part, score: value });
    }
  });
  return events;
}

function drawTrack(track) {
  const events = eventsOf(track);
  drawing.track(track.lane, { ...track, times, events, seconds: sound.seconds });
  track.lane.dataset.events = events.length;
  const spoken = events.map((event) => `${event.onset.toFixed(1)} to ${event.offset.toFixed(1)} s`).join(", ");
  track.lane.firstChild.setAttribute("aria-label", `${track.label}: ${spoken || "no event"}`);
}

function showEvents() {
  const events = tracks.flatMap(eventsOf).sort((one, other) => one.onset - other.onset || other.score - one.score);
  $("count").textContent = `(${events.length})`;
  $("events").replaceChildren(...events.map((event) => {
    const dot = element("span", "", "dot");
    dot.style.setProperty("--colour", drawing.colour(event.place));
    const when = element("span", `${drawing.clock(event.onset).replace(" s", "")} – ${drawing.clock(event.offset)}`, "soft");
    const parts = [dot, when, element("span", event.label), element("span", event.score.toFixed(2), "soft")];
    return choice(parts, () => player.playFrom(event.onset));
  }));
}

function draw() {
  if (!sound) return;
  drawing.waveform($("waveform"), picture.peaks);
  drawing.logMel($("log-mel"), picture);
  drawing.axis($("axis"), sound.seconds);
  tracks.forEach(drawTrack);
  showEvents();
  if (served.surprise) surprise.draw();
}

// ---- a span, labels and their table

player.listen($("waveform"), choose);
player.listen($("log-mel"), choose);
player.listen($("surprise"), choose);

function choose(chosen) {
  span = chosen;
  document.body.classList.toggle("no-span", span === null);
  document.body.style.setProperty("--from", span ? span[0] / sound.seconds : 0);
  document.body.style.setProperty("--to", span ? span[1] / sound.seconds : 0);
  $("from").value = span ? span[0].toFixed(2) : "";
  $("to").value = span ? span[1].toFixed(2) : "";
  for (const track of tracks) {
    track.ticked = eventsOf(track).some((event) => !span || (event.onset < span[1] && event.offset > span[0]));
  }
  showTicks();
}
$("whole").onclick = () => choose(null);
for (const id of ["from", "to"]) {
  $(id).onchange = () => {
    const from = Number($("from").value || 0), to = $("to").value ? Number($("to").value) : sound.seconds;
    const isSpan = ($("from").value || $("to").value) && 0 <= from && from < to && to <= sound.seconds + 0.01;
    choose(isSpan ? [from, Math.min(to, sound.seconds)] : null);
  };
}

function showTicks() {
  $("ticks").replaceChildren(...tracks.map((track) => {
    const label = element("label"), box = element("input");
    Object.assign(box, { type: "checkbox", checked: track.ticked });
    box.onchange = () => { track.ticked = box.checked; };
    label.append(box, element("span", track.label));
    return label;
  }));
}

async function correct(labels) {
  const [onset, offset] = span ?? [null, null];
  const body = JSON.stringify({ sound: sound.id, labels, onset, offset });
  const headers = { "content-type": "application/json" };
  try {
    const saved = await (await ask("corrections", { method: "POST", body, headers })).json();
    list(saved.corrections);
    $("saved").textContent = labels === null ? `Taken back in ${saved.table}.` : `Saved in ${saved.table}.`;
    $("saved").classList.remove("error");
  } catch (error) {
    $("saved").textContent = error.message;
    $("saved").classList.add("error");
  }
}
$("correction").onsubmit = (event) => {
  event.preventDefault();
  correct(tracks.filter((track) => track.ticked).map((track) => track.label));
};
$("back").onclick = () => correct(null);

function list(corrections) {
  $("corrections").replaceChildren(...corrections.map(({ label, onset, offset }) => element("li",
    `${label || "none of the classes"}, ${onset === null ? "all of it" : `${onset} to ${offset} s`}`)));
}

// What was saved before is shown; of the recording as a whole it is ticked too.
async function showCorrections() {
  const { corrections } = await (await ask(`corrections/${sound.id}`)).json();
  const whole = corrections.filter((each) => each.onset === null);
  if (whole.length) {
    await add(whole.map((each) => each.label).filter((label) => model.labels.includes(label)));
    for (const track of tracks) track.ticked = whole.some((each) => each.label === track.label);
    showTicks();
  }
  list(corrections);
}

async function add(labels) {
  const missing = labels.filter((label) => !tracks.some((track) => track.label === label));
  if (!missing.length) return;
  take(await score({ sound: sound.id, seconds: sound.seconds }, { label: missing }));
  draw();
}
$("more").onsubmit = attempt(async (event) => {
  event.preventDefault();
  const name = $("class").value.trim();
  if (!name) return;
  await add([model.labels.find((label) => label.toLowerCase() === name.toLowerCase()) ?? name]);
  $("class").value = "";
  say("");
});

// ---- similar clips

$("similar").onclick = attempt(async () => {
  const part = span ? { start: span[0], end: span[1] } : {};
  $("similar").disabled = true;
  try {
    const found = await post("similar", { sound: sound.id, top: 8, ...part });
    $("clips").replaceChildren(...found.clips.map((each) => {
      const text = element("span");
      text.append(element("span", each.labels.join(", ") || "no label"), " ", element("span", each.clip_id, "soft small"));
      const parts = [element("span", each.similarity.toFixed(2), "soft"), text];
      const item = choice(parts, attempt(() => player.playClip(each.number)));
      item.firstChild.setAttribute("aria-label", `Play ${each.clip_id}: ${each.labels.join(", ")}`);
      return item;
    }));
  } finally {
    $("similar").disabled = false;
  }
});

// ---- what comes in

const round = (value) => Number(value.toPrecision(3));

$("file").onchange = () => {
  const [file] = $("file").files;
  if (file) show(file, file.name);
  $("file").value = "";
};
addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget ?? $("drop").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) show(file, file.name);
});
$("record").onclick = attempt(async () => {
  if (recorder === null) {
    const started = new Recorder();
    await started.start();
    setRecorder(started);
    say("Recording …");
  } else {
    const ended = recorder;
    setRecorder(null);
    await show(await ended.stop(), `Recording of ${new Date().toLocaleTimeString()}`);
  }
});
function setRecorder(chosen) {
  recorder = chosen;
  $("record").textContent = recorder ? "Stop" : "Record";
  document.body.classList.toggle("recording", recorder !== null);
}
addEventListener("resize", draw);

function use(chosen) {
  model = chosen;
  $("classes").replaceChildren(...model.labels.map((label) => Object.assign(element("option"), { value: label })));
  if (sound) show(sound.file, sound.name);
}

attempt(async () => {
  served = await (await ask("models")).json();
  $("model").replaceChildren(...served.models.map((each) => element("option", each.name)));
  $("choice").hidden = served.models.length < 2;
  $("model").onchange = () => use(served.models[$("model").selectedIndex]);
  $("bounds").textContent = `Up to ${served.minutes} minutes and ${served.megabytes} MB. Sounds go to this server alone.`;
  $("search").hidden = !served.clips;
  $("surprising").hidden = !served.surprise;
  $("data").textContent = `${served.clips} clips of ${served.data}`;
  use(served.models[0]);
})();
