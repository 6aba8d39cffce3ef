-- drop sequence wfstore_other_writes

sequence wfstore_other_writes missing
  expected: sequence
  found: null
create sequence wfstore_other_writes;
column audit_history.action_type missing
  expected: text not null
  found: null
alter table audit_history add column action_type text not null;
column audit_history.success missing
  expected: boolean not null
  found: null
alter table audit_history add column success boolean not null;
constraint audit_history.audit_history_pkey differs
  expected: PRIMARY KEY (history_id)
  found: PRIMARY KEY (user_id, quarter_start, history_id)
alter table audit_history drop constraint "audit_history_pkey", add constraint audit_history_pkey PRIMARY KEY (history_id);
index audit_history.audit_history_user_idx missing
  expected: USING btree (user_id)
  found: null
create index concurrently audit_history_user_idx on audit_history USING btree (user_id);

-- drop sequence wfstore_other_writes; create view wfstore_other_writes as select 1 as a

sequence wfstore_other_writes differs
  expected: sequence
  found: view
alter view wfstore_other_writes rename to wfstore_other_writes_own;
create sequence wfstore_other_writes;
