"""The page, the documentation, the model, health and metrics."""

from __future__ import annotations

import re

import httpx
from prometheus_client.parser import text_string_to_metric_families

from kinema.inference.predictor import LoadedRun
from kinema.serve.facts import confusions


def test_pages_bring_all_that_they_name(client: httpx.Client) -> None:
    """Every asset that a page or a module names is there, and nothing is fetched from elsewhere."""
    todo, seen = ["/", "/docs"], set()
    while todo:
        path = todo.pop()
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert not re.search(r"""(src|href|from|url)\s*[=(]?\s*["'(]?(https?:)?//""", answer.text), path
        named = re.findall(r'(?:src|href)="(/[^"#]*)"', answer.text)
        named += ["/assets/" + name for name in re.findall(r'from "\./([^"]+)"', answer.text)]
        todo += [one for one in named if one not in seen]
    assert {"/assets/timeline.js", "/assets/base.css", "/openapi.json"} <= seen


def test_other_files_are_not_served(client: httpx.Client) -> None:
    for name in ("__init__.py", "..%2fguard.py", "%2e%2e/guard.py", "nothing.js", ".", "..%5cguard.py"):
        assert client.get("/assets/" + name).status_code == 404, name


def test_the_model(client: httpx.Client, loaded: LoadedRun) -> None:
    facts = client.get("/api/model").json()
    assert facts["labels"] == list(loaded.labels)
    assert facts["offers"] == {"search": True, "anomaly": True, "files": True}
    assert facts["limits"]["upload_bytes"] == 2_000_000
    assert client.get("/api/card").text == (loaded.folder / "README.md").read_text(encoding="utf-8")


def test_confusions_are_ranked_by_their_share() -> None:
    found = confusions([[8, 2, 0], [1, 1, 0], [0, 0, 5]], ("a", "b", "c"))
    assert [(pair["label"], pair["called"], pair["count"], pair["total"]) for pair in found] == [
        ("b", "a", 1, 2), ("a", "b", 2, 10)
    ]  # fmt: skip


def test_metrics_count_what_was_answered(client: httpx.Client) -> None:
    def counted() -> dict[tuple[str, str], float]:
        families = text_string_to_metric_families(client.get("/metrics").text)
        samples = next(f for f in families if f.name == "kinema_requests").samples
        return {(s.labels["path"], s.labels["status"]): s.value for s in samples if s.name.endswith("_total")}

    before = counted()
    client.post("/api/predict", files={"file": b"x"})
    client.get("/no/such/place")
    after = counted()
    for key in (("/api/predict", "422"), ("other", "404")):
        assert after[key] - before.get(key, 0) == 1, key
    assert not any("no/such" in path for path, _ in after), "what clients call a path is no series"


def test_unknown_paths_and_methods_are_one_line(client: httpx.Client) -> None:
    assert client.get("/nothing").json() == {"error": "Not Found; see /docs"}
    answer = client.get("/api/predict")
    assert (answer.status_code, answer.json()) == (405, {"error": "Method Not Allowed; see /docs"})
    answer = client.post("/api/predict?top=none")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("top: ")
