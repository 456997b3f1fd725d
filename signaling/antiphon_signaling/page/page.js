// Joins the state table, the call and the document. The one place where an event becomes a state and a state is shown.

import { Call } from "./call.js";
import { listenToHands } from "./hands.js";
import { Levels } from "./levels.js";
import { Report } from "./report.js";
import { button, isLive, isSettingUp, sentence, step } from "./states.js";
import { Turns } from "./turns.js";

const SAMPLE_MS = 20;
const WARN_S = 60;
const FULL_SCALE_DB = 60;
const MOST_RETRIES = 10;
const FAULTS = new Set(["insecure", "blocked", "missing", "busy", "refused", "failed"]);
const MICROPHONE_ERRORS = {
  NotAllowedError: "micBlocked",
  SecurityError: "micBlocked",
  NotFoundError: "micMissing",
  NotReadableError: "micBusy",
};

const find = (id) => document.getElementById(id);
const model = new URLSearchParams(location.search).get("model");
const report = new Report();
let state = window.isSecureContext && navigator.mediaDevices ? "idle" : "insecure";
let detail = {};
let config = { vip: [], pools: [], longest_call_s: 0 };
let call = null;
let levels = null;
let turns = new Turns();
let pushToTalk = false;
let held = false;
let muted = false;
let countdown = null;
let retries = 0;
let connectedAt = 0;
let drawing = false;

Object.defineProperty(window, "antiphon", {
  value: Object.freeze({
    get state() { return state; },
    get pc() { return call?.pc ?? null; },
    stats: async () => (call ? Object.fromEntries(await call.pc.getStats()) : {}),
  }),
});

const isBusy = () => isLive(state) || isSettingUp(state);

function happen(event, more = {}) {
  const before = state;
  state = step(state, event);
  if (state === before) return;
  detail = { vip: config.vip.join(" or "), microphone: microphoneNow(), ...more };
  if (state === "asking") openMicrophone();
  else if (!isBusy()) finish(event);
  if (state === "refused") countDown();
  report.note(state, detail);
  show();
}

function finish(event) {
  if (event === "hangUp") {
    detail.reason = "hangup";
    call?.hangUp();
  } else {
    call?.close();
  }
  levels?.forget("you");
  levels?.forget("agent");
  pushToTalk = false;
  muted = false;
}

async function openMicrophone() {
  clearInterval(countdown);
  turns = new Turns();
  let mine = null;
  try {
    levels ??= new Levels();
    levels.wake();
    mine = call = new Call({ model, on: (event, more) => mine === call && heard(event, more) });
  } catch {
    happen("failed", { stage: "browser" });
    return;
  }
  report.begin(mine);
  const microphone = await ask(mine);
  if (!microphone) return;
  mine.microphone = microphone;
  levels.listen("you", microphone);
  happen("micGranted");
  applyMicrophone();
  try {
    await mine.start();
  } catch {
    if (mine === call && !mine.closed) happen("failed", { stage: "browser" });
  }
}

async function ask(mine) {
  try {
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const microphone = await navigator.mediaDevices.getUserMedia({ audio });
    if (!mine.closed) return microphone;
    for (const track of microphone.getTracks()) track.stop();
  } catch (error) {
    const event = MICROPHONE_ERRORS[error.name] ?? "failed";
    if (!mine.closed) happen(event, { stage: "microphone", message: error.message || error.name });
  }
  return null;
}

function heard(event, more) {
  if (event === "message") report.message(more.data);
  else if (event === "mark") report.mark(more.stage);
  else if (event === "slow") change({ slow: true });
  else if (event === "restart") change(more);
  else if (event === "track") play();
  else happen(event, more);
  if (event === "connected") {
    connectedAt ||= Date.now();
    retries = 0;
  }
}

function play() {
  const voice = find("voice");
  voice.srcObject = call.remote;
  voice.play().catch(() => {}); // the microphone is in use, so browsers let the page play; a closed call rejects too
  levels.listen("agent", call.remote);
}

function change(more) {
  detail = { ...detail, ...more };
  show();
}

