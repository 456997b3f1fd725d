// One call: offer, answer, media, and what its connection reports. Tells `on(event, detail)` in the words of states.js.

const SLOW_AFTER_MS = 2000;
const NO_ANSWER_AFTER_MS = 10000;
const ASK_EVERY_MS = 1000;
const ANSWER_WITHIN_MS = 3000;
const BACK_BY_ITSELF_MS = 2000;
const RESTART_EVERY_MS = 4000; // the service takes one every 2 s
const MOST_RESTARTS = 6; // by then the service has given the call up too

export class Call {
  constructor({ model, on }) {
    this.model = model;
    this.on = on;
    this.id = null;
    this.microphone = null;
    this.marks = {}; // performance.now() of each stage's end
    this.server = {}; // Server-Timing of the POST
    this.closed = false;
    this.remote = new MediaStream();
    this.#connect();
  }

  #timers = new Set();
  #asking = false;
  #restarting = false;
  #path = null;

  #connect() {
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.pc = pc;
    this.audio = pc.addTransceiver("audio", { direction: "sendrecv" });
    this.channel = pc.createDataChannel("oai-events");
    this.channel.onmessage = ({ data }) => this.on("message", { data });
    this.channel.onclose = () => this.#channelClosed();
    pc.ontrack = ({ track }) => {
      this.remote.addTrack(track);
      track.onunmute = () => this.#mark("audio");
      this.on("track", {});
    };
    pc.oniceconnectionstatechange = () => this.#iceChanged();
    pc.onconnectionstatechange = () => this.#connectionChanged();
    // Made while the browser asks for the microphone. No candidates are waited for: the answer has the only one needed.
    this.offer = pc.setLocalDescription().then(() => pc.localDescription.sdp);
    this.offer.catch(() => {});
  }

  async start() {
    await this.audio.sender.replaceTrack(this.microphone.getAudioTracks()[0]);
    const sdp = await this.offer;
    if (this.closed) return;
    this.marks.start = performance.now();
    const answer = await this.#post(sdp);
    if (this.closed || answer === null) {
      this.#tellServer(); // it was cancelled while the place was being found
      return;
    }
    this.#mark("http");
    this.on("answered", {});
    try {
      await this.pc.setRemoteDescription({ type: "answer", sdp: answer });
    } catch {
      this.#fail("answer");
      return;
    }
    this.#after(SLOW_AFTER_MS, () => !this.marks.ice && this.on("slow", {}));
    this.#after(NO_ANSWER_AFTER_MS, () => !this.marks.dtls && this.#fail(this.marks.ice ? "dtls" : "ice"));
  }

  set microphoneOpen(open) {
    for (const track of this.microphone?.getAudioTracks() ?? []) track.enabled = open;
  }

  hangUp() {
    this.#tellServer();
    this.close();
  }

  close() {
    this.closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.pc.close();
  }

  async #post(sdp) {
    const query = this.model ? `?model=${encodeURIComponent(this.model)}` : "";
    let response;
    try {
      const headers = { "content-type": "application/sdp" };
      response = await fetch(`v1/realtime/calls${query}`, { method: "POST", headers, body: sdp });
    } catch {
      this.#fail("http");
      return null;
    }
    if (!response.ok) {
      const { error } = await response.json().catch(() => ({}));
      const retryIn = Number(response.headers.get("retry-after")) || 0;
      const detail = { message: error?.message ?? `The service answered ${response.status}.`, code: error?.code, retryIn };
      if (!this.closed) this.on("refused", detail);
      return null;
    }
    this.id = response.headers.get("location")?.split("/").pop() ?? null;
    this.#path = `v1/realtime/calls/${this.id}`;
    this.server = serverTiming(response.headers.get("server-timing"));
    return response.text().catch(() => "");
  }

  #iceChanged() {
    const state = this.pc.iceConnectionState;
    if ((state === "connected" || state === "completed") && !this.marks.ice) {
      this.#mark("ice");
      this.on("iceConnected", {});
    }
  }

  #connectionChanged() {
    const state = this.pc.connectionState;
    if (state === "connected") {
      if (this.marks.dtls) this.on("connectionBack", {});
      this.#mark("dtls");
      this.on("connected", {});
    } else if (state === "disconnected") {
      this.#lost(BACK_BY_ITSELF_MS);
    } else if (state === "failed") {
      if (this.marks.dtls) this.#lost(0);
      else this.#fail(this.marks.ice ? "dtls" : "ice");
    }
  }

  #lost(patienceMs) {
    this.on("connectionLost", {});
    this.#askWhy();
    this.#comeBack(patienceMs);
  }

  // The call is still there, and so is its place: what has to be found is another way to it.
  async #comeBack(patienceMs) {
    if (this.#restarting) return;
    this.#restarting = true;
    await this.#pause(patienceMs);
    for (let tries = 1; tries <= MOST_RESTARTS && this.#isLost(); tries++) {
      this.on("restart", { tries, most: MOST_RESTARTS });
      await this.#restartIce();
      await this.#pause(RESTART_EVERY_MS);
    }
    this.#restarting = false;
    if (this.#isLost() && !(await this.#ended())) this.#fail("network");
  }

  // An offer that was not answered is sent once more; the service knows it if only its answer was lost.
  async #restartIce() {
    try {
      if (this.pc.signalingState === "stable") {
        this.pc.restartIce();
        await this.pc.setLocalDescription();
      }
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      const headers = { "content-type": "application/sdp" };
      const body = this.pc.localDescription.sdp;
      const response = await fetch(this.#path, { method: "PATCH", headers, body, signal });
      if (response.ok && !this.closed) await this.pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
    } catch { /* the next try is soon */ }
  }

  #isLost() {
    return !this.closed && this.pc.connectionState !== "connected";
  }

  #pause(ms) {
    return new Promise((resolve) => this.#after(ms, resolve));
  }

  // A closed channel and a service that twice says nothing of the call: both are gone, long before ICE notices.
  async #channelClosed() {
    let silences = 0;
    for (let asked = 0; asked < 2 && !this.closed; asked++) {
      if (asked > 0) await this.#pause(ASK_EVERY_MS);
      const told = await this.#ask();
      if (told === "ended") return;
      if (told === "silent") silences++;
    }
    if (this.closed) return;
    if (silences === 2) this.on("ended", {});
    else this.#askWhy();
  }

  // The browser only sees silence; the service knows whether the call is over, and why.
  async #askWhy() {
    if (this.#asking || this.closed) return;
    this.#asking = true;
    while (!this.closed && !(await this.#ended()) && this.pc.connectionState !== "connected") {
      await this.#pause(ASK_EVERY_MS);
    }
    this.#asking = false;
  }

  async #ended() {
    return (await this.#ask()) === "ended";
  }

  // What the service knows of the call: "ended" (and then it was told), "live", or "silent".
  async #ask() {
    if (!this.#path) return "live";
    try {
      const response = await fetch(this.#path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
      if (response.status !== 410 && response.status !== 404) return response.ok ? "live" : "silent";
      const { error } = await response.json();
      if (!this.closed) this.on("ended", { reason: error?.code, message: error?.message });
      return "ended";
    } catch {
      return "silent";
    }
  }

  #tellServer() {
    if (this.#path) fetch(`${this.#path}/hangup`, { method: "POST", keepalive: true }).catch(() => {});
  }

  #fail(stage) {
    if (!this.closed) this.on("failed", { stage });
  }

  #mark(stage) {
    if (this.marks[stage]) return;
    this.marks[stage] = performance.now();
    this.on("mark", { stage });
  }

  #after(ms, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}

function serverTiming(header) {
  const stages = (header ?? "").split(",").map((entry) => entry.trim().split(";dur="));
  return Object.fromEntries(stages.filter(([, ms]) => ms).map(([name, ms]) => [name, Number(ms)]));
}
