// Everything that the page asks the service for. The only file that knows addresses.

const ROOT = "/api/v1";

/** A problem that the service told, or the connection's. `status` is 0 where the service was not reached. */
export class Problem extends Error {
  constructor(status, detail, body = {}) {
    super(detail);
    this.status = status;
    this.body = body;
  }
}

let session = null;
let known = null;

/** Find out who asks (and the secret that changes have to carry), and what may be asked for. */
export async function begin() {
  session = await json("GET", `${ROOT}/session`);
  known = await json("GET", `${ROOT}/about`);
}

/** Ask whether the service is there, and for the secret that it now wants. */
export async function ping() {
  session = await json("GET", `${ROOT}/session`);
}

/** Show a token; a cookie stands for it from then on. */
export async function login(token) {
  await json("POST", `${ROOT}/session`, { headers: { Authorization: `Bearer ${token.trim()}` } });
  await begin();
}

/** Version, findings, languages, readers, and what is switched on. */
export function about() {
  return known;
}

/** Colour of a finding and of the text upon it, the same as in every picture and report. */
export function colours(label) {
  const { colour, ink } = known.findings.find((finding) => finding.label === label) ?? { colour: "#ffffff", ink: "#000000" };
  return { colour, ink };
}

async function ask(method, path, options = {}) {
  const { body, headers = {}, signal, etag, again = true } = options;
  const sent = { ...headers };
  if (method !== "GET" && session) sent[session.header] = session.secret;
  if (etag !== undefined) sent["If-Match"] = `"${etag}"`;
  let content = body;
  if (body !== undefined && !(body instanceof FormData)) {
    sent["Content-Type"] = "application/json";
    content = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body: content, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    dispatchEvent(new CustomEvent("lucidray-offline", { detail: true }));
    throw new Problem(0, "no connection");
  }
  dispatchEvent(new CustomEvent("lucidray-offline", { detail: false }));
  // A service that was started again has another secret: ask for it once, and send the same change once more.
  if (answer.status === 403 && method !== "GET" && session && again) {
    session = await json("GET", `${ROOT}/session`);
    return ask(method, path, { ...options, again: false });
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Problem(answer.status, problem.detail ?? problem.title ?? `HTTP ${answer.status}`, problem);
  }
  return answer;
}

async function json(method, path, options) {
  const answer = await ask(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

export function list(query, signal) {
  const wanted = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  return json("GET", `${ROOT}/readings?${wanted}`, { signal });
}

export const one = (id, signal) => json("GET", `${ROOT}/readings/${id}`, { signal });
export const remove = (id) => json("DELETE", `${ROOT}/readings/${id}`);
export const cancel = (id) => json("POST", `${ROOT}/readings/${id}/cancel`);
export const save = (id, edit, number) => json("PUT", `${ROOT}/readings/${id}/edit`, { body: edit, etag: number });
export const sign = (id, number) => json("PUT", `${ROOT}/readings/${id}/signature`, { etag: number });
export const reopen = (id) => json("DELETE", `${ROOT}/readings/${id}/signature`);
export const history = (id) => json("GET", `${ROOT}/readings/${id}/edits`);
export const prior = (id, other) => json("PUT", `${ROOT}/readings/${id}/prior`, { body: { prior: other } });
export const again = (id, order) => json("POST", `${ROOT}/readings/${id}/again`, { body: order });
export const layers = (id) => json("GET", `${ROOT}/readings/${id}/layers`);
export const upscaledAddress = (id, which) => `${ROOT}/readings/${id}/upscaled/${which}.png`;
export const reportAddress = (id) => `${ROOT}/readings/${id}/report.html`;
export const thumbnailAddress = (id) => `${ROOT}/readings/${id}/film.png?longest_px=96`;

/**
 * Send films, one request each, so that every one has its own progress and its own fault.
 * @param {File} file
 * @param {Object<string, string>} fields
 * @param {(part: number) => void} onprogress - share that is sent, 0 to 1
 */
export function upload(file, fields, onprogress) {
  // fetch tells nothing of what was sent so far, XMLHttpRequest does.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${ROOT}/readings`);
    request.setRequestHeader(session.header, session.secret);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onprogress(event.loaded / event.total));
    request.addEventListener("load", () => {
      const told = request.response ?? {};
      if (request.status < 300 || told.readings?.length) resolve(told.readings);
      else reject(new Problem(request.status, told.detail ?? `HTTP ${request.status}`, told));
    });
    request.addEventListener("error", () => {
      dispatchEvent(new CustomEvent("lucidray-offline", { detail: true }));
      reject(new Problem(0, "no connection"));
    });
    const form = new FormData();
    form.append("film", file, file.name);
    for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
    request.send(form);
  });
}

/**
 * The film's values, and how to show them.
 * @returns {Promise<{values: Uint16Array, facts: Object, asRead: {turns: number, inverted: boolean}}>}
 */
export async function film(id, signal) {
  const [facts, answer] = await Promise.all([
    json("GET", `${ROOT}/readings/${id}/film`, { signal }),
    ask("GET", `${ROOT}/readings/${id}/film.u16`, { signal }),
  ]);
  const values = new Uint16Array(await answer.arrayBuffer());
  if (values.length !== facts.width_px * facts.height_px) throw new Problem(500, "the film came incomplete");
  // The service counts counter-clockwise turns, the canvas clockwise ones.
  return { values, facts, asRead: { turns: (4 - facts.quarter_turns) % 4, inverted: facts.read_inverted } };
}

/** A picture as an image element, for instance a heatmap; null where there is none. */
export async function picture(path, signal) {
  const answer = await ask("GET", path, { signal });
  return createImageBitmap(await answer.blob());
}

export const heatmap = (id, findingId, signal) =>
  picture(`${ROOT}/readings/${id}/heatmaps/${findingId.replace(/^finding-/, "")}.png?layer=true`, signal);

/** Watch a reading until it is finished. @returns {Function} that stops watching */
export function watch(id, onevent) {
  const source = new EventSource(`${ROOT}/readings/${id}/events`);
  const told = (event) => {
    const data = JSON.parse(event.data);
    onevent(event.type, data);
    if (event.type === "end") source.close();
  };
  for (const name of ["status", "end"]) source.addEventListener(name, told);
  source.addEventListener("error", () => onevent("lost", {}));
  return () => source.close();
}

export const folder = (signal) => json("GET", `${ROOT}/folder`, { signal });

/**
 * Read a film as an order says, and watch; nothing is stored.
 * @param {{reading?: string, file?: string, order: Object}} wanted
 * @param {(event: string, data: Object) => void} onevent - `step`, `text`, then `reading` or `problem`
 */
export async function play(wanted, onevent, signal) {
  const answer = await ask("POST", `${ROOT}/playground`, { body: wanted, signal });
  const stream = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { done, value } = await stream.read();
    if (done) return;
    waiting += value;
    const events = waiting.split("\n\n");
    waiting = events.pop();
    for (const text of events) {
      const fields = Object.fromEntries(text.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      if (fields.event) onevent(fields.event, JSON.parse(fields.data));
    }
  }
}
