"""Random job files for a centre: all seven reports, each with options of its own.

A filter only asks for what the versions that count say. A period often begins or ends at the very instant of
a row, never at a local time that the clocks skip or show twice.
"""

import json
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import words
from centre import DAY, EPOCH, HOUR

REPORTS = [
    "interaction-details-by-segment", "inbound-agent-segment-metadata", "outbound-agent-segment-metadata",
    "agent-session-raw", "agent-segments", "messaging-agent-segments", "segments",
]
ROW_FILTERS = [
    "queues", "queue_groups", "campaigns", "dial_groups", "agents", "groups", "employees", "channels",
    "skills", "skill_ids", "statuses", "dispositions", "accounts", "conversations", "integration_sources",
    "direction", "user_type",
]
FILTERS = dict.fromkeys(REPORTS, ROW_FILTERS) | {
    "agent-session-raw": ["agents", "groups", "teams", "accounts"],
    "messaging-agent-segments": ["agents", "groups", "employees", "channels", "skill_ids", "accounts",
                                 "conversations", "integration_sources", "user_type"],
}
METRICS = [
    "totalAgentConversationSegments", "avgAgentMessagesinAgentSegment", "avgAgentSegmentDuration",
    "interactiveAgentSegments", "agentSegmentsAbandonedByConsumers",
    "agentSegmentsWithNonResponsiveConsumers", "agentSegmentsWithNonResponsiveAgents",
    "avgTimetoFirstAgentMessageFromAgentAssignment",
    "avgTimetoFirstAgentMessageFromAgentAssignment_AfterTransfer",
    "avgTimetoFirstAgentMessageFromAgentAssignment_NewConversation", "avgTimeToResponseFromAgentAssignment",
]
COLUMNS = """
account interaction_id segment_id leg direction channel channel_type customer ani dnis participant
user_type queue_name queue_group campaign dial_group queue_entry queue_exit queue_wait agent_id agent_name
agent_email employee_id agent_group team agent_session_id skills skill_id start_reason start end duration
talk_time hold_time hold_mute_time snooze_time ring_start ring_time wrap_time agent_wait_time
first_response_time messages_sent transferred_in_by transferred_in_status close_reason transfer_reason
termination_party termination_reason disposition outcome handle_time recording_file recording_url status
reason disconnecting_event interaction_end last_segment uii integration_source email_subject session_tags
user_tags
""".split()
DATE_FORMATS = ["%d.%m.%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M", "%Y%m%d%H%M%S"]
INTERVALS = {"5m": 5, "15m": 15, "30m": 30, "1h": 60}


