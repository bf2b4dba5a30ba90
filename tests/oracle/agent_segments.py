"""The report agent-segments: handle time of each closed portion of a person, as CSV or JSON."""

import json
import re

from printing import csv_text, rfc3339, text
from resolve import user_type

COLUMNS = (
    "segmentId", "startTime", "startTimeL", "endTime", "endTimeL", "conversationId", "agentId",
    "employeeId", "skillId", "groupId", "endReason", "totalHandleTimeMillis",
)
SORTED_BY = {
    "conversation": "conversationId", "agent": "agentId", "employee": "employeeId",
    "skill": "skillId", "group": "groupId",
}
PLAIN_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def camel_case(reason):
    first, *others = reason.split("_")
    return first + "".join(word.capitalize() for word in others)


def record(row):
    """A row's values by column; ids as strings, blank where there is none."""
    segment = row.segment
    reason = row.close_reason()
    milliseconds, source = row.handle_time()
    return {
        "segmentId": segment["id"],
        "startTime": rfc3339(segment["start"]),
        "startTimeL": segment["start"],
        "endTime": rfc3339(segment["end"]),
        "endTimeL": segment["end"],
        "conversationId": segment["interaction_id"],
        "agentId": row.agent_id,
        "employeeId": row.agent.get("employee_id", ""),
        "skillId": segment.get("skill_id", ""),
        "groupId": row.group_id(),
        "endReason": "other" if reason == "takeover" else camel_case(reason),
        "totalHandleTimeMillis": milliseconds,
        "handleTimeSource": source,
    }


def in_order(records, sort):
    """By end descending, then id; before that by the id that `sort` names, blank first."""
    records = sorted(records, key=lambda one: (-one["endTimeL"], one["segmentId"].encode()))
    if sort != "date":
        records.sort(key=lambda one: one[SORTED_BY[sort]].encode())
    return records


def id_value(value):
    """An id in JSON: a number where it is one, null where there is none."""
    if value == "":
        return None
    return int(value) if PLAIN_NUMBER.fullmatch(value) else value


def json_text(records, count, job):
    segments = []
    for one in records:
        shown = {name: one[name] for name in COLUMNS}
        for name in ("agentId", "skillId", "groupId"):
            shown[name] = id_value(shown[name])
        if one["handleTimeSource"] != "focus":
            shown["totalHandleTimeSource"] = one["handleTimeSource"]
        segments.append(shown)
    document = {
        "timeframe": {
            "startTime": rfc3339(job.start, job.zone),
            "startTimeL": job.start,
            "endTime": rfc3339(job.end, job.zone),
            "endTimeL": job.end,
        },
        "segments": segments,
        "pagination": {"count": count, "references": []},
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def cell(value):
    return str(value) if isinstance(value, int) else text(value)


def report(store, rows, job):
    records = [
        record(row) for row in rows
        if row.is_messaging()
        and user_type(row.segment) == "human"
        and job.holds(row.segment["end"])
        and job.takes(row)
    ]
    records = in_order(records, job.option("sort", "date"))
    count = len(records)
    offset = job.option("offset", 0)
    limit = job.option("limit", count)
    records = records[offset:offset + limit]
    if job.format == "json":
        return json_text(records, count, job)
    header = [*COLUMNS, "handleTimeSource"]
    table = [[cell(one[name]) for name in header] for one in records]
    return csv_text(header, table, job.guard)
