// A soft sound when someone begins to wait. Browsers allow none before the first click or key on the page.

import { byId, translate } from "../web/static/page.js";
import { load, store } from "./storage.js";

const STORAGE_KEY = "sound";
const NOTES = [[659.3, 0], [880, 0.16]]; // hertz, seconds after the start
const DURATION_SECONDS = 0.9;
const button = byId("sound");
const hint = byId("gesture");

let on = load(STORAGE_KEY) ?? true;
let audio = null;

function show() {
  button.setAttribute("aria-pressed", String(on));
  button.title = translate(on ? "soundOn" : "soundOff");
  byId("sound-icon").setAttribute("href", on ? "#icon-sound" : "#icon-muted");
  hint.hidden = !on || audio?.state === "running";
}

/** After the user's first gesture the page may play sounds. */
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
    volume.gain.exponentialRampToValueAtTime(0.0001, begin + DURATION_SECONDS);
    const tone = new OscillatorNode(audio, { frequency: pitch });
    tone.connect(volume).connect(audio.destination);
    tone.start(begin);
    tone.stop(begin + DURATION_SECONDS);
  }
}

button.addEventListener("click", async () => {
  on = !on;
  store(STORAGE_KEY, on);
  show();
  if (!on) return;
  await allow();
  ring(); // as a preview
});
for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, allow, { once: true });
show();
