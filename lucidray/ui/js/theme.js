// Dark or light, remembered; the system's choice until somebody makes one.

const STORED = "lucidray.theme";

export function start() {
  const theme = localStorage.getItem(STORED);
  if (theme) document.documentElement.dataset.theme = theme;
}

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export function toggle() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(STORED, theme);
}
