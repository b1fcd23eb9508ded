"""Floating formats: bytes to numbers and back, and gdb's text of them.

Numbers of up to 53 bits of mantissa are Python floats; wider ones (the x87 format) are
exact ``Fraction`` objects, so that nothing is lost on the way. Layouts: IEEE 754 and
Intel SDM volume 1, 4.2.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, TypeAlias

from pydbg.records import Record

__all__ = ["FORMATS", "FloatFormat", "Number", "decode", "encode", "text"]

if TYPE_CHECKING:
    # An import of 2 ms that only the x87 formats need.
    from fractions import Fraction

Number: TypeAlias = "int | float | Fraction"


class FloatFormat(Record):
    """Be one layout: bits of exponent and of the stored mantissa, in that order below the sign.

    ``explicit`` is set where the mantissa's leading one is stored (x87).
    """

    name: str
    size: int
    exponent_bits: int
    mantissa_bits: int
    explicit: bool = False

    @property
    def precision(self) -> int:
        """Return the bits of a significand."""
        return self.mantissa_bits + (0 if self.explicit else 1)

    @property
    def bias(self) -> int:
        """Return the exponent's bias."""
        return int((1 << (self.exponent_bits - 1)) - 1)

    @property
    def digits(self) -> int:
        """Return the digits gdb prints (%g9 for float, %g17 for double)."""
        return int(self.precision * 0.30103) + 2


FORMATS = {
    row.name: row
    for row in (
        FloatFormat("half", 2, 5, 10),
        FloatFormat("bfloat16", 2, 8, 7),
        FloatFormat("single", 4, 8, 23),
        FloatFormat("double", 8, 11, 52),
        FloatFormat("x87", 10, 15, 64, explicit=True),
        FloatFormat("quad", 16, 15, 112),
    )
}


def _split(fmt: FloatFormat, data: bytes) -> tuple[bool, int, int]:
    raw = int.from_bytes(data[: fmt.size], "little")
    mantissa = raw & ((1 << fmt.mantissa_bits) - 1)
    exponent = (raw >> fmt.mantissa_bits) & ((1 << fmt.exponent_bits) - 1)
    negative = bool(raw >> (fmt.mantissa_bits + fmt.exponent_bits) & 1)
    return negative, exponent, mantissa


def decode(name: str, data: bytes) -> float | Fraction:
    """Return the number that the bytes hold (little endian).

    >>> decode("half", bytes.fromhex("003e"))
    1.5
    """
    if name == "double":
        return float(struct.unpack("<d", data[:8])[0])
    if name == "single":
        return float(struct.unpack("<f", data[:4])[0])
    fmt = FORMATS[name]
    negative, exponent, mantissa = _split(fmt, data)
    top = (1 << fmt.exponent_bits) - 1
    fraction_bits = fmt.mantissa_bits - (1 if fmt.explicit else 0)
    if exponent == top:
        special = math.nan if mantissa & ((1 << fraction_bits) - 1) else math.inf
        return -special if negative else special
    if not fmt.explicit and exponent:
        mantissa |= 1 << fmt.mantissa_bits
    if mantissa == 0:
        return -0.0 if negative else 0.0
    from fractions import Fraction

    value = Fraction(mantissa) * Fraction(2) ** (max(exponent, 1) - fmt.bias - fraction_bits)
    if negative:
        value = -value
    return float(value) if fmt.precision <= 53 else value


