// The network: a small picture of every unit's response, and lines for the weights.
import { colorOf, fit, heat } from "./charts.js";

const SIDE = 44;

export class Network {
  /** `enlarge` is called with the unit that is pointed at, `changeUnits` with a layer and ±1. */
  constructor(columns, links, { enlarge, changeUnits }) {
    Object.assign(this, { columns, links, changeUnits, enlarged: null, units: [] });
    const show = (unit) => {
      this.enlarged = unit;
      enlarge(unit);
    };
    const unitOf = (event) => this.units.flat().find((unit) => unit.element === event.target.closest(".unit"));
    columns.addEventListener("pointerover", (event) => show(this.hiddenUnit(unitOf(event))));
    columns.addEventListener("pointerleave", () => show(null));
    columns.addEventListener("focusin", (event) => show(this.hiddenUnit(unitOf(event))));
    columns.addEventListener("focusout", () => show(null));
    columns.addEventListener("keydown", (event) => this.move(event, unitOf(event)));
  }

  hiddenUnit(unit) {
    return unit && unit.layer >= 0 ? unit : null;
  }

  /** Arrow keys move from unit to unit; one unit is in the order of the tab key. */
  move(event, unit) {
    const by = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!unit || !by) return;
    event.preventDefault();
    const column = this.units[unit.layer + 1 + by[0]]?.filter((other) => other.layer >= 0) ?? [];
    const next = column[Math.max(0, Math.min(unit.index + by[1], column.length - 1))];
    if (!next) return;
    unit.element.tabIndex = -1;
    next.element.tabIndex = 0;
    next.element.focus();
  }

  build(about) {
    const { sizes, axes, classes, reach } = about;
    this.about = about;
    this.places = null;
    const hidden = sizes.slice(1, -1);
    const most = Math.max(2, ...sizes);
    const size = Math.min(SIDE, Math.max(22, Math.floor((most > 8 ? 420 : 360) / most) - 8));
    this.columns.style.setProperty("--unit", `${size}px`);
    this.columns.style.setProperty("--gap", `${most > 8 ? 6 : 9}px`);
    const inputs = axes.map((name, index) => this.unit(-1, index, `Input ${name}`, name));
    this.units = [inputs, ...hidden.map((count, layer) =>
      Array.from({ length: count }, (_, index) => this.unit(layer, index, `Unit ${index + 1} of hidden layer ${layer + 1}`)))];
    const outputs = classes.map((name, k) => {
      const element = Object.assign(document.createElement("div"), { className: "end", title: name });
      const dot = Object.assign(document.createElement("span"), { className: "dot" });
      dot.style.background = `var(--class-${k})`;
      element.append(dot, Object.assign(document.createElement("span"), { textContent: name }));
      return { layer: hidden.length, index: k, element };
    });
    this.units.push(outputs);
    const titles = ["Inputs", ...hidden.map((count, layer) => this.counter(layer, count)), "Outputs"];
    this.columns.replaceChildren(...this.units.map((units, k) => {
      const column = Object.assign(document.createElement("div"), { className: "column" });
      column.setAttribute("role", "group");
      column.setAttribute("aria-label", k === 0 ? "Inputs" : k > hidden.length ? "Outputs" : `Hidden layer ${k}`);
      const head = Object.assign(document.createElement("div"), { className: "count" });
      head.append(titles[k]);
      const list = Object.assign(document.createElement("div"), { className: "units" });
      list.append(...units.map((unit) => unit.element));
      column.append(head, list);
      return column;
    }));
    const first = this.units[1]?.find((unit) => unit.layer === 0 && hidden.length > 0);
    if (first) first.element.tabIndex = 0;
    // The inputs over the plane.
    this.inputs = [0, 1].map((axis) => {
      const side = 28;
      return { side, values: Uint8Array.from({ length: side * side }, (_, n) =>
        128 + 127 * (axis === 0 ? 2 * ((n % side) + 0.5) / side - 1 : 1 - 2 * (Math.floor(n / side) + 0.5) / side)) };
    });
    this.reach = reach;
  }

  unit(layer, index, label, text) {
    const element = Object.assign(document.createElement(layer < 0 ? "div" : "button"), { className: layer < 0 ? "unit fixed" : "unit" });
    if (layer >= 0) Object.assign(element, { type: "button", tabIndex: -1 });
    else element.setAttribute("role", "img");
    element.setAttribute("aria-label", label);
    element.title = text ?? label;
    const canvas = document.createElement("canvas");
    element.append(canvas);
    return { layer, index, element, canvas };
  }

  counter(layer, count) {
    const part = document.createDocumentFragment();
    const button = (text, by, label) => {
      const element = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: text });
      element.setAttribute("aria-label", label);
      element.disabled = by < 0 ? count <= 1 : count >= 12;
      element.addEventListener("click", () => this.changeUnits(layer, by));
      return element;
    };
    part.append(
      button("−", -1, `Remove a unit from hidden layer ${layer + 1}`),
      Object.assign(document.createElement("span"), { textContent: count }),
      button("+", 1, `Add a unit to hidden layer ${layer + 1}`),
    );
    return part;
  }

  draw(frame) {
    if (!this.about) return;
    const side = frame.response;
    let at = 0;
    for (const unit of this.units.flat()) {
      if (!unit.canvas) continue;
      if (unit.layer < 0) {
        heat(unit.canvas, this.inputs[unit.index].values, this.inputs[unit.index].side);
        continue;
      }
      unit.values = frame.responses.subarray(at, at + side * side);
      unit.side = side;
      unit.largest = frame.largest[at / (side * side)];
      at += side * side;
      heat(unit.canvas, unit.values, side);
    }
    this.drawLinks(frame);
  }

  /** Where the units are; measured once, until the size of the page changes. */
  measured() {
    const origin = this.links.getBoundingClientRect();
    return this.units.map((units) => units.map(({ element }) => {
      const box = element.getBoundingClientRect();
      return { left: box.left - origin.left, right: box.right - origin.left, y: (box.top + box.bottom) / 2 - origin.top };
    }));
  }

  drawLinks(frame) {
    const { context, width, height } = fit(this.links);
    context.clearRect(0, 0, width, height);
    const places = (this.places ??= this.measured());
    const [positive, negative, skip] = ["positive", "negative", "muted"].map((name) => colorOf(name));
    frame.weights.forEach((weights, layer) => {
      const [from, to] = [places[layer], places[layer + 1]];
      const largest = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 1e-9);
      to.forEach((end, i) => from.forEach((begin, j) => {
        const w = weights[i * from.length + j];
        const share = Math.abs(w) / Math.max(largest, 0.5);
        if (share < 0.02) return;
        context.strokeStyle = w > 0 ? positive : negative;
        context.globalAlpha = 0.14 + 0.72 * share;
        context.lineWidth = 0.5 + 4 * share;
        const middle = (begin.right + end.left) / 2;
        context.beginPath();
        context.moveTo(begin.right, begin.y);
        context.bezierCurveTo(middle, begin.y, middle, end.y, end.left, end.y);
        context.stroke();
      }));
      const hidden = layer < frame.weights.length - 1;
      if (this.about.settings.skips && hidden && from.length === to.length) {
        Object.assign(context, { strokeStyle: skip, globalAlpha: 0.75, lineWidth: 1.5 });
        context.setLineDash([2, 4]);
        to.forEach((end, i) => {
          context.beginPath();
          context.moveTo(from[i].right, from[i].y);
          context.lineTo(end.left, end.y);
          context.stroke();
        });
        context.setLineDash([]);
      }
    });
    context.globalAlpha = 1;
  }
}
