//! Reports that only their vendor makes: known here by their header, asked for with their criteria, passed through.

use crate::domain::criteria::{Criterion, Takes, VendorReport};
use crate::domain::report::{FilterKey, Reads, ReportType};
use crate::domain::table::{Binding, Column, Picked};

/// What they have in common: their vendor's columns as they come, instants included.
const SHAPE: ReportType = ReportType {
    name: "",
    about: "",
    rows: "",
    reads: Reads::Vendor(&VendorReport { criteria: &[], wall_clock: false }),
    filters: &[],
    options: &["criteria"],
    columns: &[],
    pick: |report, _| Picked::all(report.kind.0.columns),
    date_format: |_| "",
    envelope: None,
};

/// Every dial attempt of RingCentral's campaigns. Its `duration` is in minutes, every other duration in seconds.
pub static DIALER_RESULT: ReportType = ReportType {
    name: "dialer-result",
    about: "RingCentral Dialer Result Download",
    rows: "one per dial attempt, as the vendor gives them; some minutes after the call's end",
    reads: Reads::Vendor(&VendorReport {
        criteria: &[
            Criterion {
                key: "dialedLeadsReportType",
                takes: Takes::Word(&["ALL_LEADS", "ALL_PASSES", "LAST_PASSES"]),
            },
            Criterion {
                key: "systemDisposition",
                takes: Takes::Word(&[
                    "ALL",
                    "ANSWER",
                    "NOANSWER",
                    "MACHINE",
                    "BUSY",
                    "INTERCEPT",
                    "CONGESTION",
                    "ABANDON",
                    "ANSWER-NOT-PERSON",
                ]),
            },
            Criterion { key: "includeAuxData", takes: Takes::Flag(true) },
            Criterion { key: "includeXferData", takes: Takes::Flag(true) },
            Criterion { key: "includeSpeedToLead", takes: Takes::Flag(true) },
        ],
        wall_clock: false,
    }),
    filters: &[],
    columns: &DIALER_RESULT_COLUMNS,
    ..SHAPE
};

/// Calls that RingCentral routed in its cloud. An empty list of profiles is not all of them: the vendor wants each named.
pub static CLOUD_CALL_DETAIL: ReportType = ReportType {
    name: "cloud-call-detail",
    about: "RingCentral Cloud Call Detail Download",
    rows: "one per cloud-routed call of the profiles or destinations that `criteria` names, as the vendor gives them",
    reads: Reads::Vendor(&VendorReport {
        criteria: &[
            Criterion { key: "groupBy", takes: Takes::Word(&["PROFILE", "DESTINATION"]) },
            Criterion { key: "cloudProfileGroupIds", takes: Takes::Ids },
            Criterion { key: "cloudProfileIds", takes: Takes::Ids },
            Criterion { key: "cloudDestinationGroupIds", takes: Takes::Ids },
            Criterion { key: "cloudDestinationIds", takes: Takes::Ids },
        ],
        wall_clock: true,
    }),
    filters: &[FilterKey::Accounts],
    columns: &CLOUD_CALL_DETAIL_COLUMNS,
    ..SHAPE
};

/// All calls, with their recordings. Nobody has published the header of its delimited form: the vendor's is taken as it
/// comes, if it has a [`UII`].
pub static GLOBAL_CALL_TYPE: ReportType = ReportType {
    name: "global-call-type",
    about: "RingCentral Global Call Type Detail",
    rows: "one per call, as the vendor gives them, under the columns that it names; some minutes after the call's end",
    reads: Reads::Vendor(&VendorReport {
        criteria: &[
            Criterion { key: "containGates", takes: Takes::Flag(true) },
            Criterion { key: "containCampaigns", takes: Takes::Flag(true) },
            Criterion { key: "containIvrStudios", takes: Takes::Flag(true) },
            Criterion { key: "containCloudProfiles", takes: Takes::Flag(true) },
            Criterion { key: "containTracNumbers", takes: Takes::Flag(true) },
            Criterion { key: "containAgents", takes: Takes::Flag(true) },
            Criterion { key: "includeNoAnswers", takes: Takes::Flag(false) },
        ],
        wall_clock: false,
    }),
    filters: &[],
    columns: &[],
    ..SHAPE
};

/// The column by which a header that nobody has published is known, in any case.
pub const UII: &str = "UII";

/// A column that a vendor names.
static NAMED: Column = theirs("", "what the vendor says under this name");

/// Columns under a vendor's own names.
pub fn named(headers: &[String]) -> Vec<Picked> {
    let picked =
        |header: &String| Picked { column: &NAMED, header: header.clone().into(), omit_blank: false };
    headers.iter().map(picked).collect()
}

const fn theirs(header: &'static str, meaning: &'static str) -> Column {
    Column {
        header,
        meaning,
        blank: "as the vendor leaves it",
        source: "vendor's header",
        bind: |_| Binding::Text(None, None),
    }
}

