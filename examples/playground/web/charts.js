// Colors, pictures of functions over the plane, and curves by step.

let known = { theme: null };

/** The value of a color of the style sheet. */
export function colorOf(name) {
  const { theme } = document.documentElement.dataset;
  if (known.theme !== theme) known = { theme };
  known[name] ??= getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  return known[name];
}

/** Red, green and blue. */
export function rgb(name) {
  const text = colorOf(name);
  if (!text.startsWith("#")) return text.split(",").map(Number);
  return [1, 3, 5].map((k) => parseInt(text.slice(k, k + 2), 16));
}

/** The name of the color of one of several layers. */
export const ramp = (k, count) => `ramp-${count > 1 ? Math.round((6 * k) / (count - 1)) : 1}`;

/** Fits a canvas to its place; returns its context in units of the page. */
export function fit(canvas) {
  const scale = Math.min(2, window.devicePixelRatio || 1);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return { context, width, height };
}

/** Draws numbers from 1 to 255, where 128 is 0, in the colors of negative and positive. */
export function heat(canvas, values, side) {
  if (canvas.width !== side || canvas.height !== side) Object.assign(canvas, { width: side, height: side });
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const [positive, negative, middle] = [rgb("positive"), rgb("negative"), rgb("mid")];
  for (let n = 0; n < side * side; n++) {
    const x = (values[n] - 128) / 127;
    const color = x > 0 ? positive : negative;
    for (let c = 0; c < 3; c++) image.data[4 * n + c] = middle[c] + 0.9 * Math.abs(x) * (color[c] - middle[c]);
    image.data[4 * n + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** The most points of a curve; with more, every second one is dropped. */
const MOST = 800;
const LEFT = 46;
const BELOW = 20;

const short = (x) => (x >= 1000 ? `${+(x / 1000).toPrecision(3)}k` : String(+x.toPrecision(3)));

export class Chart {
  constructor(canvas, title, { logarithmic = false } = {}) {
    Object.assign(this, { canvas, title, logarithmic });
    this.clear();
  }

  clear() {
    Object.assign(this, { steps: [], rows: [], colors: [], every: 1, count: 0 });
  }

  /** Adds a step with pairs of a color and a number. */
  add(step, pairs) {
    const again = step === this.steps.at(-1);
    if (again) [this.steps, this.rows].forEach((list) => list.pop());
    this.colors = pairs.map(([color]) => color);
    this.steps.push(step);
    this.rows.push(pairs.map(([, value]) => value));
    if (this.steps.length > MOST) {
      const keep = (_, k, all) => k % 2 === 0 || k === all.length - 1;
      [this.steps, this.rows] = [this.steps.filter(keep), this.rows.filter(keep)];
    }
    this.draw();
  }

  draw() {
    const { context, width, height } = fit(this.canvas);
    context.clearRect(0, 0, width, height);
    if (!this.steps.length) return;
    const numbers = this.rows.flat().filter((x) => Number.isFinite(x) && (!this.logarithmic || x > 0));
    const scale = this.logarithmic ? Math.log10 : (x) => x;
    let [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    if (!this.logarithmic) [low, high] = [0, 1.06 * high || 1];
    let [bottom, top] = [scale(low), scale(high)];
    if (this.logarithmic) [bottom, top] = [Math.floor(bottom * 2) / 2, Math.max(Math.ceil(top * 2) / 2, Math.floor(bottom * 2) / 2 + 1)];
    const last = Math.max(this.steps.at(-1), 1);
    const [w, h] = [width - LEFT - 8, height - BELOW - 8];
    const x = (step) => LEFT + (w * step) / last;
    const y = (value) => 8 + h * (1 - (scale(value) - bottom) / (top - bottom || 1));
    this.axes(context, { bottom, top, last, w, h });
    this.colors.forEach((color, k) => {
      context.strokeStyle = colorOf(color);
      context.lineWidth = 2;
      context.lineJoin = "round";
      context.beginPath();
      let begun = false;
      this.steps.forEach((step, n) => {
        const value = this.rows[n][k];
        if (!Number.isFinite(value) || (this.logarithmic && value <= 0)) return;
        begun ? context.lineTo(x(step), y(value)) : context.moveTo(x(step), y(value));
        begun = true;
      });
      context.stroke();
    });
    if (this.steps.length % 20 === 1) {
      const now = this.rows.at(-1).map((value) => value?.toPrecision(3)).join(", ");
      this.canvas.setAttribute("aria-label", `${this.title} by step, up to step ${this.steps.at(-1)}: now ${now}`);
    }
  }

  axes(context, { bottom, top, last, w, h }) {
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = colorOf("muted");
    context.strokeStyle = colorOf("edge");
    context.lineWidth = 1;
    const ticks = this.logarithmic ? decades(bottom, top) : even(bottom, top);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of ticks) {
      const at = Math.round(8 + h * (1 - (tick - bottom) / (top - bottom))) + 0.5;
      context.beginPath();
      context.moveTo(LEFT, at);
      context.lineTo(LEFT + w, at);
      context.stroke();
      context.fillText(this.logarithmic ? power(tick) : short(tick), LEFT - 7, at);
    }
    context.textBaseline = "alphabetic";
    even(0, last).forEach((step, k, all) => {
      context.textAlign = k === 0 ? "left" : k === all.length - 1 && step > 0.9 * last ? "right" : "center";
      context.fillText(short(step), LEFT + (w * step) / last, h + 8 + BELOW - 4);
    });
  }
}

const power = (exponent) => `10${[...String(exponent)].map((c) => ({ "-": "⁻" })[c] ?? "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("")}`;

function decades(bottom, top) {
  const all = [];
  const by = Math.max(1, Math.round((top - bottom) / 4));
  for (let k = Math.ceil(bottom); k <= top; k += by) all.push(k);
  return all;
}

function even(bottom, top) {
  const rough = (top - bottom) / 4;
  const base = 10 ** Math.floor(Math.log10(rough));
  const by = [1, 2, 5, 10].find((k) => k * base >= 0.7 * rough) * base;
  const all = [];
  for (let k = Math.ceil(bottom / by); k * by <= top * 1.0001; k++) all.push(+(k * by).toPrecision(12));
  return all;
}
