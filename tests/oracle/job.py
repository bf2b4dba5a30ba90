"""A job's settings as a report needs them: zone, period, options, filters, which rows."""

import tomllib
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from printing import PLAIN_STAMP
from resolve import full_name, user_type
from store import EPOCH, instant


def local_instant(value, zone):
    """UTC milliseconds of a local date (its midnight) or date-time.

    A time that comes twice is its first reading; one that is skipped is taken with the offset that
    held before the gap.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    moment = value.replace(tzinfo=zone).astimezone(timezone.utc)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def as_list(value):
    return value if isinstance(value, list) else [value]


class Job:
    def __init__(self, job_toml, nominal):
        table = tomllib.loads(job_toml)
        self.report = table["report"]
        self.output = table.get("output", {})
        self.type = self.report["type"]
        self.zone = ZoneInfo(self.report["time_zone"])
        self.start = local_instant(self.report["period"]["from"], self.zone)
        self.end = local_instant(self.report["period"]["to"], self.zone)
        self.nominal = instant(nominal)
        self.in_progress = self.option("in_progress", False)
        self.guard = self.output.get("csv", {}).get("formula_guard", "text") != "off"
        self.format = self.output.get("format", "csv")
        self.filters = {
            name: [str(value) for value in as_list(wanted)]
            for name, wanted in self.report.get("filters", {}).items()
        }

    def option(self, name, default=None):
        return self.report.get(name, self.output.get(name, default))

    def date_format(self, default=PLAIN_STAMP):
        return self.option("date_format", default)

    def holds(self, milliseconds):
        """Whether an instant lies in the period, whose end is not part of it."""
        return self.start <= milliseconds < self.end

    def passes(self, facts):
        """Whether every filter finds one of its values among what the row has for it."""
        return all(set(wanted) & set(facts[name]) for name, wanted in self.casefolded(facts))

    def casefolded(self, facts):
        """The filters, those that do not see case with their values as the facts have them."""
        for name, wanted in self.filters.items():
            if name == "integration_sources":
                wanted = [value.lower() for value in wanted]
            if name == "agents":
                wanted = wanted + ["mail:" + value.lower() for value in wanted]
            yield name, wanted

    def takes(self, row):
        """Whether a segment's row passes the filters."""
        return self.passes(row_facts(row))

    def detail_rows(self, rows):
        """Of all rows those of ended interactions (or in progress ones too) in the period."""
        by_end = self.option("rows_by", "start") == "interaction-end"
        chosen = []
        for row in rows:
            if by_end:
                inside = row.ended_at is not None and self.holds(row.ended_at)
            else:
                inside = (row.ended_at is not None or self.in_progress) and self.holds(row.start)
            if inside and self.takes(row):
                chosen.append(row)
        return chosen

    def until(self, row):
        """Up to when an open row's durations count: the nominal instant where nothing has ended."""
        return self.nominal if row.ended_at is None else None


def agent_facts(record, agent):
    """What a filter of agents may name: id, name, or address (in any case)."""
    facts = [record.get("agent_id"), full_name(agent)]
    if agent.get("email"):
        facts.append("mail:" + agent["email"].lower())
    return [fact for fact in facts if fact]


def row_facts(row):
    segment, interaction = row.segment, row.interaction
    return {
        "queues": [segment.get("queue_name")],
        "agents": agent_facts(segment, row.agent),
        "channels": [interaction.get("channel")],
        "direction": [interaction.get("direction")],
        "skills": segment.get("skills", []),
        "statuses": [interaction.get("status")],
        "dispositions": [segment.get("disposition")],
        "queue_groups": [segment.get("queue_group")],
        "campaigns": [segment.get("campaign"), segment.get("campaign_id")],
        "dial_groups": [segment.get("dial_group")],
        "groups": [row.group(), row.group_id()],
        "accounts": [segment["account"]],
        "conversations": [segment["interaction_id"]],
        "employees": [row.agent.get("employee_id")],
        "skill_ids": [segment.get("skill_id")],
        "integration_sources": [interaction.get("integration_source", "").lower()],
        "user_type": [user_type(segment)],
    }
