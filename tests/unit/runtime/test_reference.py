"""Image references are read as Docker reads them."""

from __future__ import annotations

import pytest

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.runtime.reference import parse_reference

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(("text", "canonical", "familiar"), [
    ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
    ("nginx:1.18", "docker.io/library/nginx:1.18", "nginx:1.18"),
    ("docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
    ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1", "nginx:1"),
    ("bob/web", "docker.io/bob/web:latest", "bob/web:latest"),
    ("localhost/web", "localhost/web:latest", "localhost/web:latest"),
    ("host:5000/a/b:t", "host:5000/a/b:t", "host:5000/a/b:t"),
    (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}", f"nginx@{DIGEST}"),
    (f"nginx:1.18@{DIGEST}", f"docker.io/library/nginx:1.18@{DIGEST}", f"nginx:1.18@{DIGEST}"),
])
def test_normalised(text: str, canonical: str, familiar: str) -> None:
    reference = parse_reference(text)
    assert (reference.canonical, reference.familiar) == (canonical, familiar)


@pytest.mark.parametrize(("text", "said"), [
    ("", "invalid reference format"),
    ("nginx:", "invalid reference format"),
    ("nginx:a b", "invalid reference format"),
    ("-x", "invalid reference format"),
    ("nginx@sha256:12", "invalid reference format"),
    ("Nginx", "repository name must be lowercase"),
    ("ab" * 32, "cannot specify 64-byte hexadecimal strings"),
    ("a" * 256, "invalid reference format"),
])
def test_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        parse_reference(text)
