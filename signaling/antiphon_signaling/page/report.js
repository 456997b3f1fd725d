// The figures under the button: set-up, turns, quality, events; and the same as text to copy.

import { isSettingUp } from "./states.js";

const KEPT_TURNS = 5;
const KEPT_EVENTS = 50;
const STAGES = ["http", "ice", "dtls", "audio"];

const find = (id) => document.getElementById(id);
const whole = (ms) => Math.round(ms).toLocaleString("en");

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Report {
  #call = null;
  #turns = [];
  #turnCount = 0;
  #history = [];
  #eventCount = 0;
  #state = "idle";

  begin(call) {
    this.#call = call;
    this.#turns = [];
    this.#turnCount = 0;
    find("turns").hidden = true;
    find("quality").hidden = true;
    find("call-line").textContent = "";
    find("copy").hidden = false;
    this.#showSetup();
  }

  note(state, { reason, stage, message }) {
    const why = reason ?? stage ?? message;
    this.#history.push(`${new Date().toISOString()} ${state}${why ? ` (${why})` : ""}`);
    this.#history.splice(0, this.#history.length - KEPT_EVENTS);
    this.#state = state;
    this.#showSetup();
  }

  mark(stage) {
    if (stage === "http") find("call-line").textContent = `Call ${this.#call.id}`;
    this.#showSetup();
  }

  turn({ turn, silencedAfter }) {
    if (turn !== undefined) this.#turns.unshift({ number: ++this.#turnCount, ms: turn });
    else this.#turns.unshift({ ms: silencedAfter, interrupted: true });
    this.#turns.length = Math.min(this.#turns.length, KEPT_TURNS);
    const longest = Math.max(...this.#turns.filter((t) => !t.interrupted).map((t) => t.ms), 1);
    find("turns").hidden = false;
    find("turns").querySelector("tbody").replaceChildren(...this.#turns.map((t) => turnRow(t, longest)));
  }

  async quality(call) {
    const reports = [...(await call.pc.getStats()).values()];
    const inbound = reports.find((r) => r.type === "inbound-rtp" && r.kind === "audio");
    const pair = reports.find((r) => r.type === "candidate-pair" && r.nominated && r.state === "succeeded");
    if (inbound) {
      const all = inbound.packetsReceived + inbound.packetsLost;
      find("loss").textContent = `${(all > 0 ? (100 * Math.max(0, inbound.packetsLost)) / all : 0).toFixed(1)} %`;
      find("jitter").textContent = `${whole(1000 * (inbound.jitter ?? 0))} ms`;
    }
    if (pair?.currentRoundTripTime !== undefined) find("rtt").textContent = `${whole(1000 * pair.currentRoundTripTime)} ms`;
    find("quality").hidden = false;
  }

  message(data) {
    let type = "not JSON";
    try {
      type = JSON.parse(data).type ?? "without a type";
    } catch { /* shown as what it is */ }
    const list = find("events");
    list.querySelector(".none")?.remove();
    list.prepend(element("li", `${new Date().toLocaleTimeString()}  ${type}`));
    while (list.children.length > KEPT_EVENTS) list.lastChild.remove();
    find("event-count").textContent = `(${++this.#eventCount})`;
  }

  showCode(url) {
    find("code").textContent = [
      "import { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession }",
      '  from "@openai/agents-realtime";',
      "",
      "const transport = new OpenAIRealtimeWebRTC({",
      `  baseUrl: "${url}",`,
      "});",
      'const agent = new RealtimeAgent({ name: "agent" });',
      "const session = new RealtimeSession(agent, { transport });",
      'await session.connect({ apiKey: "ek_any" });',
    ].join("\n");
  }

  async copy(state, sentence) {
    const text = [
      `Antiphon call ${this.#call?.id ?? "without an id"}: ${state}`,
      sentence,
      `set-up: ${STAGES.map((s) => `${s} ${this.#took(s)?.toFixed(0) ?? "–"} ms`).join(", ")}`,
      `service: ${Object.entries(this.#call?.server ?? {}).map(([name, ms]) => `${name} ${ms}`).join(", ") || "–"}`,
      `turns: ${this.#turns.map((t) => `${t.interrupted ? "interrupted " : ""}${Math.round(t.ms)} ms`).join(", ") || "none"}`,
      `loss ${find("loss").textContent}, jitter ${find("jitter").textContent}, round trip ${find("rtt").textContent}`,
      navigator.userAgent,
      ...this.#history,
    ].join("\n");
    try {
      await navigator.clipboard.writeText(text);
      find("copy").textContent = "Copied";
    } catch {
      find("copy").textContent = "The browser refused to copy";
    }
    setTimeout(() => { find("copy").textContent = "Copy report"; }, 2000);
  }

  // Media may flow before the browser reports the stage before it: a stage then took no time of its own.
  #took(stage) {
    const marks = this.#call?.marks ?? {};
    const at = STAGES.indexOf(stage);
    if (marks[stage] === undefined) return null;
    const before = ["start", ...STAGES.slice(0, at)].map((s) => marks[s]).filter((t) => t !== undefined);
    return Math.max(0, marks[stage] - Math.max(...before));
  }

  #showSetup() {
    const marks = this.#call?.marks ?? {};
    find("setup").hidden = marks.start === undefined && this.#state !== "sending";
    const took = STAGES.map((stage) => this.#took(stage));
    const beforeAudio = took.slice(0, 3).reduce((sum, ms) => sum + (ms ?? 0), 0);
    // An agent that waits for you to speak first has its first sound with the first turn: no part of the set-up.
    const late = took[3] !== null && took[3] > 2000;
    const scale = Math.max(1, beforeAudio + (late ? 0 : (took[3] ?? 0)));
    const connected = marks.dtls !== undefined;
    find("setup-title").textContent = connected
      ? `Connected in ${whole(beforeAudio)} ms`
      : isSettingUp(this.#state) ? "Connecting" : "Not connected";
    let sum = 0;
    STAGES.forEach((stage, at) => {
      const row = document.querySelector(`[data-stage="${stage}"]`);
      const ms = took[at];
      const shown = ms !== null && !(stage === "audio" && late);
      const now = ms === null && took.slice(0, at).every((t) => t !== null);
      const absent = now && this.#state === "failed" ? "failed" : "–";
      row.querySelector(".ms").textContent = ms === null ? absent : `${whole(ms)} ms`;
      const bar = row.querySelector(".bar");
      bar.style.marginLeft = `${(100 * sum) / scale}%`;
      bar.style.width = shown ? `max(3px, ${(100 * ms) / scale}%)` : "0";
      row.classList.toggle("now", now);
      if (shown) sum += ms;
    });
  }
}

function turnRow({ number, ms, interrupted }, longest) {
  const row = element("tr");
  if (interrupted) {
    row.append(element("td", `interrupted: silence after ${whole(ms)} ms`, { colspan: "3" }));
    return row;
  }
  const bar = element("i", "", { class: "bar" });
  bar.style.width = `${(100 * ms) / longest}%`;
  const length = element("td");
  length.append(bar);
  row.append(element("th", String(number), { scope: "row" }), element("td", `${whole(ms)} ms`, { class: "ms" }), length);
  return row;
}
