-- drop sequence wfstore_other_writes

sequence wfstore_other_writes missing
  expected: sequence
  found: null
create sequence wfstore_other_writes;

-- drop sequence wfstore_other_writes; create view wfstore_other_writes as select 1 as a

sequence wfstore_other_writes differs
  expected: sequence
  found: view
alter view wfstore_other_writes rename to wfstore_other_writes_own;
create sequence wfstore_other_writes;
