"""Words for random contact centres, mostly awkward ones, and the zones with their clock changes.

No text here is empty or only blanks, and none has a control character other than a newline.
"""

from datetime import datetime, timezone


def utc(text):
    """Milliseconds of an instant written as 2026-11-01T06:00:00 in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()) * 1000


# Instants around which a centre's day turns: clock changes and midnights of the zone. The first is
# taken more often than the others.
ZONES = {
    "UTC": ["2026-11-01T00:00:00", "2026-11-02T00:00:00", "2026-03-08T00:00:00"],
    "America/New_York": [
        "2026-11-01T06:00:00", "2026-11-01T04:00:00", "2026-11-02T05:00:00", "2026-03-08T07:00:00",
    ],
    "Europe/Berlin": [
        "2026-10-25T01:00:00", "2026-10-31T23:00:00", "2026-03-29T01:00:00", "2026-03-07T23:00:00",
    ],
    "Australia/Lord_Howe": ["2026-10-03T15:30:00", "2026-04-04T15:00:00", "2026-10-31T13:00:00"],
    "Asia/Kolkata": ["2026-10-31T18:30:00", "2026-11-01T18:30:00", "2026-03-07T18:30:00"],
}
ANCHORS = {zone: [utc(text) for text in texts] for zone, texts in ZONES.items()}

NAMES = [
    "Jane Doe", "Jane Doe", "John Smith", "Zoë Ångström", "李 小龍", "O'Brien, Pat", 'Ann "Ace" Lee', "Cher",
    " Leading Blank", "Trailing Blank ", "=SUM(A1:A2)", "+Plus", "-Minus", "@home", "Two\nLines", "Ünï çødé",
    "Maria  Twoblanks", "Jean Claude Van Damme", "'Quoted", "😀 Smile",
]
FIRST = ["Jane", "Zoë", "=First", "Ann \"A\"", "Mary, Jane", " Lee", "Bo "]
LAST = ["Doe", "O'Neil", "de la Cruz", "-Dash", "Ångström", "Smith, Jr.", "X\nY"]
CUSTOM = ["Jane D.", "Agent 7", "@support", "Zoë", "+1 helper", "Your \"friend\"", "J, D", "Line\nbreak"]
QUEUES = [
    "Sales_Queue_US", "Support", 'Overflow, "VIP"', "=Queue", "Rückfragen", "-night-", " padded ", "Q\n2",
    "@all", "+Gold", "緊急",
]
QUEUE_GROUPS = ["US", "EMEA, north", "=Group", "Größe", "US "]
CAMPAIGNS = ["Spring", "Fall, 2026", "+Promo", "Été", '"Big" sale', "=Win"]
DIAL_GROUPS = ["Blue dial", "Red, dial", "-dial", "Wählgruppe"]
GROUPS = ["Tier 1", "Tier, 2", "=Tier", "Größe M", "+T", "Back\noffice"]
TEAMS = ["Red", "Blue, deep", "=Team", "Équipe", " Team "]
SKILLS = ["english", "billing", "español", "a,b", "=vip", "tech support", "+plus", 'so-called "skill"', "en"]
DISPOSITIONS = ["Sale", "No sale", "=Callback", "Résolu", "x,y", "-1", "Line 1\nLine 2", "@later"]
STATUSES = ["Resolved", "Abandoned", "=Open", "Gelöst", "Closed, late", "Resolved "]
REASONS = ["Done", "Customer left", "+reason", "kein Grund", 'said "bye"', "a\nb"]
EVENTS = [
    "User Hangup", "Agent Hangup", "Agent Closed", "System Hangup", "Bot Hangup", "Network Drop", "=Bye",
    "user hangup",
]
TRANSFER_REASONS = ["Escalation", "Wrong skill", "=Reason", "Änderung", "a, b", "No \"agent\"", " lunch"]
CHANNELS = {
    "voice": ["Voice", "Phone, inbound", "=Voice", "Stimme"],
    "sms": ["SMS", "+SMS", "SMS"],
    "email": ["Email", "E-Mail", "Mail, old"],
    "chat": ["Web Chat", "WhatsApp", "@chat", "Messenger"],
    None: ["Fax", "Voice", "Brief"],
}
CHANNEL_TYPES = [
    ["voice", "voice", "chat", "sms", "email", None],
    ["voice"] * 6 + ["chat", "email"],
    ["chat"] * 4 + ["sms"] * 2 + ["voice", None],
]
SOURCES = ["APP", "SMS", "FACEBOOK", "web", "Apple Business Chat", "=SRC"]
SUBJECTS = ["Re: invoice", "=1+1", "Grüße", "a, b and \"c\"", "two\nlines", "@you", "-", " blank ahead"]
TAGS = ["vip", "late, again", "=tag", "größe", "one two", "-x", '"q"', "tail "]
PHONES = ["+1-800-555-0100", "+441632960961", "5550123", "+49 30 1234567", "anonymous", "100"]
EMAILS = ["help@centre.example", "Sales@Centre.Example", "+tag@centre.example", "=x@centre.example"]
BOTS = ["HelperBot", "=Bot", "Böt", "Bot, the", "+bot"]
PARTIES = ["AGENT", "CALLER", "SYSTEM", "=PARTY"]
TERM_REASONS = ["HANGUP", "TRANSFER", "Timeout, long", "-none-", "Über"]
HEADERS = ["Queue", "Wait, total", 'The "name"', "Größe", "A B", "Début", "two\nlines"]
STATES = [
    "available", "engaged", "break", "away", "lunch", "training", "ring-no-answer", "pending-disposition",
    "working", "off-hook", "monitoring",
]
OTHER_STATES = ["coaching", "Break", "Mittag", "Ring No_Answer", "off_hook"]
LENGTHS = [0, 1, 999, 1000, 1500, 29_999, 30_000, 59_999, 60_000, 61_001, 3_599_999, 3_600_000, 360_000_001]
ACCOUNTS = ["21240001", "99990001", "acme", "Acme, Inc.", "=acct", "кафе", "007"]
FEEDS = [None, None, None, "engage", "koré"]
# How ids look; the number in them keeps those of one centre apart, also when read as numbers.
SKILL_IDS = ["33{n}", "0{n}4", "{n}", "123456789012345678{n}", "skill-{n}", "é{n}", "=s{n}", "s,{n}"]
GROUP_IDS = ["{n}", "0{n}", "98765432109876543210{n}", "g-{n}", "grüp {n}", "=g{n}", "70{n}"]
ID_FORMS = [
    "{p}{n}", "{p}-{n}", "{n}", "0{n}", "{n}{p}", "é{p}{n}", "=id{n}", "ﬀ{p}{n}", "𝔰{p}{n}", "{p},{n}",
]
AGENT_IDS = [
    "{n}", "00{n}", "12345678901234567{n}", "123456789012345678{n}", "98765432109876543210{n}", "ag-{n}",
    "=a{n}", "é{n}", "Agent {n}", "@a{n}", "1{n}.5", "{n}a",
]
