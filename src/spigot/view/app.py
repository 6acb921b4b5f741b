"""The page's server: `make_app` gives a FastAPI application with one static page and a few JSON endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import combinations
from threading import Lock
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from spigot.data.sentence import Sentence
from spigot.errors import UserError
from spigot.structured import SPIGOT, StraightThrough
from spigot.systems.base import System
from spigot.systems.parser import bare
from spigot.view.answers import comparison_answers, gold_answer, model_answer, parse_answer, text_of, update_answer
from spigot.view.request import sentence_of, target_of
from spigot.view.update import update_of

HOSTS = ["127.0.0.1", "localhost"]
"""The names under which a browser may ask: pages of other names cannot reach the models through it."""
POLICY = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field("", max_length=20_000)
    tokenized: bool = False
    """Whether the tokens of the text stand between blanks."""
    gold: int | None = Field(None, ge=0)
    """The number of a gold sentence, instead of a text."""
    width: int = Field(900, ge=200, le=4000)


class ParseBody(_Body):
    """What the page asks for to see parses."""

    apart: bool = False


class UpdateBody(_Body):
    """What the page asks for to see the update of the end task's loss."""

    model: str
    task: str | None = None
    """The end task; None: the first."""
    target: str = Field("own", max_length=20_000)
    """gold, own, the name of another model, or an annotation as `target_of` reads it."""
    step_size: float = Field(1.0, gt=0, le=1000)
    max_norm: float | None = Field(None, gt=0)
    steps: int = Field(1, ge=1, le=20)
    hull: bool = False


def make_app(systems: Mapping[str, System], gold: Sequence[Sentence] = ()) -> FastAPI:
    """Return the application for one or two systems by name and, perhaps, sentences with gold annotations."""
    app = FastAPI(title="spigot", docs_url=None, redoc_url=None, openapi_url=None)
    language = next(iter(systems.values())).config.language
    # An update changes what comes out of a system's layer while it computes losses: nobody else may use it then.
    alone = Lock()
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)

    @app.exception_handler(UserError)
    def refuse(request: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(RequestValidationError)
    def refuse_body(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(key) for key in first["loc"] if key != "body") or "request"
        return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)

    @app.exception_handler(HTTPException)
    def refuse_request(request: Request, error: HTTPException) -> JSONResponse:
        message = f"{request.method} {request.url.path}: {error.detail}"
        return JSONResponse({"error": message}, error.status_code, error.headers)

    for path, name, kind in (("/", "page.html", "text/html"), ("/page.js", "page.js", "text/javascript")):
        _add_file(app, path, name, kind)

    @app.get("/api/models")
    def models() -> dict[str, Any]:
        return {"models": [model_answer(name, system) for name, system in systems.items()], "gold": len(gold)}

    @app.get("/api/gold")
    def golds(find: str = "", start: int = 0, count: int = 50) -> list[dict[str, Any]]:
        wanted = find.casefold()
        found = [each for each in enumerate(gold) if wanted in f"{each[1].id} {text_of(each[1])}".casefold()]
        some = found[max(start, 0) : max(start, 0) + max(0, min(count, 200))]
        return [gold_answer(number, sentence, systems.values()) for number, sentence in some]

    @app.post("/api/parse")
    def parse(body: ParseBody) -> dict[str, Any]:
        sentence = sentence_of(body.text, body.tokenized, body.gold, gold, language)
        with alone:
            parsed = [(name, system.parse([bare(sentence)], confidence=True)[0]) for name, system in systems.items()]
        drawings = [parse_answer(name, systems[name], found, body.width) for name, found in parsed]
        if body.gold is not None:
            parsed.insert(0, ("gold", sentence))
        for first, second in combinations(parsed, 2):
            drawings += comparison_answers(first, second, body.apart, body.width)
        return {"tokens": list(sentence.forms), "drawings": drawings}

    @app.post("/api/update")
    def update(body: UpdateBody) -> dict[str, Any]:
        if body.model not in systems:
            raise UserError(f"model: expected one of {', '.join(systems)}, got {body.model!r}")
        system = systems[body.model]
        if not system.end_tasks:
            raise UserError(f"model: expected one with an intermediate parser, got {body.model}, which has none")
        task = body.task or system.end_tasks[0]
        if task not in system.end_tasks:
            raise UserError(f"task: expected one of {', '.join(system.end_tasks)}, got {task!r}")
        sentence = sentence_of(body.text, body.tokenized, body.gold, gold, language)
        spigot = SPIGOT(body.step_size, body.max_norm, "hull" if body.hull else None, body.steps)
        ste = StraightThrough(body.max_norm)
        with alone:
            target = target_of(body.target, sentence, task, system, systems)
            found = update_of(system, target, spigot, {"STE": ste}, task)
        return update_answer(found, body.width)

    return app


def _add_file(app: FastAPI, path: str, name: str, kind: str) -> None:
    content = (files("spigot.view") / name).read_text("utf-8")

    @app.get(path)
    def file() -> Response:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        return Response(content, media_type=f"{kind}; charset=utf-8", headers=headers)
