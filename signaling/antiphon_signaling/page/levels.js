// The loudness of both directions, in dBFS, from the Web Audio API.

const SILENCE_DB = -100;

export class Levels {
  #context = new AudioContext({ latencyHint: "interactive" });
  #taps = new Map();

  // Called inside the click: some browsers start an AudioContext only there.
  wake() {
    if (this.#context.state === "suspended") this.#context.resume().catch(() => {});
  }

  listen(name, stream) {
    this.forget(name);
    const source = this.#context.createMediaStreamSource(stream);
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 1024; // 21 ms at 48 kHz: about one Opus frame
    source.connect(analyser);
    this.#taps.set(name, { source, analyser, samples: new Float32Array(analyser.fftSize) });
  }

  forget(name) {
    this.#taps.get(name)?.source.disconnect();
    this.#taps.delete(name);
  }

  decibels(name) {
    const tap = this.#taps.get(name);
    if (!tap) return SILENCE_DB;
    tap.analyser.getFloatTimeDomainData(tap.samples);
    let energy = 0;
    for (const sample of tap.samples) energy += sample * sample;
    return energy === 0 ? SILENCE_DB : Math.max(SILENCE_DB, 10 * Math.log10(energy / tap.samples.length));
  }
}
