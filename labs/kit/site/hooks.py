"""Owns what MkDocs calls while it builds: it adds the pages that are made from code, and puts them in their places.

MkDocs loads this file by its path (mkdocs.yml), so everything else is imported by its whole name.
"""

from __future__ import annotations

from typing import Any

from labs.kit.site.course import course_pages
from labs.kit.site.navigation import expand
from labs.kit.site.reference import reference_pages

FRENCH = "fr/"


def on_files(files: Any, config: Any) -> Any:
    """The generated pages join those of docs/, and the navigation takes up all of them."""
    from mkdocs.structure.files import File

    for uri, text in {**course_pages(), **reference_pages()}.items():
        files.append(File.generated(config, uri, content=text))
    config["nav"] = expand(config["nav"], [file.src_uri for file in files.documentation_pages()])
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """A French page says so: to screen readers, and to browsers that offer to translate."""
    if not page.file.src_uri.startswith(FRENCH):
        return output
    return output.replace('<html lang="en"', '<html lang="fr"', 1)
