"""Random schedules that are hard on clock changes, each with an instant to look on from.

A schedule is a dict of the keys of one `[[schedule]]` table. Most cases stand at a change of their zone's
offset: the instant lies shortly before it, and hours, minutes and days of the schedule are near those of the
change.
"""

from datetime import datetime, timezone
from functools import cache
from math import log10
from zoneinfo import ZoneInfo, available_timezones

DAY = 86400
FIRST_CHANGE = int(datetime(1971, 1, 1, tzinfo=timezone.utc).timestamp())
LAST_CHANGE = int(datetime(2037, 12, 31, tzinfo=timezone.utc).timestamp())
LAST_AFTER = int(datetime(2150, 12, 31, tzinfo=timezone.utc).timestamp())
END = int(datetime(2200, 1, 1, tzinfo=timezone.utc).timestamp())
# No two changes of a zone lie nearer to each other than this.
STEP = 4 * DAY

HEAVY = [
    "America/New_York",
    "Europe/London",
    "America/Havana",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Asia/Tehran",
    "Antarctica/Troll",
    "America/Caracas",
    "Asia/Pyongyang",
]
# Changes of three hours and more, of a whole day, or by odd seconds.
ODD = [
    "Antarctica/Casey",
    "Antarctica/Vostok",
    "Pacific/Kwajalein",
    "Pacific/Kiritimati",
    "Africa/Monrovia",
    "America/Danmarkshavn",
]

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
FULL_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
NICKNAMES = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"]


# Zones ------------------------------------------------------------------------------------------------------


def offset_at(zone, instant):
    """The zone's offset at an instant, in seconds."""
    return int(datetime.fromtimestamp(instant, zone).utcoffset().total_seconds())


@cache
def changes(name):
    """The changes of a zone's offset from 1971 to 2037: instant, offset before, offset after."""
    zone = ZoneInfo(name)
    found = []
    offset = offset_at(zone, FIRST_CHANGE)
    for stepped in range(FIRST_CHANGE + STEP, LAST_CHANGE, STEP):
        new = offset_at(zone, stepped)
        if new != offset:
            low, high = stepped - STEP, stepped
            while high - low > 1:
                middle = (low + high) // 2
                if offset_at(zone, middle) == offset:
                    low = middle
                else:
                    high = middle
            found.append((high, offset, new))
            offset = new
    return found


@cache
def zone_names():
    """The names of all zones, sorted."""
    names = available_timezones() - {"localtime", "Factory"}
    return sorted(name for name in names if "posix/" not in name and "right/" not in name)


def some_zone(rng):
    """A zone whose offset changes, or UTC."""
    die = rng.random()
    if die < 0.04:
        return "UTC"
    if die < 0.56:
        return rng.choice(HEAVY)
    if die < 0.66:
        return rng.choice(ODD)
    while True:
        name = rng.choice(zone_names())
        if changes(name):
            return name


# Where a case stands ----------------------------------------------------------------------------------------


class Place:
    """A zone, mostly one change of it, and what the wall clock shows around that change."""

    def __init__(self, rng, end_of_time):
        self.zone = some_zone(rng)
        self.change = None
        known = changes(self.zone)
        if end_of_time:
            self.at = rng.choice([rng.randint(0, DAY), END - rng.randint(1, 30 * DAY)])
        elif known and rng.random() < 0.85:
            self.change = rng.choice(known)
            odd = [change for change in known if abs(change[2] - change[1]) != 3600]
            if odd and rng.random() < 0.3:
                self.change = rng.choice(odd)
            self.at = self.change[0]
        else:
            self.at = rng.randint(0, LAST_AFTER)
        if self.change:
            old, new = sorted(self.clock(self.at + offset) for offset in self.change[1:])
        else:
            old = new = self.clock(self.at)
        self.hours = [0, 1, 2, 3, 4, 22, 23]
        self.minutes = [0, 0, 15, 30, 30, 45, 59]
        if self.change:
            self.hours += [old.hour, old.hour, (old.hour + 23) % 24, (new.hour + 23) % 24, new.hour]
            self.minutes += [old.minute, new.minute, (old.minute + 59) % 60]
        self.days = [old, new]

    @staticmethod
    def clock(shifted):
        """A civil time from an instant with its offset added."""
        return datetime.fromtimestamp(shifted, timezone.utc).replace(tzinfo=None)

    def moment(self, rng):
        """A civil time, second by second, that the change may skip or repeat."""
        if not self.change:
            return self.clock(min(self.at + rng.randint(-DAY, 40 * DAY), END - 2 * DAY))
        old, new = (self.at + offset for offset in sorted(self.change[1:]))
        shifted = rng.choice([old - 1, old, new - 1, new, rng.randint(old, new), rng.randint(old, new)])
        if rng.random() < 0.1:
            shifted += rng.randint(-3 * DAY, 3 * DAY)
        return self.clock(shifted)

    def after(self, rng):
        """The instant to look on from: mostly shortly before the change."""
        if not self.change:
            return min(self.at, END - 1)
        width = abs(self.change[2] - self.change[1])
        die = rng.random()
        if die < 0.15:
            instant = self.at + rng.choice([-width, -1, 0, 1, width - 1, width, rng.randint(0, width)])
        elif die < 0.55:
            instant = self.at - rng.randint(0, 3 * DAY)
        else:
            instant = self.at - int(10 ** rng.uniform(1.5, log10(3 * DAY)))
        return instant - instant % rng.choice([1, 1, 60, 900, 1800, 3600])


