-- Up Migration

-- 007_costs adds these checks without reading the rows. This reads them while the application writes.
alter table workflow_executions validate constraint workflow_executions_tags_check;
alter table workflow_steps validate constraint workflow_steps_cost_source_check;

-- Down Migration

-- The checks belong to 007_costs.
