//! One interaction of the made-up contact centre, from its first leg to its end.

use super::SOURCE;
use super::dice::Dice;
use super::people::{
    self, AGENTS, CAMPAIGNS, CUSTOMERS, INTEGRATION_SOURCES, QUEUES, REASONS, SKILLS, STATUSES, agent_email,
};
use super::shifts::session_at;
use crate::domain::record::{
    Audience, ChannelType, DirectionWord, EndReason, InteractionFields, InteractionRecord, MessageRecord,
    Millis, OfferOutcome, OfferRecord, Opener, Participant, Record, SegmentRecord, Sender, Span, StartReason,
};

/// One interaction while it happens.
pub(super) struct Story {
    id: String,
    fields: InteractionFields,
    channel: ChannelType,
    inbound: bool,
    now: Millis,
    segments: Vec<SegmentRecord>,
    messages: Vec<MessageRecord>,
    offers: Vec<OfferRecord>,
    uii: Option<String>,
}

impl Story {
    pub(super) fn begin(id: String, now: Millis, dice: &mut Dice) -> Self {
        let channel = match dice.below(100) {
            0..50 => ChannelType::Voice,
            50..75 => ChannelType::Chat,
            75..90 => ChannelType::Email,
            _ => ChannelType::Sms,
        };
        let inbound = dice.percent(82);
        let mut fields = InteractionFields {
            direction: Some(if inbound { DirectionWord::Inbound } else { DirectionWord::Outbound }),
            channel: Some(dice.pick(channel_names(channel)).into()),
            channel_type: Some(channel),
            bot_name: Some(dice.pick(&["SalesBot", "HelpBot"]).into()),
            support_number: Some(format!("+1-800-555-01{:02}", dice.below(10) * 11).into()),
            support_email: (!dice.percent(20)).then(|| "support@centre.example".into()),
            ..InteractionFields::default()
        };
        let customer = dice.below(400);
        match customer % 10 {
            0..6 => {
                fields.customer_name = Some(people::customer_name(customer, dice.pick(&CUSTOMERS)).into());
            }
            6..8 => fields.customer_email = Some(format!("customer{customer}@mail.example").into()),
            _ => fields.customer_phone = Some(format!("+1-555-01{:02}", customer % 100).into()),
        }
        let mut uii = None;
        match channel {
            ChannelType::Voice => {
                // Thirty digits, the first fourteen of them the call's start, as telephone platforms make them.
                let start = jiff::Timestamp::from_millisecond(now).unwrap_or_default();
                let number = format!("{}{:016}", start.strftime("%Y%m%d%H%M%S"), dice.below(1_000_000_000));
                fields.uii = Some(number.as_str().into());
                fields.ani = Some(format!("5550{:06}", dice.below(1_000_000)).into());
                fields.dnis = inbound.then(|| format!("80055501{:02}", dice.below(10) * 11).into());
                uii = Some(number);
            }
            ChannelType::Chat => fields.integration_source = Some(dice.pick(&INTEGRATION_SOURCES).into()),
            ChannelType::Sms => fields.integration_source = Some("SMS".into()),
            ChannelType::Email => {
                fields.email_subject =
                    Some(dice.pick(&["Invoice, please", "Re: Re: broken", "=order"]).into());
            }
        }
        if dice.percent(20) {
            fields.session_tags = vec![dice.pick(&["vip", "escalation"]).into(), "demo".into()];
        }
        fields.opened_by = Some(if inbound { Opener::Customer } else { Opener::Agent });
        Self {
            id,
            fields,
            channel,
            inbound,
            now,
            segments: Vec::new(),
            messages: Vec::new(),
            offers: Vec::new(),
            uii,
        }
    }

    pub(super) fn tell(&mut self, dice: &mut Dice) {
        let digital = matches!(self.channel, ChannelType::Chat | ChannelType::Sms);
        if digital && self.inbound && dice.percent(40) && !self.bot(dice) {
            return;
        }
        self.outside();
        let mut queue = dice.index(QUEUES.len());
        let mut direct = !self.inbound;
        for turn in 0..4 {
            if !direct && dice.percent(8) {
                // Nobody answers: the waiting time runs out and the next queue gets it, or the customer leaves.
                let overflows = dice.percent(50);
                self.unanswered(queue, overflows, dice);
                if !overflows {
                    self.end("Abandoned", "User Hangup", dice);
                    return;
                }
                queue = (queue + 1) % QUEUES.len();
            }
            let transfers = turn < 3 && dice.percent(28);
            self.answered(queue, direct, transfers, dice);
            if !transfers {
                break;
            }
            direct = dice.percent(30);
            queue = (queue + 2) % QUEUES.len();
        }
        let event = dice.pick(&["Agent Hangup", "User Hangup", "System Hangup"]);
        self.end("", event, dice);
    }

    fn next_id(&self) -> String {
        format!("seg-{}-{}", self.id.trim_start_matches("cc-"), self.segments.len() + 1)
    }