# Cron -------------------------------------------------------------------------------------------------------


def listed(numbers):
    """Numbers as a list."""
    return ",".join(str(number) for number in numbers)


def few(rng, pool, most=3):
    """Two numbers or more of a pool, in random order, as a list."""
    pool = sorted(set(pool))
    return listed(rng.sample(pool, rng.randint(2, min(most, len(pool)))))


def some_range(rng, low, high):
    """A range within two bounds."""
    return "{}-{}".format(*sorted(rng.sample(range(low, high + 1), 2)))


def hours(rng, place):
    """An hour field."""
    one = rng.choice(place.hours)
    forms = [str(one)] * 9 + [
        few(rng, place.hours),
        few(rng, place.hours, 4),
        some_range(rng, 0, 4),
        some_range(rng, 0, 4),
        f"{max(one - 1, 0)}-{max(one - 1, 0) + 1}",
        some_range(rng, 18, 23),
        some_range(rng, 0, 23),
        f"*/{rng.choice([1, 2, 2, 3, 4, 5, 6, 8, 12, 23])}",
        f"*/{rng.choice([2, 3])}",
        f"{rng.randint(0, 3)}/{rng.choice([1, 2, 3, 6, 22])}",
        f"0-{rng.randint(1, 6)}/{rng.choice([1, 2, 3, 7])}",
        f"{some_range(rng, 0, 3)},{rng.choice([4, 22, 23])}",
        f"*/{rng.choice([6, 12])},{one}",
        f"{one},*/{rng.choice([6, 12])}",
        "*",
        "*",
        "0-23",
    ]
    return rng.choice(forms)


def minutes(rng, place):
    """A minute field."""
    one = rng.choice(place.minutes)
    forms = [str(one)] * 7 + [
        few(rng, place.minutes),
        few(rng, range(60), 4),
        f"*/{rng.choice([10, 15, 15, 20, 20, 30, 30, 7, 25, 45, 59])}",
        f"*/{rng.choice([15, 20, 30])}",
        f"{rng.choice([0, 5, 10, 15])}/{rng.choice([15, 20, 30, 59])}",
        f"0-{rng.randint(1, 59)}/{rng.choice([5, 10, 15, 20, 30])}",
        some_range(rng, 0, 59),
        f"{some_range(rng, 0, 29)}/{rng.choice([1, 2, 7])},{rng.choice([30, 45, 59])}",
        f"*/{rng.choice([20, 30])},{one}",
        f"{one},*/{rng.choice([20, 30])}",
        "*,5",
        "*",
    ]
    return rng.choice(forms)


def day_of_month(rng, place):
    """A restricted day-of-month field, or one that begins with `*`, or `?`."""
    near = rng.choice(place.days).day
    item = rng.choice([str(near), f"{rng.randint(1, 31)}", "L", f"{rng.randint(1, 31)}W", f"{near}W"])
    forms = [item] * 4 + [
        f"{item},{rng.randint(1, 31)}",
        f"L,{rng.randint(1, 31)}W",
        few(rng, [near, 1, 13, 15, 29, 30, 31]),
        some_range(rng, 1, 31),
        f"{some_range(rng, 1, 31)},{near}",
        "LW",
        "LW",
        f"{rng.choice([1, 15, 31])}W",
        f"*/{rng.choice([2, 2, 3, 5, 7, 10, 15, 31])}",
        f"*/{rng.choice([2, 3, 10])},{near}",
        f"{rng.randint(1, 10)}/{rng.choice([2, 7, 10, 30])}",
        f"{some_range(rng, 1, 31)}/{rng.choice([1, 2, 3, 7])}",
        "1-31",
        "*,5",
        "?",
    ]
    return rng.choice(forms)