def encode(name: str, value: Number) -> bytes:
    """Return the nearest value's bytes, ties to even; too large becomes infinity.

    >>> encode("bfloat16", 1.5).hex()
    'c03f'
    """
    from fractions import Fraction

    fmt = FORMATS[name]
    top = (1 << fmt.exponent_bits) - 1
    special = isinstance(value, float) and (math.isnan(value) or math.isinf(value))
    if isinstance(value, float) and name == "double":
        return struct.pack("<d", value)
    negative = value < 0 or (isinstance(value, float) and math.copysign(1.0, value) < 0)
    if special:
        exponent = top
        quiet = 1 << (fmt.mantissa_bits - (2 if fmt.explicit else 1))
        mantissa = quiet if math.isnan(value) else 0
        if fmt.explicit:
            mantissa |= 1 << (fmt.mantissa_bits - 1)
    else:
        exponent, mantissa = _round(fmt, abs(Fraction(value)))
        if exponent >= top:
            exponent, mantissa = top, (1 << (fmt.mantissa_bits - 1)) if fmt.explicit else 0
    raw = (int(negative) << (fmt.exponent_bits + fmt.mantissa_bits)) | (
        exponent << fmt.mantissa_bits
    )
    return (raw | mantissa).to_bytes(fmt.size, "little")


def _round(fmt: FloatFormat, value: Fraction) -> tuple[int, int]:
    """Return (biased exponent, stored mantissa) of a finite value >= 0."""
    if value == 0:
        return 0, 0
    from fractions import Fraction

    power = value.numerator.bit_length() - value.denominator.bit_length()
    if Fraction(2) ** power > value:
        power -= 1
    power = max(power, 1 - fmt.bias)
    mantissa = round(value / Fraction(2) ** (power - fmt.precision + 1))
    if mantissa >> fmt.precision:
        mantissa >>= 1
        power += 1
    if not mantissa >> (fmt.precision - 1):
        return 0, mantissa
    if not fmt.explicit:
        mantissa &= (1 << fmt.mantissa_bits) - 1
    return min(power + fmt.bias, (1 << fmt.exponent_bits) - 1), mantissa


def text(name: str, data: bytes) -> str:
    """Return gdb's text of the bytes: %g with all digits that matter, inf, nan(0x...).

    >>> text("single", encode("single", 0.1))
    '0.100000001'
    """
    fmt = FORMATS[name]
    negative, exponent, mantissa = _split(fmt, data)
    sign = "-" if negative else ""
    integer_bit = 1 << (fmt.mantissa_bits - 1) if fmt.explicit else 0
    # gdb's floatformat_i387_ext_is_valid: the explicit leading bit must agree.
    if fmt.explicit and bool(exponent) != bool(mantissa & integer_bit):
        return "<invalid float value>"
    if exponent == (1 << fmt.exponent_bits) - 1:
        if mantissa & ~integer_bit:
            return f"{sign}nan({mantissa:#x})"
        return f"{sign}inf"
    value = decode(name, data)
    if isinstance(value, float):
        return f"{value:.{fmt.digits}g}"
    return general(value, fmt.digits)


def general(value: Fraction, digits: int) -> str:
    """Return ``%.{digits}g`` of an exact number.

    >>> from fractions import Fraction
    >>> general(Fraction(1, 3), 5), general(Fraction(10**30), 5)
    ('0.33333', '1e+30')
    """
    from fractions import Fraction

    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    value = abs(value)
    exponent = math.floor(
        (value.numerator.bit_length() - value.denominator.bit_length()) * math.log10(2)
    )
    while value >= Fraction(10) ** (exponent + 1):
        exponent += 1
    while value < Fraction(10) ** exponent:
        exponent -= 1
    mantissa = round(value / Fraction(10) ** (exponent - digits + 1))
    if mantissa >= 10**digits:
        mantissa //= 10
        exponent += 1
    shown = str(mantissa)
    if -4 <= exponent < digits:
        if exponent >= 0:
            whole, rest = shown[: exponent + 1], shown[exponent + 1 :]
        else:
            whole, rest = "0", "0" * (-exponent - 1) + shown
        rest = rest.rstrip("0")
        return sign + whole + ("." + rest if rest else "")
    rest = shown[1:].rstrip("0")
    return f"{sign}{shown[0]}{'.' + rest if rest else ''}e{exponent:+03d}"
