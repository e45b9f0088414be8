"""Weight block formats: one file a format, each with its byte layout, behind `FORMATS`, `dequantize` and `quantize`."""

from runtime.quant.format import GGML_TYPE_NAMES, Format, ggml_type_name
from runtime.quant.registry import FORMATS, QUANTIZABLE, dequantize, format_of_type, quantize

__all__ = [
    "FORMATS",
    "GGML_TYPE_NAMES",
    "QUANTIZABLE",
    "Format",
    "dequantize",
    "format_of_type",
    "ggml_type_name",
    "quantize",
]
