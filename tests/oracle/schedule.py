"""Prints random schedules with the instants they must name, one JSON line a case.

    schedule.py --seed N --cases COUNT

A line holds the seed, the body of one `[[schedule]]` table, an instant, and the first instants of the
schedule strictly after it. An empty list says that there is none before the year 2200. Case i is made from
the seed N + i alone: `--seed N+i --cases 1` makes it again.

The way is brute force: day after civil day is held against the day rule, every civil time that matches is
held against the zone's own offsets, and whatever comes out is sorted. Instants are whole seconds since 1970.
"""

import argparse
import json
import random
import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import schedule_cases

DAY = 86400
WIDEST_MADE_UP = 3 * 3600
START_OF_1970 = datetime(1970, 1, 1)
END = int(datetime(2200, 1, 1, tzinfo=timezone.utc).timestamp())
DAYS_LOOKED_AT = 12 * 366
MATCHING_DAYS_LOOKED_AT = 500

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
MONTH_NAMES = {name: number for number, name in enumerate(MONTHS, 1)}
WEEKDAY_NAMES = {name: number for number, name in enumerate(WEEKDAYS)}
FULL_WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


# Zones ------------------------------------------------------------------------------------------------------


def offset_at(zone, instant):
    """The zone's offset at an instant, in seconds."""
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    return offset.days * DAY + offset.seconds


def clock_at(zone, instant):
    """What the wall clock shows at an instant."""
    return datetime.fromtimestamp(instant, zone).replace(tzinfo=None, fold=0)


def both_folds(zone, civil):
    """The two instants that zoneinfo offers for a civil time; they may be the same, or wrong in a gap."""
    naive = civil - START_OF_1970
    found = []
    for fold in (0, 1):
        offset = civil.replace(tzinfo=zone, fold=fold).utcoffset()
        shifted = naive - offset
        found.append(shifted.days * DAY + shifted.seconds)
    return found


def readings(zone, civil):
    """Every instant at which the wall clock shows the civil time, in order: none, one or two."""
    return sorted(instant for instant in set(both_folds(zone, civil)) if clock_at(zone, instant) == civil)


def end_of_gap(zone, civil):
    """For a civil time that no clock shows: the first instant after the gap, and the gap's width."""
    before, after = sorted(both_folds(zone, civil))
    while after - before > 1:
        middle = (before + after) // 2
        if clock_at(zone, middle) > civil:
            after = middle
        else:
            before = middle
    return after, offset_at(zone, after) - offset_at(zone, before)


def resolve(zone, civil, clock_change, follows_the_clock):
    """The instants that a civil time of a cron or repeat schedule stands for."""
    shown = readings(zone, civil)
    if clock_change == "wall" or (clock_change == "cron" and follows_the_clock):
        return shown
    if len(shown) == 2:
        return shown if shown[1] - shown[0] > WIDEST_MADE_UP else shown[:1]
    if not shown and clock_change == "cron":
        instant, width = end_of_gap(zone, civil)
        return [instant] if width <= WIDEST_MADE_UP else []
    return shown


def resolve_once(zone, civil, clock_change):
    """The instants of a `once` schedule: one or none."""
    shown = readings(zone, civil)
    if not shown and clock_change == "cron":
        return [end_of_gap(zone, civil)[0]]
    return shown[:1]


# Days -------------------------------------------------------------------------------------------------------


def last_day(year, month):
    """The number of the last day of a month."""
    following = date(year + 1, 1, 1) if month == 12 else date(year, month + 1, 1)
    return (following - timedelta(days=1)).day


def cron_weekday(day):
    """0 for Sunday to 6 for Saturday."""
    return day.isoweekday() % 7


def nearest_weekday(year, month, number):
    """The day of the month, Monday to Friday, nearest to a day that the month has."""
    weekday = cron_weekday(date(year, month, number))
    if weekday == 6:
        return number - 1 if number > 1 else number + 2
    if weekday == 0:
        return number + 1 if number < last_day(year, month) else number - 2
    return number


def last_weekday(year, month):
    """The last day of the month that is Monday to Friday."""
    number = last_day(year, month)
    while cron_weekday(date(year, month, number)) in (0, 6):
        number -= 1
    return number


