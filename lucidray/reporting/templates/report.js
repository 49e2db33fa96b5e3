"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const one = (selector) => document.querySelector(selector);
  const words = (element, name) => (element.dataset[name] || "").split(" ").filter(Boolean);

  // Dark or light: the system's choice until somebody makes their own.
  const theme = one("#theme");
  theme.addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  });

  const film = one(".film");
  const listen = (selector, type, act) => all(selector).forEach((element) => element.addEventListener(type, () => act(element)));

  // Layers: each checkbox names the finding, or the kind of layer, that it switches.
  const layer = (box) => {
    all(`[data-layer="${box.dataset.switch}"]`).forEach((element) => element.classList.toggle("off", !box.checked));
  };
  listen("[data-switch]", "change", layer);
  all("[data-switch]").forEach(layer);
  const heat = one("#heat");
  if (heat) {
    const showHeat = () => {
      all(".film img.heat").forEach((image) => { image.hidden = image.id !== heat.value; });
      all(".scale").forEach((scale) => { scale.hidden = scale.dataset.heat !== heat.value; });
    };
    heat.addEventListener("change", showHeat);
    listen("#opacity", "input", (slider) => all(".film img.heat").forEach((image) => { image.style.opacity = slider.value / 100; }));
    showHeat();
  }

  // The film as on a light box: brighter, harder, inverted.
  const base = one(".film img.base");
  const tone = () => {
    const invert = one("#invert").checked ? " invert(1)" : "";
    base.style.filter = `brightness(${one("#brightness").value}%) contrast(${one("#contrast").value}%)${invert}`;
  };
  listen("#brightness, #contrast", "input", tone);
  listen("#invert", "change", tone);
  listen("#reset", "click", () => {
    one("#brightness").value = one("#contrast").value = 100;
    one("#invert").checked = false;
    tone();
  });
  listen("#enlarge", "click", (button) => {
    const enlarged = one(".top").classList.toggle("enlarged");
    button.setAttribute("aria-pressed", String(enlarged));
  });

  // Evidence: a sentence lights what it rests on, and what it rests on lights the sentence.
  const sentences = all("[data-evidence]");
  const findingOf = new Map(all(".tag[data-finding]").map((tag) => [tag.id, tag.dataset.finding]));
  const regionsOf = (finding) => Array.from(findingOf.keys()).filter((region) => findingOf.get(region) === finding);

  // A sentence that names a finding but none of its places means all of them.
  const withPlaces = (ids) => {
    const named = new Set(ids.map((id) => findingOf.get(id)));
    return ids.concat(ids.filter((id) => !named.has(id)).flatMap(regionsOf));
  };
  const light = (ids, citing) => {
    const lit = new Set(ids);
    const regions = ids.filter((id) => findingOf.has(id));
    ids.forEach((id) => { const element = document.getElementById(id); if (element) element.classList.add("lit"); });
    all(".film .box").forEach((box) => box.classList.toggle("lit", lit.has(box.dataset.region)));
    citing.forEach((sentence) => sentence.classList.add("lit"));
    if (film) film.classList.toggle("dim", regions.length > 0);
  };
  const dark = () => {
    all(".lit").forEach((element) => element.classList.remove("lit"));
    if (film) film.classList.remove("dim");
  };
  const lightFrom = (target) => {
    dark();
    const element = target instanceof Element ? target : null;
    const sentence = element && element.closest("[data-evidence]");
    const evidence = element && element.closest("[data-cited]");
    if (sentence) {
      light(withPlaces(words(sentence, "evidence")), [sentence]);
    } else if (evidence) {
      const ids = withPlaces([evidence.id]);
      light(ids, sentences.filter((one) => words(one, "evidence").some((id) => ids.includes(id))));
    }
  };
  for (const type of ["mouseover", "focusin"]) document.addEventListener(type, (event) => lightFrom(event.target));
  document.addEventListener("focusout", () => lightFrom(null));
  document.documentElement.addEventListener("mouseleave", () => lightFrom(document.activeElement));
})();
