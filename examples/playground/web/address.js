// The settings in the address of the page, so that a link shares them.

/** The longest own table that an address has. */
const LONGEST = 6000;

/** Puts the settings that differ from the defaults into the address. */
export function toAddress(settings, defaults) {
  const other = Object.entries(settings).filter(([name, value]) => String(value) !== String(defaults[name]));
  const known = other.filter(([name, value]) => name !== "csv" || (settings.data === "csv" && value.length < LONGEST));
  const query = new URLSearchParams(known.map(([name, value]) => [name, Array.isArray(value) ? value.join("-") : value]));
  history.replaceState(null, "", query.size ? `#${query}` : location.pathname);
}

/** The settings of the address; the defaults where it has none. */
export function fromAddress(defaults) {
  const given = new URLSearchParams(location.hash.slice(1));
  const read = ([name, value]) => {
    const text = given.get(name);
    if (text === null) return [name, value];
    if (Array.isArray(value)) return [name, text === "" ? [] : text.split("-").map(Number)];
    if (typeof value === "boolean") return [name, text === "true"];
    return [name, typeof value === "number" ? Number(text) : text];
  };
  return Object.fromEntries(Object.entries(defaults).map(read));
}
