// Two readings side by side: a film and an earlier one, or one film as two readers see it. Zoom, pan and turns go together.

import * as api from "./api.js";
import { Boxes } from "./boxes.js";
import { fill, h } from "./dom.js";
import { moment, named, nameOf, share, t } from "./i18n.js";
import { Pixels } from "./pixels.js";
import * as report from "./report.js";
import { Viewer } from "./viewer.js";

export async function open(main, [first, second]) {
  const leaving = new AbortController();
  const viewers = [];
  const linked = { on: true };
  const ids = [first, second];
  const others = (await api.list({ status: "done", sort: "newest", limit: 100 }, leaving.signal)).items;
  const sides = [h("section.half"), h("section.half")];
  const table = h("div.compared");
  const records = [null, null];

  async function show(place) {
    const id = ids[place];
    viewers[place]?.destroy();
    viewers[place] = null;
    const picker = h("select", { "aria-label": t("compare.pick"), onchange: async (event) => { ids[place] = event.target.value; await show(place); } },
      h("option", { value: "" }, t("compare.pick")),
      others.map((entry) => h("option", { value: entry.id, selected: entry.id === id }, `${nameOf(entry)} · ${entry.reader} · ${moment(entry.created)}`)));
    if (!id) {
      fill(sides[place], picker);
      return;
    }
    const record = await api.one(id, leaving.signal);
    records[place] = record;
    const stage = h("div.stage");
    const { reading } = record;
    fill(sides[place], picker, stage, h("p.muted", {}, `${reading.image.view} · ${moment(record.created)} · ${reading.provenance.models.find((model) => model.role === "reader")?.name ?? ""}`),
      report.contradictions(reading, { onlight: () => {} }), h("div.panel", {}, report.sentences(reading.report, { onlight: (evidence) => lit(place, evidence) })));
    const size = { width: reading.image.width_px, height: reading.image.height_px };
    const viewer = new Viewer(stage, { label: t("viewer"), onview: (view) => follow(place, view) });
    viewers[place] = viewer;
    const { values, facts, asRead } = await api.film(id, leaving.signal);
    viewer.show(new Pixels(values, facts), size, asRead);
    viewer.boxes = new Boxes(size);
    viewer.add(viewer.boxes);
    viewer.boxes.set(reading.findings.flatMap((finding) => finding.regions.map((region) => ({ id: region.id, text: named("label", finding.label), ...api.colours(finding.label), faint: finding.status !== "present", box: region.box_xyxy_px }))));
    fill(table, difference(records));
  }

  function follow(place, view) {
    if (linked.on) viewers[1 - place]?.follow(view);
  }

  function lit(place, evidence) {
    viewers[place]?.boxes?.light(new Set(evidence.filter((id) => viewers[place].boxes.shapes.has(id))));
  }

  fill(main,
    h("div.reading-head", {}, h("a.back", { href: first ? `#/reading/${first}` : "#/" }, t("back")), h("h1", {}, t("compare")),
      h("label", {}, h("input", { type: "checkbox", checked: true, onchange: (event) => { linked.on = event.target.checked; } }), " ", t("compare.linked")),
      h("button", { type: "button", onclick: () => viewers.forEach((viewer) => viewer?.reset()) }, t("tool.reset"))),
    h("div.halves", {}, sides), table);
  for (const place of [0, 1]) await show(place);
  return () => {
    leaving.abort();
    viewers.forEach((viewer) => viewer?.destroy());
  };
}

/** What the two say of each finding, where either says anything. */
function difference(records) {
  if (!records[0]?.reading?.accepted || !records[1]?.reading?.accepted) return null;
  const [left, right] = records.map((record) => new Map(record.reading.findings.map((finding) => [finding.label, finding])));
  const labels = [...left.keys()].filter((label) => left.get(label).status !== "unsupported" || right.get(label)?.status !== "unsupported");
  const cell = (finding) => h("td", {}, h(`span.status.${finding.status}`, {}, named("status", finding.status)), " ", share(finding.probability));
  return h("table.differences", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("findings")), h("th", { scope: "col" }, "1"), h("th", { scope: "col" }, "2"))),
    h("tbody", {}, labels.map((label) => h(`tr${left.get(label).status === right.get(label).status ? "" : ".differs"}`, {}, h("th", { scope: "row" }, named("label", label)), cell(left.get(label)), cell(right.get(label))))));
}
