//! Words that a job file chooses from.

use schemars::JsonSchema;
use serde::Deserialize;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+ }
    };
}

words!(
    /// A weekday.
    WeekdayWord {
        /// Monday.
        Monday = "monday",
        /// Tuesday.
        Tuesday = "tuesday",
        /// Wednesday.
        Wednesday = "wednesday",
        /// Thursday.
        Thursday = "thursday",
        /// Friday.
        Friday = "friday",
        /// Saturday.
        Saturday = "saturday",
        /// Sunday.
        Sunday = "sunday",
    }
);
words!(
    /// Talk time with or without hold and mute.
    TalkTimeWord {
        /// With.
        Gross = "gross",
        /// Without.
        Net = "net",
    }
);
words!(
    /// What puts a row into a period.
    RowsByWord {
        /// Its own start.
        Start = "start",
        /// The end of its interaction.
        InteractionEnd = "interaction-end",
    }
);
words!(
    /// Who began an interaction.
    DirectionWord {
        /// The customer.
        Inbound = "Inbound",
        /// The contact centre.
        Outbound = "Outbound",
    }
);
words!(
    /// A file format.
    FormatWord {
        /// Delimited text.
        Csv = "csv",
        /// Delimited text with tabs.
        Tsv = "tsv",
        /// XML.
        Xml = "xml",
        /// One JSON document.
        Json = "json",
        /// One JSON object a line.
        Jsonl = "jsonl",
        /// A spreadsheet.
        Xlsx = "xlsx",
    }
);
words!(
    /// How a file is packed.
    CompressWord {
        /// It is not.
        None = "none",
        /// gzip.
        Gzip = "gzip",
        /// A zip archive with this one file.
        Zip = "zip",
    }
);
words!(
    /// The order of agent segments.
    SortWord {
        /// By end, latest first.
        Date = "date",
        /// By conversation id.
        Conversation = "conversation",
        /// By agent id.
        Agent = "agent",
        /// By employee id.
        Employee = "employee",
        /// By skill id.
        Skill = "skill",
        /// By agent group id.
        Group = "group",
    }
);
words!(
    /// What counts as a response.
    ResponseWord {
        /// Each counted message.
        Message = "message",
        /// The first one after assignment or after a message of the customer.
        Turn = "turn",
    }
);
words!(
    /// Whose segments are there.
    UserTypeWord {
        /// People's.
        Human = "human",
        /// Bots'.
        Bot = "bot",
    }
);
words!(
    /// What to do when there are no rows.
    EmptyWord {
        /// Send the file with its header.
        Send = "send",
        /// Keep the file, send nothing.
        Skip = "skip",
        /// Mails say that there was nothing.
        Notice = "notice",
    }
);
words!(
    /// What happens when a report is made again with other bytes.
    CorrectionWord {
        /// They are kept.
        Keep = "keep",
        /// They are sent.
        Send = "send",
    }
);
words!(
    /// What happens when a check finds something.
    OnFailWord {
        /// The report waits for a person.
        Hold = "hold",
        /// It is sent with what was found.
        Send = "send",
    }
);
words!(
    /// Between two cells.
    DelimiterWord {
        /// `,`
        Comma = "comma",
        /// Tab.
        Tab = "tab",
        /// `|`
        Pipe = "pipe",
        /// `;`
        Semicolon = "semicolon",
    }
);
words!(
    /// Behind each row.
    LineEndingWord {
        /// Carriage return and line feed.
        Crlf = "crlf",
        /// Line feed.
        Lf = "lf",
    }
);
words!(
    /// Which cells get an apostrophe.
    FormulaGuardWord {
        /// Text.
        Text = "text",
        /// None.
        Off = "off",
    }
);
words!(
    /// At a clock change.
    ClockChangeWord {
        /// Made up in a gap, once in a fold.
        Cron = "cron",
        /// Skipped in a gap, once in a fold.
        Skip = "skip",
        /// Skipped in a gap, twice in a fold.
        Wall = "wall",
    }
);
words!(
    /// What of the missed instants runs.
    MissedWord {
        /// None of them.
        None = "none",
        /// The latest.
        Latest = "latest",
        /// All of them.
        All = "all",
    }
);
words!(
    /// What happens when an occurrence meets a running one.
    OverlapWord {
        /// It is skipped.
        Skip = "skip",
        /// It waits.
        Queue = "queue",
        /// The running one ends.
        CancelRunning = "cancel-running",
        /// Both run.
        Allow = "allow",
    }
);
words!(
    /// How often a `repeat` comes.
    RepeatWord {
        /// Each hour.
        Hourly = "hourly",
        /// Each day.
        Daily = "daily",
        /// Each week.
        Weekly = "weekly",
        /// Each month.
        Monthly = "monthly",
        /// Each quarter.
        Quarterly = "quarterly",
        /// Each year.
        Yearly = "yearly",
    }
);
words!(
    /// A day that a month lacks.
    ShortMonthWord {
        /// Its last day stands for it.
        Last = "last",
        /// The month is passed over.
        Skip = "skip",
    }
);
words!(
    /// What to do when the outcome cannot be known.
    OnUnknownWord {
        /// Leave it to a person.
        Hold = "hold",
        /// Try again.
        Resend = "resend",
        /// Ask the far end, and try again where it does not have it.
        Check = "check",
    }
);
words!(
    /// What happens when the name is taken at the far end.
    ExistsWord {
        /// The delivery fails.
        Fail = "fail",
        /// A file with the same bytes counts as delivered.
        SameIsFine = "same-is-fine",
        /// It is replaced.
        Replace = "replace",
    }
);
words!(
    /// An upload's method.
    MethodWord {
        /// PUT.
        Put = "PUT",
        /// POST.
        Post = "POST",
    }
);
