"""Owns what the offline images consist of, as data. Knows neither apt nor the disk.

The images answer to Docker Hub's names so that the course's commands work without a network; they are **not**
Docker Hub's bytes: each says so in its label `org.opencontainers.image.description`. All nginx tags share one
program (the distribution's); a tag only changes the version its `Server:` header claims.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SKIPPED_PACKAGES = (
    "adduser", "debconf", "debianutils", "dpkg", "gcc-", "init-system-helpers", "libaudit", "libcap-ng",
    "libcap2-bin", "libfile-find-rule-perl", "libgdbm", "libnumber-compare-perl", "libpam", "libperl",
    "libsemanage", "libsepol", "libtext-glob-perl", "lsb-base", "passwd", "perl", "sysvinit-utils", "tar",
    "usrmerge",
)
"""Name prefixes of dependencies that only maintainer scripts need; those never run here."""


@dataclass(frozen=True)
class Layer:
    """One read-only directory. `files`: path in the image -> (content, mode); `links`: path -> target. `programs`
    must be there when it is built, or the build fails."""

    name: str
    packages: tuple[str, ...]
    programs: tuple[str, ...] = ()
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    directories: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageRecipe:
    """One image: its full tag, its layers (bottom first) and its OCI `config` object."""

    tag: str
    layers: tuple[Layer, ...]
    config: dict[str, object]


def _own(name: str) -> bytes:
    return (HERE / name).read_bytes()


_PASSWD = b"root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n" \
          b"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
_GROUP = b"root:x:0:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n"

BASE = Layer(
    name="base",
    packages=("base-files", "bash", "dash", "coreutils", "grep", "sed", "mawk", "hostname", "procps", "iproute2",
              "iputils-ping", "curl", "ca-certificates"),
    programs=("bash", "sh", "ls", "grep", "sed", "mawk", "hostname", "ps", "ip", "ping", "curl"),
    files={
        "etc/passwd": (_PASSWD, 0o644),
        "etc/group": (_GROUP, 0o644),
        "etc/nsswitch.conf": (b"passwd: files\ngroup: files\nhosts: files dns\n", 0o644),
    },
    links={"usr/bin/awk": "mawk"},
    directories=("dev", "proc", "sys", "root", "run", "tmp", "home", "var/log", "var/tmp"),
)

NGINX = Layer(
    name="nginx",
    packages=("nginx-light", "libnginx-mod-http-headers-more-filter"),
    programs=("nginx",),
    files={
        "docker-entrypoint.sh": (_own("nginx/docker-entrypoint.sh"), 0o755),
        "etc/nginx/nginx.conf": (_own("nginx/nginx.conf"), 0o644),
    },
    links={"var/log/nginx/access.log": "/dev/stdout", "var/log/nginx/error.log": "/dev/stderr"},
    directories=("etc/nginx/conf.d", "var/lib/nginx", "var/log/nginx"),
)

BROKEN = {
    "crash": "ends at once with an error",
    "late": "ends with an error after 3 seconds",
    "page": "runs, and answers every request with status 500",
}

TOOLS = Layer(
    name="tools",
    packages=("bind9-dnsutils", "tcpdump", "iperf3", "netcat-openbsd"),
    programs=("dig", "tcpdump", "iperf3", "nc.openbsd"),
    links={"usr/bin/nc": "nc.openbsd"},
)


WHOAMI = Layer(
    name="whoami",
    packages=(),
    files={"whoami": (_own("whoami/whoami.sh"), 0o755)},
)


def _nginx(tag: str, version: str = "", broken: str = "") -> ImageRecipe:
    claim = f"Offline stand-in for the Docker Hub image nginx:{tag}, built from this machine's distribution " \
            "packages. It runs the distribution's nginx" + (f"; its Server header says {version}" if version else "")
    if broken:
        claim = f"An nginx that is no good, to learn updates and rollbacks with: it {BROKEN[broken]}. On no registry."
    return ImageRecipe(
        tag=f"docker.io/library/nginx:{tag}",
        layers=(BASE, NGINX),
        config={
            "Env": [PATH, *([f"NGINX_VERSION={version}"] if version else []),
                    *([f"BROKEN={broken}"] if broken else [])],
            "Entrypoint": ["/docker-entrypoint.sh"],
            "Cmd": ["nginx", "-g", "daemon off;"],
            "ExposedPorts": {"80/tcp": {}},
            "StopSignal": "SIGQUIT",
            "Labels": {"org.opencontainers.image.description": claim, "swarm-lab-kit.stand-in": "true"},
        },
    )


def _whoami(tag: str) -> ImageRecipe:
    return ImageRecipe(
        tag=f"docker.io/{tag}",
        layers=(BASE, NGINX, WHOAMI),
        config={
            "Env": [PATH],
            "Entrypoint": ["/whoami"],
            "ExposedPorts": {"80/tcp": {}},
            "Labels": {
                "org.opencontainers.image.description":
                    "Offline stand-in for the Docker Hub image traefik/whoami: answers with its host name and "
                    "addresses, through the distribution's nginx.",
                "swarm-lab-kit.stand-in": "true",
            },
        },
    )


IMAGES = (
    _nginx("latest"),
    _nginx("1.18", "1.18.0"),
    _nginx("1.19", "1.19.10"),
    _nginx("1.20", "1.20.2"),
    _nginx("1.20-broken", "1.20.2", "crash"),
    _nginx("1.20-broken-late", "1.20.2", "late"),
    _nginx("1.20-broken-page", "1.20.2", "page"),
    _whoami("library/whoami:latest"),
    _whoami("traefik/whoami:latest"),
    ImageRecipe(
        tag="docker.io/library/tools:latest",
        layers=(BASE, TOOLS),
        config={
            "Env": [PATH],
            "Cmd": ["bash"],
            "Labels": {
                "org.opencontainers.image.description":
                    "Network tools (curl, dig, ping, ip, tcpdump, iperf3, nc) from this machine's distribution "
                    "packages; part of the lab kit, on no registry.",
                "swarm-lab-kit.stand-in": "true",
            },
        },
    ),
)
