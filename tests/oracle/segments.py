"""The report segments: rows as in the details report, columns chosen in the job, plain values."""

from details import customer, gross_talk, hold_mute_time, known_end, queue_wait, snooze_time
from printing import csv_text, duration, joined, stamp, text
from resolve import elapsed, hold, ring, shown_name, user_type

FROM_INTERACTION = (
    "direction", "channel", "channel_type", "ani", "dnis", "status", "reason", "disconnecting_event",
    "uii", "integration_source", "email_subject",
)
FROM_SEGMENT = (
    "queue_name", "queue_group", "campaign", "dial_group", "agent_session_id", "skill_id",
    "transfer_reason", "termination_party", "termination_reason", "disposition", "recording_file",
    "recording_url",
)
STAMPS = ("queue_entry", "queue_exit", "start", "end", "ring_start")
AGENT_COLUMNS = ("agent_id", "agent_name", "agent_email", "employee_id", "agent_group", "team")
AGENT_ROWS_ONLY = (
    "talk_time", "hold_time", "hold_mute_time", "snooze_time", "first_response_time", "messages_sent",
)


def cell(row, job, column):
    """One column's value on one row."""
    segment, interaction = row.segment, row.interaction
    if column in FROM_INTERACTION:
        return text(interaction.get(column))
    if column in FROM_SEGMENT:
        return text(segment.get(column))
    if column in STAMPS:
        return stamp(segment.get(column), job.zone, job.date_format())
    if column in AGENT_COLUMNS:
        return text(agent_value(row, column)) if row.is_person_or_bot() else ""
    if column in AGENT_ROWS_ONLY and row.participant != "agent":
        return ""
    return DERIVED[column](row, job)


def agent_value(row, column):
    is_bot = row.participant == "bot"
    if column == "agent_id":
        return row.agent_id
    if column == "agent_name":
        return "BOT" if is_bot else shown_name(row.agent, row.agent_id)
    if column == "agent_email":
        return "" if is_bot else row.agent.get("email")
    if column == "employee_id":
        return row.agent.get("employee_id")
    if column == "agent_group":
        return row.group()
    return row.agent.get("team")


def length(row, job):
    """End minus start; a row whose interaction has not ended counts up to the nominal instant."""
    return elapsed(row.segment.get("start"), row.segment.get("end", job.until(row)))


def start_reason(row, job):
    return row.start_reason or ""


def close_reason(row, job):
    return row.close_reason() if row.is_person_or_bot() and "end" in row.segment else ""


DERIVED = {
    "account": lambda row, job: text(row.segment["account"]),
    "interaction_id": lambda row, job: text(row.interaction["id"]),
    "segment_id": lambda row, job: text(row.segment["id"]),
    "leg": lambda row, job: str(row.segment.get("leg", "")),
    "customer": lambda row, job: text(customer(row.interaction)),
    "participant": lambda row, job: row.participant,
    "user_type": lambda row, job: user_type(row.segment),
    "queue_wait": lambda row, job: duration(queue_wait(row, job)),
    "skills": lambda row, job: joined(row.segment.get("skills"), "|"),
    "start_reason": start_reason,
    "duration": lambda row, job: duration(length(row, job)),
    "talk_time": lambda row, job: duration(gross_talk(row, job)),
    "hold_time": lambda row, job: duration(hold(row.segment, *known_end(row, job))),
    "hold_mute_time": lambda row, job: duration(hold_mute_time(row, job)),
    "snooze_time": lambda row, job: duration(snooze_time(row, job)),
    "ring_time": lambda row, job: duration(ring(row.segment)),
    "wrap_time": lambda row, job: duration(row.segment.get("wrap_ms")),
    "agent_wait_time": lambda row, job: duration(row.agent_wait()),
    "first_response_time": lambda row, job: duration(row.first_response()),
    "messages_sent": lambda row, job: str(len(row.sent())),
    "transferred_in_by": lambda row, job: text(row.transferred_in_by()),
    "transferred_in_status": lambda row, job: text(row.transferred_in_status()),
    "close_reason": close_reason,
    "outcome": lambda row, job: row.outcome() if row.is_messaging() else "",
    "handle_time": lambda row, job: duration(row.handle_time()[0] if row.is_messaging() else None),
    "interaction_end": lambda row, job: stamp(row.ended_at, job.zone, job.date_format()),
    "last_segment": lambda row, job: "true" if row.is_last else "false",
    "session_tags": lambda row, job: joined(row.interaction.get("session_tags"), ", "),
    "user_tags": lambda row, job: joined(row.interaction.get("user_tags"), ", "),
}


def report(store, rows, job):
    columns = []
    for column in job.option("columns"):
        if isinstance(column, str):
            column = {"name": column}
        columns.append((column["name"], column.get("header", column["name"])))
    header = [title for _, title in columns]
    table = [[cell(row, job, name) for name, _ in columns] for row in job.detail_rows(rows)]
    return csv_text(header, table, job.guard)