static DIALER_RESULT_COLUMNS: [Column; 63] = [
    theirs("callID", "the call"),
    theirs("ID", "the record of this attempt"),
    theirs("campaign_id", "the campaign's id"),
    theirs("campaign_name", "the campaign's name"),
    theirs("country_name", "the country dialled from"),
    theirs("lead_phone", "the number dialled"),
    theirs("lead_state", "the state of the lead"),
    theirs("lead_timezone", "the lead's zone"),
    theirs("title", "the lead's title"),
    theirs("first_name", "the lead's first name"),
    theirs("mid_name", "the lead's middle name"),
    theirs("last_name", "the lead's last name"),
    theirs("suffix", "what follows the lead's name"),
    theirs("address1", "first line of the lead's address"),
    theirs("address2", "its second line"),
    theirs("city", "the lead's city"),
    theirs("state", "the lead's state, as part of the address"),
    theirs("zip", "the lead's postal code"),
    theirs("lead_passes", "passes of this lead so far"),
    theirs("pass_disposition", "the system's disposition of this pass"),
    theirs("agent_disposition", "the agent's disposition of this pass"),
    theirs("call_start", "when the call began"),
    theirs("duration", "the call's duration, minutes"),
    theirs("agent_notes", "what the agent noted"),
    theirs("agent_id", "the agent's id"),
    theirs("extern_agent_id", "the agent's id elsewhere"),
    theirs("username", "the agent's name to log in with"),
    theirs("agent_first_name", "the agent's first name"),
    theirs("agent_last_name", "the agent's last name"),
    theirs("loaded_caller_id", "the caller id that the lead sees"),
    theirs("on_hold", "time on hold, seconds"),
    theirs("dial_type", "how the call was dialled"),
    theirs("billing_code", "the lead's billing code"),
    theirs("aux_data1", "the lead's own data"),
    theirs("aux_data2", "the lead's own data"),
    theirs("aux_data3", "the lead's own data"),
    theirs("aux_data4", "the lead's own data"),
    theirs("aux_data5", "the lead's own data"),
    theirs("aux_phone", "another number of the lead"),
    theirs("upload_date", "when the lead's list was first loaded"),
    theirs("list_state", "the list's state"),
    theirs("list_desc", "the list's description"),
    theirs("recording_url", "where the recording is"),
    theirs("term_session", "which party is thought to have hung up"),
    theirs("email", "the lead's mail address"),
    theirs("gate_keeper", "not documented"),
    theirs("live_answer_message", "the file played to a person who answers"),
    theirs("mach_answer_message", "the file played to a machine"),
    theirs("int_prefix", "the prefix of an international call"),
    theirs("int_dest", "its country"),
    theirs("int_cost", "its cost"),
    theirs("transfer_phone", "the number transferred to"),
    theirs("transfer_disp", "disposition of the transfer"),
    theirs("transfer_duration", "time connected there, seconds"),
    theirs("transfer_type", "warm or cold"),
    theirs("speed_to_lead_first_pass", "from the lead's loading to its first attempt"),
    theirs("speed_to_lead_agent_conn", "from the lead's loading to an agent"),
    theirs("dial_duration", "time spent dialling, seconds"),
    theirs("agent_wait_time", "the agent's wait for the call"),
    theirs("agent_wrap_time", "the agent's time for the disposition"),
    theirs("transfer_dial_duration", "time spent dialling the transfer, seconds"),
    theirs("dial_group_id", "the dial group's id"),
    theirs("dial_group_name", "the dial group's name"),
];

static CLOUD_CALL_DETAIL_COLUMNS: [Column; 34] = [
    theirs("cloud_profile_id", "the profile's id"),
    theirs("profile_name", "the profile's name"),
    theirs("uii", "the call, with an apostrophe before it"),
    theirs("ani", "the caller's number"),
    theirs("dnis", "the number called"),
    theirs("outbound_externid", "the call's id elsewhere"),
    theirs("media_isci", "the advertisement's code"),
    theirs("media_network", "its network"),
    // The guide's list says `smedia_market`, its sample what follows.
    theirs("media_market", "its market"),
    theirs("media_code", "its number"),
    theirs("media_format", "its format"),
    theirs("media_version", "its version"),
    theirs("media_length", "its length"),
    theirs("enqueue_time", "when the call came into the queue, in the report's zone"),
    theirs("dequeue_time", "when it left"),
    theirs("queue_time", "time in the queue, seconds"),
    theirs("call_state", "the call's state, padded with blanks"),
    theirs("is_cellular", "whether the caller's number is a mobile one"),
    theirs("dequeue_attempts", "tries to connect it"),
    theirs("call_result", "how it ended"),
    theirs("inbound_duration", "the call's duration, seconds"),
    theirs("recording_url", "where the recording is"),
    theirs("connected_id", "the destination that took it"),
    theirs("connected_name", "its name"),
    theirs("connected_route", "its number"),
    theirs("connected_duration", "time connected, seconds"),
    theirs("attempt_1_id", "the destination tried first"),
    theirs("attempt_1_name", "its name"),
    theirs("attempt_1_route", "its number"),
    theirs("attempt_1_disp", "what became of that"),
    theirs("attempt_2_id", "the destination tried second"),
    theirs("attempt_2_name", "its name"),
    theirs("attempt_2_route", "its number"),
    theirs("attempt_2_disp", "what became of that"),
];
