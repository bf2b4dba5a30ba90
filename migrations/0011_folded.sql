-- Folded interactions: one of which its sealed segments say everything has no row. It is found by its key in the blocks,
-- and has a row again as soon as something of it changes.

-- A hash of each interaction's key that occurs in a block, in order: four bytes each. Beside the blocks, whose data lies
-- before whatever else their rows were given.
create table segment_block_interactions (
    block_id           integer primary key references segment_block (block_id),
    hashes             blob not null
) strict;

-- The next interaction's number: one that is folded keeps its own, so the greatest in the table is not the last one.
alter table segment_changes add column next_interaction integer not null default 1;
update segment_changes set next_interaction = (select coalesce(max(interaction_id), 0) + 1 from interaction);

-- Interactions that ended before this instant have been looked at for folding.
alter table segment_changes add column folded_from integer not null default -9223372036854775808;
