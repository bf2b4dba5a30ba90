-- Indexes for what is looked at often: nothing here is walked through as a whole.

-- Keys that are too old are forgotten at each new one.
create index idempotent_request_at on idempotent_request (at);
-- Requests to vendors, counted by outcome for a monitor.
create index source_request_outcome on source_request (source, status);
