"""Owns `docker images`, `inspect`, `history`, `tag`, `rmi` and `prune`, and the look-up of digests, on the wire.
Images on their way in and out are in image_transfer.py.

Counterpart: moby/api/server/router/image, router/distribution, daemon/images/image_delete.go.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import empty_answer, json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.docker_api.convert_event import event_json
from swarmkit_py.docker_api.convert_image import history_json, image_json, image_summary
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.docker_api.streams import moment_before
from swarmkit_py.errors import Conflict, InvalidArgument, NotFound
from swarmkit_py.runtime.base import Container, Image
from swarmkit_py.runtime.reference import parse_reference

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PRUNE = {"dangling", "label", "label!", "until"}


def offline(call: Call, ref: str, reason: str = "this kit is offline") -> NotFound:
    """The one answer to a pull of what is not here: why, and what there is instead."""
    here = sorted(tag for image in call.backend.images.all() for tag in image.tags)
    listing = ", ".join(here) if here else "none (build them with ./lab images)"
    # The SDK takes a 404 for a missing image by the words "repository does not exist".
    return NotFound(f"pull access denied for {ref}, repository does not exist here: {reason}; images of this host "
                    f"(stand-ins, no bytes of Docker Hub's): {listing}")


def publish(call: Call, action: str, image_id: str, name: str = "") -> None:
    """Tell `docker events` what happened to an image."""
    now = call.backend.clock.now()
    event = event_json("image", action, image_id, {"name": name or image_id}, "local", now)
    call.api.events.publish({"status": action, "id": image_id, **event})


class Selection:
    """The filters of image lists, with what they name looked up once."""

    def __init__(self, call: Call, filters: Filters) -> None:
        self._filters = filters
        images = call.backend.images
        self._before = [images.resolve(ref).created for ref in filters.get("before")]
        self._since = [images.resolve(ref).created for ref in filters.get("since")]
        self._until = [moment_before(text, call.backend.clock.now()) for text in filters.get("until")]
        self._dangling = filters.flag("dangling")

    def __call__(self, image: Image) -> bool:
        filters = self._filters
        return (
            (self._dangling is None or self._dangling is not bool(image.tags))
            and filters.labels("label", image.labels)
            and not any(filters.has(image.labels, wanted) for wanted in filters.get("label!"))
            and filters.test("reference", lambda pattern: any(_reference(pattern, tag) for tag in image.tags))
            and all(image.created < moment for moment in (*self._before, *self._until))
            and all(image.created > moment for moment in self._since)
        )


def _reference(pattern: str, tag: str) -> bool:
    """`nginx`, `nginx:1.*`: with or without a tag, with Docker's stars."""
    return fnmatchcase(tag, pattern) or fnmatchcase(tag.rpartition(":")[0], pattern)


async def list_images(call: Call) -> web.StreamResponse:
    wanted = Selection(call, parse_filters(call.query("filters"), accepted.IMAGES))
    used = [container.image_id for container in call.backend.engine.all()]
    images = [image for image in call.backend.images.all() if wanted(image)]
    return json_answer([image_summary(image, used.count(image.id)) for image in images])


async def inspect_image(call: Call) -> web.StreamResponse:
    try:
        image = call.backend.images.resolve(call.params["name"])
    except NotFound as error:
        raise NotFound(f"no such image: {call.params['name']}: {error.message}") from None
    return json_answer(image_json(image))


async def history(call: Call) -> web.StreamResponse:
    return json_answer(history_json(call.backend.images.resolve(call.params["name"])))


async def tag_image(call: Call) -> web.StreamResponse:
    repository, tag = call.query("repo"), call.query("tag")
    if not repository:
        raise InvalidArgument("invalid reference format")
    name = f"{repository}:{tag}" if tag else repository
    image = call.backend.images.resolve(call.params["name"])
    call.backend.images.tag(image.id, name)
    publish(call, "tag", image.id, parse_reference(name).familiar)
    return empty_answer(201)


