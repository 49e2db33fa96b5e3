// The report beside the film. Every sentence names its evidence: hover or focus lights it, and the film lights it back.

import { h, icon } from "./dom.js";
import { moment, named, share, t } from "./i18n.js";

const MARKS = {
  supported: "M5 12.5l4.5 4.5L19 7.5",
  contradicted: "M6 6l12 12M18 6L6 18",
  unverified: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.200-1.500 2.400M12 18v.5",
};

/** The notice of a refused film: why, and what to do. */
export function refusal(reading) {
  return h(
    "section.panel.refused",
    { "aria-labelledby": "refused" },
    h("h2", { id: "refused" }, t("refused")),
    h("ul", {}, reading.refusal.map((note) => h("li", {}, h("bdi", {}, note.message), h("code", {}, note.code)))),
    h("p", {}, t("refused.what")),
  );
}

export function warnings(reading) {
  if (!reading.warnings.length) return null;
  return h("section.panel.warned", { "aria-label": t("warnings") }, h("ul", {}, reading.warnings.map((note) => h("li", {}, h("bdi", {}, note.message)))));
}

export function risk(reading) {
  if (!reading.risk) return null;
  const { level, words, factors } = reading.risk;
  return h(
    "section.panel",
    { "aria-labelledby": "risk" },
    h("h2", { id: "risk" }, t("risk")),
    h(`p.badge.risk-${level.toLowerCase()}`, {}, words || named("risk", level)),
    factors.length ? h("ul.plain", {}, factors.map((factor) => h("li", { dir: "auto" }, factor))) : null,
  );
}

/**
 * The report's sentences.
 * @param {Object} report - of the reading, or of the second reader
 * @param {{onlight: Function}} listeners - called with the ids of the evidence, or with none
 */
export function sentences(report, { onlight }) {
  const sections = [["findings", report.findings], ["locations", report.locations], ["impression", report.impression]];
  return sections.filter(([, list]) => list.length).map(([name, list]) => [
    h("h3", { lang: report.language, dir: "auto" }, report.headings[name]),
    h("ul.sentences", { lang: report.language, dir: "auto" }, list.map((sentence) => line(sentence, onlight))),
  ]);
}

/** Whether the report's wording still has to be reviewed. */
export function wording(report) {
  return report.wording?.notice ? h("p.muted.small", { lang: report.language, dir: "auto" }, report.wording.notice) : null;
}

function line(sentence, onlight) {
  const lit = () => onlight(sentence.evidence);
  const out = () => onlight([]);
  return h(
    `li.sentence.${sentence.verdict}`,
    { tabindex: "0", data: { evidence: sentence.evidence.join(" ") }, onpointerenter: lit, onpointerleave: out, onfocus: lit, onblur: out },
    h("span.mark", { title: named("verdict", sentence.verdict) }, icon(MARKS[sentence.verdict]), h("span.unseen", {}, `${named("verdict", sentence.verdict)}: `)),
    h("span", { dir: "auto" }, sentence.text),
  );
}

/** Mark the sentences that rest on some evidence, from the film's side. */
export function lightSentences(root, ids) {
  for (const item of root.querySelectorAll(".sentence")) {
    const rests = item.dataset.evidence.split(" ");
    item.classList.toggle("lit", rests.some((id) => ids.has(id)));
  }
}

export function contradictions(reading, { onlight }) {
  if (!reading.contradictions?.length) return null;
  return h(
    "section.panel.contradictions",
    { "aria-labelledby": "contradictions" },
    h("h2", { id: "contradictions" }, t("contradictions", { count: reading.contradictions.length })),
    h("ul.plain", {}, reading.contradictions.map((one) => {
      const finding = reading.findings.find((each) => each.label === one.label);
      const evidence = finding ? [finding.id, ...finding.regions.map((region) => region.id)] : [];
      return h(
        "li",
        { tabindex: "0", onpointerenter: () => onlight(evidence), onpointerleave: () => onlight([]), onfocus: () => onlight(evidence), onblur: () => onlight([]) },
        h("strong", {}, named("label", one.label)),
        " ",
        h("span.tag", {}, named("kind", one.kind)),
        h("span", { dir: "auto" }, one.note),
        one.sentence ? h("q", { dir: "auto" }, one.sentence) : null,
      );
    })),
  );
}