def weekday(rng, number):
    """A weekday from 0 for Sunday as a number or a name."""
    return rng.choice([str(number), WEEKDAYS[number], "7" if number == 0 else str(number)])


def day_of_week(rng, place):
    """A restricted day-of-week field, or one that begins with `*`, or `?`."""
    near = rng.choice(place.days).isoweekday() % 7
    number = rng.choice([near, near, rng.randint(0, 6)])
    first = rng.randint(1, 5)
    from_first = weekday(rng, first)
    last = rng.randint(first + 1, 6)
    item = rng.choice(
        [
            weekday(rng, number),
            weekday(rng, number),
            f"{weekday(rng, number)}L",
            f"{weekday(rng, number)}#{rng.randint(1, 5)}",
            f"{from_first}-{weekday(rng, last)}",
        ]
    )
    forms = [item] * 5 + [
        f"{item},{weekday(rng, rng.randint(0, 6))}",
        f"{item},{weekday(rng, rng.randint(0, 6))}L",
        few(rng, range(7)),
        f"{from_first}-{rng.choice(['sun', '0', '7'])}",
        rng.choice(["fri-sun", "5-7", "sat-sun", "fri-0", "6-7", "mon-sun", "5-0"]),
        rng.choice(["sun-thu", "0-4", "0-6", "1-7", "Mon-Fri", "MON-FRI", "sun-mon"]),
        f"{from_first}-{rng.choice(['sun', '7', '6'])}/{rng.choice([2, 3])}",
        f"{first}-{last}#{rng.randint(1, 5)}",
        f"*/{rng.choice([2, 2, 3, 4, 7])}",
        f"{rng.randint(0, 4)}/{rng.choice([2, 3])}",
        "*,3",
        "?",
    ]
    return rng.choice(forms)


def month(rng, place):
    """A month field."""
    near = rng.choice(place.days).month
    name = MONTHS[near - 1]
    first, last = sorted(rng.sample(range(1, 13), 2))
    forms = [
        str(near),
        name,
        name.capitalize(),
        f"{near},{rng.randint(1, 12)}",
        f"{name},{rng.choice(MONTHS)}",
        f"{first}-{last}",
        f"{MONTHS[first - 1]}-{MONTHS[last - 1]}",
        f"{first}-{last}/{rng.randint(1, 4)}",
        f"*/{rng.choice([2, 3, 5, 6, 12])}",
        f"{rng.randint(1, 6)}/{rng.choice([2, 3, 11])}",
        "*,2",
        "feb",
    ]
    return rng.choice(forms)


def days(rng, place):
    """The three day fields."""
    fields = ["*", "*", "*"]
    die = rng.random()
    if die < 0.6:
        if rng.random() < 0.15:
            fields[rng.choice([0, 2])] = "?"
        return fields
    if die < 0.7 or die >= 0.8:
        fields[0] = day_of_month(rng, place)
    if die >= 0.7:
        fields[2] = day_of_week(rng, place)
    if fields[0] == "?":
        fields[2] = rng.choice(["*", weekday(rng, rng.randint(0, 6))])
    if fields[2] == "?" and fields[0] == "*":
        fields[0] = "1"
    if rng.random() < 0.25:
        fields[1] = month(rng, place)
    return fields


def six_fields(rng, place):
    """Seconds, minutes and hours of a pattern with seconds, never more than some thousand a day."""
    seconds = rng.choice(
        ["0", "30", "59", "0,30", "5,59,17", "*/20", "*/20", "*/45", "10-50/20", "15/30", "0,*/30", "*"]
    )
    minute = str(rng.choice(place.minutes))
    hour = rng.choice([str(rng.choice(place.hours))] * 2 + [few(rng, place.hours, 2), "1-2"])
    if seconds == "*":
        return [seconds, minute, hour]
    if rng.random() < 0.3:
        return [seconds, minute, hours(rng, place)]
    return [seconds, minutes(rng, place), hour]


