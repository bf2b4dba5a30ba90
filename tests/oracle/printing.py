"""How things print: instants in a zone, durations, decimals, CSV with its formula guard."""

import csv
import io
import re
from datetime import datetime, timedelta, timezone

from store import EPOCH

PLAIN_STAMP = "%Y-%m-%d %H:%M:%S"
SLASH_STAMP = "%m/%d/%Y %H:%M:%S"
NEGATIVE_NUMBER = re.compile(r"-[0-9]+")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")


class Text(str):
    """A cell that came from outside: the formula guard looks at it. Other cells are plain strings."""


def local_time(milliseconds, zone):
    return (EPOCH + timedelta(milliseconds=milliseconds)).astimezone(zone)


def stamp(milliseconds, zone, pattern=PLAIN_STAMP):
    """An instant in the zone, milliseconds cut; blank if unknown."""
    if milliseconds is None:
        return ""
    local = local_time(milliseconds, zone)
    if pattern == "sample":
        half = "AM" if local.hour < 12 else "PM"
        hour = local.hour % 12 or 12
        return f"{local.month}/{local.day}/{local.year % 100:02} {hour}:{local.minute:02} {half}"
    return local.strftime(pattern)


def rfc3339(milliseconds, zone=timezone.utc):
    """RFC 3339 with as many of the three fraction digits as needed; `Z` where the offset is 0."""
    local = local_time(milliseconds, zone)
    text = local.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{milliseconds % 1000:03}".rstrip("0")
    if fraction:
        text += "." + fraction
    minutes = local.utcoffset() // timedelta(minutes=1)
    if minutes == 0:
        return text + "Z"
    sign = "-" if minutes < 0 else "+"
    return f"{text}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def duration(milliseconds):
    """HH:MM:SS, whole seconds cut, hours not wrapped; blank if unknown."""
    if milliseconds is None:
        return ""
    seconds = milliseconds // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def whole_seconds(milliseconds):
    return "" if milliseconds is None else str(milliseconds // 1000)


def hundredths(numerator, denominator):
    """numerator / denominator with two decimals, half up; both whole and not negative."""
    value = (numerator * 200 + denominator) // (2 * denominator)
    return f"{value // 100}.{value % 100:02}"


def minutes(seconds):
    return hundredths(seconds, 60)


def percentage(part, whole):
    return (hundredths(part * 100, whole) if whole else "0.00") + "%"


def shortest(number):
    """A decimal as short as it can be; a whole one without a fraction."""
    return str(int(number)) if number == int(number) else repr(number)


def text(value):
    """A cell of text from outside; blank if not said."""
    return Text("" if value is None else value)


def joined(values, separator):
    return Text(separator.join(values or []))


def csv_text(header, rows, guard):
    """The whole file. `guard`: a text cell that a spreadsheet would compute gets a leading `'`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(header)
    for row in rows:
        assert len(row) == len(header)
        writer.writerow([guarded(cell) if guard else cell for cell in row])
    return out.getvalue()


def guarded(cell):
    """A negative whole number computes to itself: it is left alone."""
    if isinstance(cell, Text) and cell.startswith(FORMULA_STARTS) and not NEGATIVE_NUMBER.fullmatch(cell):
        return "'" + cell
    return cell
