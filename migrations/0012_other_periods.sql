-- What somebody asks for by hand of another period is not the report: its file does not stand for it.

-- Whether a person chose the period.
alter table occurrence add column other_period integer not null default 0 check (other_period in (0, 1));
