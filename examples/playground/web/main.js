// The page: starts runs, asks the server for steps, and draws what comes back.
import { buildSettings, settingsOf, showSettings } from "./settings.js";
import { Network } from "./network.js";
import { Surface } from "./surface.js";
import { Chart, ramp } from "./charts.js";
import { showDiagnosis, showLesson } from "./lesson.js";
import { fromAddress, toAddress } from "./address.js";
import { switchThemes } from "./theme.js";

const $ = (id) => document.getElementById(id);
const percent = (x) => `${(100 * x).toFixed(1)} %`;
const number = (x) => (x === 0 ? "0" : Math.abs(x) < 1e-3 ? x.toExponential(1) : x.toPrecision(3));

let settings; // of this page, as in its address
let about; // what the server said of the run
let frame; // the last one
let look; // the last diagnosis and regions
let playing = false;
let generation = 0; // counts the runs, so that answers for an older one are dropped

const network = new Network($("columns"), $("links"), { enlarge, changeUnits });
const surface = new Surface($("surface"), chooseSample);
const lossChart = new Chart($("loss-chart"), "Loss");
const normsChart = new Chart($("norms-chart"), "Gradient norms", { logarithmic: true });

/** Drawn frames, for measurements. */
const drawn = { frames: 0, problems: [] };
window.playground = { drawn, state: () => ({ settings, about, frame, look, playing }) };
window.addEventListener("error", (event) => drawn.problems.push(String(event.message)));
window.addEventListener("unhandledrejection", (event) => drawn.problems.push(String(event.reason)));

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The playground does not answer: is the program still running?");
  }
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: `status ${response.status}` }));
  throw Object.assign(new Error(error), { status: response.status });
}

function complain(problem) {
  $("problem").textContent = problem ?? "";
  $("problem").hidden = !problem;
}

const say = (text) => ($("said").textContent = text);

// ---------------------------------------------------------------- runs

async function start() {
  const mine = ++generation;
  const was = playing;
  setPlaying(false);
  try {
    const response = await ask("api/start", { method: "POST", body: JSON.stringify(settings) });
    const answer = await response.json();
    if (mine !== generation) return;
    about = answer;
    complain();
    look = undefined;
    [lossChart, normsChart].forEach((chart) => chart.clear());
    network.build(about);
    surface.build(about);
    showAbout();
    const first = await advance(0);
    if (mine !== generation) return;
    draw(first);
    await inspect();
    if (was) play();
    else await refreshLesson();
  } catch (error) {
    if (mine === generation) complain(error.message);
  }
}

function showAbout() {
  const { sizes, parameters, classes, axes } = about;
  $("parameters").textContent = `${sizes.join(" – ")}, ${parameters} weights`;
  const hidden = sizes.length - 2;
  $("layers-said").textContent = `${hidden} hidden layer${hidden === 1 ? "" : "s"}`;
  $("remove-layer").disabled = hidden === 0;
  $("add-layer").disabled = hidden >= limits.layers;
  $("axis-1").textContent = axes[0];
  $("axis-2").textContent = axes[1];
  $("classes").replaceChildren(...classes.map((name, k) => {
    const item = document.createElement("li");
    const dot = Object.assign(document.createElement("span"), { className: "dot" });
    dot.style.background = `var(--class-${k})`;
    item.append(dot, name);
    return item;
  }));
  $("sample").max = about.training.t.length - 1;
  if (+$("sample").value > +$("sample").max) $("sample").value = 0;
  surface.sample = +$("sample").value;
  const names = sizes.slice(1).map((_, k, all) => (k === all.length - 1 ? "output" : `layer ${k + 1}`));
  $("norms-legend").replaceChildren(...names.map((name, k) => {
    const item = document.createElement("li");
    const line = document.createElement("i");
    line.style.background = `var(--${ramp(k, names.length)})`;
    item.append(line, name);
    return item;
  }));
}

/** Makes steps on the server; returns the frame after them. */
async function advance(steps) {
  const response = await ask(`api/advance?run=${about.run}&steps=${steps}`, { method: "POST" });
  const bytes = await response.arrayBuffer();
  const length = new DataView(bytes).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  const { sizes } = head;
  let at = 4 + length;
  head.weights = sizes.slice(1).map((outputs, k) => {
    const w = new Float32Array(bytes, at, outputs * sizes[k]);
    at += 4 * outputs * (sizes[k] + 1);
    return w;
  });
  head.plane = new Uint8Array(bytes, at, 2 * head.surface ** 2);
  at += 2 * head.surface ** 2;
  head.responses = new Uint8Array(bytes, at);
  return head;
}

function setPlaying(now) {
  playing = now;
  $("play").classList.toggle("playing", now);
  $("play").setAttribute("aria-label", now ? "Pause" : "Train");
  $("play").title = now ? "Pause" : "Train";
  $("step").disabled = now;
}

/** The next frame is asked for while one is drawn. */
async function play() {
  const mine = generation;
  setPlaying(true);
  say("Training");
  let looked = performance.now();
  try {
    for (let next = advance(+$("pace").value); next; ) {
      const arrived = await next;
      if (mine !== generation) return;
      next = playing && !arrived.problem ? advance(+$("pace").value) : null;
      await new Promise(requestAnimationFrame);
      draw(arrived);
      if (next && performance.now() - looked > 300) {
        looked = performance.now();
        inspect();
      }
    }
    setPlaying(false);
    await inspect();
    await refreshLesson();
    say(report());
  } catch (error) {
    if (mine !== generation) return;
    setPlaying(false);
    await recover(error);
  }
}

