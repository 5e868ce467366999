// A soft sound when someone begins to wait. Browsers allow none before the first click or key on the page.

import { byId, say } from "../web/static/page.js";
import { keep, kept } from "./kept.js";

const KEPT = "sound";
const NOTES = [[659.3, 0], [880, 0.16]]; // hertz, seconds after the begin
const LASTS = 0.9;
const button = byId("sound");
const hint = byId("gesture");

let on = kept(KEPT) ?? true;
let audio = null;

function show() {
  button.setAttribute("aria-pressed", String(on));
  button.title = say(on ? "soundOn" : "soundOff");
  byId("sound-icon").setAttribute("href", on ? "#icon-sound" : "#icon-muted");
  hint.hidden = !on || audio?.state === "running";
}

/** From the person's first gesture on the page may be heard. */
async function allow() {
  audio ??= new AudioContext();
  await audio.resume();
  show();
}

export function ring() {
  if (!on || audio?.state !== "running") return;
  for (const [pitch, after] of NOTES) {
    const begin = audio.currentTime + after;
    const volume = new GainNode(audio, { gain: 0 });
    volume.gain.linearRampToValueAtTime(0, begin);
    volume.gain.linearRampToValueAtTime(0.14, begin + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, begin + LASTS);
    const tone = new OscillatorNode(audio, { frequency: pitch });
    tone.connect(volume).connect(audio.destination);
    tone.start(begin);
    tone.stop(begin + LASTS);
  }
}

button.addEventListener("click", async () => {
  on = !on;
  keep(KEPT, on);
  show();
  if (!on) return;
  await allow();
  ring(); // so that one knows what to listen for
});
for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, allow, { once: true });
show();
