// The API's documentation out of openapi.json, without the network.
import { el, one } from "./dom.js";

const kind = (schema) => schema.type || (schema.anyOf || []).map((s) => s.type).filter((t) => t && t !== "null").join(" or ");

function route(method, path, operation) {
  const rows = (operation.parameters || []).map((parameter) => el("tr", {},
    el("td", {}, el("code", { text: parameter.name })),
    el("td", { text: kind(parameter.schema) + ("default" in parameter.schema ? ", " + parameter.schema.default : "") }),
    el("td", { text: parameter.description || parameter.schema.description || "" })));
  const upload = method === "post" ? " -F file=@clip.mp4" : "";
  return el("section", { class: "route" },
    el("h2", {}, el("b", { text: method.toUpperCase() }), path),
    el("p", { text: operation.description || operation.summary }),
    rows.length ? el("table", {}, el("tbody", {}, ...rows)) : null,
    el("pre", { tabindex: "0", text: `curl${upload} ${location.origin}${path}` }),
    el("p", { class: "note", text: "Answers " + Object.keys(operation.responses).join(", ") }));
}

const schema = await (await fetch("/openapi.json")).json();
one("#routes").replaceChildren(...Object.entries(schema.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => route(method, path, operation))));