async function stepOnce() {
  const mine = generation;
  try {
    const arrived = await advance(1);
    if (mine !== generation) return;
    draw(arrived);
    await inspect();
    await refreshLesson();
    say(report());
  } catch (error) {
    await recover(error);
  }
}

/** A run that the server has dropped begins again. */
async function recover(error) {
  if (error.status !== 404) return complain(error.message);
  await start();
  complain("This run was no longer there, so it began again with the same settings.");
}

const report = () =>
  frame.problem ?? `Step ${frame.step}: training loss ${number(frame.training[0])}, test loss ${number(frame.test[0])}, ` +
  `${percent(frame.test[1])} of the test points are right.`;

// ---------------------------------------------------------------- drawing

function draw(arrived) {
  frame = Object.assign(arrived, { of: about });
  drawn.frames += 1;
  // Pictures first: a text that changes makes the browser lay out the page before it can say a size.
  lossChart.add(frame.step, [["positive", frame.training[0]], ["negative", frame.test[0]]]);
  normsChart.add(frame.step, frame.norms.map((norm, k) => [ramp(k, frame.norms.length), norm]));
  network.draw(frame);
  surface.draw(frame, network.enlarged, look);
  $("at-step").textContent = frame.step;
  $("at-epoch").textContent = frame.epoch;
  $("at-rate").textContent = number(frame.rate);
  [["training", frame.training], ["test", frame.test]].forEach(([name, [loss, accuracy]]) => {
    $(`loss-${name}`).textContent = number(loss);
    $(`accuracy-${name}`).textContent = `${percent(accuracy)} right`;
  });
  if (frame.problem) complain(frame.problem);
}

const redraw = () => {
  if (!frame || frame.of !== about) return; // a new run has no frame yet
  network.draw(frame);
  surface.draw(frame, network.enlarged, look);
  [lossChart, normsChart].forEach((chart) => chart.draw());
};

function enlarge(unit) {
  $("shown").textContent = unit ? `the response of unit ${unit.index + 1} in layer ${unit.layer + 1}` : "";
  if (frame) surface.draw(frame, unit, look);
}

/** The diagnosis and the regions. */
async function inspect() {
  const mine = generation;
  try {
    const answer = await (await ask(`api/look?run=${about.run}`)).json();
    if (mine !== generation) return;
    look = answer;
    showDiagnosis(look, $("findings"), $("layers").tBodies[0]);
    const { regions, corners } = look;
    $("show-regions").disabled = regions === null;
    const few = corners ? `${regions}` : `${regions}, too many to draw`;
    $("regions-said").textContent = regions === null ? "of ReLU only" : few;
    surface.draw(frame, network.enlarged, look);
  } catch (error) {
    if (mine === generation && error.status !== 404) complain(error.message);
  }
}

async function refreshLesson() {
  const mine = generation;
  const sample = Math.max(0, Math.min(+$("sample").value || 0, about.training.t.length - 1));
  const lesson = await (await ask(`api/lesson?run=${about.run}&sample=${sample}`)).json();
  if (mine === generation) showLesson(lesson, $("lesson"), $("sample-said"));
}

function chooseSample(sample) {
  $("sample").value = sample;
  surface.sample = sample;
  if (frame) surface.draw(frame, network.enlarged, look);
  if (!playing && about) refreshLesson().catch((error) => complain(error.message));
}

// ---------------------------------------------------------------- settings and address

let limits;
let defaults;

const changed = () => {
  toAddress(settings, defaults);
  showSettings(settings);
  return start();
};

function changeUnits(layer, by) {
  settings.hidden = settings.hidden.map((units, k) => (k === layer ? Math.min(limits.units, Math.max(1, units + by)) : units));
  changed();
}

// ---------------------------------------------------------------- controls

$("play").addEventListener("click", () => (playing ? setPlaying(false) : play()));
$("step").addEventListener("click", stepOnce);
$("reset").addEventListener("click", () => { setPlaying(false); start(); });
$("add-layer").addEventListener("click", () => { settings.hidden = [...settings.hidden, settings.hidden.at(-1) ?? 4]; changed(); });
$("remove-layer").addEventListener("click", () => { settings.hidden = settings.hidden.slice(0, -1); changed(); });
$("show-test").addEventListener("change", (event) => { surface.showTest = event.target.checked; redraw(); });
$("show-regions").addEventListener("change", (event) => { surface.showRegions = event.target.checked; redraw(); });
$("sample").addEventListener("change", (event) => chooseSample(+event.target.value));
$("share").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    $("share").textContent = "Copied";
    say("The address of these settings is in the clipboard.");
  } catch {
    $("share").textContent = "See address bar";
    say("The address bar has the address of these settings.");
  }
  setTimeout(() => ($("share").textContent = "Copy link"), 1600);
});
window.addEventListener("hashchange", () => { settings = fromAddress(defaults); changed(); });
new ResizeObserver(() => { network.places = null; redraw(); }).observe($("network"));
window.addEventListener("resize", redraw);
switchThemes($("theme"), redraw);

const description = await (await ask("api/settings")).json();
({ defaults, most: limits } = description);
buildSettings($("settings"), description, () => {
  settings = { ...settings, ...settingsOf($("settings"), description) };
  changed();
});
settings = fromAddress(defaults);
await changed();