# Cron -------------------------------------------------------------------------------------------------------


def number_of(text, names):
    """A number or a name."""
    return names[text] if text in names else int(text)


def item_numbers(item, lowest, highest, names):
    """The numbers of one item of a list: `*`, `a`, `a-b`, each perhaps with `/n`."""
    body, slash, step = item.partition("/")
    if body == "*":
        first, last = lowest, highest
    elif "-" in body:
        left, right = body.split("-")
        first, last = number_of(left, names), number_of(right, names)
        if last == 0 and names is WEEKDAY_NAMES and first > 0:
            last = 7
        assert first < last, item
    else:
        first = number_of(body, names)
        last = highest if slash else first
    assert lowest <= first and last <= highest, item
    return set(range(first, last + 1, int(step) if slash else 1))


def field_numbers(text, lowest, highest, names):
    """The numbers of a whole field."""
    numbers = set()
    for item in text.split(","):
        numbers |= item_numbers(item, lowest, highest, names)
    return numbers


def day_of_month_item(item, day):
    """Whether one item of the day-of-month field holds for a day."""
    if item == "?":
        return True
    if item == "l":
        return day.day == last_day(day.year, day.month)
    if item == "lw":
        return day.day == last_weekday(day.year, day.month)
    if item.endswith("w"):
        number = int(item[:-1])
        if number > last_day(day.year, day.month):
            return False
        return day.day == nearest_weekday(day.year, day.month, number)
    return day.day in item_numbers(item, 1, 31, {})


def day_of_week_item(item, day):
    """Whether one item of the day-of-week field holds for a day."""
    if item == "?":
        return True
    if "#" in item:
        days, nth = item.split("#")
        if cron_weekday(day) not in {number % 7 for number in item_numbers(days, 0, 7, WEEKDAY_NAMES)}:
            return False
        return (day.day - 1) // 7 + 1 == int(nth)
    if item.endswith("l"):
        if cron_weekday(day) != number_of(item[:-1], WEEKDAY_NAMES) % 7:
            return False
        return day.day + 7 > last_day(day.year, day.month)
    return cron_weekday(day) in {number % 7 for number in item_numbers(item, 0, 7, WEEKDAY_NAMES)}


class Cron:
    """A cron pattern on civil time."""

    def __init__(self, text):
        fields = NICKNAMES.get(text.lower(), text).lower().split()
        if len(fields) == 5:
            fields.insert(0, "0")
        seconds, minutes, hours, self.days_of_month, months, self.days_of_week = fields
        self.follows_the_clock = any(field.startswith("*") for field in (seconds, minutes, hours))
        self.months = field_numbers(months, 1, 12, MONTH_NAMES)
        self.times = [
            (hour, minute, second)
            for hour in sorted(field_numbers(hours, 0, 23, {}))
            for minute in sorted(field_numbers(minutes, 0, 59, {}))
            for second in sorted(field_numbers(seconds, 0, 59, {}))
        ]

    def matches_day(self, day):
        """Vixie's rule: either day field where both are restricted, else both."""
        if day.month not in self.months:
            return False
        by_month = any(day_of_month_item(item, day) for item in self.days_of_month.split(","))
        by_week = any(day_of_week_item(item, day) for item in self.days_of_week.split(","))
        if self.days_of_month[0] in "*?" or self.days_of_week[0] in "*?":
            return by_month and by_week
        return by_month or by_week


# Repeat -----------------------------------------------------------------------------------------------------


class Repeat:
    """A `repeat` schedule on civil time."""

    def __init__(self, schedule):
        self.every = schedule["repeat"]
        self.on = schedule.get("on")
        self.skips_short_months = schedule.get("short_month", "last") == "skip"
        self.follows_the_clock = self.every == "hourly"
        if self.every == "hourly":
            minute = int(schedule.get("at", ":00")[1:])
            self.times = [(hour, minute, 0) for hour in range(24)]
        else:
            hour, minute = schedule.get("at", "00:00").split(":")
            self.times = [(int(hour), int(minute), 0)]

    def is_day_of_month(self, day, wanted):
        """Whether a day is the wanted one of its month: a number or "last"."""
        last = last_day(day.year, day.month)
        if wanted == "last":
            return day.day == last
        if int(wanted) > last:
            return day.day == last and not self.skips_short_months
        return day.day == int(wanted)

    def matches_day(self, day):
        """Whether the schedule names a day."""
        if self.every in ("hourly", "daily"):
            return True
        if self.every == "weekly":
            return FULL_WEEKDAYS[cron_weekday(day)] == (self.on or "monday")
        if self.every == "monthly":
            return self.is_day_of_month(day, self.on or 1)
        if self.every == "quarterly":
            return day.month in (1, 4, 7, 10) and self.is_day_of_month(day, self.on or 1)
        month, number = (self.on or "01-01").split("-")
        return day.month == int(month) and self.is_day_of_month(day, int(number))


