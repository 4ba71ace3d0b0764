"""Owns images on their way in and out: `pull`, `import`, `load`, `save`; and what needs a registry and has none.

Counterpart: moby/api/server/router/image/image_routes.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from swarmkit_py.docker_api.answers import HEADERS, encode_line, json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.image_changes import config_of
from swarmkit_py.docker_api.routes.images import offline, publish
from swarmkit_py.docker_api.routing import Handler, Route
from swarmkit_py.errors import Internal, InvalidArgument, NotFound, Unimplemented
from swarmkit_py.runtime.base import Image, ImageKeeper
from swarmkit_py.runtime.reference import parse_reference

CHUNK = 1 << 18


async def create_image(call: Call) -> web.StreamResponse:
    if call.query("fromSrc"):
        return await _import(call)
    name, tag = call.query("fromImage"), call.query("tag")
    if not name:
        raise InvalidArgument("one of the query parameters fromImage and fromSrc is needed")
    return await _pull(call, name if not tag else f"{name}@{tag}" if ":" in tag else f"{name}:{tag}")


async def _pull(call: Call, ref: str) -> web.StreamResponse:
    reference = parse_reference(ref)
    try:
        pulled = await call.backend.images.pull(ref)
    except NotFound as error:
        raise offline(call, reference.familiar, error.message) from None
    publish(call, "pull", pulled.image.id, reference.familiar)
    digest = next((found for found in pulled.image.digests if found.startswith(reference.familiar_name + "@")), "")
    outcome = "Downloaded newer image" if pulled.new else "Image is up to date"
    return await _lines(call, [
        {"status": f"Pulling from {reference.path}", "id": reference.tag or reference.digest},
        {"status": f"Digest: {digest.partition('@')[2]}"},
        {"status": f"Status: {outcome} for {reference.familiar}"},
    ])


async def _import(call: Call) -> web.StreamResponse:
    if call.query("fromSrc") != "-":
        raise Unimplemented("docker import takes a file or - here: no address, as this kit is offline")
    repository, tag = call.query("repo"), call.query("tag")
    name = f"{repository}:{tag}" if repository and tag else repository
    config = config_of(call.request.query.getall("changes", []))
    if name:
        parse_reference(name)
    async with _received(call) as archive:
        comment = call.query("message") or "Imported from -"
        image = await call.backend.images.import_root(archive, name, config, comment)
    publish(call, "import", image.id, name)
    return await _lines(call, [{"status": image.id}])


async def load(call: Call) -> web.StreamResponse:
    async with _received(call) as archive:
        loaded = await call.backend.images.load(archive)
    for name in loaded:
        publish(call, "load", call.backend.images.resolve(name).id, name)
    return await _lines(call, [
        {"stream": f"Loaded image ID: {name}\n" if name.startswith("sha256:") else f"Loaded image: {name}\n"}
        for name in loaded
    ])


async def save(call: Call) -> web.StreamResponse:
    """One image by its path, or several by `names`."""
    names = [call.params["name"]] if "name" in call.params else call.request.query.getall("names", [])
    if not names:
        raise InvalidArgument("no image to save is named")
    images = call.backend.images
    found = [_saved(images, name).id for name in names]
    target = images.spool()
    try:
        await images.save(names, target)
        answer = web.StreamResponse(headers={**HEADERS, "Content-Type": "application/x-tar"})
        await call.begin(answer)
        with target.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                await answer.write(chunk)
    finally:
        target.unlink(missing_ok=True)
    for image_id, name in zip(found, names, strict=True):
        publish(call, "save", image_id, name)
    await answer.write_eof()
    return answer


def _saved(images: ImageKeeper, name: str) -> Image:
    """Raises NotFound, with the name as it was given."""
    try:
        return images.resolve(name)
    except NotFound:
        raise NotFound(f"No such image: {name}") from None


@asynccontextmanager
async def _received(call: Call) -> AsyncIterator[Path]:
    """The request's body as a file: archives do not fit in memory. Raises Internal for a full disk."""
    path = call.backend.images.spool()
    try:
        try:
            with path.open("wb") as file:
                async for chunk in call.request.content.iter_any():
                    await asyncio.to_thread(file.write, chunk)
        except OSError as error:
            raise Internal(f"the archive could not be received: {error.strerror or error}") from error
        yield path
    finally:
        path.unlink(missing_ok=True)


async def _lines(call: Call, lines: list[Json]) -> web.StreamResponse:
    answer = await call.begin_stream("application/json")
    for line in lines:
        await answer.write(encode_line(line))
    await answer.write_eof()
    return answer


def _no_registry(what: str, instead: str) -> Handler:
    async def refuse(call: Call) -> web.StreamResponse:
        raise Unimplemented(f"{what} needs a registry, and this kit talks to none: {instead}")

    return refuse


async def prune_builds(call: Call) -> web.StreamResponse:
    """Nothing is built here, so there is nothing to remove."""
    return json_answer({"CachesDeleted": None, "SpaceReclaimed": 0})


_CARRY = "carry images with docker save and docker load"

ROUTES = [
    Route("POST", "/images/create", create_image, streaming=True),
    Route("POST", "/images/load", load),
    Route("GET", "/images/get", save, streaming=True),
    Route("GET", "/images/{name...}/get", save, streaming=True),
    Route("GET", "/images/search", _no_registry("docker search", "docker images shows what there is")),
    Route("POST", "/images/{name...}/push", _no_registry("docker push", _CARRY)),
    Route("POST", "/auth", _no_registry("docker login", _CARRY)),
    Route("POST", "/build/prune", prune_builds),
]
