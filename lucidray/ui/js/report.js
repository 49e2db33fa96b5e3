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
    factors.length ? h("ul.plain", {}, factors.map((factor) => h("li", {}, h("bdi", {}, factor)))) : null,
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
    h("h3", {}, t(`section.${name}`)),
    h("ul.sentences", { lang: report.language, dir: "auto" }, list.map((sentence) => line(sentence, onlight))),
  ]);
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
    h(`p${told.read_first ? ".strong" : ""}`, {}, told.words),
    h("dl.meters", {}, rows.map((key) => [
      h("dt", {}, t(`confidence.${key}`)),
      h("dd", {}, h("span.meter", { style: { "--part": told[key] } }), share(told[key])),
    ])),
    h("details", {}, h("summary", {}, t("why")), h("ul.plain", {}, told.basis.map((text) => h("li", {}, text)))),
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
        h("p", {}, h("strong", {}, t("against")), " ", one.against.join("; ") || "–")),
    ))),
  );
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
      h("strong", {}, one.name), " ", one.value === null ? "–" : `${one.value.toFixed(2)} ${one.unit}`.trim(),
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

/** The report as plain text, for the clipboard. */
export function plainText(reading, edited) {
  if (edited) {
    return ["findings", "locations", "impression"].filter((name) => edited[name]).map((name) => `${t(`section.${name}`)}\n${edited[name]}`).join("\n\n") + `\n\n${reading.notice}`;
  }
  const sections = [["findings", reading.report.findings], ["locations", reading.report.locations], ["impression", reading.report.impression]];
  const parts = sections.filter(([, list]) => list.length).map(([name, list]) => `${t(`section.${name}`)}\n${list.map((one) => one.text).join("\n")}`);
  return [...parts, reading.notice].join("\n\n");
}
