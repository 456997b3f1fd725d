// Walks the page's transition table: every state × every event, every way out, every sentence.

import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { EVENTS, REASONS, STAGES, STATES, TRANSITIONS, button, isLive, isSettingUp, sentence, step } = await load("states.js");

const walk = (events, from = "idle") => events.split(" ").reduce(step, from);

test("every event in every state leads to a state, and only listed events move", () => {
  for (const state of STATES) {
    for (const event of EVENTS) {
      const next = step(state, event);
      assert.ok(STATES.includes(next), `${state} + ${event} → ${next}`);
      if (!(event in TRANSITIONS[state])) assert.equal(next, state);
    }
  }
});

test("the table names no unknown event, and every event moves something", () => {
  const used = new Set(STATES.flatMap((state) => Object.keys(TRANSITIONS[state])));
  assert.deepEqual([...used].sort(), [...EVENTS].sort());
});

test("unknown states and events are mistakes", () => {
  assert.throws(() => step("nowhere", "talk"), RangeError);
  assert.throws(() => step("idle", "sneeze"), RangeError);
  assert.throws(() => step("toString", "talk"), RangeError);
});

test("no label is stuck: the button always leads elsewhere, and back to a call", () => {
  for (const state of STATES.filter((name) => name !== "insecure")) {
    const { event } = button(state);
    const next = step(state, event);
    assert.notEqual(next, state, `${state}: the button does nothing`);
    const atRest = isLive(state) || isSettingUp(state) ? next : state;
    assert.equal(step(atRest, button(atRest).event), "asking", `${state}: no way back`);
  }
  assert.equal(button("insecure").event, null);
});

test("every state but the insecure page can be reached from idle", () => {
  const reached = new Set(["idle"]);
  for (const state of reached) for (const event of EVENTS) reached.add(step(state, event));
  assert.deepEqual([...reached].sort(), STATES.filter((name) => name !== "insecure").sort());
});

test("a call's life, and what comes too late", () => {
  assert.equal(walk("talk micGranted answered iceConnected connected"), "listening");
  assert.equal(walk("talk micGranted answered connected"), "listening");
  assert.equal(walk("agentStarts interrupts agentStops", "listening"), "listening");
  assert.equal(walk("connectionLost connectionBack agentStarts", "speaking"), "speaking");
  assert.equal(walk("connectionLost ended", "speaking"), "ended");
  assert.equal(walk("hangUp connected agentStarts connectionLost failed refused", "checking"), "idle");
  assert.equal(walk("agentStops connectionBack failed ended", "ended"), "ended");
});

test("anything that goes wrong in any stage of a call is shown as failed or ended", () => {
  for (const state of STATES.filter((name) => isLive(name) || isSettingUp(name))) {
    assert.equal(step(state, "failed"), "failed");
    if (state !== "asking") assert.equal(step(state, "ended"), "ended");
  }
});

test("every state has one sentence, whatever is known", () => {
  const details = [
    {}, { vip: "192.0.2.2:3478" }, { slow: true }, { tries: 1, most: 6 }, { message: "All places are taken.", retryIn: 4 }, { secondsLeft: 12 },
    ...REASONS.map((reason) => ({ reason })), ...STAGES.map((stage) => ({ stage, message: "It says why." })),
    { reason: "unheard_of" }, { stage: "unheard_of" }, ...["open", "held", "released", "muted"].map((microphone) => ({ microphone })),
  ];
  for (const state of STATES) {
    for (const detail of details) {
      const said = sentence(state, detail);
      assert.match(said, /^[A-Z].{6,}[.…?]$/u, `${state} ${JSON.stringify(detail)}: ${said}`);
      assert.doesNotMatch(said, /undefined|null|NaN/u);
    }
  }
  assert.equal(sentence("reconnecting", {}), "Connection lost; reconnecting…");
  assert.match(sentence("reconnecting", { tries: 2, most: 6 }), /try 2 of 6…$/u);
  assert.equal(sentence("ended", { reason: "drain_deadline" }), "Call ended: the pod was replaced.");
  assert.equal(sentence("refused", { message: "All places are taken.", retryIn: 4 }), "All places are taken. Next try in 4 s.");
  assert.equal(
    sentence("failed", { stage: "ice", vip: "203.0.113.7:3478" }),
    "No UDP answer from 203.0.113.7:3478. HTTP works, so a firewall is likely.",
  );
});

test("the page knows every reason that the service can give", () => {
  const service = process.env.END_REASONS.split(",");
  assert.deepEqual([...REASONS].sort(), service.sort());
});
