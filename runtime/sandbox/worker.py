"""Renders templates in a process of its own. Run as a script, never imported.

It reads requests from standard input and writes replies to standard output, each a JSON object behind its length in
four bytes, big-endian. It ends when its input does, that is with its parent. By the time it reads its first request
it has given up what it needs no more: it can open no file or socket, write no file, start no process.

Arguments: limits as JSON, then the folders that hold jinja2, markupsafe and this package (`python -S` looks into no
others).
"""

import sys

if __name__ == "__main__":
    sys.path.extend(sys.argv[2:])

import codecs
import contextlib
import datetime
import functools
import html  # noqa: F401 (markupsafe and jinja2 import this and textwrap when first needed, which would be too late)
import json
import re
import signal
import textwrap  # noqa: F401
import time
from collections.abc import Callable, Collection
from typing import Any

import jinja2.constants
import jinja2.debug
import jinja2.ext
import jinja2.loaders
import jinja2.meta
import jinja2.nodes
import jinja2.parser
import jinja2.runtime
import jinja2.sandbox
import jinja2.utils
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError, UndefinedError

from runtime.sandbox.child import allow_cpu, give_up_rights, read_message, write

LATE_CODECS = ("unicode_escape", "ascii", "latin-1", "utf-16", "utf-32", "idna")  # Python loads them at first use
MAX_RESULT_BITS = 1 << 16  # of a product or power
MAX_REPEATED_ITEMS = 1 << 20  # of a text or list times a number
MAX_CACHED_TEMPLATES = 64
MAX_CACHED_SOURCE_CHARS = 4 << 20
MAX_MESSAGE_CHARS = 2000
INCLUDING_NODES = (jinja2.nodes.Include, jinja2.nodes.Import, jinja2.nodes.FromImport)
NO_PARTIALS = "{}"
FILE_NAME = "<template>"  # of a template in its code; a partial's has its name before the bracket


class OutputTooLongError(Exception):
    """The text passed the limit of its request."""


class Clock:
    """What time templates are told it is: set for each request, so that a render can be repeated."""

    now = datetime.datetime(1970, 1, 1)

    def strftime_now(self, format: str) -> str:
        """The time as `datetime.strftime` writes it."""
        return self.now.strftime(format)


class Environment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, with limits on the two operators that make large values from small ones."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:
        """Compute `left operator right` unless the result would be huge."""
        check = check_power if operator == "**" else check_product
        check(left, right)
        return super().call_binop(context, operator, left, right)


def check_power(base: Any, exponent: Any) -> None:
    """Raise SecurityError for a power of too many digits."""
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > MAX_RESULT_BITS:
        raise SecurityError(f"a power of more than {MAX_RESULT_BITS} bits")


def check_product(left: Any, right: Any) -> None:
    """Raise SecurityError for a product of too many digits or items."""
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > MAX_RESULT_BITS:
            raise SecurityError(f"a product of more than {MAX_RESULT_BITS} bits")
        return
    for value, count in ((left, right), (right, left)):
        if isinstance(count, int) and hasattr(value, "__len__") and len(value) * count > MAX_REPEATED_ITEMS:
            raise SecurityError(f"a value repeated to more than {MAX_REPEATED_ITEMS} items")


class Generation(jinja2.ext.Extension):
    """`{% generation %}`: marks an assistant's text for trainers; the text itself passes through."""

    tags = {"generation"}  # noqa: RUF012 (as jinja2 declares it)

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        """Read up to the end tag."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        # a call, not the bare body: what the block assigns stays inside, as in transformers
        return jinja2.nodes.CallBlock(self.call_method("pass_through"), [], [], body).set_lineno(line)

    @staticmethod
    def pass_through(caller: Callable[[], str]) -> str:
        """The text of the block."""
        return caller()


class GuardedDict:
    """`dict` for templates, without the attributes of the real class."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        """As `dict`."""
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        """As `dict.fromkeys`."""
        return dict.fromkeys(*args)


class GuardedNamespace(jinja2.utils.Namespace):
    """`namespace` for templates; refuses names that begin with an underscore."""

    def __init__(*args: Any, **kwargs: Any) -> None:  # `self` may be an attribute's name
        self, *given = args
        attributes = dict(*given, **kwargs)
        for name in attributes:
            GuardedNamespace.check_name(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        """Set an attribute."""
        GuardedNamespace.check_name(name)
        super().__setitem__(name, value)

    @staticmethod
    def check_name(name: Any) -> None:
        """Raise SecurityError for a private name."""
        if isinstance(name, str) and name.startswith("_"):
            raise SecurityError(f"a namespace attribute {name!r} that begins with an underscore")


def to_json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """The `tojson` filter of chat templates: plain JSON, where Jinja2's own escapes for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message: Any) -> None:
    """What a template calls to refuse its input."""
    raise TemplateError(str(message))


