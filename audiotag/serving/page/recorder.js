// The microphone: recorded as the browser likes, sent as WAV, so that the server needs no further decoder.

const MOST_OF_16_BITS = 32767;

export class Recorder {
  async start() {
    if (!navigator.mediaDevices) {
      throw new Error("The browser lets a page record only at localhost or by https: open this page there.");
    }
    const asIs = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: asIs });
    this.pieces = [];
    this.recorder = new MediaRecorder(this.stream);
    this.recorder.ondataavailable = (event) => this.pieces.push(event.data);
    this.recorder.start();
  }

  // Ends the recording; gives it as a WAV file.
  async stop() {
    const ended = new Promise((resolve) => { this.recorder.onstop = resolve; });
    this.recorder.stop();
    await ended;
    this.stream.getTracks().forEach((track) => track.stop());
    const context = new AudioContext();
    try {
      return wav(await context.decodeAudioData(await new Blob(this.pieces).arrayBuffer()));
    } finally {
      context.close();
    }
  }
}

// 16 bits, mono: the mean of the channels.
export function wav(buffer) {
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, index) => buffer.getChannelData(index));
  const view = new DataView(new ArrayBuffer(44 + 2 * buffer.length));
  const text = (at, letters) => [...letters].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * buffer.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, buffer.sampleRate, true);
  view.setUint32(28, 2 * buffer.sampleRate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * buffer.length, true);
  for (let index = 0; index < buffer.length; index++) {
    const mean = channels.reduce((sum, channel) => sum + channel[index], 0) / channels.length;
    view.setInt16(44 + 2 * index, Math.round(Math.max(-1, Math.min(1, mean)) * MOST_OF_16_BITS), true);
  }
  return new Blob([view], { type: "audio/wav" });
}
