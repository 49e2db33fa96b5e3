// One reading: the film with everything on it, the report beside it, and a person's work on both.

import * as api from "./api.js";
import { BoxDrawer, Boxes } from "./boxes.js";
import { announce, fill, h, toast } from "./dom.js";
import { Draft } from "./edit.js";
import { findingsPanel } from "./findings.js";
import { moment, named, nameOf, t } from "./i18n.js";
import { focusIn, keysOf } from "./keys.js";
import { HeatLayer, OutlineLayer, Ruler, SideMarks, sidesOf } from "./layers.js";
import { Pixels } from "./pixels.js";
import * as report from "./report.js";
import { Toolbar } from "./tools.js";
import { upscaled } from "./upscaled.js";
import { Viewer } from "./viewer.js";
import { versions, workPanel } from "./work.js";

export async function open(main, [id]) {
  const page = new ReadingPage(main, id);
  await page.begin();
  return { close: () => page.close(), unsaved: () => Boolean(page.draft?.changed) };
}

const told = (error) => ({ 0: t("offline"), 412: t("stale") })[error.status] ?? error.message;

class ReadingPage {
  constructor(main, id) {
    this.main = main;
    this.id = id;
    this.leaving = new AbortController();
    this.lit = new Set();
  }

  async begin() {
    this.record = await api.one(this.id, this.leaving.signal);
    if (this.record.reading) await this.showReading();
    else this.showWaiting();
  }

  close() {
    this.leaving.abort();
    this.stop?.();
    this.viewer?.destroy();
    document.removeEventListener("keydown", this.keys);
    removeEventListener("beforeunload", this.unsaved);
  }

  get reading() {
    return this.record.reading;
  }

  /** A film that is still being read: its steps as they come. */
  showWaiting() {
    const { status, problem } = this.record;
    const failed = status === "failed" || status === "cancelled";
    const steps = h("p.muted", { role: "status" }, named("state", status));
    fill(this.main, h("section.panel.waiting", {},
      h("h1", {}, h("bdi", {}, nameOf(this.record))),
      failed ? h("p.fault", { role: "alert" }, problem?.detail ?? named("state", status)) : [h("progress", { "aria-label": t("reading") }), steps],
      failed ? null : h("button", { type: "button", onclick: () => api.cancel(this.id) }, t("cancel")),
      h("p", {}, h("a", { href: "#/" }, t("back")))));
    if (failed) return;
    this.stop = api.watch(this.id, async (kind, data) => {
      if (kind === "status") fill(steps, data.step ? `${named("step", data.step)}…` : named("state", data.status));
      else if (kind === "end" && data.status === "deleted") location.hash = "#/";
      else if (kind === "end") {
        this.record = await api.one(this.id, this.leaving.signal);
        if (this.record.reading) await this.showReading();
        else this.showWaiting();
      }
    });
  }

  async showReading() {
    const { reading } = this;
    this.draft = new Draft(reading, this.record.edit);
    this.history = this.record.edit ? await api.history(this.id) : [];
    this.stageBox = h("div.stage");
    this.side = h("div.side", { tabindex: "-1" });
    this.windowText = h("span.muted.small");
    fill(this.main,
      h("div.reading-head", {},
        h("a.back", { href: "#/" }, t("back")),
        h("h1", {}, h("bdi", {}, nameOf(this.record))),
        h("span.muted", {}, [named("view", reading.image.view), reading.image.age === null ? null : t("years", { age: Math.floor(reading.image.age) }), reading.image.sex && named("sex", reading.image.sex), moment(this.record.created)].filter(Boolean).join(" · "))),
      h("div.reading", {}, h("div.film-side", {}, this.stageBox), this.side));
    this.drawSide();
    await this.drawFilm();
    this.keys = keysOf(this);
    document.addEventListener("keydown", this.keys);
    this.unsaved = (event) => { if (this.draft.changed) event.preventDefault(); };
    addEventListener("beforeunload", this.unsaved);
    announce(reading.accepted ? t("read") : t("refused"));
  }

