// Any film of the list or of the playground's folder, read again as somebody likes: reader, strategy, prompt, settings.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { LANGUAGES, isolated, language, moment, named, nameOf, t } from "./i18n.js";
import * as report from "./report.js";
import { upscalers } from "./upload.js";
import { upscaled } from "./upscaled.js";

export async function open(main, [id]) {
  const leaving = new AbortController();
  const about = api.about();
  const films = (await api.list({ sort: "newest", limit: 100 }, leaving.signal)).items;
  const folder = about.has_folder ? await api.folder(leaving.signal) : [];
  const field = (name, element) => h("label", {}, h("span", {}, t(`play.${name}`)), element);
  const number = (name, value, step, low, high) => h("input", { type: "number", name, value: String(value), step: String(step), min: String(low), max: String(high), required: true });
  const film = h("select", { name: "film", required: true },
    h("optgroup", { label: t("worklist") }, films.map((entry) => h("option", { value: `reading:${entry.id}`, selected: entry.id === id }, `${isolated(nameOf(entry))} · ${moment(entry.created)}`))),
    folder.length ? h("optgroup", { label: t("play.folder") }, folder.map((one) => h("option", { value: `file:${one.id}` }, one.name))) : null);
  const reader = h("select", { name: "reader" }, about.readers.map((one) => h("option", { value: one.name }, `${one.name}: ${one.what}${one.sends_data_away ? ` (${t("left_machine")})` : ""}`)));
  const out = h("section.panel", { "aria-live": "polite", hidden: true });
  let running = null;
  const strategy = h("select", { name: "strategy" });
  const prompt = h("textarea", { name: "prompt", rows: "4", dir: "auto", maxlength: "8000", placeholder: t("play.prompt.how") });

  /** A reader that is not asked in words has no strategy and takes no prompt. */
  function fit() {
    const chosen = about.readers.find((one) => one.name === reader.value);
    fill(strategy, chosen.strategies.map((name) => h("option", { value: name, selected: name === "zero-shot" }, name)));
    strategy.disabled = prompt.disabled = !chosen.takes_prompt;
  }
  reader.addEventListener("change", fit);
  fit();

  async function run(event) {
    event.preventDefault();
    running?.abort();
    running = new AbortController();
    const values = Object.fromEntries(new FormData(form));
    const order = {
      reader: values.reader,
      strategy: values.strategy,
      prompt: values.prompt || null,
      symptoms: values.symptoms || null,
      language: values.language,
      upscale: values.upscale === "none" ? null : values.upscale,
      writing: { temperature: Number(values.temperature), top_p: Number(values.top_p), max_tokens: Number(values.max_tokens), seed: Number(values.seed) },
    };
    const [kind, name] = values.film.split(":");
    const text = h("pre.streamed", { dir: "auto", hidden: true });
    const told = h("p.muted", {}, t("state.queued"));
    const stop = h("button", { type: "button", onclick: () => running.abort() }, t("cancel"));
    out.hidden = false;
    let pictures = null;
    fill(out, told, text, stop);
    try {
      await api.play({ [kind]: name, order }, (what, data) => {
        if (what === "step") fill(told, `${named("step", data.step)}…`);
        else if (what === "text") {
          text.hidden = false;
          text.append(data.text);
        } else if (what === "upscaled") pictures = data;
        else if (what === "problem") fill(out, h("p.fault", { role: "alert" }, data.detail ?? data.title));
        else if (what === "reading") fill(out, result(data, pictures));
      }, running.signal);
    } catch (error) {
      fill(out, h("p.fault", { role: "alert" }, error.name === "AbortError" ? t("state.cancelled") : error.message));
    }
  }

  const form = h("form.panel.play", { onsubmit: run },
    field("film", film),
    field("reader", reader),
    field("strategy", strategy),
    field("prompt", prompt),
    field("symptoms", h("input", { type: "text", name: "symptoms", maxlength: "2000", dir: "auto" })),
    field("upscale", h("select", { name: "upscale" }, upscalers(about.default_upscale))),
    field("language", h("select", { name: "language" }, about.languages.map((code) => h("option", { value: code, selected: code === language() }, LANGUAGES[code] ?? code)))),
    h("div.numbers", {},
      field("temperature", number("temperature", 0, 0.05, 0, 2)), field("top_p", number("top_p", 1, 0.05, 0.05, 1)),
      field("max_tokens", number("max_tokens", 768, 1, 1, 8192)), field("seed", number("seed", 0, 1, 0, 2147483647))),
    h("button.main", {}, t("play.run")));

  fill(main, h("h1", {}, t("playground")), h("p.muted", {}, t("play.what")), h("div.play-halves", {}, form, out));
  return () => {
    leaving.abort();
    running?.abort();
  };
}

/** The whole result; nothing of it is stored. */
function result(reading, pictures) {
  const quiet = { onlight: () => {} };
  const small = upscaled(reading, (which) => pictures?.[which]);
  if (!reading.accepted) return [report.refusal(reading), small];
  return [
    small,
    h("p.tag", {}, reading.provenance.models.find((model) => model.role === "reader")?.name ?? ""),
    report.sentences(reading.report, quiet),
    report.contradictions(reading, quiet),
    report.risk(reading),
    report.confidence(reading),
    report.provenance(reading),
  ];
}