export function confidence(reading) {
  if (!reading.confidence) return null;
  const told = reading.confidence;
  const rows = ["classifier", "reader", "fused"].filter((key) => told[key] !== null);
  return h(
    "section.panel",
    { "aria-labelledby": "confidence" },
    h("h2", { id: "confidence" }, t("confidence")),
    h("p", {}, h("strong", {}, told.words), ` · ${t("coverage")} `, h("bdi", {}, `${Math.round(100 * told.coverage)} %`)),
    told.read_first ? h("div.read-first", {}, h("strong", {}, t("read_first")), h("ul", {}, told.reasons.map((text) => h("li", { dir: "auto" }, text)))) : null,
    h("dl.meters", {}, rows.map((key) => [
      h("dt", {}, t(`confidence.${key}`)),
      h("dd", {}, h("span.meter", { style: { "--part": told[key] } }), share(told[key])),
    ])),
    h("details", {}, h("summary", {}, t("why")), h("ul.plain", {}, told.basis.map((text) => h("li", { dir: "auto" }, text)))),
  );
}

export function differential(reading) {
  if (!reading.differential?.length) return null;
  return h(
    "section.panel",
    { "aria-labelledby": "differential" },
    h("h2", { id: "differential" }, t("differential")),
    h("ol.differential", {}, reading.differential.map((one) => h(
      "li",
      {},
      h("details", {},
        h("summary", {}, h("span", { dir: "auto" }, one.diagnosis), h("span.meter", { style: { "--part": one.score }, title: t("differential.score") }), one.source !== "knowledge" ? h("span.tag", {}, one.source) : null),
        h("p", {}, h("strong", {}, t("for")), " ", one.for.join("; ") || "–"),
        h("p", {}, h("strong", {}, t("against")), " ", one.against.join("; ") || "–"),
        one.citations.length ? h("p.muted.small", {}, t("sources"), " ", h("bdi", {}, one.citations.join("; "))) : null),
    ))),
  );
}

const measured = ({ value, unit }) => (value === null ? "–" : unit === "1" ? value.toFixed(2) : `${value.toFixed(unit === "px" ? 0 : 1)} ${unit}`);

/** What classifier and reader say of each finding, where a reader looked at the film itself. */
export function relations(reading) {
  const told = reading.fusion.filter((one) => one.relation !== "one_source" && (one.reader_says !== null || one.relation !== "not_assessed"));
  if (!told.length) return null;
  return h("section.panel", { "aria-labelledby": "relations" }, h("h2", { id: "relations" }, t("relations")),
    h("div.scroll", {}, h("table.differences", {},
      h("thead", {}, h("tr", {}, ["filter.finding", "confidence.classifier", "confidence.reader", "confidence.fused"].map((key) => h("th", { scope: "col" }, t(key))))),
      h("tbody", {}, told.map((one) => h("tr", {},
        h("th", { scope: "row" }, named("label", one.label)),
        h("td", {}, h("bdi", {}, share(one.classifier_probability))),
        h("td", {}, one.reader_says ? named("status", one.reader_says) : "–"),
        h("td", {}, h("bdi", {}, share(one.fused_probability)), " ", h("span.tag", {}, named("relation", one.relation)))))))));
}

export function measurements(reading, { onlight }) {
  if (!reading.measurements.length) return null;
  return h(
    "section.panel",
    { "aria-labelledby": "measures" },
    h("h2", { id: "measures" }, t("measurements")),
    h("ul.plain", {}, reading.measurements.map((one) => h(
      "li",
      { tabindex: "0", onfocus: () => onlight([one.id]), onblur: () => onlight([]), onpointerenter: () => onlight([one.id]), onpointerleave: () => onlight([]) },
      h("strong", {}, named("measure", one.name)), " ", h("bdi", {}, measured(one)), one.reliable ? null : h("span.tag", {}, t("unreliable")),
      one.note ? h("span.muted", {}, ` ${one.note}`) : null,
    ))),
  );
}

/** Which models, on what, how long, and whether the film went anywhere. */
export function provenance(reading) {
  const { models, timings_ms: timings, version, created } = reading.provenance;
  return h(
    "section.panel",
    { "aria-labelledby": "made" },
    h("h2", { id: "made" }, t("made")),
    h("ul.plain", {}, models.map((model) => h(
      "li",
      {},
      h("strong", {}, named("role", model.role)), ` ${model.name} ${model.version} · ${model.device}`,
      model.sha256 ? h("code", { title: model.sha256 }, model.sha256.slice(0, 12)) : null,
      model.data_left_machine ? h("strong.left", {}, t("left_machine")) : null,
    ))),
    h("p.muted", {}, `lucidray ${version} · ${moment(created)} · ${Math.round(timings.total)} ms`),
  );
}

/** The report as plain text, for the clipboard: sections, whether its wording was reviewed, and what it is for. */
export function plainText(reading, edited) {
  const { report, notice } = reading;
  const text = (name) => (edited ? edited[name] : report[name].map((one) => one.text).join("\n"));
  const sections = ["findings", "locations", "impression"].filter(text).map((name) => `${report.headings[name]}\n${text(name)}`);
  return [...sections, ...(report.wording?.notice ? [report.wording.notice] : []), notice].join("\n\n");
}
