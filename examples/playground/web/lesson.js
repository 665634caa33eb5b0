// The diagnosis, and the table of both passes of a sample.

const element = (tag, fields = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...children);
  return made;
};

const plain = (x) => (x === null || x === undefined ? "–" : x === 0 ? "0" : Math.abs(x) < 0.01 || Math.abs(x) >= 1e4 ? x.toExponential(1) : x.toFixed(2));
const share = (x) => (x === null || x === undefined ? null : `${(100 * x).toFixed(0)} %`);

/** Fills the list of findings and the body of the table of layers. */
export function showDiagnosis({ findings, layers }, list, body) {
  const text = findings.join("\n");
  if (list.dataset.text !== text || !list.children.length) {
    list.dataset.text = text;
    const items = findings.map((finding) => element("li", { textContent: finding }));
    list.replaceChildren(...(items.length ? items : [element("li", { className: "fine", textContent: "Nothing stands out." })]));
  }
  const names = layers.map(({ name }, k) => (k === layers.length - 1 ? "output" : `${Number(name.replace("layers.", "")) + 1}`));
  body.replaceChildren(...layers.map((layer, k) => {
    const flat = share(layer.dead) ?? share(layer.saturated) ?? "–";
    const cells = [layer.units, plain(layer.rms), plain(layer.spread), flat, plain(layer.delta), plain(layer.update)];
    return element("tr", {}, element("th", { scope: "row", textContent: names[k] }), ...cells.map((cell) => element("td", { textContent: cell })));
  }));
}

const digits = (x) => (x === 0 ? "0" : Math.abs(x) >= 1e-3 && Math.abs(x) < 1e4 ? x.toFixed(4) : x.toExponential(2)).replace("-", "−");

/** A matrix as a table; each cell has its number with all digits. */
function matrix(value, label) {
  if (!value) return "…";
  const rows = value.map((row) => element("tr", {}, ...row.map((x) => {
    const cell = element("td", { textContent: digits(x), title: String(x) });
    cell.dataset.value = x;
    return cell;
  })));
  const table = element("table", { className: "matrix" }, element("tbody", {}, ...rows));
  table.setAttribute("aria-label", label);
  return table;
}

function pass(title, rows) {
  const heads = ["", "Formula", "Shape", "Value"].map((text) => element("th", { scope: "col", textContent: text }));
  const lines = rows.map(({ number, formula, value }) => {
    const line = element("tr", {},
      element("th", { scope: "row", className: "shape", textContent: number ?? "" }),
      element("td", { className: "formula", textContent: formula }),
      element("td", { className: "shape", textContent: value ? `${value.length} × ${value[0].length}` : "" }),
      element("td", {}, matrix(value, formula)));
    line.dataset.formula = formula;
    return line;
  });
  const table = element("table", {}, element("caption", { textContent: title }),
    element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines));
  const box = element("div", { className: "pass", tabIndex: 0 }, table);
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", title);
  return box;
}

/** What the passes begin with. */
function givens(all) {
  const items = all.map(({ name, value }) => {
    const item = element("li", {}, element("span", { className: "formula", textContent: `${name} =` }), matrix(value, name));
    item.dataset.formula = name;
    return item;
  });
  return element("div", { className: "pass given" }, element("h3", { textContent: "Given" }), element("ul", {}, ...items));
}

/** Shows a table of the server. */
export function showLesson(lesson, place, said) {
  said.textContent = `${lesson.class}; weights after step ${lesson.step}`;
  place.replaceChildren(givens(lesson.given), pass("Forward pass", lesson.forward), pass("Backward pass", lesson.backward));
  place.dataset.step = lesson.step;
}
