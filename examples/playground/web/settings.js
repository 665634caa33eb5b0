// The controls of the settings, made from the server's table.

let form;
let controls;

const shown = (x) => (x !== 0 && Math.abs(x) < 1e-3 ? x.toExponential(0).replace("e-", "e−") : String(x));

function input(control) {
  const { name, kind, help } = control;
  const make = (tag, fields) => Object.assign(document.createElement(tag), { id: `set-${name}`, name, title: help, ...fields });
  if (kind.switch) return make("input", { type: "checkbox" });
  if (kind.range) {
    const [min, max, step] = kind.range;
    return make("input", { type: name === "seed" ? "number" : "range", min, max, step });
  }
  const select = make("select", {});
  const options = kind.choices ?? kind.numbers.map((x) => [String(x), name === "batch" && x >= 1000 ? "all" : shown(x)]);
  select.append(...options.map(([value, label]) => new Option(label, value)));
  return select;
}

function field(control) {
  const element = input(control);
  const label = document.createElement("label");
  if (control.kind.switch) {
    label.className = "check";
    label.append(element, control.label);
    return label;
  }
  label.className = "field";
  const caption = document.createElement("span");
  caption.append(control.label);
  if (element.type === "range") {
    const output = Object.assign(document.createElement("output"), { id: `is-${control.name}` });
    output.setAttribute("for", element.id);
    caption.append(output);
    element.addEventListener("input", () => (output.textContent = element.value));
  }
  label.append(caption, element);
  return label;
}

/** The fields of a table of one's own. */
function ownTable(changed) {
  const box = Object.assign(document.createElement("div"), { className: "field", id: "own-table", hidden: true });
  const label = Object.assign(document.createElement("label"), { htmlFor: "set-csv", textContent: "Two columns of numbers, and the class" });
  const area = Object.assign(document.createElement("textarea"), {
    id: "set-csv", name: "csv", spellcheck: false, placeholder: "width,height,kind\n1.2,0.5,elm\n0.7,1.9,oak\n…",
  });
  const file = Object.assign(document.createElement("input"), { type: "file", accept: ".csv,text/csv,text/plain" });
  file.setAttribute("aria-label", "A file with the table");
  file.addEventListener("change", async () => {
    if (!file.files[0]) return;
    area.value = await file.files[0].text();
    changed();
  });
  box.append(label, area, file);
  return box;
}

/** Fills the form; `changed` is called after each change. */
export function buildSettings(element, description, changed) {
  [form, controls] = [element, description.controls];
  const groups = [...new Set(controls.map((control) => control.group))];
  form.replaceChildren(...groups.map((group) => {
    const set = document.createElement("fieldset");
    const legend = Object.assign(document.createElement("legend"), { textContent: group });
    set.append(legend, ...controls.filter((control) => control.group === group).map(field));
    if (group === "Data") set.children[1].after(ownTable(changed));
    return set;
  }));
  form.addEventListener("change", (event) => event.target.type === "file" || changed());
  form.addEventListener("submit", (event) => event.preventDefault());
}

/** The settings in the form. */
export function settingsOf() {
  const read = ({ name, kind }) => {
    const element = form.elements[name];
    if (kind.switch) return [name, element.checked];
    return [name, kind.choices ? element.value : Number(element.value)];
  };
  return { ...Object.fromEntries(controls.map(read)), csv: form.elements.csv.value };
}

/** Shows settings in the form. */
export function showSettings(settings) {
  for (const { name, kind } of controls) {
    const element = form.elements[name];
    if (kind.switch) element.checked = settings[name];
    else element.value = String(settings[name]);
    const output = document.getElementById(`is-${name}`);
    if (output) output.textContent = element.value;
  }
  form.elements.csv.value = settings.csv;
  const own = settings.data === "csv";
  document.getElementById("own-table").hidden = !own;
  form.elements.samples.closest("label").hidden = own;
  form.elements.horizon.closest("label").hidden = settings.schedule === "constant";
}
