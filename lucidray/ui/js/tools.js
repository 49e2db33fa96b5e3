// The viewer's tools: what the pointer does, windows, turning, and which layers lie on the film.

import { fill, h } from "./dom.js";
import { named, t } from "./i18n.js";

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
    const press = (key, sign, act, pressed) => h("button", { type: "button", title: t(`tool.${key}`), "aria-label": t(`tool.${key}`), "aria-pressed": pressed === undefined ? null : String(pressed), onclick: act }, sign);
    const signs = { window: "◐", pan: "✥", ruler: "📏" };
    fill(
      this.element,
      h("div.group", {}, POINTERS.map((tool) => press(tool, signs[tool], () => this.use(tool), viewer.tool === tool))),
      h("select", { "aria-label": t("presets"), onchange: (event) => { viewer.windowTo(viewer.pixels.presets[event.target.value]); } },
        Object.keys(viewer.pixels.presets).map((name) => h("option", { value: name }, t(`preset.${name}`)))),
      h("div.group", {},
        press("in", "+", () => viewer.zoom(1.25)),
        press("out", "−", () => viewer.zoom(0.8)),
        press("invert", "◧", () => { viewer.invert(); this.draw(); }, viewer.pixels.inverted),
        press("turn", "⟳", () => viewer.turn()),
        press("reset", "⌂", () => { viewer.reset(); page.ruler.clear(); this.draw(); }),
        press("fullscreen", "⛶", () => this.fullscreen())),
      h("div.group", {},
        press("boxes", "▢", () => this.toggle("boxes"), this.visible.boxes),
        page.outlines ? press("outlines", "♡", () => this.toggle("outlines"), this.visible.outlines) : null,
        h("label.opacity", { title: t("opacity") }, h("span.unseen", {}, t("opacity")), h("input", { type: "range", min: "0", max: "1", step: "0.05", value: String(page.heat.opacity), oninput: (event) => page.heat.fade(Number(event.target.value)) }))),
      page.editing ? this.adding() : null,
    );
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

  toggle(layer) {
    this.visible[layer] = !this.visible[layer];
    if (layer === "boxes") {
      this.page.boxes.group.visible(this.visible.boxes);
      this.page.viewer.over.batchDraw();
    } else this.page.outlines?.toggle(this.visible.outlines);
    this.draw();
  }

  fullscreen() {
    const side = this.element.parentElement;
    if (document.fullscreenElement) document.exitFullscreen();
    else side.requestFullscreen();
  }
}
