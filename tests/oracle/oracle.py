"""The second implementation's entry: import records and a job give the exact text of its file."""

import agent_segments
import details
import messaging
import metadata
import segments
import sessions
from job import Job
from resolve import all_rows
from store import Store

REPORTS = {
    "interaction-details-by-segment": details.report,
    "inbound-agent-segment-metadata": metadata.report,
    "outbound-agent-segment-metadata": metadata.report,
    "agent-session-raw": sessions.report,
    "agent-segments": agent_segments.report,
    "messaging-agent-segments": messaging.report,
    "segments": segments.report,
}


def expected(records: list[dict], job_toml: str, nominal: str) -> str:
    """The report's file. `records` in the order of their import; `nominal`: when the run happens."""
    job = Job(job_toml, nominal)
    store = Store(records)
    return REPORTS[job.type](store, all_rows(store), job)