    fn blank(&self) -> SegmentRecord {
        SegmentRecord {
            source: Some(SOURCE.into()),
            id: self.next_id().into(),
            interaction_id: self.id.as_str().into(),
            ..SegmentRecord::default()
        }
    }

    /// A bot's portion; false when the bot could help and the interaction is over.
    fn bot(&mut self, dice: &mut Dice) -> bool {
        let (start, end) = (self.now, self.now + dice.between(20_000, 120_000));
        let helped = dice.percent(15);
        self.segments.push(SegmentRecord {
            participant: Some(Participant::Bot),
            start: Some(start),
            end: Some(end),
            end_reason: Some(if helped { EndReason::Completed } else { EndReason::Transferred }),
            transfer_reason: (!helped).then(|| "Agent Requested".into()),
            updated_at: Some(end),
            ..self.blank()
        });
        self.now = end;
        if helped {
            self.end("Resolved", "Bot Hangup", dice);
        }
        !helped
    }

    fn unanswered(&mut self, queue: usize, overflows: bool, dice: &mut Dice) {
        let (entry, exit) = (self.now, self.now + dice.between(30_000, 240_000));
        self.segments.push(SegmentRecord {
            participant: Some(Participant::Queue),
            queue_name: QUEUES.get(queue).map(|queue| (*queue).into()),
            queue_entry: Some(entry),
            queue_exit: Some(exit),
            end_reason: Some(if overflows { EndReason::Timeout } else { EndReason::Abandoned }),
            transfer_reason: overflows.then(|| "Overdue".into()),
            updated_at: Some(exit),
            ..self.blank()
        });
        self.now = exit;
    }

    /// The outside party's leg: it is never a row.
    fn outside(&mut self) {
        if self.uii.is_some() {
            self.segments.push(SegmentRecord {
                participant: Some(Participant::External),
                leg: Some(1),
                start: Some(self.now),
                updated_at: Some(self.now),
                ..self.blank()
            });
        }
    }

    fn answered(&mut self, queue: usize, direct: bool, transfers: bool, dice: &mut Dice) {
        let agent = dice.index(AGENTS.len());
        let entry = self.now;
        let start = if direct { entry } else { entry + dice.between(0, 120_000) };
        let end = start + dice.between(20_000, 900_000);
        let voice = self.channel == ChannelType::Voice;
        let part = |dice: &mut Dice, percent, most| {
            if !dice.percent(percent) {
                return Vec::new();
            }
            let from = dice.between(start, end);
            vec![Span { start: from, end: from + dice.between(1_000, most) }]
        };
        let mut segment = SegmentRecord {
            queue_name: (!direct).then(|| QUEUES.get(queue).map(|queue| (*queue).into())).flatten(),
            queue_id: (!direct).then(|| format!("{}", 3_000 + queue).into()),
            queue_group: (!direct).then(|| if queue < 3 { "US" } else { "Europe" }.into()),
            queue_entry: (!direct).then_some(entry),
            queue_exit: (!direct).then_some(start),
            agent_id: Some(format!("a{agent:02}").into()),
            start: Some(start),
            end: Some(end),
            holds: if voice { part(dice, 30, 120_000) } else { Vec::new() },
            mutes: if voice { part(dice, 15, 60_000) } else { Vec::new() },
            snoozes: if voice { Vec::new() } else { part(dice, 12, 300_000) },
            consultants: dice.some(7, agent_email),
            joined_users: dice.some(5, agent_email),
            skills: vec![dice.pick(&SKILLS).into()],
            end_reason: Some(if transfers { EndReason::Transferred } else { EndReason::Completed }),
            transfer_reason: transfers
                .then(|| dice.pick(&["Wrong Department", "Second Level", "Language"]).into()),
            disposition: (!transfers).then(|| dice.pick(&REASONS).into()),
            updated_at: Some(end),
            ..self.blank()
        };
        if voice {
            self.voice(&mut segment, agent, dice);
        } else {
            self.digital(&mut segment, agent, dice);
        }
        self.segments.push(segment);
        self.now = end;
    }

    /// What a telephone platform tells of a leg.
    fn voice(&mut self, segment: &mut SegmentRecord, agent: usize, dice: &mut Dice) {
        let start = segment.start.unwrap_or(self.now);
        let ring = dice.between(500, 20_000);
        let leg = i64::try_from(self.segments.len()).unwrap_or(0) + 1;
        let uii = self.uii.clone().unwrap_or_default();
        segment.leg = Some(leg);
        segment.agent_session_id = Some(session_at(agent, start).into());
        segment.ring_start = Some(start - ring);
        segment.wrap_ms = Some(dice.between(0, 90_000));
        let (party, reason) =
            dice.pick(&[("CALLER", "HANGUP"), ("SYSTEM", "EOC"), ("SYSTEM", "DROP"), ("AGENT", "HANGUP")]);
        (segment.termination_party, segment.termination_reason) = (Some(party.into()), Some(reason.into()));
        segment.transferred_by_disposition = dice.percent(4);
        if dice.percent(85) {
            segment.recording_file = Some(format!("{uii}-{leg}.WAV").into());
            segment.recording_url = Some(format!("https://recordings.example/{uii}/{leg}.WAV").into());
        }
        if !self.inbound {
            let (id, name) = dice.pick(&CAMPAIGNS);
            (segment.campaign_id, segment.campaign) = (Some(id.into()), Some(name.into()));
            segment.dial_group = Some("Renewals".into());
        }
        if dice.percent(10) {
            let other = dice.index(AGENTS.len());
            self.offer(other, start - ring - 20_000, start - ring, OfferOutcome::RingNoAnswer);
        }
        self.offer(agent, start - ring, start, OfferOutcome::Accepted);
    }

