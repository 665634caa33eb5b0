// Light and dark: as the system prefers, until the switch is used.

const stored = () => {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
};

/** Makes a button the switch; `changed` is called after each change. */
export function switchThemes(button, changed) {
  const prefers = matchMedia("(prefers-color-scheme: dark)");
  const set = (theme) => {
    document.documentElement.dataset.theme = theme;
    button.setAttribute("aria-pressed", theme === "dark");
    changed();
  };
  button.addEventListener("click", () => {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // The switch works without it, for this visit.
    }
    set(theme);
  });
  prefers.addEventListener("change", () => stored() || set(prefers.matches ? "dark" : "light"));
  set(stored() ?? (prefers.matches ? "dark" : "light"));
}