def cased(rng, text):
    """A pattern in another case, now and then."""
    die = rng.random()
    if die < 0.15:
        return text.upper()
    return text.lower() if die < 0.3 else text


def cron(rng, place):
    """A cron pattern."""
    die = rng.random()
    if die < 0.05:
        return cased(rng, rng.choice(NICKNAMES))
    times = six_fields(rng, place) if die < 0.18 else [minutes(rng, place), hours(rng, place)]
    return cased(rng, " ".join(times + days(rng, place)))


# Other kinds ------------------------------------------------------------------------------------------------


def every(rng, after):
    """A schedule in elapsed time."""
    periods = "1s 7s 45s 90s 3600s 86400s 1m 7m 90m 1440m 1h 5h 24h 36h 1000h 1d 2d 7d 30d 365d".split()
    periods += [f"{rng.randint(1, 100000)}s", f"{rng.randint(1, 5000)}m"]
    schedule = {"every": rng.choice(periods)}
    if rng.random() < 0.7:
        away = [0, 0, 1, -1, rng.randint(-30 * DAY, 3 * DAY), rng.randint(-4000 * DAY, DAY)]
        start = after + rng.choice(away)
        start = min(max(start, DAY), END - 1)
        start -= start % rng.choice([1, 60, 3600, DAY])
        offset = rng.choice([0, 0, 0, 3600, 19800, -12600, -28800, 50400])
        text = Place.clock(start + offset).isoformat()
        minutes_away = abs(offset) // 60
        ending = f"{'-' if offset < 0 else '+'}{minutes_away // 60:02}:{minutes_away % 60:02}"
        schedule["start"] = text + (ending if offset else "Z")
    return schedule


def once(rng, place):
    """One civil time."""
    civil = place.moment(rng)
    if rng.random() < 0.4:
        return {"once": civil.isoformat()}
    return {"once": civil.isoformat(timespec="minutes")}


def repeat(rng, place):
    """A `repeat` schedule."""
    kinds = "hourly daily daily daily weekly weekly monthly monthly quarterly yearly"
    kind = rng.choice(kinds.split())
    schedule = {"repeat": kind}
    near = rng.choice(place.days)
    if rng.random() < 0.85:
        hour = "" if kind == "hourly" else f"{rng.choice(place.hours):02}"
        schedule["at"] = f"{hour}:{rng.choice(place.minutes):02}"
    if kind in ("hourly", "daily") or rng.random() < 0.12:
        return schedule
    if kind == "weekly":
        schedule["on"] = rng.choice([FULL_WEEKDAYS[near.weekday()], rng.choice(FULL_WEEKDAYS)])
        return schedule
    if kind == "yearly":
        today = near.strftime("%m-%d")
        schedule["on"] = rng.choice([today, today, "02-29", "02-29", "12-31", "02-28"])
    else:
        number = rng.choice([near.day, near.day, 1, 28, 29, 30, 31, 31])
        schedule["on"] = rng.choice([number, number, str(number), "last"])
    if schedule["on"] != "last" and rng.random() < 0.6:
        schedule["short_month"] = rng.choice(["skip", "skip", "last"])
    return schedule


# Cases ------------------------------------------------------------------------------------------------------


def toml(schedule):
    """A schedule as the body of its table."""
    lines = []
    for key, value in schedule.items():
        lines.append(f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"')
    return "\n".join(lines)


def case(rng):
    """A schedule, the instant to look on from, its milliseconds, and how many instants are wanted."""
    place = Place(rng, rng.random() < 0.015)
    after = place.after(rng)
    die = rng.random()
    if die < 0.05:
        schedule = every(rng, after)
        if rng.random() < 0.5:
            schedule["time_zone"] = place.zone
    else:
        if die < 0.14:
            schedule = once(rng, place)
        elif die < 0.34:
            schedule = repeat(rng, place)
        else:
            schedule = {"cron": cron(rng, place)}
        schedule["time_zone"] = place.zone
        clock_change = rng.choice([None, None, "cron", "skip", "wall"])
        if clock_change:
            schedule["clock_change"] = clock_change
    milliseconds = rng.choice([500, 1, 999, 500]) if rng.random() < 0.08 else 0
    return schedule, after, milliseconds, rng.randint(1, 8)
