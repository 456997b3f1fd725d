// Turns from two made-up levels: speech is a loud stretch over a noise floor, a sample every 20 ms.

import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { Turns } = await load("turns.js");
const SPEECH = -25;

// spans: {you: [[from, to]…], agent: […]} in ms; returns [time, what] for everything that happened.
function play(until, { you = [], agent = [] }, noise = -70) {
  const turns = new Turns();
  const level = (spans, t) => (spans.some(([from, to]) => t >= from && t < to) ? SPEECH : typeof noise === "number" ? noise : noise(t));
  const happened = [];
  for (let t = 0; t < until; t += 20) {
    for (const what of turns.feed(t, level(you, t), level(agent, t))) happened.push([t, what]);
  }
  return happened;
}

const measured = (happened) => happened.map(([, what]) => what).filter((what) => typeof what === "object");
const near = (ms, expected) => assert.ok(Math.abs(ms - expected) <= 20, `${ms}, not about ${expected}`);

test("a turn lasts from the end of your speech to the agent's first sound", () => {
  const happened = play(6000, { you: [[1000, 2500]], agent: [[3100, 4600]] });
  const [{ turn }] = measured(happened);
  near(turn, 600);
  assert.deepEqual(happened.map(([, what]) => (typeof what === "string" ? what : "turn")), ["agentStarts", "turn", "agentStops"]);
});

test("an answer within 100 ms is measured although you might have gone on", () => {
  const found = measured(play(4000, { you: [[1000, 2000]], agent: [[2100, 3000]] }));
  assert.equal(found.length, 1);
  near(found[0].turn, 100);
});

test("a pause within your sentence starts no turn", () => {
  const found = measured(play(8000, { you: [[1000, 2000], [2200, 3400]], agent: [[4000, 5000]] }));
  assert.equal(found.length, 1);
  near(found[0].turn, 600);
});

test("the agent's pauses within one answer are not turns of their own", () => {
  const found = measured(play(9000, { you: [[1000, 2000]], agent: [[2600, 3600], [4600, 5600]] }));
  assert.equal(found.length, 1);
});

test("talking over the agent is an interruption, and the silence after it is measured", () => {
  const happened = play(6000, { you: [[2000, 3500]], agent: [[1000, 2180]] });
  assert.ok(happened.some(([t, what]) => what === "interrupts" && t >= 2000 && t < 2100));
  const [{ silencedAfter }] = measured(happened);
  near(silencedAfter, 160);
});

test("each of five turns is measured by itself", () => {
  const at = [0, 1, 2, 3, 4].map((n) => 1000 + 4000 * n);
  const happened = play(22000, { you: at.map((t) => [t, t + 1000]), agent: at.map((t, n) => [t + 1300 + 100 * n, t + 2500]) });
  const found = measured(happened).map(({ turn }) => turn);
  assert.equal(found.length, 5);
  found.forEach((turn, n) => near(turn, 300 + 100 * n));
});

test("steady noise is not speech, and speech over it still is", () => {
  const fan = -45;
  assert.deepEqual(play(10000, {}, fan), []);
  const found = measured(play(20000, { you: [[14000, 15500]], agent: [[16000, 17000]] }, fan));
  assert.equal(found.length, 1);
  near(found[0].turn, 500);
});

test("a fan that starts during the call is noise after ten seconds", () => {
  const found = play(20000, { you: [[15000, 16000]], agent: [[16500, 17000]] }, (t) => (t < 2000 ? -90 : -45));
  assert.deepEqual(found.filter(([t]) => t > 12000 && t < 15000), []);
  near(measured(found.filter(([t]) => t > 15000))[0].turn, 500);
});

test("a click is not speech", () => {
  assert.deepEqual(play(4000, { you: [[1000, 1020]], agent: [[2000, 2020]] }), []);
});