async def remove_image(call: Call) -> web.StreamResponse:
    images, ref, force = call.backend.images, call.params["name"], call.flag("force")
    image = images.resolve(ref)
    users = [container for container in call.backend.engine.all() if container.image_id == image.id]
    by_id = image.id.removeprefix("sha256:").startswith(ref.removeprefix("sha256:"))
    if by_id:
        _check_id(image, users, force)
    else:
        name = parse_reference(ref)
        tags = [tag for tag in image.tags if tag != name.familiar]
        if not name.digest and tags:
            images.untag(name.canonical)
            publish(call, "untag", image.id, name.familiar)
            return json_answer([{"Untagged": name.familiar}])
        if users and not force:
            raise Conflict(f'conflict: unable to remove repository reference "{name.familiar}" (must force) - '
                           f"container {users[0].id[:12]} is using its referenced image {image.id[7:19]}")
        _check_id(image, users, force)
    return json_answer(_delete(call, image)[0])


def _check_id(image: Image, users: list[Container], force: bool) -> None:
    """Raises Conflict, with Docker's words, for an image that must not go."""
    short = image.id[7:19]
    running = next((container for container in users if container.running), None)
    if running is not None:
        raise Conflict(f"conflict: unable to delete {short} (cannot be forced) - image is being used by running "
                       f"container {running.id[:12]}")
    if force:
        return
    if len({tag.rpartition(":")[0] for tag in image.tags}) > 1:
        raise Conflict(f"conflict: unable to delete {short} (must be forced) - image is referenced in multiple "
                       "repositories")
    if users:
        raise Conflict(f"conflict: unable to delete {short} (must be forced) - image is being used by stopped "
                       f"container {users[0].id[:12]}")


def _delete(call: Call, image: Image) -> tuple[list[Json], int]:
    """Docker's lines, and the bytes that came free."""
    in_use = {container.image_id for container in call.backend.engine.all()}
    freed = call.backend.images.delete(image.id, in_use)
    for tag in image.tags:
        publish(call, "untag", image.id, tag)
    publish(call, "delete", image.id)
    return [*({"Untagged": name} for name in (*image.tags, *image.digests)), {"Deleted": image.id}], freed


async def prune_images(call: Call) -> web.StreamResponse:
    """Without `dangling=false` only images without a name go, as with Docker; those in use never."""
    filters = parse_filters(call.query("filters"), PRUNE)
    dangling = filters.flag("dangling")
    wanted = Selection(call, filters.without("dangling"))
    used = {container.image_id for container in call.backend.engine.all()}
    gone: list[Json] = []
    freed = 0
    for image in call.backend.images.all():
        if image.id in used or not wanted(image) or (dangling is not False and image.tags):
            continue
        lines, came_free = _delete(call, image)
        gone.extend(lines)
        freed += came_free
    return json_answer({"ImagesDeleted": gone or None, "SpaceReclaimed": freed})


async def distribution(call: Call) -> web.StreamResponse:
    """The digest that the CLI pins. The kit's own images stand for a registry; what was loaded, imported or tagged
    here is in none, and the CLI goes on without a digest, as with Docker."""
    image = None
    name = parse_reference(call.params["name"])
    try:
        image = call.backend.images.resolve(name.canonical)
    except NotFound:
        raise offline(call, name.familiar) from None
    pinned = next((digest.partition("@")[2] for digest in image.digests
                   if digest.partition("@")[0] == name.familiar_name), "")
    if not pinned:
        raise NotFound(f"{name.familiar} is in no registry: it is known to this host only")
    descriptor = {"mediaType": MANIFEST, "digest": pinned}
    platforms = [{"architecture": image.architecture, "os": image.os}]
    return json_answer({"Descriptor": descriptor, "Platforms": platforms})


ROUTES = [
    Route("GET", "/images/json", list_images),
    Route("POST", "/images/prune", prune_images),
    Route("GET", "/images/{name...}/json", inspect_image),
    Route("GET", "/images/{name...}/history", history),
    Route("POST", "/images/{name...}/tag", tag_image),
    Route("DELETE", "/images/{name...}", remove_image),
    Route("GET", "/distribution/{name...}/json", distribution),
]
