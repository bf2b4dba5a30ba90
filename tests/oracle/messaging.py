"""The report messaging-agent-segments: metrics per interval, skill and agent, as CSV or JSON."""

import json

from printing import csv_text, shortest, stamp, text
from resolve import elapsed, user_type

METRICS = (
    "totalAgentConversationSegments",
    "avgAgentMessagesinAgentSegment",
    "avgAgentSegmentDuration",
    "interactiveAgentSegments",
    "agentSegmentsAbandonedByConsumers",
    "agentSegmentsWithNonResponsiveConsumers",
    "agentSegmentsWithNonResponsiveAgents",
    "avgTimetoFirstAgentMessageFromAgentAssignment",
    "avgTimetoFirstAgentMessageFromAgentAssignment_AfterTransfer",
    "avgTimetoFirstAgentMessageFromAgentAssignment_NewConversation",
    "avgTimeToResponseFromAgentAssignment",
)
INTERVALS = {"5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000}
NO_SKILL = "-1"


def wanted_metrics(job):
    """The metrics to print, in the documented order; the first is always there."""
    wanted = job.option("metrics", ["all"])
    if "all" in wanted:
        return METRICS
    return [name for name in METRICS if name in wanted or name == METRICS[0]]


def truncated_mean(values):
    return sum(values) // len(values) if values else -1


def computed(rows, job):
    """All metrics over some rows, each from the values of its segments; without rows all are 0."""
    if not rows:
        return dict.fromkeys(METRICS, 0)
    outcomes = [row.outcome() for row in rows]
    first_new = first_messages(rows, "new")
    first_transfer = first_messages(rows, "transfer")
    mode = job.option("response", "message")
    responses = [value for row in rows for value in row.responses(mode)]
    values = (
        len(rows),
        sum(row.counted() for row in rows) / len(rows),
        truncated_mean([elapsed(row.segment["start"], row.segment["end"]) for row in rows]),
        outcomes.count("interactive"),
        outcomes.count("abandoned"),
        outcomes.count("non_responsive_consumer"),
        outcomes.count("non_responsive_agent"),
        truncated_mean(first_new + first_transfer),
        truncated_mean(first_transfer),
        truncated_mean(first_new),
        truncated_mean(responses),
    )
    return dict(zip(METRICS, values))


def first_messages(rows, start_reason):
    values = [row.first_message() for row in rows if row.start_reason == start_reason]
    return [value for value in values if value is not None]


def agent_key(row):
    if row.agent_id:
        return row.agent_id
    return "BOT" if row.participant == "bot" else ""


def skill_key(row):
    return row.segment.get("skill_id") or NO_SKILL


def key_order(key):
    """Numbers first, by number; then the others, by bytes."""
    if key.isascii() and key.isdigit():
        return (0, int(key), key.encode())
    return (1, 0, key.encode())


def grouped(rows, key_of):
    """(key, its rows) in ascending order of the keys."""
    groups = {}
    for row in rows:
        groups.setdefault(key_of(row), []).append(row)
    return [(key, groups[key]) for key in sorted(groups, key=key_order)]


def of_wanted_skills(rows, job):
    wanted = job.option("by_skill")
    if "all" in wanted:
        return rows
    return [row for row in rows if skill_key(row) in [str(skill) for skill in wanted]]


def intervals(job):
    """Starts and ends of the intervals; the whole period is the only one where none are asked for."""
    if job.option("interval") is None:
        return [(job.start, job.end)]
    step = INTERVALS[job.option("interval")]
    return [(start, min(start + step, job.end)) for start in range(job.start, job.end, step)]


def within(rows, start, end):
    return [row for row in rows if start <= row.segment["end"] < end]


# --- CSV -----------------------------------------------------------------------------------------

def csv_report(rows, job):
    metrics = wanted_metrics(job)
    table = []
    for start, end in intervals(job):
        here = within(rows, start, end)
        if job.option("by_skill") is None:
            by_skill = [("", here)]
        else:
            by_skill = grouped(of_wanted_skills(here, job), skill_key)
        for skill, of_skill in by_skill:
            for agent, of_agent in grouped(of_skill, agent_key):
                numbers = computed(of_agent, job)
                cells = [stamp(start, job.zone, job.date_format()), text(skill), text(agent)]
                table.append(cells + [shortest(numbers[name]) for name in metrics])
    return csv_text(["interval", "skillId", "agentId", *metrics], table, job.guard)


# --- JSON ----------------------------------------------------------------------------------------

def shown(rows, job):
    """The metrics of some rows as JSON values, whole ones without a fraction."""
    numbers = computed(rows, job)
    return {
        name: int(numbers[name]) if numbers[name] == int(numbers[name]) else numbers[name]
        for name in wanted_metrics(job)
    }


def per_agent(rows, job):
    return {"metricsPerAgent": {key: shown(of_agent, job) for key, of_agent in grouped(rows, agent_key)}}


def body(rows, job):
    result = {}
    if job.option("by_skill") is not None:
        result["metricsPerSkill"] = {
            key: per_agent(of_skill, job)
            for key, of_skill in grouped(of_wanted_skills(rows, job), skill_key)
        }
    result["agentsMetrics"] = per_agent(rows, job)
    result["metricsTotal"] = shown(rows, job)
    return result


def json_report(rows, job):
    if job.option("interval") is None:
        document = body(rows, job)
    else:
        document = {
            "metricsByIntervals": [
                {"timestamp": start, "metricsData": body(within(rows, start, end), job)}
                for start, end in intervals(job)
            ],
            "timeframeSummary": body(rows, job),
        }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def report(store, rows, job):
    chosen = [
        row for row in rows
        if row.is_messaging()
        and row.channel_type() in ("chat", "sms")
        and user_type(row.segment) in ("human", "bot")
        and job.holds(row.segment["end"])
        and job.takes(row)
    ]
    return json_report(chosen, job) if job.format == "json" else csv_report(chosen, job)