  async drawFilm() {
    const { reading } = this;
    const size = { width: reading.image.width_px, height: reading.image.height_px };
    this.viewer = new Viewer(this.stageBox, { label: t("viewer"), onwindow: (pixels) => fill(this.windowText, pixels.told ? `W ${Math.round(pixels.told.width)} · L ${Math.round(pixels.told.center)} ${pixels.facts.unit}` : t("preset.film")) });
    const { values, facts, asRead } = await api.film(this.id, this.leaving.signal);
    this.viewer.show(new Pixels(values, facts), size, asRead);
    this.viewer.add(new SideMarks(size, asRead.turns, sidesOf(reading)));
    this.heat = new HeatLayer(size);
    this.viewer.add(this.heat);
    if (reading.accepted) {
      const layers = await api.layers(this.id);
      this.outlines = new OutlineLayer(layers.organs, layers.cardiothoracic_lines_xyxy_px);
      this.viewer.add(this.outlines);
    }
    this.boxes = new Boxes(size, {
      onhover: (id) => this.light(id ? [id] : [], { from: "film" }),
      onselect: (id) => this.selected(id),
      onchange: (id, box) => { this.draft.move(id, box); this.drawSide(); },
    });
    this.viewer.add(this.boxes);
    this.ruler = new Ruler(reading.image.pixel_spacing_mm, { none: t("no_spacing"), source: reading.image.spacing_source ?? "" });
    this.viewer.add(this.ruler);
    this.drawBoxes();
    this.tools = new Toolbar(this);
    this.stageBox.before(this.tools.element);
    this.stageBox.after(h("div.stage-foot", {}, this.windowText, h("span.muted.small", {}, reading.image.pixel_spacing_mm ? `${t("spacing")}: ${reading.image.spacing_source}` : t("no_spacing"))));
  }

  drawBoxes() {
    const status = new Map(this.reading.findings.map((finding) => [finding.label, finding.status]));
    const rejected = ({ label }) => this.draft.decisions[label] === "rejected";
    const own = this.draft.shown.filter((box) => this.editing || !rejected(box)).map((box) => ({
      id: box.id ?? box.temporary,
      text: named("label", box.label),
      ...api.colours(box.label),
      box: box.box_xyxy_px,
      dashed: box.origin !== "model",
      // What is only possible stays off the film until somebody points at it, works on it or decides it.
      faint: box.origin === "model" && status.get(box.label) !== "present" && !this.editing && this.draft.decisions[box.label] !== "accepted",
    }));
    const readers = (this.reading.reader_regions ?? []).map((region) => ({ id: region.id, text: region.label ? named("label", region.label) : region.name, colour: "#ffffff", ink: "#000000", box: region.box_xyxy_px, dashed: true }));
    this.boxes.set([...own, ...readers]);
    this.boxes.edit(Boolean(this.editing));
    this.boxes.zoomed(this.viewer.scale);
  }

  drawSide() {
    const { reading, draft } = this;
    const kept = this.side.scrollTop;
    const focus = focusIn(this.side);
    const listeners = { onlight: (ids) => this.light(ids, { from: "report" }) };
    const edited = draft.report;
    fill(this.side,
      reading.accepted ? null : report.refusal(reading),
      report.warnings(reading),
      upscaled(reading, (which) => api.upscaledAddress(this.id, which)),
      report.risk(reading),
      report.contradictions(reading, listeners),
      reading.accepted ? h("section.panel", { "aria-labelledby": "report" },
        h("div.panel-head", {}, h("h2", { id: "report" }, t("report")), h("button.quiet", { type: "button", onclick: () => this.copy(), title: "c" }, t("copy"))),
        h("p.tag", {}, `${this.readerName()}${edited ? ` · ${t("edited")}` : ""}`),
        report.sentences(reading.report, listeners),
        report.wording(reading.report),
        reading.composed ? h("details", {}, h("summary", {}, t("composed")), report.sentences(reading.composed, listeners)) : null) : null,
      workPanel(this),
      reading.accepted ? findingsPanel(reading, {
        decisions: draft.decisions,
        locked: this.locked,
        heat: this.shownHeat ?? null,
        onlight: listeners.onlight,
        ondecide: (label, value) => { draft.decide(label, value); this.drawBoxes(); this.drawSide(); },
        onheat: (label) => this.showHeat(label),
      }) : null,
      report.relations(reading),
      report.measurements(reading, listeners),
      report.confidence(reading),
      report.differential(reading),
      versions(this.record, this.history),
      report.provenance(reading));
    this.side.scrollTop = kept;
    if (focus) this.side.querySelector(focus)?.focus();
  }

