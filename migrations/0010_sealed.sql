-- The sealed tier: segments of closed hours as sorted column blocks. A segment stands in one place: as a row of
-- `segment`, or in one block of which it is not gone.

create table segment_block (
    block_id           integer primary key autoincrement,
    -- Of the blocks' layout; see the program's `store::segments::sealed`.
    format             integer not null,
    -- The least and the greatest row_start inside. Blocks do not overlap but for equal instants at their ends.
    first_start        integer not null,
    last_start         integer not null check (first_start <= last_start),
    rows               integer not null check (0 < rows),
    -- Bounds of end_at over rows with an outcome, and of ended_at; null where there is none.
    min_end            integer,
    max_end            integer,
    min_ended          integer,
    max_ended          integer,
    -- A hash of each row's key, in their order: four bytes a row.
    keys               blob not null,
    -- Where each column stands in `data`, with its coding, bounds and checksum.
    directory          blob not null,
    data               blob not null
) strict;
create unique index segment_block_start on segment_block (first_start);
create index segment_block_end on segment_block (max_end, min_end) where max_end is not null;
create index segment_block_ended on segment_block (max_ended, min_ended) where max_ended is not null;

-- Rows of a block that are not there any more: what has changed since stands in `segment` again.
create table segment_gone (
    block_id           integer not null references segment_block (block_id),
    place              integer not null,
    primary key (block_id, place)
) strict, without rowid;

-- What has happened to segments since they were looked at for sealing; one row.
create table segment_changes (
    -- Transactions that changed segments: what was read before can be told from what is there now.
    count              integer not null,
    -- The least row_start of what is left to look at.
    from_at            integer not null
) strict;
insert into segment_changes values (0, -9223372036854775808);
