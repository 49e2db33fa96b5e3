// Two readings side by side: a film and an earlier one, or one film as two readers see it. Zoom, pan and turns go together.

import * as api from "./api.js";
import { Boxes } from "./boxes.js";
import { fill, h, toast } from "./dom.js";
import { isolated, moment, named, nameOf, share, t } from "./i18n.js";
import { SideMarks, sidesOf } from "./layers.js";
import { Pixels } from "./pixels.js";
import * as report from "./report.js";
import { Viewer } from "./viewer.js";

export async function open(main, [first, second], visit) {
  const page = new ComparePage(main, [first, second], visit);
  visit.signal.addEventListener("abort", () => page.close());
  await page.begin();
}

class ComparePage {
  constructor(main, ids, visit) {
    this.main = main;
    this.ids = ids;
    this.leaving = visit;
    this.viewers = [null, null];
    this.records = [null, null];
    this.stops = [null, null];
    this.linked = true;
  }

  async begin() {
    const { items } = await api.list({ sort: "newest", limit: 100, status: "done" }, this.leaving.signal);
    this.others = items;
    this.sides = [0, 1].map((place) => h("section.half", { "aria-label": `${t("compare")} ${place + 1}` }));
    this.table = h("div.scroll");
    this.prior = h("span.prior");
    const [first] = this.ids;
    fill(this.main,
      h("div.reading-head", {}, h("a.back", { href: first ? `#/reading/${first}` : "#/" }, t(first ? "back.reading" : "back")), h("h1", {}, t("compare")),
        h("label", {}, h("input", { type: "checkbox", checked: true, onchange: (event) => { this.linked = event.target.checked; } }), " ", t("compare.linked")),
        h("button", { type: "button", onclick: () => this.viewers.forEach((viewer) => viewer?.reset()) }, t("tool.reset")), this.prior),
      h("div.halves", {}, this.sides), this.table);
    for (const place of [0, 1]) await this.show(place);
  }

  close() {
    this.stops.forEach((stop) => stop?.());
    this.viewers.forEach((viewer) => viewer?.destroy());
  }

  picker(place) {
    const id = this.ids[place];
    const film = this.records[0]?.film;
    const option = (entry) => h("option", { value: entry.id, selected: entry.id === id }, `${isolated(nameOf(entry))} · ${entry.reader} · ${entry.language} · ${moment(entry.created)}`);
    const same = this.others.filter((entry) => entry.film === film);
    const rest = this.others.filter((entry) => entry.film !== film);
    return h("select", { "aria-label": `${t("compare.pick")} ${place + 1}`, onchange: (event) => { this.ids[place] = event.target.value; this.show(place); } },
      h("option", { value: "" }, t("compare.pick")),
      same.length ? h("optgroup", { label: t("compare.same") }, same.map(option)) : null,
      rest.length ? h("optgroup", { label: t("worklist") }, rest.map(option)) : null);
  }

  async show(place) {
    const id = this.ids[place];
    const side = this.sides[place];
    this.stops[place]?.();
    this.viewers[place]?.destroy();
    this.viewers[place] = this.records[place] = this.stops[place] = null;
    fill(this.table);
    fill(this.prior);
    fill(side, this.picker(place));
    if (!id) return;
    const record = await api.one(id, this.leaving.signal);
    if (this.ids[place] !== id) return;
    this.records[place] = record;
    if (!record.reading) {
      this.wait(place, record);
      return;
    }
    const { reading } = record;
    const stage = h("div.stage");
    const reader = reading.provenance.models.find((model) => model.role === "reader")?.name ?? "";
    fill(side, this.picker(place), stage,
      h("p.muted", {}, [named("view", reading.image.view), moment(record.created), reader].filter(Boolean).join(" · ")),
      reading.accepted ? null : report.refusal(reading),
      report.contradictions(reading, { onlight: (evidence) => this.light(place, evidence) }),
      reading.accepted ? h("div.panel", {}, report.sentences(reading.report, { onlight: (evidence) => this.light(place, evidence) }), report.wording(reading.report)) : null);
    await this.film(place, stage, reading, id);
    fill(this.table, difference(this.records));
    this.drawPrior();
  }

  /** The other reading is still being made: its steps, then itself. */
  wait(place, { id, status, problem }) {
    const told = h("p.muted", { role: "status" }, problem?.detail ?? named("state", status));
    this.sides[place].append(told);
    if (status === "failed" || status === "cancelled") return;
    this.stops[place] = api.watch(id, (kind, data) => {
      if (kind === "status") fill(told, data.step ? `${named("step", data.step)}…` : named("state", data.status));
      else if (kind === "end") this.show(place);
    });
  }

  async film(place, stage, reading, id) {
    const size = { width: reading.image.width_px, height: reading.image.height_px };
    const viewer = new Viewer(stage, { label: t("viewer"), onview: (view) => { if (this.linked) this.viewers[1 - place]?.follow(view); } });
    this.viewers[place] = viewer;
    const { values, facts, asRead } = await api.film(id, this.leaving.signal);
    if (this.viewers[place] !== viewer) return;
    viewer.show(new Pixels(values, facts), size, asRead);
    viewer.add(new SideMarks(size, asRead.turns, sidesOf(reading)));
    viewer.boxes = new Boxes(size);
    viewer.add(viewer.boxes);
    viewer.boxes.set(reading.findings.flatMap((finding) => finding.regions.map((region) => ({ id: region.id, text: named("label", finding.label), ...api.colours(finding.label), faint: finding.status !== "present", box: region.box_xyxy_px }))));
  }

  light(place, evidence) {
    const boxes = this.viewers[place]?.boxes;
    boxes?.light(new Set(evidence.filter((id) => boxes.shapes.has(id))));
  }

  /** A person says which film is the patient's earlier one; the reading remembers it. */
  drawPrior() {
    const [now, before] = this.records;
    if (!now || !before || now.film === before.film) return;
    const isLinked = now.prior === before.id;
    fill(this.prior, h("button", { type: "button", "aria-pressed": String(isLinked), onclick: async () => {
      try {
        const { prior } = await api.prior(now.id, isLinked ? null : before.id);
        now.prior = prior;
        this.drawPrior();
        this.prior.querySelector("button").focus();
      } catch (error) {
        toast(error.status === 0 ? t("offline") : error.message, "fault");
      }
    } }, t("prior.link")));
  }
}

/** What the two say of each finding, where either says anything. */
function difference(records) {
  if (!records[0]?.reading?.accepted || !records[1]?.reading?.accepted) return null;
  const [left, right] = records.map((record) => new Map(record.reading.findings.map((finding) => [finding.label, finding])));
  const labels = [...left.keys()].filter((label) => left.get(label).status !== "unsupported" || right.get(label)?.status !== "unsupported");
  const cell = (finding) => h("td", {}, h(`span.status.${finding.status}`, {}, named("status", finding.status)), " ", h("bdi", {}, share(finding.probability)));
  return h("table.differences", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("findings")), h("th", { scope: "col" }, "1"), h("th", { scope: "col" }, "2"))),
    h("tbody", {}, labels.map((label) => h(`tr${left.get(label).status === right.get(label).status ? "" : ".differs"}`, {}, h("th", { scope: "row" }, named("label", label)), cell(left.get(label)), cell(right.get(label))))));
}
