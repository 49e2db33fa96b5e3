// Films on their way in: chosen, or dropped anywhere on the page; each with its progress and its own fault.

import * as api from "./api.js";
import { announce, fill, h } from "./dom.js";
import { language, t } from "./i18n.js";

const AT_ONCE = 3;
const PATIENCE_MS = 2000;
const TRIES = 30;

/** The choices for films that are too small; `chosen` is an upscaler's name, or null. */
export function upscalers(chosen) {
  return [h("option", { value: "none", selected: !chosen }, t("upscale.none")),
    ...api.about().upscalers.map((name) => h("option", { value: name, selected: name === chosen }, name))];
}

export class Uploads {
  /** @param {Function} onchange - called when a film has arrived */
  constructor(onchange) {
    this.onchange = onchange;
    this.waiting = [];
    this.running = 0;
    this.input = h("input.unseen", { type: "file", multiple: true, id: "films", onchange: () => { this.add([...this.input.files]); this.input.value = ""; } });
    this.symptoms = h("input", { type: "text", id: "symptoms", maxlength: "2000", placeholder: t("symptoms.example"), dir: "auto" });
    this.upscale = h("select", { id: "upscale" }, upscalers(api.about().default_upscale));
    this.lines = h("ul.uploads", { "aria-label": t("uploads") });
    this.element = h("div.upload", {},
      h("div.upload-fields", {},
        h("label", { for: "symptoms" }, t("symptoms")), this.symptoms,
        h("label", { for: "upscale" }, t("upscale")), this.upscale,
        h("label.main.button", { for: "films" }, t("upload")), this.input),
      h("p.muted.small", {}, t("upload.how")),
      this.lines);
  }

  ask() {
    this.input.click();
  }

  add(files) {
    for (const file of files) {
      const line = h("li", {});
      this.lines.append(line);
      this.waiting.push({ file, line });
      fill(line, h("bdi", {}, file.name), " ", t("state.queued"));
    }
    announce(t("uploads.begun", { count: files.length }));
    this.next();
  }

  next() {
    while (this.running < AT_ONCE && this.waiting.length) this.send(this.waiting.shift());
  }

  async send({ file, line }) {
    this.running += 1;
    const bar = h("progress", { max: "1", value: "0", "aria-label": file.name });
    fill(line, h("bdi", {}, file.name), bar);
    try {
      await this.patiently(() => api.upload(file, { symptoms: this.symptoms.value, language: language(), upscale: this.upscale.value }, (part) => { bar.value = part; }));
      line.remove();
      this.onchange();
    } catch (error) {
      line.classList.add("fault");
      fill(line, h("bdi", {}, file.name), h("span", { role: "alert" }, ` ${error.status ? error.message : t("offline")}`),
        h("button.quiet", { type: "button", onclick: () => { line.classList.remove("fault"); this.waiting.push({ file, line }); this.next(); } }, t("again")),
        h("button.quiet", { type: "button", "aria-label": t("close"), onclick: () => line.remove() }, "×"));
    } finally {
      this.running -= 1;
      this.next();
    }
  }

  /** A full queue is no fault: wait and try again. */
  async patiently(call) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await call();
      } catch (error) {
        if (error.status !== 503 || tries === TRIES) throw error;
        await new Promise((wake) => setTimeout(wake, PATIENCE_MS));
      }
    }
  }

  dropOn(target) {
    const over = (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      target.classList.add("dropping");
    };
    const out = (event) => { if (!event.relatedTarget) target.classList.remove("dropping"); };
    const drop = (event) => {
      target.classList.remove("dropping");
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      this.add([...event.dataTransfer.files]);
    };
    target.addEventListener("dragover", over);
    target.addEventListener("dragleave", out);
    target.addEventListener("drop", drop);
    return () => {
      target.removeEventListener("dragover", over);
      target.removeEventListener("dragleave", out);
      target.removeEventListener("drop", drop);
    };
  }
}
