// Talking to the server: its token, uploads with progress, answers that come line by line.
const KEY = "kinema-token";

export class Problem extends Error {
  constructor(status, text, retryAfter) {
    super(text);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY) || "",
  set: (value) => sessionStorage.setItem(KEY, value),
  headers: () => (token.get() ? { Authorization: "Bearer " + token.get() } : {}),
};

export async function get(path) {
  const answer = await fetch(path, { headers: token.headers() });
  if (!answer.ok) throw new Problem(answer.status, said(await answer.text(), answer.status));
  return answer.headers.get("content-type").startsWith("application/json") ? answer.json() : answer.text();
}

// Sends plain data and returns what the server answers: data, or a file ("blob").
export async function post(path, body, type = "json") {
  const answer = await fetch(path, { method: "POST", headers: { ...token.headers(), "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Problem(answer.status, said(await answer.text(), answer.status));
  return answer[type]();
}

// Sends one file. `line` is called with each line of a streamed answer, `sent` with the share that is sent.
export function send(path, file, { line = null, sent = () => {}, type = "text", signal = null } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(), form = new FormData();
    let read = 0;
    form.append("file", file, file.name);
    request.open("POST", path);
    for (const [name, value] of Object.entries(token.headers())) request.setRequestHeader(name, value);
    if (line) request.setRequestHeader("Accept", "application/x-ndjson");
    request.responseType = type;
    request.upload.addEventListener("progress", (event) => event.lengthComputable && sent(event.loaded / event.total));
    const lines = () => {
      if (!line || request.status !== 200) return;
      for (let end; (end = request.responseText.indexOf("\n", read)) >= 0; read = end + 1) {
        const event = JSON.parse(request.responseText.slice(read, end));
        if (event.error) throw new Problem(event.status, event.error);
        line(event);
      }
    };
    const attempt = (work) => { try { work(); } catch (error) { request.abort(); reject(error); } };
    request.addEventListener("progress", () => attempt(lines));
    request.addEventListener("load", () => {
      if (request.status === 200) return attempt(() => { lines(); resolve(request.response); });
      const text = type === "text" ? request.responseText : "";
      reject(new Problem(request.status, said(text, request.status), Number(request.getResponseHeader("Retry-After"))));
    });
    request.addEventListener("error", () => reject(new Problem(0, "The server broke off the upload, or is gone. Try again.")));
    request.addEventListener("abort", () => reject(new Problem(0, "Cancelled.")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

// As `send`; where the server is busy it is asked again, when it says so.
export async function sendPatiently(path, file, options, waiting) {
  for (;;) {
    try {
      return await send(path, file, options);
    } catch (problem) {
      if (problem.status !== 429 || options.signal?.aborted) throw problem;
      const seconds = problem.retryAfter || 2;
      waiting(seconds);
      await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    }
  }
}

function said(text, status) {
  try {
    return JSON.parse(text).error;
  } catch {
    return "The server answered with status " + status + ".";
  }
}
