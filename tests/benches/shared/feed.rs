//! A deterministic feed: a contact centre of 30 days, conversation by conversation in the order in which they begin.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Midnight in New York before 30 days that hold the end of daylight-saving time: 2026-10-15T04:00:00Z.
const BEGIN_MS: i64 = 1_792_036_800_000;
const DAYS: u64 = 30;
const DAY_MS: i64 = 86_400_000;

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(z ^ (z >> 31)) * u128::from(sides)) >> 64) as u64
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

const HEADER: &str = "id,interaction_id,participant,direction,channel,customer,support,queue_name,queue_entry,queue_exit,\
                      agent_name,agent_custom_name,agent_email,start,end,talk_ms,hold_ms,snooze_ms,first_response_ms,\
                      consultants,joined_users,skills,transferred_in_by,transferred_in_status,status,reason,\
                      disconnecting_event,channel_type,skill_id";

const FIRST: [&str; 12] =
    ["Jane", "John", "Maria", "Ahmed", "Chen", "Olga", "Zoë", "José", "Priya", "Søren", "Omar", "Lucy"];
const LAST: [&str; 11] =
    ["Doe", "Smith", "Garcia", "Khan", "Ivanova", "Müller", "O'Brien", "Singh", "Tanaka", "Costa", "Lopez"];
const CHANNELS: [&str; 12] = [
    "Voice",
    "Voice VIP",
    "Web Chat",
    "Mobile Chat",
    "WhatsApp",
    "SMS",
    "Email",
    "Email Claims",
    "Facebook",
    "Apple Messages",
    "Telegram",
    "Video",
];
const SKILLS: [&str; 15] = [
    "Technical Support L1",
    "Technical Support L2",
    "Sales New",
    "Sales Renewal",
    "Billing",
    "Claims Auto",
    "Claims Home",
    "Retention",
    "Spanish",
    "French",
    "VIP",
    "Fraud",
    "Cards",
    "Loans",
    "Returns",
];
const REASONS: [&str; 6] = [
    "Technical Issue Fixed",
    "Payment taken, receipt sent",
    "Customer hung up",
    "Callback agreed, \"high\" priority",
    "Refund issued",
    "No reason",
];
const TEAMS: [&str; 6] = ["Sales", "Support", "Billing", "Retention", "Claims", "Tech"];
const LANDS: [&str; 10] = ["US", "CA", "UK", "DE", "FR", "ES", "IN", "AU", "BR", "JP"];
/// Share of the traffic by hour of the local day.
const HOURS: [u64; 24] =
    [8, 6, 5, 5, 6, 10, 22, 45, 75, 95, 100, 100, 92, 95, 98, 95, 90, 78, 62, 48, 36, 26, 18, 12];

fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn instant(ms: Option<i64>) -> String {
    ms.map(|ms| ms.to_string()).unwrap_or_default()
}

/// Writes a feed of so many segments as CSV, in the flat form: each line has what is known of its conversation.
pub(crate) fn write(path: &Path, segments: u64) {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    writeln!(out, "{HEADER}").unwrap();
    let mut dice = Dice(20_261_015);
    let (mut made, mut number) = (0, 0_u64);
    while made < segments {
        number += 1;
        let (day, begin) = begin(&mut dice, made, segments);
        let mut talk = Conversation::begin(&mut dice, day, number, begin);
        let portions = (1 + u64::from(dice.percent(40)) + u64::from(dice.percent(20))).min(segments - made);
        for portion in 1..=portions {
            talk.portion(&mut dice, &mut out, made, (portion == 1, portion == portions));
            made += 1;
        }
    }
    out.flush().unwrap();
}

/// The day and the instant of the quantile of the traffic curve, up to an hour late.
fn begin(dice: &mut Dice, made: u64, segments: u64) -> (i64, i64) {
    let total: u64 = HOURS.iter().sum();
    let at = u128::from(made) * u128::from(DAYS * total) * 1_000 / u128::from(segments);
    let day = (at / u128::from(total * 1_000)) as i64;
    let mut rest = (at % u128::from(total * 1_000)) as u64;
    let mut hour = 0;
    while HOURS[hour] * 1_000 <= rest {
        rest -= HOURS[hour] * 1_000;
        hour += 1;
    }
    let ms = day * DAY_MS + hour as i64 * 3_600_000 + (rest * 3_600 / HOURS[hour]) as i64;
    (day, BEGIN_MS + (ms + dice.below(3_600_000) as i64).min(DAYS as i64 * DAY_MS - 1))
}

/// A conversation while its segments are written.
struct Conversation {
    day: i64,
    number: u64,
    channel: usize,
    /// Direction, channel, customer and support as cells.
    known: String,
    /// When its next segment can begin.
    clock: i64,
}

