"""Names that must never lead out of a folder: tried on every parameter that becomes part of a path."""

_CLIMBS = [
    f"{'../' * depth}{goal}"
    for depth in (1, 2, 5, 12)
    for goal in ("", "etc/passwd", "x", "models", "x.gguf", ".ssh/authorized_keys")
]
_SEPARATORS = [f"a{separator}b" for separator in ("/", "//", "\\", "\\\\", "/../", "/./", "\\..\\", "∕", "／", "⁄")]
_ENCODED = [
    "..%2f", "%2e%2e%2f", "%2e%2e/", "..%5c", "%252e%252e%252f", "..%c0%af", "%c0%ae%c0%ae%c0%af", "%00", "a%2fb",
    "..\xc0\xaf", "\udcc0\udcaf..", "．．／", "‥/", "…/",
]  # fmt: skip
_CONTROLS = ["\0", "a\0b", "../\0", "a\nb", "a\rb", "\x7f", "a\tb", "a b", " ", "\u200b", "\u202egpj.x", "a\u2028b"]
_ABSOLUTE = ["/", "/etc/passwd", "//host/share", "C:\\", "C:/", "c:x", "\\\\?\\C:\\", "\\\\host\\share", "~", "~root/x"]
_DOTS = [
    "..a/..",
    "\t..",
    "....//",
    ".",
    "..",
    "...",
    ". .",
    ".hidden",
    "-rf",
    "--help",
    "_x",
    "",
    "./x",
    "x/.",
    "x/..",
    ".x.",
    "+x",
]
_LONG = ["a" * 129, "a" * 255, "a" * 256, "a" * 5000, "é" * 64, "../" * 1000, "a/" * 500]
_OTHERS = [
    "a:b",
    "a*",
    "a?",
    "a|b",
    "a<b",
    'a"b',
    "a;b",
    "$(x)",
    "`x`",
    "${HOME}",
    "a&b",
    "a'b",
    "{a,b}",
    "模型",
    "ａｂ",
    "a@b",
]
_SCHEMES = ["file:///etc/passwd", "http://127.0.0.1/x", "hf:", "hf:a", "hf:a/b", "hf:../../x.gguf", "hf:a/../b/c.gguf",
            "hf:a/b/../../c.gguf", "hf:a/b/c", "hf:a/b//c.gguf", "hf:/a/b/c.gguf", "hf:a/b@../c.gguf"]  # fmt: skip

HOSTILE_NAMES = [
    *_CLIMBS, *_SEPARATORS, *_ENCODED, *_CONTROLS, *_ABSOLUTE, *_DOTS, *_LONG, *_OTHERS, *_SCHEMES,
]  # fmt: skip
