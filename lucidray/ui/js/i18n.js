// The words of the page in six languages. A missing word shows as English, never as a key.

export const LANGUAGES = { en: "English", ar: "العربية", de: "Deutsch", es: "Español", fr: "Français", zh: "中文" };
const RIGHT_TO_LEFT = new Set(["ar"]);
const STORED = "lucidray.language";

let words = {};
let english = {};
let current = "en";

async function table(language) {
  const answer = await fetch(new URL(`../i18n/${language}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`the words for ${language} could not be loaded`);
  return answer.json();
}

/** Load the remembered language, or the browser's where the page speaks it. */
export async function start() {
  const asked = [localStorage.getItem(STORED), ...navigator.languages.map((name) => name.slice(0, 2))];
  english = await table("en");
  await use(asked.find((name) => name in LANGUAGES) ?? "en");
}

/** Speak another language from now on. */
export async function use(language) {
  words = language === "en" ? english : await table(language);
  current = language;
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
  localStorage.setItem(STORED, language);
}

export function language() {
  return current;
}

/** A word or sentence with its slots filled: t("films", { count: 3 }). */
export function t(key, slots = {}) {
  const text = words[key] ?? english[key];
  if (text === undefined) {
    console.error(`the page has no words for "${key}"`);
    return "";
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in slots ? String(slots[name]) : whole));
}

/** What a finding, a side, a zone, a status is called. */
export function named(kind, value) {
  if (value === null || value === undefined) return "";
  const key = `${kind}.${value}`;
  return words[key] ?? english[key] ?? String(value);
}

/** What a film is called: its file's name where the service may show it, else a number. */
export function nameOf(entry) {
  return entry.identity?.name || entry.title;
}

/** A share of one as a number people read: 0.62, 0.031. Digits stay Western in every language, as on films. */
export function share(value) {
  if (value === null || value === undefined) return "–";
  return value >= 0.1 ? value.toFixed(2) : value.toFixed(3);
}

/** Keep a name or a number together in a line of the other direction, where no element can. */
export function isolated(text) {
  return `\u2068${text}\u2069`;
}

/** A moment, in the reader's own time zone. */
export function moment(iso) {
  if (!iso) return "";
  const format = new Intl.DateTimeFormat(current === "ar" ? "ar-u-nu-latn" : current, { dateStyle: "medium", timeStyle: "short" });
  return isolated(format.format(new Date(iso)));
}
