-- Up Migration

-- Removed audit entries are counted by quarter hour and user. No report reads their action and success, which made most rows
-- of this table. Its one index is that of a user. DELETE and not TRUNCATE, so that a report that began before still sees its rows.
alter table audit_history drop column action_type, drop column success;
drop index audit_history_user_idx;
with apart as (delete from audit_history returning quarter_start, user_id, entries)
insert into audit_history (quarter_start, user_id, entries)
select quarter_start, user_id, sum(entries)::bigint from apart group by quarter_start, user_id;
alter table audit_history drop constraint audit_history_pkey, add primary key (user_id, quarter_start, history_id);

-- Distributed Migration

-- Rows of a key that is there several times stay apart: Citus has no INSERT of what a DELETE returns.
alter table audit_history drop column action_type, drop column success;
drop index audit_history_user_idx;
alter table audit_history drop constraint audit_history_pkey;
alter table audit_history add primary key (user_id, quarter_start, history_id, execution_id);

-- Down Migration

-- What was counted by action and success is not known any more.
alter table audit_history drop constraint audit_history_pkey, add primary key (history_id);
alter table audit_history add column action_type text not null default 'unknown', add column success boolean not null default true;
alter table audit_history alter action_type drop default, alter success drop default;
create index audit_history_user_idx on audit_history (user_id);