    /// What a messaging platform tells of a segment.
    fn digital(&mut self, segment: &mut SegmentRecord, agent: usize, dice: &mut Dice) {
        let (start, end) = (segment.start.unwrap_or(self.now), segment.end.unwrap_or(self.now));
        segment.skill_id = Some(format!("{}", 24_837_230 + dice.below(3)).into());
        if 1 < self.segments.len() && dice.percent(3) {
            segment.start_reason = Some(StartReason::Takeover);
        }
        if dice.percent(60) {
            let half = start + (end - start) / 2;
            segment.focuses =
                vec![Span { start: start + 1_000, end: half }, Span { start: half + 2_000, end }];
        }
        if dice.percent(94) {
            self.message(Sender::Agent, Some(agent), start + dice.between(2_000, 60_000));
        }
        if dice.percent(90) {
            self.message(Sender::Customer, None, start + dice.between(60_000, 90_000));
            self.message(Sender::Agent, Some(agent), start + dice.between(90_000, 180_000));
        }
    }

    fn offer(&mut self, agent: usize, at: Millis, end: Millis, outcome: OfferOutcome) {
        self.offers.push(OfferRecord {
            source: Some(SOURCE.into()),
            id: format!("of-{}-{}", self.id.trim_start_matches("cc-"), self.offers.len() + 1).into(),
            agent_id: format!("a{agent:02}").into(),
            agent_session_id: session_at(agent, end).into(),
            at,
            end: Some(end),
            outcome,
            updated_at: Some(end),
            ..OfferRecord::default()
        });
    }

    fn message(&mut self, sender: Sender, agent: Option<usize>, at: Millis) {
        self.messages.push(MessageRecord {
            source: Some(SOURCE.into()),
            id: format!("msg-{}-{}", self.id.trim_start_matches("cc-"), self.messages.len() + 1).into(),
            interaction_id: self.id.as_str().into(),
            at,
            sender,
            agent_id: agent.map(|agent| format!("a{agent:02}").into()),
            audience: Audience::Public,
            ..MessageRecord::default()
        });
    }

    fn end(&mut self, status: &str, event: &str, dice: &mut Dice) {
        let status = if status.is_empty() { dice.pick(&STATUSES) } else { status };
        self.fields.status = Some(status.into());
        self.fields.reason = Some(dice.pick(&REASONS).into());
        self.fields.disconnecting_event = Some(event.into());
        self.fields.interaction_end = Some(self.now);
    }

    /// The records in an order of arrival: mostly the story's, sometimes the end first, now and then not ended yet.
    pub(super) fn finish(mut self, dice: &mut Dice, late: &mut Vec<Record>) -> Vec<Record> {
        if dice.percent(1) {
            let f = &mut self.fields;
            (f.status, f.reason, f.disconnecting_event, f.interaction_end) = (None, None, None, None);
        }
        let interaction = Record::Interaction(Box::new(InteractionRecord {
            source: Some(SOURCE.into()),
            id: self.id.as_str().into(),
            updated_at: Some(self.now),
            facts: self.fields.clone(),
            ..InteractionRecord::default()
        }));
        if dice.percent(1)
            && let Some(last) = self.segments.iter().rfind(|segment| segment.leg != Some(1))
        {
            // A supervisor corrects the disposition hours later.
            let corrected = last.updated_at.map(|at| at + 7_200_000);
            let disposition = Some("Corrected: refund issued".into());
            late.push(Record::Segment(Box::new(SegmentRecord {
                updated_at: corrected,
                disposition,
                ..last.clone()
            })));
        }
        let segments = self.segments.into_iter().map(|segment| Record::Segment(Box::new(segment)));
        let messages = self.messages.into_iter().map(Record::Message);
        let offers = self.offers.into_iter().map(Record::Offer);
        if dice.percent(10) {
            std::iter::once(interaction).chain(messages).chain(offers).chain(segments).collect()
        } else {
            segments.chain(messages).chain(offers).chain([interaction]).collect()
        }
    }
}

fn channel_names(channel: ChannelType) -> &'static [&'static str] {
    match channel {
        ChannelType::Voice => &["Voice", "Voice VIP"],
        ChannelType::Chat => &["Web Chat", "WhatsApp"],
        ChannelType::Email => &["Email"],
        ChannelType::Sms => &["SMS"],
    }
}
