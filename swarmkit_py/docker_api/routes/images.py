"""Owns `docker images`, `pull` and the look-up of digests on the wire. The kit never talks to a registry.

Counterpart: moby/api/server/router/image, router/distribution.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import encode_line, json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert_image import image_json, image_summary
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import InvalidArgument, NotFound, Unimplemented
from swarmkit_py.runtime.base import Image

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def offline(call: Call, ref: str) -> NotFound:
    """The one answer to a pull of what is not here: why, and what there is instead."""
    here = sorted(tag for image in call.backend.images.all() for tag in image.tags)
    listing = ", ".join(here) if here else "none (build them with ./lab images)"
    # The SDK takes a 404 for a missing image by the words "repository does not exist".
    return NotFound(f"pull access denied for {ref}, repository does not exist here: this kit is offline: "
                    f"images here are {listing}")


def selected(image: Image, filters: Filters) -> bool:
    """True if the image passes the filters of `GET /images/json`."""
    dangling = filters.flag("dangling")
    return (
        (dangling is None or dangling is not bool(image.tags))
        and filters.labels("label", image.labels)
        and filters.test("reference", lambda pattern: any(_reference(pattern, tag) for tag in image.tags))
    )


def _reference(pattern: str, tag: str) -> bool:
    """`nginx`, `nginx:1.*`: with or without a tag, with Docker's stars."""
    return fnmatchcase(tag, pattern) or fnmatchcase(tag.rpartition(":")[0], pattern)


async def list_images(call: Call) -> web.StreamResponse:
    filters = parse_filters(call.query("filters"), accepted.IMAGES)
    filters.refuse(["before", "since", "until"])
    used = [container.image_id for container in call.backend.engine.all()]
    images = [image for image in call.backend.images.all() if selected(image, filters)]
    return json_answer([image_summary(image, used.count(image.id)) for image in images])


async def inspect_image(call: Call) -> web.StreamResponse:
    return json_answer(image_json(call.backend.images.resolve(call.params["name"])))


async def create_image(call: Call) -> web.StreamResponse:
    """`docker pull`: an image that is here is up to date; any other cannot be had."""
    if call.query("fromSrc"):
        raise Unimplemented("docker import is not there yet in this kit")
    name, tag = call.query("fromImage"), call.query("tag")
    if not name:
        raise InvalidArgument("one of the query parameters fromImage and fromSrc is needed")
    ref = name if not tag else f"{name}@{tag}" if ":" in tag else f"{name}:{tag}"
    familiar = ref.removeprefix("docker.io/").removeprefix("library/")
    try:
        image = call.backend.images.resolve(ref)
    except NotFound:
        raise offline(call, familiar) from None
    answer = await call.begin_stream("application/json")
    for line in ({"status": f"Pulling from {name.removeprefix('docker.io/')}", "id": tag or "latest"},
                 {"status": f"Digest: {image.digest}"},
                 {"status": f"Status: Image is up to date for {familiar if tag else familiar + ':latest'}"}):
        await answer.write(encode_line(line))
    await answer.write_eof()
    return answer


async def distribution(call: Call) -> web.StreamResponse:
    """The digest that the CLI pins; from the local store, as every node here has the same images."""
    try:
        image = call.backend.images.resolve(call.params["name"])
    except NotFound:
        raise offline(call, call.params["name"]) from None
    descriptor = {"mediaType": MANIFEST, "digest": image.digest}
    platforms = [{"architecture": image.architecture, "os": image.os}]
    return json_answer({"Descriptor": descriptor, "Platforms": platforms})


ROUTES = [
    Route("GET", "/images/json", list_images),
    Route("POST", "/images/create", create_image),
    Route("GET", "/images/{name...}/json", inspect_image),
    Route("GET", "/distribution/{name...}/json", distribution),
]