class Partials(jinja2.loaders.BaseLoader):
    """What a template may include: sources that came with the request, compiled once."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.sources = sources
        self.codes: dict[str, Any] = {}

    def load(self, environment: Any, name: str, globals: Any = None) -> jinja2.Template:
        """The partial, made anew from its code each time: what one render assigns in it, no other sees."""
        if name not in self.codes:
            tree = parse(environment, self.sources[name], self.sources.keys(), name)  # `parse` let no other name pass
            self.codes[name] = environment.compile(tree, name, f"{FILE_NAME[:-1]} {name}>")
        return jinja2.Template.from_code(environment, self.codes[name], globals or {})


def parse(
    environment: "Environment", source: str, partials: Collection[str], name: str | None = None
) -> jinja2.nodes.Template:
    """The tree of a template that includes nothing but `partials`. Raises TemplateSyntaxError."""
    tree = environment.parse(source, name)
    for extending in tree.find_all(jinja2.nodes.Extends):
        raise TemplateSyntaxError("a template may not extend another one", extending.lineno, name)
    for node in tree.find_all(INCLUDING_NODES):
        if not partials:
            raise TemplateSyntaxError("a template may not include, import or extend another one", node.lineno, name)
        if (wanted := included_name(node, name)) not in partials:
            raise TemplateSyntaxError(f"there is no {wanted!r} to include", node.lineno, name)
    return tree


def included_name(node: Any, name: str | None = None) -> str:
    """What an including statement names. Raises TemplateSyntaxError where that is not written out."""
    if isinstance(node.template, jinja2.nodes.Const) and isinstance(node.template.value, str):
        return node.template.value
    raise TemplateSyntaxError("what is included must be named by one text in quotes", node.lineno, name)


class Renderer:
    """Compiles and runs templates; remembers the ones it compiled."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.templates: dict[tuple[str, str, str], jinja2.Template] = {}

    @functools.lru_cache(maxsize=32)  # noqa: B019 (there is one renderer, and it lives as long as the process)
    def environment(self, options: str, partials: str = NO_PARTIALS) -> Environment:
        """The environment for options, and sources that may be included, both written as JSON."""
        given = json.loads(options)
        extensions: list[Any] = [jinja2.ext.loopcontrols]
        is_chat = given["helpers"] == "chat"
        environment = Environment(
            trim_blocks=given["trim_blocks"],
            lstrip_blocks=given["lstrip_blocks"],
            keep_trailing_newline=given["keep_trailing_newline"],
            undefined=jinja2.StrictUndefined if given["strict"] else jinja2.Undefined,
            extensions=[*extensions, Generation] if is_chat else extensions,
            loader=None if partials == NO_PARTIALS else Partials(json.loads(partials)),
            cache_size=0,
        )
        environment.filters["tojson"] = to_json
        environment.globals["dict"] = GuardedDict()
        environment.globals["namespace"] = GuardedNamespace
        if is_chat:
            environment.globals["raise_exception"] = raise_exception
            environment.globals["strftime_now"] = self.clock.strftime_now
        return environment

    def template(self, source: str, options: str, partials: str) -> jinja2.Template:
        """The compiled template."""
        key = (options, partials, source)
        template = self.templates.pop(key, None)
        if template is None:
            environment = self.environment(options, partials)
            loader = environment.loader
            tree = parse(environment, source, loader.sources.keys() if isinstance(loader, Partials) else ())
            code = environment.compile(tree)
            template = jinja2.Template.from_code(environment, code, environment.make_globals(None))
        self.templates[key] = template  # last is newest
        while len(self.templates) > 1 and (
            len(self.templates) > MAX_CACHED_TEMPLATES
            or sum(len(source) + len(partials) for _, partials, source in self.templates) > MAX_CACHED_SOURCE_CHARS
        ):
            del self.templates[next(iter(self.templates))]
        return template

    def render(self, request: dict[str, Any]) -> str:
        """The text of a template."""
        self.clock.now = datetime.datetime.fromisoformat(request["now"])
        template = self.template(request["source"], request["options"], request["partials"])
        pieces: list[str] = []
        room = request["max_output_chars"]
        for piece in template.generate(request["variables"]):
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                raise OutputTooLongError
        return "".join(pieces)

    def variables(self, request: dict[str, Any]) -> list[str]:
        """Names a template reads from what it is given."""
        environment = self.environment(request["options"])
        names = jinja2.meta.find_undeclared_variables(environment.parse(request["source"]))
        return sorted(names - environment.globals.keys())

    def names(self, request: dict[str, Any]) -> dict[str, dict[str, int]]:
        """What a template reads and includes, each with the line where it first does. Raises TemplateSyntaxError."""
        environment = self.environment(request["options"])
        tree = environment.parse(request["source"])
        for node in tree.find_all((jinja2.nodes.Extends, jinja2.nodes.Block)):
            raise TemplateSyntaxError("a template here has no blocks and extends no other one", node.lineno)
        templates: dict[str, int] = {}
        for node in tree.find_all(INCLUDING_NODES):
            templates.setdefault(included_name(node), node.lineno)
        lines: dict[str, int] = {}
        for name in tree.find_all(jinja2.nodes.Name):
            lines.setdefault(name.name, name.lineno)
        undeclared = jinja2.meta.find_undeclared_variables(tree) - environment.globals.keys()
        return {"templates": templates, "variables": {name: lines[name] for name in sorted(undeclared)}}