def toml(value):
    """A value as TOML writes it. Texts: JSON's escapes are TOML's, too."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


class Facts:
    """What the reports of a centre could be asked for."""

    def __init__(self, centre):
        self.values = {name: {} for name in ROW_FILTERS + ["teams"]}
        self.starts, self.closes = [], []
        # Where rows of a report may be, as far as that is easily told; periods are cut there.
        self.marks = {report: [] for report in REPORTS}
        self.marks["agent-session-raw"] = [session["login"] for session in centre.sessions.values()]
        self.marks["segments"] = self.marks["interaction-details-by-segment"] = self.starts
        agents = set()
        for (account, _), segment in centre.segments.items():
            if segment.get("participant") == "external":
                continue
            said = centre.interactions[account, segment["interaction_id"]]
            start = segment.get("queue_entry", segment.get("start"))
            self.starts.append(start)
            voice = said.get("channel_type") == "voice"
            if "end" in segment and not voice:
                self.marks["agent-segments"].append(segment["end"])
                if said.get("channel_type") in ("chat", "sms"):
                    self.marks["messaging-agent-segments"].append(segment["end"])
            if voice and "direction" in said and "agent_id" in segment:
                self.marks[said["direction"].lower() + "-agent-segment-metadata"].append(start)
            if "interaction_end" in said:
                self.closes.append(said["interaction_end"])
            agents.add((account, segment.get("agent_id")))
            self.note("accounts", account)
            self.note("conversations", said["id"])
            for name, field in (("queues", "queue_name"), ("queue_groups", "queue_group"),
                                ("campaigns", "campaign"), ("campaigns", "campaign_id"),
                                ("dial_groups", "dial_group"),
                                ("groups", "agent_group"), ("groups", "agent_group_id"),
                                ("skill_ids", "skill_id"), ("dispositions", "disposition")):
                self.note(name, segment.get(field))
            for skill in segment.get("skills", ()):
                self.note("skills", skill)
            for name, field in (("channels", "channel"), ("statuses", "status"), ("direction", "direction"),
                                ("integration_sources", "integration_source")):
                self.note(name, said.get(field))
        for (account, _), session in centre.sessions.items():
            self.note("accounts", account)
            agents.add((account, session["agent_id"]))
            agent = centre.agents.get((account, session["agent_id"]), {})
            self.note("teams", session.get("team", agent.get("team")))
        for account, agent in sorted(agents - {(account, None) for account, _ in agents}):
            said = centre.agents.get((account, agent), {})
            self.note("agents", agent)
            self.note("agents", said.get("name"))
            self.note("agents", said.get("email"))
            for name, field in (("groups", "group"), ("groups", "group_id"), ("employees", "employee_id")):
                self.note(name, said.get(field))
        self.values["user_type"] = {"human": None, "bot": None}

    def note(self, name, value):
        """One more value of a filter; a dict keeps them in order, each once."""
        if value is not None:
            self.values[name][value] = None


def filters(rng, facts, report):
    """None to three filters, each with one to three values that the centre has."""
    odds = rng.random()
    count = 0 if odds < 0.58 else 1 if odds < 0.86 else 2 if odds < 0.96 else 3
    chosen = {}
    for name in rng.sample(FILTERS[report], count):
        values = list(facts.values[name])
        if not values:
            continue
        if name in ("direction", "user_type"):
            chosen[name] = rng.choice(values)
            continue
        asked = rng.sample(values, min(len(values), rng.choice((1, 1, 2, 3))))
        if name == "integration_sources" or name == "agents":
            asked = [swap_case(rng, value, name) for value in asked]
        chosen[name] = asked
    return chosen


def swap_case(rng, value, name):
    """Another case where case makes no difference."""
    if name == "agents" and "@centre.example" not in value or rng.random() < 0.5:
        return value
    return rng.choice((value.upper(), value.lower(), value.swapcase()))


def local(ms, zone):
    """The instant as a local date or date-time of a job file; None where the clocks make that unclear."""
    at = (EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
    bare = at.replace(tzinfo=None)
    readings = {bare.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc) for fold in (0, 1)}
    if readings != {at.astimezone(timezone.utc)}:
        return None
    if ms % 1000:
        return bare.isoformat(timespec="milliseconds")
    return bare.isoformat(timespec="seconds" if ms % 60_000 else "minutes")


def midnight(ms, zone, days=0):
    """The local midnight before an instant, or some days off; as date and as instant."""
    day = (EPOCH + timedelta(milliseconds=ms)).astimezone(zone).date() + timedelta(days=days)
    at = datetime(day.year, day.month, day.day, tzinfo=zone)
    return day.isoformat(), int(at.timestamp() * 1000)


def period(rng, zone, marks, anchor):
    """A period of one to some days, or one cut at marks of the data or near them."""
    for _ in range(20):
        odds = rng.random()
        near = rng.choice(marks) if marks and rng.random() < 0.7 else anchor
        if odds < 0.2:
            bounds = [midnight(anchor, zone, -2), midnight(anchor, zone, rng.randint(3, 6))]
        elif odds < 0.5:
            first = rng.choice((-2, -1, 0, 0, 0))
            bounds = [midnight(near, zone, first), midnight(near, zone, rng.choice((1, 1, 1, 2, 3, 5)))]
        else:
            other = near + rng.randrange(-3 * DAY, 3 * DAY)
            if marks and rng.random() < 0.5:
                other = rng.choice(marks)
            points = [ms if rng.random() < 0.6 else ms - ms % HOUR for ms in sorted((near, other))]
            bounds = [(local(ms, zone), ms) for ms in points]
            if rng.random() < 0.4:
                bounds[rng.randrange(2)] = midnight(points[0], zone, 0) if rng.random() < 0.5 else midnight(
                    points[1], zone, 1)
        (first, start), (last, end) = bounds
        if first and last and start < end:
            return {"from": first, "to": last}, start, end
    (first, start), (last, end) = midnight(anchor, zone), midnight(anchor, zone, 1)
    return {"from": first, "to": last}, start, end


def grid(rng, zone, marks, anchor):
    """A period for intervals: whole local days or whole hours; and a length that divides it."""
    while True:
        near = rng.choice(marks) if marks and rng.random() < 0.8 else anchor
        if rng.random() < 0.6:
            bounds = [midnight(near, zone), midnight(near, zone, rng.choice((1, 1, 2)))]
        else:
            start = near - near % HOUR - rng.randint(0, 3) * HOUR
            bounds = [(local(ms, zone), ms) for ms in (start, start + rng.randint(1, 9) * HOUR)]
        (first, start), (last, end) = bounds
        fitting = [name for name, minutes in INTERVALS.items()
                   if (end - start) % (minutes * 60_000) == 0 and (end - start) // (minutes * 60_000) <= 110]
        if first and last and fitting:
            return {"from": first, "to": last}, rng.choice(fitting)


def options(rng, facts, report, output):
    """The options of one report beside zone, period, filters and interval."""
    chosen = {}
    flag = rng.random() < 0.35
    if report == "interaction-details-by-segment":
        if rng.random() < 0.5:
            chosen["columns"] = rng.choice(("32", "32", "32", "27"))
        if rng.random() < 0.4:
            chosen["talk_time"] = rng.choice(("net", "net", "gross"))
    if report in ("interaction-details-by-segment", "segments") and rng.random() < 0.25:
        chosen["rows_by"] = rng.choice(("interaction-end", "interaction-end", "start"))
    if report.endswith("metadata"):
        if rng.random() < 0.4:
            chosen["columns"] = rng.choice(("fields", "fields", "standard"))
        if rng.random() < 0.4:
            chosen["uii_apostrophe"] = rng.random() < 0.25
    if report == "agent-session-raw" and rng.random() < 0.45:
        chosen["rollup"] = rng.random() < 0.9
    if report not in ("agent-segments", "messaging-agent-segments") and flag and "rows_by" not in chosen:
        chosen["in_progress"] = rng.random() < 0.9
    if report == "agent-segments":
        if rng.random() < 0.7:
            chosen["sort"] = rng.choice(("date", "conversation", "agent", "employee", "skill", "group"))
        if rng.random() < 0.3:
            chosen["limit"] = rng.randint(1, 5)
        if rng.random() < 0.3:
            chosen["offset"] = rng.randint(0, 4)
    if report == "messaging-agent-segments":
        skills = list(facts.values["skill_ids"])
        if rng.random() < 0.5:
            whole = rng.random() < 0.6 or not skills
            chosen["by_skill"] = ["all"] if whole else rng.sample(skills, rng.randint(1, len(skills)))
        if rng.random() < 0.3:
            chosen["metrics"] = rng.sample(METRICS, rng.randint(1, 6))
        if rng.random() < 0.4:
            chosen["response"] = rng.choice(("turn", "turn", "message"))
    if report == "segments":
        names = rng.sample(COLUMNS, rng.choice((3, 12, 20, 40)))
        if rng.random() < 0.15:
            names = list(COLUMNS)
        headers = rng.sample(words.HEADERS, 3)
        chosen["columns"] = [
            {"name": name, "header": headers.pop()} if headers and rng.random() < 0.1 else name
            for name in names
        ]
    dated = report != "agent-segments" and chosen.get("columns") != "fields"
    if report in ("agent-segments", "messaging-agent-segments") and rng.random() < 0.5:
        output["format"] = "json"
        return chosen
    if rng.random() < 0.5:
        output["csv"] = {"formula_guard": "off"}
    if dated and rng.random() < 0.25:
        output["date_format"] = rng.choice(DATE_FORMATS)
    if report == "agent-session-raw" and rng.random() < 0.3:
        output["date_format"] = "sample"
    return chosen


def job(rng, centre, facts, report):
    """The TOML text of one job."""
    name = centre.zone if rng.random() < 0.75 else rng.choice(list(words.ZONES))
    zone = ZoneInfo(name)
    output = {}
    chosen = options(rng, facts, report, output)
    marks = facts.closes if chosen.get("rows_by") == "interaction-end" else facts.marks[report]
    if report == "messaging-agent-segments" and rng.random() < 0.4:
        chosen["period"], chosen["interval"] = grid(rng, zone, marks, centre.anchor)
    else:
        chosen["period"] = period(rng, zone, marks, centre.anchor)[0]
    asked = filters(rng, facts, report)
    if asked:
        chosen["filters"] = asked
    lines = ["[report]", f"type = {toml(report)}", f"time_zone = {toml(name)}"]
    lines += [f"{key} = {toml(value)}" for key, value in chosen.items()]
    if output:
        lines += ["", "[output]"] + [f"{key} = {toml(value)}" for key, value in output.items()]
    return "\n".join(lines) + "\n"


def jobs(rng, centre):
    """Eight to fourteen jobs, each report at least once: (name, job text)."""
    facts = Facts(centre)
    likely = [report for report in REPORTS if facts.marks[report]] or REPORTS
    reports = REPORTS + [rng.choice(likely) for _ in range(rng.randint(1, 7))]
    rng.shuffle(reports)
    return [(f"{number}-{report}", job(rng, centre, facts, report)) for number, report in enumerate(reports)]