  get locked() {
    return Boolean(this.record.signed_by);
  }

  readerName() {
    return this.reading.provenance.models.find((model) => model.role === "reader")?.name ?? "";
  }

  light(ids, { from }) {
    this.lit = new Set(ids);
    const findings = new Map(this.reading.findings.map((finding) => [finding.id, finding.regions.map((region) => region.id)]));
    const all = new Set(ids.flatMap((id) => [id, ...(findings.get(id) ?? [])]));
    this.boxes?.light(new Set([...all].filter((id) => this.boxes.shapes.has(id))));
    if (from === "film") report.lightSentences(this.side, all);
    if (ids.some((id) => id.startsWith("measurement-"))) this.outlines?.toggle(true);
  }

  selected(id) {
    report.lightSentences(this.side, new Set([id]));
    this.chosen = id;
  }

  async showHeat(label) {
    this.shownHeat = label;
    this.drawSide();
    if (!label) {
      this.heat.show(null);
      return;
    }
    const finding = this.reading.findings.find((one) => one.label === label);
    const image = await api.heatmap(this.id, finding.id, this.leaving.signal);
    if (this.shownHeat === label) this.heat.show(image);
  }

  edit(on) {
    this.editing = on && !this.locked;
    this.drawBoxes();
    this.tools.draw();
    this.drawSide();
  }

  /** Draw a new box of a finding with the next drag. */
  drawBox(label) {
    this.viewer.use("box", new BoxDrawer(this.viewer.marks, (box) => {
      this.draft.add(label, box);
      this.viewer.use("window");
      this.tools.draw();
      this.drawBoxes();
      this.drawSide();
    }));
  }

  removeBox(id) {
    if (!this.editing || !id) return;
    const temporary = this.draft.own().findIndex((box) => box.temporary === id);
    if (temporary >= 0) this.draft.boxes.splice(temporary, 1);
    else this.draft.remove(id);
    this.drawBoxes();
    this.drawSide();
  }

  async copy() {
    await navigator.clipboard.writeText(report.plainText(this.reading, this.draft.report));
    toast(t("copied"));
  }

  async save() {
    try {
      await api.save(this.id, this.draft.body(), this.draft.number);
      await this.reload();
      toast(t("saved"));
    } catch (error) {
      toast(told(error), "fault");
    }
  }

  async sign() {
    try {
      // What is signed is what this page shows: a version that somebody else made meanwhile is refused as stale.
      let { number } = this.draft;
      if (this.draft.changed) {
        number = (await api.save(this.id, this.draft.body(), number)).edit_number;
        this.draft.number = number;
        this.draft.changed = false;
      }
      await api.sign(this.id, number);
      this.editing = false;
      await this.reload();
      toast(t("signed"));
    } catch (error) {
      toast(told(error), "fault");
    }
  }

  async reopen() {
    await api.reopen(this.id);
    await this.reload();
  }

  /** Read the film once more, with another reader or in another language, and lay the two side by side. */
  async again(order) {
    const { order: before } = this.record;
    try {
      const { id } = await api.again(this.id, { ...before, ...order });
      location.hash = `#/compare/${this.id}/${id}`;
    } catch (error) {
      toast(told(error), "fault");
    }
  }

  async reload() {
    this.record = await api.one(this.id, this.leaving.signal);
    this.history = this.record.edit ? await api.history(this.id) : [];
    this.draft = new Draft(this.reading, this.record.edit);
    this.drawBoxes();
    this.edit(Boolean(this.editing));
  }
}
