"""What any server of Kinema has: errors as JSON, a guarded door, pages and assets from the package."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from .. import __version__
from ..errors import KinemaError
from .errors import Refused, status_of
from .guard import Access, Guard

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
NOT_STORED = {"Cache-Control": "no-store"}


class Problem(BaseModel):
    """Why there is no answer, in one line that ends with the cure."""

    error: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may refuse by these statuses."""
    return {status: {"model": Problem} for status in statuses}


def base_app(
    title: str,
    description: str,
    access: Access,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """An application without routes but its own documentation, which needs no network."""
    app = FastAPI(
        title=title,
        description=description,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=problems(401, 403),
    )
    app.add_middleware(Guard, access=access)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(KinemaError, _failed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OSError, _disk)

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return asset("docs.html")

    @app.get("/assets/{name}", include_in_schema=False)
    def assets(name: str) -> Response:
        return asset(name)

    return app


def problem(status: int, text: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A refusal as JSON."""
    return JSONResponse({"error": text}, status, {**NOT_STORED, **(headers or {})})


def asset(name: str) -> Response:
    """A file of the package by its name. Raises `Refused` (404) for any other."""
    file = resources.files(__package__).joinpath("assets", name)
    ending = name[name.rfind(".") :]
    if "/" in name or "\\" in name or ending not in KINDS or not file.is_file():
        raise Refused(404, f"there is no {name[:100]!r} here; see /docs")
    return Response(file.read_bytes(), media_type=KINDS[ending], headers={"Cache-Control": "no-cache"})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problem(error.status, str(error), error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, KinemaError)
    return problem(status_of(error), str(error))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return problem(422, f"{where}: {first['msg']}; see /docs")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, f"{error.detail}; see /docs", dict(error.headers or {}))


async def _disk(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    return problem(507, f"the server cannot store the upload ({error.strerror or error}); try again later")
