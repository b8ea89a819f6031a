// What is drawn on canvases: waveform, log-mel, tracks and the axis of time.

const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => dispatchEvent(new Event("resize")));

// Anchors of the colours of a log-mel, quiet to loud.
const SHADES = [[13, 15, 40], [58, 28, 112], [146, 38, 122], [226, 82, 84], [252, 164, 90], [252, 246, 196]];
const HUES = [200, 25, 145, 280, 340, 55, 230, 100];

export const colour = (place) => `hsl(${HUES[place % HUES.length]} 70% ${dark.matches ? 62 : 42}%)`;
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function sheet(lane) {
  const canvas = lane.querySelector("canvas"), ratio = devicePixelRatio || 1;
  const [width, height] = [lane.clientWidth, lane.clientHeight];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return [pen, width, height];
}

export function waveform(lane, peaks) {
  const [pen, width, height] = sheet(lane);
  const top = Math.max(...peaks, 0.05); // quiet recordings are shown too; silence stays a line
  pen.fillStyle = ink("--accent");
  for (let x = 0; x < width; x++) {
    const first = Math.floor(x * peaks.length / width), last = Math.ceil((x + 1) * peaks.length / width);
    const high = Math.max(...peaks.slice(first, Math.max(last, first + 1))) / top * (height - 6);
    pen.fillRect(x, (height - Math.max(high, 1)) / 2, 1, Math.max(high, 1));
  }
}

export function logMel(lane, { log_mel, mels, columns }) {
  const values = Uint8Array.from(atob(log_mel), (character) => character.charCodeAt(0));
  const image = new ImageData(columns, mels);
  for (let row = 0; row < mels; row++) {
    for (let column = 0; column < columns; column++) {
      const place = values[row * columns + column] / 255 * (SHADES.length - 1);
      const below = Math.min(Math.floor(place), SHADES.length - 2), share = place - below;
      const at = 4 * ((mels - 1 - row) * columns + column);
      for (let part = 0; part < 3; part++) {
        image.data[at + part] = SHADES[below][part] * (1 - share) + SHADES[below + 1][part] * share;
      }
      image.data[at + 3] = 255;
    }
  }
  const whole = new OffscreenCanvas(columns, mels);
  whole.getContext("2d").putImageData(image, 0, 0);
  const [pen, width, height] = sheet(lane);
  pen.drawImage(whole, 0, 0, width, height);
}

// The scores of a class over time, with its threshold; the events that follow from it are full.
export function track(lane, { times, scores, threshold, events, seconds, place }) {
  const [pen, width, height] = sheet(lane);
  const x = (time) => time / seconds * width, y = (score) => height - 3 - score * (height - 9);
  pen.fillStyle = colour(place);
  pen.globalAlpha = 0.16;
  for (const event of events) {
    pen.fillRect(x(event.onset), 0, Math.max(x(event.offset) - x(event.onset), 2), height);
  }
  pen.globalAlpha = 1;
  for (const event of events) {
    pen.beginPath();
    pen.roundRect(x(event.onset), 0, Math.max(x(event.offset) - x(event.onset), 2), 5, 2.5);
    pen.fill();
  }
  pen.globalAlpha = 0.45;
  pen.beginPath();
  pen.moveTo(0, height);
  scores.forEach((score, part) => {
    pen.lineTo(x(times.starts[part]), y(score));
    pen.lineTo(x(times.ends[part]), y(score));
  });
  pen.lineTo(width, height);
  pen.fill();
  pen.globalAlpha = 0.8;
  pen.strokeStyle = ink("--soft");
  pen.setLineDash([3, 4]);
  pen.beginPath();
  pen.moveTo(0, y(threshold));
  pen.lineTo(width, y(threshold));
  pen.stroke();
}

// Of more values than a function takes.
export const most = (values) => values.reduce((one, other) => Math.max(one, other));

// How surprising each moment is: bits, faint, their mean over a second, and its highest tops, of which one is the peak.
export function curve(lane, measured) {
  const [pen, width, height] = sheet(lane);
  if (!measured) return;
  const { starts, ends, bits, smoothed, moments, seconds } = measured;
  const high = Math.max(most(bits), 1e-9);
  const x = (time) => time / seconds * width, y = (value) => height - 6 - value / high * (height - 12);
  const line = (values, name, thickness, alpha) => {
    [pen.strokeStyle, pen.lineWidth, pen.globalAlpha, pen.lineJoin] = [ink(name), thickness, alpha, "round"];
    pen.beginPath();
    values.forEach((value, token) => pen.lineTo(x((starts[token] + ends[token]) / 2), y(value)));
    pen.stroke();
  };
  line(bits, "--soft", 1, 0.45);
  line(smoothed, "--accent", 2, 1);
  moments.forEach((moment, place) => {
    pen.fillStyle = ink(place ? "--accent" : "--warn");
    pen.beginPath();
    pen.arc(x(moment.time), y(moment.bits), place ? 3.5 : 5, 0, 2 * Math.PI);
    pen.fill();
  });
}

export function axis(lane, seconds) {
  const [pen, width, height] = sheet(lane);
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((each) => each / seconds * width > 64) ?? 7200;
  pen.fillStyle = ink("--soft");
  pen.font = "12px system-ui, sans-serif";
  for (let tick = 0; tick * step <= seconds; tick++) {
    const at = tick * step / seconds * width, text = clock(tick * step, step < 1 ? 1 : 0);
    const wide = pen.measureText(text).width;
    pen.fillRect(Math.min(at, width - 1), 0, 1, 5);
    if (at + wide / 2 < width + wide / 2 - 2) {
      pen.fillText(text, Math.min(Math.max(at - wide / 2, 0), width - wide), height - 3);
    }
  }
}

export function clock(seconds, digits = 1) {
  if (seconds < 60) return `${seconds.toFixed(digits)} s`;
  const minutes = Math.floor(seconds / 60), rest = (seconds - 60 * minutes).toFixed(digits);
  return `${minutes}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}
