-- Moves the oldest audit rows that are past their retention to the archive: a batch, of one month.
-- None moved, none left.
with actor as materialized (
  select set_config('app.actor', :actor, true)
)
select archive_audit(present() - make_interval(days => :retention_days::int), :batch::int) as "moved!"
from actor;
