//! Names, among them those that break careless programs.

/// Full name and the name that customers see.
pub(super) const AGENTS: [(&str, &str); 20] = [
    ("Jane Doe", "Jane D."),
    ("O'Brien, Liam", "Liam"),
    ("Zoë Müller", "Zoë"),
    ("José \"Pepe\" Fernández", "Pepe"),
    ("Søren Nielsen", "Søren"),
    ("Yuki Tanaka 田中", "Yuki"),
    ("Ahmed Khan", "Ahmed"),
    ("Olga Ivanova", "Olga I."),
    ("Maria Garcia", "Maria"),
    ("Chen Wei", "Chen"),
    ("Ravi Patel", "Ravi"),
    ("Priya Singh", "=Priya"),
    ("Anna Berg", "Anna"),
    ("Peter Weber", "Peter"),
    ("Ines Costa", "Ines"),
    ("Paul Moreau", "Paul"),
    ("Rita Rossi", "Rita"),
    ("Omar Haddad", "@Omar"),
    ("Lucy Ng", "Lucy"),
    ("Lars Lopez", "Lars"),
];

/// Teams.
pub(super) const TEAMS: [&str; 3] = ["Blue", "Green, \"evening\"", "Nord/Süd"];

/// Campaigns: id and name.
pub(super) const CAMPAIGNS: [(&str, &str); 3] =
    [("7001", "Renewals Q4"), ("7002", "Win-back, 90 days"), ("7003", "Survey")];

/// Where conversations start.
pub(super) const INTEGRATION_SOURCES: [&str; 4] = ["APP", "SHARK", "FACEBOOK", "WHATSAPP BUSINESS"];

/// Queues.
pub(super) const QUEUES: [&str; 5] =
    ["Sales_Queue_US", "Support_Queue_US", "Billing_Queue_US", "Retention, VIP", "Deutschland_Köln"];

/// Skills.
pub(super) const SKILLS: [&str; 6] =
    ["Technical Support L1", "Technical Support L2", "Sales New", "Billing", "Spanish", "German"];

/// Final statuses.
pub(super) const STATUSES: [&str; 4] = ["Resolved", "Unresolved", "Escalated", "Follow-up"];

/// Reasons and dispositions.
pub(super) const REASONS: [&str; 8] = [
    "Technical Issue Fixed",
    "Payment taken, receipt sent",
    "Callback agreed, \"high\" priority",
    "Order placed",
    "Refund issued",
    "Information given",
    "=SUM(A1:A9)",
    "Wrong\ndepartment",
];

/// Families of customers.
pub(super) const CUSTOMERS: [&str; 8] = [
    "Smith",
    "Garcia, Ana",
    "Nguyen \"Ace\" Tran",
    "Ünal",
    "=HYPERLINK(\"x\")",
    "Line\nBreak",
    "de la Cruz",
    "Łukasz",
];

pub(super) fn agent_name(agent: usize) -> String {
    AGENTS.get(agent).map_or_else(String::new, |(name, _)| (*name).to_owned())
}

pub(super) fn agent_email(agent: usize) -> String {
    format!("agent{agent:02}@centre.example")
}

pub(super) fn agent_phone(agent: usize) -> String {
    format!("650555{:04}", 100 + agent)
}

pub(super) fn customer_name(number: u64, family: &str) -> String {
    format!("{family} {number}")
}
