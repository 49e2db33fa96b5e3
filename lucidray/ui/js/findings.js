// The findings as bars: probability, its threshold as a tick, its interval as a band; a person accepts or rejects each.

import * as api from "./api.js";
import { h } from "./dom.js";
import { named, share, t } from "./i18n.js";

const ORDER = { present: 0, uncertain: 1, absent: 2, unsupported: 3 };

/**
 * @param {Object} reading
 * @param {{decisions: Object<string, string>, locked: boolean, onlight: Function, ondecide: Function, onheat: Function, heat: string|null}} state
 */
export function findingsPanel(reading, state) {
  const sorted = reading.findings.map((finding, place) => ({ finding, place }))
    .sort((a, b) => ORDER[a.finding.status] - ORDER[b.finding.status] || a.place - b.place)
    .map(({ finding }) => finding);
  const told = sorted.filter((finding) => finding.status !== "unsupported");
  const silent = sorted.filter((finding) => finding.status === "unsupported");
  return h(
    "section.panel",
    { "aria-labelledby": "findings" },
    h("h2", { id: "findings" }, t("findings")),
    h("p.muted.small", {}, t("findings.legend")),
    h("ul.findings", {}, told.map((finding) => row(finding, state))),
    silent.length ? h("p.muted.small", {}, h("strong", {}, t("not_assessed")), " ", silent.map((finding) => named("label", finding.label)).join(", ")) : null,
  );
}

function row(finding, state) {
  const evidence = [finding.id, ...finding.regions.map((region) => region.id)];
  const decided = state.decisions[finding.label] ?? null;
  const lit = () => state.onlight(evidence);
  const out = () => state.onlight([]);
  return h(
    `li.finding.${finding.status}`,
    { data: { finding: finding.id }, onpointerenter: lit, onpointerleave: out, onfocusin: lit, onfocusout: out },
    h("div.finding-head", {},
      h("span.swatch", { style: { "--colour": api.colours(finding.label).colour } }),
      h("span.finding-name", {}, named("label", finding.label)),
      h(`span.status.${finding.status}`, {}, named("status", finding.status)),
      h("span.number", { title: finding.basis, dir: "ltr" }, share(finding.probability)),
      heatButton(finding, state),
      decision(finding, "accepted", "✓", decided, state),
      decision(finding, "rejected", "✗", decided, state)),
    bar(finding),
    finding.regions.length ? h("p.where", {}, finding.regions.map(where).join(" · ")) : null,
  );
}

function heatButton(finding, state) {
  if (finding.probability === null) return null;
  const pressed = state.heat === finding.label;
  return h("button.quiet", { type: "button", data: { act: "heat" }, "aria-pressed": String(pressed), title: t("heatmap"), "aria-label": `${t("heatmap")}: ${named("label", finding.label)}`, onclick: () => state.onheat(pressed ? null : finding.label) }, "◉");
}

function decision(finding, value, sign, decided, state) {
  const pressed = decided === value;
  return h(`button.quiet.${value}`, {
    type: "button",
    data: { act: value },
    disabled: state.locked,
    "aria-pressed": String(pressed),
    "aria-label": `${t(value)}: ${named("label", finding.label)}`,
    title: t(value),
    onclick: () => state.ondecide(finding.label, pressed ? null : value),
  }, sign);
}

function bar(finding) {
  if (finding.probability === null) return null;
  const [low, high] = finding.interval ?? [finding.probability, finding.probability];
  const words = t("bar", { probability: share(finding.probability), threshold: share(finding.threshold), low: share(low), high: share(high), prevalence: share(finding.prevalence), count: finding.n_positive });
  return h(
    "div.bar",
    { role: "img", "aria-label": words, title: words, style: { "--p": scale(finding.probability), "--low": scale(low), "--high": scale(high), "--threshold": scale(finding.threshold ?? 0) } },
    h("span.band"), h("span.value"), finding.threshold === null ? null : h("span.tick"),
  );
}

/** Rare findings live below a tenth: the bar runs along the square root, so that they can be seen. */
function scale(probability) {
  return Math.sqrt(Math.min(1, Math.max(0, probability)));
}

function where(region) {
  const size = region.size_mm ? `${Math.round(region.size_mm[0])} × ${Math.round(region.size_mm[1])} mm` : t("of_thorax", { percent: Math.round(100 * region.size_fraction_thorax) });
  return `${named("place", `${region.side} ${region.zone}`)} · ${size}`;
}