function countDown() {
  const { retryIn } = detail;
  if (!retryIn || ++retries > MOST_RETRIES) {
    detail.retryIn = 0;
    return;
  }
  const until = Date.now() + retryIn * 1000;
  countdown = setInterval(() => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left > 0) change({ retryIn: left });
    else happen("talk");
  }, 250);
}

function microphoneNow() {
  if (muted) return "muted";
  if (!pushToTalk) return "open";
  return held ? "held" : "released";
}

function applyMicrophone() {
  if (call) call.microphoneOpen = ["open", "held"].includes(microphoneNow());
  change({ microphone: microphoneNow() });
}

const hands = {
  tap() {
    const { event } = button(state);
    retries = 0;
    if (event) happen(event);
  },
  // In a call a short Space opens the microphone for good; Enter and the button hang up.
  spaceTap() {
    if (!isLive(state)) return hands.tap();
    pushToTalk = false;
    muted = false;
    applyMicrophone();
  },
  hold() {
    if (!isBusy()) hands.tap();
    held = true;
    pushToTalk = true;
    muted = false;
    applyMicrophone();
  },
  letGo() {
    held = false;
    applyMicrophone();
  },
};

function sample() {
  if (!isLive(state)) return;
  for (const what of turns.feed(performance.now(), levels.decibels("you"), levels.decibels("agent"))) {
    if (typeof what === "string") happen(what);
    else report.turn(what);
  }
  const secondsLeft = Math.max(0, Math.round(config.longest_call_s - (Date.now() - connectedAt) / 1000));
  if (config.longest_call_s <= WARN_S || secondsLeft > WARN_S) return;
  happen("endNears", { secondsLeft });
  if (state === "ending" && secondsLeft !== detail.secondsLeft) change({ secondsLeft });
}

function drawLevels() {
  drawing = isBusy();
  for (const name of ["you", "agent"]) {
    const db = drawing ? levels.decibels(name) : -FULL_SCALE_DB;
    const level = Math.max(0, Math.min(1, 1 + db / FULL_SCALE_DB));
    const shown = find(name);
    shown.style.setProperty("--level", level.toFixed(3));
    document.querySelector(`.halo.${name}`).style.setProperty("--level", level.toFixed(3));
    shown.setAttribute("aria-valuenow", Math.round(Math.max(-FULL_SCALE_DB, db)));
    shown.setAttribute("aria-valuetext", level === 0 ? "silent" : `${Math.round(db)} decibels`);
  }
  if (drawing) requestAnimationFrame(drawLevels);
}

function show() {
  const { label, event } = button(state);
  const talk = find("talk");
  document.body.dataset.state = state;
  document.body.dataset.phase = isLive(state) ? "live" : isSettingUp(state) ? "setup" : FAULTS.has(state) ? "fault" : "rest";
  if (talk.textContent !== label) talk.textContent = label;
  talk.disabled = event === null;
  talk.classList.toggle("held", held);
  // Only a changed text is announced.
  const said = sentence(state, detail);
  if (find("status").textContent !== said) find("status").textContent = said;
  find("mute").hidden = !isLive(state);
  find("mute").setAttribute("aria-pressed", String(muted));
  find("mute").textContent = muted ? "Unmute microphone" : "Mute microphone";
  find("keys").hidden = state === "insecure";
  if (!isBusy()) connectedAt = 0;
  else if (!drawing) drawLevels();
}

async function configure() {
  try {
    const response = await fetch("page/config.json");
    if (response.ok) config = await response.json();
  } catch {
    return; // the page works without it; a service that is gone shows itself with the first call
  }
  const pool = config.pools.find((p) => (model ? p.models.includes(model) : p.default));
  find("where").textContent = [pool && `pool ${pool.name}`, ...config.vip].filter(Boolean).join(" · ");
  change({ vip: config.vip.join(" or ") });
}

find("mute").addEventListener("click", () => {
  muted = !muted;
  if (!muted) pushToTalk = false;
  applyMicrophone();
});
find("copy").addEventListener("click", () => report.copy(state, sentence(state, detail)));
addEventListener("pagehide", () => isBusy() && happen("hangUp"));
listenToHands(find("talk"), hands);
report.showCode(new URL("v1/realtime/calls", document.baseURI));
show();
configure();
setInterval(sample, SAMPLE_MS);
setInterval(() => isLive(state) && report.quality(call), 1000);