# Instants ---------------------------------------------------------------------------------------------------


def first_of_days(rule, zone, clock_change, after, wanted):
    """The first instants of a cron or repeat rule after `after`, and whether the bound cut them short."""
    found = set()
    today = clock_at(zone, int(after)).date() - timedelta(days=1)
    enough = None
    matching = 0
    for _ in range(DAYS_LOOKED_AT):
        if today > date(2200, 1, 2) or (enough is not None and today > enough):
            return sorted(found)[:wanted], False
        if rule.matches_day(today):
            matching += 1
            for hour, minute, second in rule.times:
                civil = datetime(today.year, today.month, today.day, hour, minute, second)
                for instant in resolve(zone, civil, clock_change, rule.follows_the_clock):
                    if instant > after and 0 <= instant < END:
                        found.add(instant)
            if len(found) >= wanted:
                last = sorted(found)[wanted - 1]
                enough = clock_at(zone, last).date() + timedelta(days=2)
        if matching >= MATCHING_DAYS_LOOKED_AT:
            break
        today += timedelta(days=1)
    safe = today - timedelta(days=2)
    certain = [instant for instant in sorted(found) if clock_at(zone, instant).date() < safe]
    return certain[:wanted], True


def first_of_every(schedule, after, wanted):
    """The first instants of an `every` schedule after `after`."""
    text = schedule["every"]
    step = int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": DAY}[text[-1]]
    instant = 0
    if "start" in schedule:
        instant = int(datetime.fromisoformat(schedule["start"]).timestamp())
    if instant <= after:
        instant += int((after - instant) // step) * step
    found = []
    while len(found) < wanted and instant < END:
        if instant > after:
            found.append(instant)
        instant += step
    return found


def first_of(schedule, after, wanted):
    """The first instants of a schedule after `after`, and whether the search bound cut them short."""
    if "every" in schedule:
        return first_of_every(schedule, after, wanted), False
    zone = ZoneInfo(schedule["time_zone"])
    clock_change = schedule.get("clock_change", "cron")
    if "once" in schedule:
        civil = datetime.fromisoformat(schedule["once"])
        found = resolve_once(zone, civil, clock_change)
        return [instant for instant in found if instant > after and 0 <= instant < END], False
    rule = Cron(schedule["cron"]) if "cron" in schedule else Repeat(schedule)
    return first_of_days(rule, zone, clock_change, after, wanted)


# Command line -----------------------------------------------------------------------------------------------


def rfc3339(instant):
    """An instant in whole seconds as text."""
    return datetime.fromtimestamp(instant, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def line(seed):
    """One case. A random case whose first instant lies beyond the search bound gives way to another."""
    rng = random.Random(seed)
    while True:
        schedule, after, milliseconds, wanted = schedule_cases.case(rng)
        found, cut = first_of(schedule, after + milliseconds / 1000, wanted)
        if found or not cut:
            break
    text = rfc3339(after)
    if milliseconds:
        text = text.replace("Z", f".{milliseconds:03}Z")
    expected = [rfc3339(instant) for instant in found]
    return json.dumps(
        {"seed": seed, "schedule": schedule_cases.toml(schedule), "after": text, "expected": expected}
    )


def main():
    """Reads the arguments and prints the lines."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--seed", type=int, required=True, help="of the first case")
    parser.add_argument("--cases", type=int, required=True, help="how many")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    for seed in range(arguments.seed, arguments.seed + arguments.cases):
        print(line(seed))


if __name__ == "__main__":
    main()
