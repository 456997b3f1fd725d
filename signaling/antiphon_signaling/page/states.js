// What the page can be in, what can happen to it, and what it then says. Pure: no DOM, no clock, no network.

export const EVENTS = Object.freeze([
  "talk", "hangUp",
  "micGranted", "micBlocked", "micMissing", "micBusy",
  "answered", "iceConnected", "connected",
  "agentStarts", "agentStops", "interrupts",
  "connectionLost", "connectionBack", "endNears",
  "ended", "refused", "failed",
]);

const setUp = { hangUp: "idle", ended: "ended", failed: "failed" };
const live = { hangUp: "ended", ended: "ended", failed: "failed", connectionLost: "reconnecting", endNears: "ending" };

// An event that a state does not list comes too late or too early for it, and changes nothing.
export const TRANSITIONS = Object.freeze({
  insecure: {},
  idle: { talk: "asking" },
  asking: {
    micGranted: "sending", micBlocked: "blocked", micMissing: "missing", micBusy: "busy",
    hangUp: "idle", failed: "failed",
  },
  blocked: { talk: "asking" },
  missing: { talk: "asking" },
  busy: { talk: "asking" },
  sending: { ...setUp, answered: "checking", refused: "refused" },
  checking: { ...setUp, iceConnected: "securing", connected: "listening" },
  securing: { ...setUp, connected: "listening" },
  listening: { ...live, agentStarts: "speaking" },
  speaking: { ...live, agentStops: "listening", interrupts: "interrupted" },
  interrupted: { ...live, agentStops: "listening" },
  ending: { hangUp: "ended", ended: "ended", failed: "failed", connectionLost: "reconnecting" },
  reconnecting: { hangUp: "ended", ended: "ended", failed: "failed", connectionBack: "listening" },
  ended: { talk: "asking" },
  refused: { talk: "asking" },
  failed: { talk: "asking" },
});

export const STATES = Object.freeze(Object.keys(TRANSITIONS));

export function step(state, event) {
  if (!Object.hasOwn(TRANSITIONS, state)) throw new RangeError(`no state ${state}`);
  if (!EVENTS.includes(event)) throw new RangeError(`no event ${event}`);
  return TRANSITIONS[state][event] ?? state;
}

const LIVE = new Set(["listening", "speaking", "interrupted", "ending", "reconnecting"]);
const SETTING_UP = new Set(["asking", "sending", "checking", "securing"]);

export const isLive = (state) => LIVE.has(state);
export const isSettingUp = (state) => SETTING_UP.has(state);

// What a press of the big button means: its label and its event (null: it cannot be pressed).
export function button(state) {
  if (state === "insecure") return { label: "Talk", event: null };
  if (isLive(state)) return { label: "Hang up", event: "hangUp" };
  if (isSettingUp(state)) return { label: "Cancel", event: "hangUp" };
  return { label: { idle: "Talk", ended: "Talk again" }[state] ?? "Try again", event: "talk" };
}

const END_REASONS = {
  client_closed: "this page closed it.",
  hangup: "hung up.",
  setup_timeout: "no UDP packet of this browser arrived in time.",
  dtls_failed: "the encryption handshake failed.",
  consent_lost: "this browser's packets stopped arriving.",
  max_duration: "it reached the longest duration allowed here.",
  backend_lost: "the voice agent went away.",
  drain_deadline: "the pod was replaced.",
  overload: "the service was overloaded, and the newest calls went first.",
  transceiver_lost: "the pod that held it was lost.",
  moved: "it went on elsewhere.",
  internal_error: "an error inside the service.",
};

const FAILURES = {
  browser: () => "This browser has no WebRTC. A current Chrome, Firefox, Edge or Safari has.",
  http: () => "The service does not answer. Is it still running?",
  answer: () => "The service's answer could not be used by this browser.",
  ice: ({ vip }) => `No UDP answer from ${vip || "the relay"}. HTTP works, so a firewall is likely.`,
  dtls: () => "The network path works, but the encryption handshake did not finish.",
  network: ({ vip }) => `The connection to ${vip || "the relay"} was lost and did not come back.`,
  microphone: ({ message }) => `The microphone could not be opened: ${message}`,
};

export const STAGES = Object.freeze(Object.keys(FAILURES));
export const REASONS = Object.freeze(Object.keys(END_REASONS));

const SENTENCES = {
  insecure: () =>
    "This page needs https or localhost: browsers give no microphone on plain http. Start with “antiphon up --lan”.",
  idle: () => "Ready. Press Talk, or hold Space.",
  asking: () => "Your browser asks for the microphone.",
  blocked: () => "The microphone is blocked for this site; click the icon left of the address.",
  missing: () => "No microphone found. Connect one and try again.",
  busy: () => "Another program holds the microphone. Close it and try again.",
  sending: () => "Connecting: asking for a place…",
  checking: ({ slow }) =>
    slow
      ? "Still waiting for the first UDP answer: UDP may be blocked on this network."
      : "Connecting: waiting for the first UDP answer…",
  securing: () => "Connecting: agreeing on keys…",
  listening: ({ microphone }) =>
    ({ held: "Listening while you hold.", released: "Hold Space or the button to talk.", muted: "Your microphone is muted." })[
      microphone
    ] ?? "Listening.",
  speaking: () => "Agent is speaking; just talk to interrupt.",
  interrupted: () => "Interrupted. Go on, the agent is listening.",
  reconnecting: ({ tries, most }) =>
    tries ? `Connection lost; looking for another way, try ${tries} of ${most}…` : "Connection lost; reconnecting…",
  ending: ({ secondsLeft }) => `This call ends in ${secondsLeft ?? 60} s.`,
  ended: ({ reason }) => `Call ended: ${END_REASONS[reason] ?? "the service ended it."}`,
  refused: ({ message, retryIn }) =>
    retryIn ? `${message} Next try in ${retryIn} s.` : (message ?? "The service refused the call."),
  failed: (detail) => (FAILURES[detail.stage] ?? (() => "The call failed."))(detail),
};

export const sentence = (state, detail = {}) => SENTENCES[state](detail);
