// The viewer's tools: what the pointer does, windows, turning, and which layers lie on the film.

import { fill, h, icon } from "./dom.js";
import { named, t } from "./i18n.js";

const SIGNS = {
  window: "M12 3a9 9 0 1 0 0 18zM12 3v18M12 3a9 9 0 0 1 0 18",
  pan: "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3",
  ruler: "M4 16L16 4l4 4L8 20zM8 12l2 2M11 9l2 2M14 6l2 2",
  in: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l5 5M8 11h6M11 8v6",
  out: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l5 5M8 11h6",
  invert: "M4 4h16v16H4zM12 4v16M14 8h4M14 12h4M14 16h4",
  turn: "M19 12a7 7 0 1 1-2-5M17 3v4h-4",
  reset: "M4 12l8-8 8 8M6 10v10h12V10",
  fullscreen: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  boxes: "M4 6h10v8H4zM10 10h10v8H10z",
  outlines: "M11 5c-4 0-6 6-6 11 0 4 6 2 6-2zM13 5c4 0 6 6 6 11 0 4-6 2-6-2z",
};
const POINTERS = ["window", "pan", "ruler"];

export class Toolbar {
  /** @param {Object} page - a reading's page, with viewer, layers and draft */
  constructor(page) {
    this.page = page;
    this.tool = "window";
    this.visible = { boxes: true, outlines: false };
    this.element = h("div.toolbar", { role: "toolbar", "aria-label": t("tools") });
    this.draw();
  }

  draw() {
    const { page } = this;
    const { viewer } = page;
    const held = this.element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const press = (key, act, pressed) => h("button", { type: "button", data: { key }, title: t(`tool.${key}`), "aria-label": t(`tool.${key}`), "aria-pressed": pressed === undefined ? null : String(pressed), onclick: act }, icon(SIGNS[key]));
    fill(
      this.element,
      h("div.group", {}, POINTERS.map((tool) => press(tool, () => this.use(tool), viewer.tool === tool))),
      h("select", { "aria-label": t("presets"), onchange: (event) => { viewer.windowTo(viewer.pixels.presets[event.target.value]); } },
        Object.entries(viewer.pixels.presets).map(([name, window]) => h("option", { value: name, selected: viewer.pixels.shows(window) }, named("preset", name)))),
      h("div.group", {},
        press("in", () => viewer.zoom(1.25)),
        press("out", () => viewer.zoom(0.8)),
        press("invert", () => this.invert(), viewer.pixels.inverted),
        press("turn", () => viewer.turn()),
        press("reset", () => this.reset()),
        press("fullscreen", () => this.fullscreen())),
      h("div.group", {},
        press("boxes", () => this.toggle("boxes"), this.visible.boxes),
        page.outlines ? press("outlines", () => this.toggle("outlines"), this.visible.outlines) : null,
        h("label.opacity", { title: t("opacity") }, h("span.unseen", {}, t("opacity")), h("input", { type: "range", min: "0", max: "1", step: "0.05", value: String(page.heat.opacity), oninput: (event) => page.heat.fade(Number(event.target.value)) }))),
      page.editing ? this.adding() : null,
    );
    if (held) this.element.querySelector(`[data-key="${held}"]`)?.focus();
  }

  adding() {
    const labels = this.page.reading.findings.map((finding) => finding.label);
    return h("label.choice", {}, h("span", {}, t("box.add")),
      h("select", { onchange: (event) => { if (event.target.value) this.page.drawBox(event.target.value); } },
        h("option", { value: "" }, "–"), labels.map((label) => h("option", { value: label }, named("label", label)))));
  }

  use(tool) {
    this.page.viewer.use(tool, tool === "ruler" ? this.page.ruler : null);
    this.draw();
  }

  invert() {
    this.page.viewer.invert();
    this.draw();
  }

  reset() {
    this.page.viewer.reset();
    this.page.ruler.clear();
    this.draw();
  }

  toggle(layer) {
    this.visible[layer] = !this.visible[layer];
    if (layer === "boxes") {
      this.page.boxes.group.visible(this.visible.boxes);
      this.page.viewer.over.batchDraw();
    } else this.page.outlines?.toggle(this.visible.outlines);
    this.draw();
  }

  fullscreen() {
    // The whole page, of which the style leaves the film: the notice, messages and a lost connection stay in sight.
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen();
  }
}
