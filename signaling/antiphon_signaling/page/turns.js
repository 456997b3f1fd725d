// Who speaks when, told from two levels alone, and how long the answer took. Pure: fed with a clock and dBFS.

const QUIETEST_SPEECH_DB = -52;
const ABOVE_NOISE_DB = 12;
const NOISE_RISES_DB_PER_S = 6;
const NOISE_RISES_UNDER_SPEECH_DB_PER_S = 2;
const QUIETEST_NOISE_DB = -70;
const ONSET_MS = 40;
const LONGEST_WAIT_MS = 15000;

// Speech starts when the level stays above the noise for ONSET_MS, and stops when it stayed below for `hangover` ms.
class Voice {
  constructor(hangover) {
    this.hangover = hangover;
    this.noise = null;
    this.loudSince = null;
    this.lastLoud = null;
    this.speaking = false;
    this.before = null;
  }

  feed(now, db) {
    const elapsed = this.before === null ? 0 : now - this.before;
    this.before = now;
    // The floor follows a quieter level at once and a louder one slowly, so that speech does not become "noise".
    this.noise ??= db;
    const rise = this.speaking ? NOISE_RISES_UNDER_SPEECH_DB_PER_S : NOISE_RISES_DB_PER_S;
    this.noise = Math.max(QUIETEST_NOISE_DB, Math.min(db, this.noise + (rise * elapsed) / 1000));
    const loud = db > Math.max(QUIETEST_SPEECH_DB, this.noise + ABOVE_NOISE_DB);
    if (loud) {
      this.loudSince ??= now;
      this.lastLoud = now;
    } else if (!this.speaking || now - this.lastLoud > this.hangover) {
      this.loudSince = null;
    }
    if (!this.speaking && loud && now - this.loudSince >= ONSET_MS) {
      this.speaking = true;
      return "starts";
    }
    if (this.speaking && now - this.lastLoud > this.hangover) {
      this.speaking = false;
      return "stops";
    }
    return null;
  }
}

// feed() returns what just happened: agentStarts, agentStops, interrupts, {turn: ms} or {silencedAfter: ms}.
export class Turns {
  constructor() {
    this.you = new Voice(250);
    this.agent = new Voice(400);
    this.waitingSince = null;
    this.answerSince = null;
    this.interruptedAt = null;
  }

  feed(now, youDb, agentDb) {
    return [...this.#agentDid(this.agent.feed(now, agentDb)), ...this.#youDid(this.you.feed(now, youDb))];
  }

  #agentDid(what) {
    if (what === "stops") {
      const silenced = this.interruptedAt === null ? [] : [{ silencedAfter: this.agent.lastLoud - this.interruptedAt }];
      this.interruptedAt = null;
      return ["agentStops", ...silenced.filter(({ silencedAfter }) => silencedAfter >= 0)];
    }
    if (what !== "starts") return [];
    this.answerSince = this.agent.loudSince;
    return ["agentStarts", ...this.#turn()];
  }

  #youDid(what) {
    if (what === "stops") {
      this.waitingSince = this.you.lastLoud;
      return this.#turn();
    }
    if (what !== "starts") return [];
    this.waitingSince = null;
    this.answerSince = null;
    if (!this.agent.speaking) return [];
    this.interruptedAt = this.you.loudSince;
    return ["interrupts"];
  }

  // A quick answer may begin before we are sure that you have stopped, so either side can complete the pair.
  #turn() {
    if (this.waitingSince === null || this.answerSince === null) return [];
    const ms = this.answerSince - this.waitingSince;
    this.waitingSince = null;
    this.answerSince = null;
    return ms >= 0 && ms < LONGEST_WAIT_MS ? [{ turn: ms }] : [];
  }
}