impl Conversation {
    fn begin(dice: &mut Dice, day: i64, number: u64, clock: i64) -> Self {
        let direction = if dice.percent(82) { "Inbound" } else { "Outbound" };
        let channel = dice.below(12) as usize;
        let person = dice.below(400_000);
        let (first, last) = (FIRST[(person % 12) as usize], LAST[(person / 12 % 11) as usize]);
        let customer = match person % 20 {
            0..10 => format!("{first} {last} {}", person / 600),
            10 => format!("{last}, {first} {}", person / 600),
            11 => format!("{first} \"Ace\" {last} {}", person / 600),
            12..16 => format!("user{person}@mail.example"),
            _ => format!("+1-{:03}-555-{:04}", 200 + person / 10_000 * 7, person % 10_000),
        };
        let support = match channel {
            0 | 1 | 11 => format!("+1-800-555-{:04}", dice.below(14) * 101),
            6 | 7 => format!("support{}@company.example", dice.below(6)),
            _ => format!("Bot-{}", dice.below(10)),
        };
        let known = format!("{direction},{},{},{support}", CHANNELS[channel], quoted(&customer));
        Self { day, number, channel, known, clock }
    }

    fn portion(&mut self, dice: &mut Dice, out: &mut impl Write, segment: u64, (first, last): (bool, bool)) {
        let who = if last { 15 + dice.below(85) } else { dice.below(100) };
        let (bot, agent) = ((8..15).contains(&who), 15 <= who);
        let queued = !bot && (!agent || dice.percent(86));
        let queue = queued.then(|| {
            let number = dice.below(60) as usize;
            format!("{}_Queue_{}", TEAMS[number % 6], LANDS[number / 6])
        });
        let entry = queued.then_some(self.clock);
        let exit = entry.map(|entry| entry + (dice.below(240_000) * dice.below(5)) as i64);
        let start = exit.unwrap_or(self.clock) + dice.below(4_000) as i64;
        let talk = 20_000 + dice.below(60_000) * dice.below(40) / 2;
        let hold = if dice.percent(30) { dice.below(talk / 4 + 1) } else { 0 };
        let snooze = if dice.percent(8) { dice.below(7_200_000) } else { 0 };
        let end = start + (talk + hold + snooze) as i64;
        self.clock = end.max(self.clock + 1);
        let agent_number = dice.below(500);
        let names = match (agent, bot) {
            (true, _) => agent_names(agent_number),
            (_, true) => "BOT,,".to_owned(),
            _ => ",,".to_owned(),
        };
        let figures = match (agent, self.channel) {
            (false, _) => ",,,".to_owned(),
            (true, 0 | 1 | 11) => format!("{talk},{hold},{snooze},"),
            (true, _) => format!("{talk},{hold},{snooze},{}", 500 + dice.below(90_000)),
        };
        let people = format!("{},{}", people(dice, 7), people(dice, 5));
        // Said wherever there is a portion before: a store that works it out by itself has nothing to add.
        let came = match (first, dice.below(4)) {
            (true, _) => ",".to_owned(),
            (_, 0) => "System,Overdue".to_owned(),
            (_, 1) => "Bot,Bot Transfer".to_owned(),
            _ => format!("agent{:03}@company.example,Agent Transfer", dice.below(500)),
        };
        let answered = agent || bot;
        writeln!(
            out,
            "seg-{:02}-{segment:09},cc-{:02}-{:08},{},{},{},{},{},{names},{},{},{figures},{people},{},{came},{},{},sk-{:02}",
            self.day,
            self.day,
            self.number,
            if agent { "agent" } else if bot { "bot" } else { "queue" },
            self.known,
            queue.unwrap_or_default(),
            instant(entry),
            instant(exit),
            instant(answered.then_some(start)),
            instant(answered.then_some(end)),
            skills(dice, agent_number),
            if last { ended(dice) } else { ",,".to_owned() },
            channel_type(self.channel),
            (agent_number * 7 + self.number % 2) % 15,
        )
        .unwrap();
    }
}

fn channel_type(channel: usize) -> &'static str {
    match channel {
        0 | 1 | 11 => "voice",
        5 => "sms",
        6 | 7 => "email",
        _ => "chat",
    }
}

fn agent_names(number: u64) -> String {
    let (first, last) = (FIRST[(number % 12) as usize], LAST[(number / 12 % 11) as usize]);
    let short = if number.is_multiple_of(17) {
        format!("\"{last}, {first}\"")
    } else {
        format!("{first} {}.", last.chars().next().unwrap())
    };
    format!("{first} {last},{short},agent{number:03}@company.example")
}

fn people(dice: &mut Dice, share: u64) -> String {
    match (dice.percent(share), dice.percent(70)) {
        (true, true) => format!("lead{:02}@company.example", dice.below(60)),
        (true, false) => {
            format!("lead{:02}@company.example|qa{:02}@company.example", dice.below(60), dice.below(40))
        }
        _ => String::new(),
    }
}

fn skills(dice: &mut Dice, agent: u64) -> String {
    let skill = dice.below(15) as usize;
    if agent.is_multiple_of(5) {
        format!("{}|{}", SKILLS[skill], SKILLS[(skill + 7) % 15])
    } else {
        SKILLS[skill].to_owned()
    }
}

/// Status, reason and disconnecting event.
fn ended(dice: &mut Dice) -> String {
    let status = ["Resolved", "Unresolved", "Escalated", "Follow-up"][dice.below(4) as usize];
    let event = ["System Hangup", "User Hangup", "Agent Hangup"][dice.below(3) as usize];
    format!("{status},{},{event}", quoted(REASONS[dice.below(6) as usize]))
}
