"""The report agent-session-raw: one row per login session, or per agent with `rollup = true`."""

from job import agent_facts
from printing import SLASH_STAMP, csv_text, minutes, percentage, hundredths, stamp, text
from resolve import clipped, elapsed, first_and_last_name, hold, length, pairs

HEADER = (
    "Agent ID,Last Name,First Name,Username,Phone,Login DTS,Logout DTS,Dial Group,Presented,Accepted,"
    "Manual No Connect,RNA,Disp Xfers,%Calls Xfered,Talk Time (min),Avg Talk Time (min),"
    "Login Time (min),Login Utilization,Off Hook Time (min),Rounded OH Time (min),"
    "Off Hook Utilization,Off Hook to Login %,Work Time (min),Break Time (min),Away Time (min),"
    "Lunch Time (min),Training Time (min),Pending Disp Time (min),Avg Pending Disp Time,"
    "External Agent ID,Calls Placed On Hold,Time On Hold (min),Ring Time (min),EngagedTime (min),"
    "RNA Time (min),Available Time (min),Team,Login Session ID,Monitoring Sessions"
).split(",")
STATES = (
    "break", "away", "lunch", "training", "pending-disposition", "engaged", "ring-no-answer",
    "available", "off-hook",
)
NOT_WORK = ("break", "away", "lunch", "training")


class Line:
    """What one row of the report says: of one session, or of several of one agent."""

    def __init__(self, store, session, job):
        self.agent = store.agent(session)
        self.agent_id = session["agent_id"]
        self.account = session["account"]
        self.session_id = session["id"]
        self.login, self.logout = session["login"], session.get("logout")
        self.phone = session.get("phone") or self.agent.get("phone", "")
        self.dial_group = session.get("dial_group", "")
        self.team = session.get("team") or self.agent.get("team") or "[No Team Name]"
        self.numbers = session_numbers(store, session, job)


def of_session(store, kind, session):
    """The records of a kind that name the session."""
    return [
        record for record in store.all(kind)
        if record["scope"] == session["scope"] and record.get("agent_session_id") == session["id"]
    ]


def state_name(state):
    """A state's name, however its source writes it."""
    return state["state"].lower().replace("_", "-").replace(" ", "-")


def session_numbers(store, session, job):
    """Counts, and times in milliseconds, by name."""
    login, logout = session["login"], session.get("logout", job.nominal)
    states = of_session(store, "agent_state", session)
    offers = of_session(store, "offer", session)
    dials = of_session(store, "manual_dial", session)
    segments = [s for s in of_session(store, "segment", session) if s["participant"] == "agent"]
    numbers = {"login": max(0, logout - login)}
    for name in STATES:
        spans = pairs([state for state in states if state_name(state) == name], logout)
        numbers[name] = length(clipped(spans, login, logout))
    numbers["work"] = max(0, numbers["login"] - sum(numbers[name] for name in NOT_WORK))
    numbers["monitoring"] = len([state for state in states if state_name(state) == "monitoring"])
    numbers["presented"] = len(offers)
    numbers["accepted"] = len([offer for offer in offers if offer["outcome"] == "accepted"])
    numbers["rna"] = len([offer for offer in offers if offer["outcome"] == "ring_no_answer"])
    numbers["ring"] = sum(elapsed(offer["at"], offer.get("end")) or 0 for offer in offers)
    numbers["no_connect"] = len([dial for dial in dials if not dial["connected"]])
    numbers["transfers"] = len([s for s in segments if s.get("transferred_by_disposition")])
    numbers["talk"] = sum(talk(segment) for segment in segments)
    holds = [hold(segment) for segment in segments]
    numbers["held_calls"] = len([held for held in holds if held > 0])
    numbers["hold"] = sum(holds)
    return numbers


def talk(segment):
    if "talk_ms" in segment:
        return segment["talk_ms"]
    return elapsed(segment.get("start"), segment.get("end")) or 0


def cells(line, job):
    n = line.numbers
    seconds = {name: value // 1000 for name, value in n.items()}

    def time_of(name):
        return minutes(seconds[name])

    def average(name):
        return hundredths(seconds[name], 60 * n["accepted"]) if n["accepted"] else "0.00"

    def share(part, whole):
        return percentage(seconds[part], seconds[whole])

    def when(instant):
        return stamp(instant, job.zone, job.date_format(SLASH_STAMP))

    first, last = first_and_last_name(line.agent)
    return [
        text(line.agent_id), text(last), text(first), text(line.agent.get("username")),
        text(line.phone), when(line.login), when(line.logout), text(line.dial_group),
        str(n["presented"]), str(n["accepted"]), str(n["no_connect"]), str(n["rna"]),
        str(n["transfers"]), percentage(n["transfers"], n["accepted"]),
        time_of("talk"), average("talk"), time_of("login"), share("talk", "login"),
        time_of("off-hook"), f"{(seconds['off-hook'] + 59) // 60}.00",
        share("talk", "off-hook"), share("off-hook", "login"), time_of("work"),
        time_of("break"), time_of("away"), time_of("lunch"), time_of("training"),
        time_of("pending-disposition"), average("pending-disposition"),
        text(line.agent.get("external_id")), str(n["held_calls"]), time_of("hold"), time_of("ring"),
        time_of("engaged"), time_of("ring-no-answer"), time_of("available"),
        text(line.team), text(line.session_id), str(n["monitoring"]),
    ]


def facts(line, session):
    return {
        "agents": agent_facts(session, line.agent),
        "groups": [line.agent.get("group"), line.agent.get("group_id")],
        "teams": [line.team],
        "accounts": [line.account],
    }


def chosen_lines(store, job):
    sessions = [
        session for session in store.all("agent_session")
        if ("logout" in session or job.in_progress) and job.holds(session["login"])
    ]
    sessions.sort(key=lambda session: (session["login"], session["id"].encode()))
    for session in sessions:
        line = Line(store, session, job)
        if job.passes(facts(line, session)):
            yield session["scope"], line


def rolled_up(scoped_lines):
    """One line per agent, in the order of each one's first session."""
    lines = {}
    for scope, line in scoped_lines:
        whole = lines.setdefault((scope, line.agent_id), line)
        whole.session_id = ""
        if whole is line:
            continue
        for name, value in line.numbers.items():
            whole.numbers[name] += value
        known = whole.logout is not None and line.logout is not None
        whole.logout = max(whole.logout, line.logout) if known else None
        whole.phone, whole.dial_group, whole.team = line.phone, line.dial_group, line.team
    return list(lines.values())


def report(store, rows, job):
    scoped_lines = list(chosen_lines(store, job))
    if job.option("rollup", False):
        lines = rolled_up(scoped_lines)
    else:
        lines = [line for _, line in scoped_lines]
    return csv_text(HEADER, [cells(line, job) for line in lines], job.guard)
