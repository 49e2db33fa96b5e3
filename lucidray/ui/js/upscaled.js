// A film that was upscaled: as it came, as it was read, and what the method made up, side by side.

import { h } from "./dom.js";
import { t } from "./i18n.js";

const PICTURES = ["before", "after", "added"];
const pixels = ([width, height]) => `${width} × ${height}`;

/**
 * @param {Object} reading
 * @param {(which: string) => string} address - of a picture
 */
export function upscaled(reading, address) {
  const told = reading.upscaling;
  if (!told) return null;
  if (!told.applied) return h("section.panel.small.muted", {}, t("upscaled.nothing", { method: told.method }));
  const { consistency: check, sizes_px: sizes } = told;
  const says = {
    before: t("upscaled.before", { size: pixels(sizes[0]) }),
    after: t("upscaled.after", { size: pixels(sizes[sizes.length - 1]) }),
    added: t("upscaled.added", { method: told.method }),
  };
  const numbers = { mean: check.mean_difference.toFixed(4), largest: check.max_difference.toFixed(3), psnr: check.psnr_db === null ? "∞" : check.psnr_db.toFixed(1) };
  return h("section.panel.upscaled", { "aria-labelledby": "upscaled" },
    h("h2", { id: "upscaled" }, t("upscaled")),
    h("div.upscaled-pictures", {}, PICTURES.map((which) => h("figure", {},
      h("img", { src: address(which), alt: says[which], width: String(sizes[sizes.length - 1][0]), height: String(sizes[sizes.length - 1][1]) }),
      h("figcaption.small.muted", {}, says[which])))),
    h(`p.small${check.agrees ? "" : ".fault"}`, {}, `${t("upscaled.check", numbers)}: ${t(check.agrees ? "upscaled.agrees" : "upscaled.disagrees")}`));
}