def describe(error: BaseException) -> dict[str, Any]:
    """An error as a reply."""
    variable = None
    if isinstance(error, TemplateSyntaxError):
        kind = "syntax"
    elif isinstance(error, SecurityError):
        kind = "refused"
    elif isinstance(error, UndefinedError):
        kind = "undefined"
        named = re.match(r"'(\w+)' is undefined", str(error))
        variable = named[1] if named else None
    elif isinstance(error, TemplateError):
        kind = "raised"
    elif isinstance(error, RecursionError):
        kind = "recursion"
    elif isinstance(error, MemoryError):
        kind = "memory"
    elif isinstance(error, OutputTooLongError):
        kind = "output"
    else:
        kind = "failed"
    message = error.message if isinstance(error, TemplateSyntaxError) else str(error)
    if kind == "failed":
        message = f"{type(error).__name__}: {message}"
    line, partial = place_of(error)
    return {
        "error": kind,
        "message": (message or "")[:MAX_MESSAGE_CHARS],
        "line": line,
        "partial": partial,
        "variable": variable,
    }


def place_of(error: BaseException) -> tuple[int | None, str | None]:
    """Line where an error arose, and the partial that it counts in; None there is the template itself."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno, error.name
    line, partial, traceback = None, None, error.__traceback__
    while traceback is not None:
        file_name = traceback.tb_frame.f_code.co_filename
        if file_name.startswith(FILE_NAME[:-1]):
            line, partial = traceback.tb_lineno, file_name[len(FILE_NAME) : -1] or None
        traceback = traceback.tb_next
    return line, partial


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits = json.loads(sys.argv[1])
    for codec in LATE_CODECS:
        codecs.lookup(codec)
    time.tzset()  # reads the zone's file, which cannot be opened later
    renderer = Renderer()
    operations: dict[str, Callable[[dict[str, Any]], Any]] = {
        "render": renderer.render,
        "variables": renderer.variables,
        "names": renderer.names,
    }
    write({"unlimited": give_up_rights(limits["memory_bytes"])})
    while (body := read_message()) is not None:
        try:
            request = json.loads(body)
            allow_cpu(limits["cpu_s"])
            reply: dict[str, Any] = {"result": operations[request["operation"]](request)}
        except Exception as error:
            reply = describe(error)
        write(reply)
        del reply


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the parent left while we worked
        main()
