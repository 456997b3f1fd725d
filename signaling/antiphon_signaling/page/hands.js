// Pointer and keyboard as one gesture: a short press is a tap, a long one holds until it is let go.

const HOLD_MS = 350;

export function listenToHands(talk, { tap, spaceTap, hold, letGo }) {
  let press = null;

  const begin = (onTap) => {
    if (press) return;
    const mine = { held: false, onTap };
    mine.timer = setTimeout(() => {
      mine.held = true;
      hold();
    }, HOLD_MS);
    press = mine;
  };

  const end = ({ cancelled }) => {
    if (!press) return;
    const { held, onTap, timer } = press;
    press = null;
    clearTimeout(timer);
    if (held) letGo();
    else if (!cancelled) onTap();
  };

  talk.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || talk.disabled) return;
    talk.setPointerCapture(event.pointerId);
    begin(tap);
  });
  talk.addEventListener("pointerup", () => end({ cancelled: false }));
  talk.addEventListener("pointercancel", () => end({ cancelled: true }));
  talk.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is a hold here
  // detail 0: Enter, or an assistive tool's "activate"; a pointer's click was handled above.
  talk.addEventListener("click", (event) => event.detail === 0 && tap());

  addEventListener("keydown", (event) => {
    if (event.code !== "Space" || event.ctrlKey || event.metaKey || event.altKey || talk.disabled) return;
    if (event.target.closest("summary, a, input, textarea, button:not(#talk)")) return;
    event.preventDefault();
    if (!event.repeat) begin(spaceTap);
  });
  addEventListener("keyup", (event) => {
    if (event.code !== "Space" || !press) return;
    event.preventDefault();
    end({ cancelled: false });
  });
  addEventListener("blur", () => end({ cancelled: true })); // the key's release goes to another window
}
