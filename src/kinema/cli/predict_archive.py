"""`kinema predict --out FILE.parquet`: a row for every video of an archive."""

from dataclasses import asdict, dataclass
from pathlib import Path

from ..resources import Resources
from ..urls import as_url
from .checks import check_output, check_run
from .console import ConsoleEvents, echo, print_json
from .videos import Archive


@dataclass(frozen=True, slots=True)
class Asked:
    """How many classes a row shows, and when it says unknown."""

    top: int | None
    min_score: float | None
    risk: float | None


def predict_archive(
    run: Path,
    videos: Archive,
    out: Path,
    asked: Asked,
    resources: Resources,
    cluster: str | None,
    *,
    json: bool,
) -> None:
    """Answer for all videos and show what was written."""
    check_output(out, "--out")
    check_run(run)
    with ConsoleEvents() as events:
        from ..workflows.predict_files import predict_files

        result = predict_files(
            run,
            videos,
            out,
            **asdict(asked),
            total=videos.total,
            resources=resources,
            events=events,
            cluster=cluster,
        )
    if json:
        print_json(asdict(result) | {"file": as_url(result.file)})
    else:
        echo(f"{result.file}: {result.videos} videos, {result.failed} of them could not be read")
