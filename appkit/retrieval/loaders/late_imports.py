"""Imports what Python and the parsing libraries would import when first needed: the child opens no files by then."""

import contextlib
import importlib
import pkgutil

PACKAGES = ("encodings", "pypdf", "docx.opc", "docx.oxml", "docx.parts", "docx.styles")  # with all their modules
MODULES = (
    "_strptime",
    "docx",
    "lxml.etree",
    "markdown_it",
    "selectolax.lexbor",
    "unicodedata",
    "xml.etree.ElementTree",
)


def import_all() -> None:
    """Import everything named above."""
    for module in MODULES:
        importlib.import_module(module)
    for package in PACKAGES:
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            with contextlib.suppress(ImportError):  # a module for an optional library, or for another system
                importlib.import_module(found.name)
