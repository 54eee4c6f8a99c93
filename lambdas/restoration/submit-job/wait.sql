-- The provider asks to wait and has started nothing: the job is given back with its attempt, and
-- stands behind the last who waits, as far apart as the provider allows. Who had a place already
-- and came only a little too soon keeps it. Nothing if the job was cancelled meanwhile.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
line as (
  select max(scheduled_for) as ends
  from restoration_jobs
  where status = 'pending' and scheduled_for > present()
)
update restoration_jobs as job
set
  status = 'pending', error_code = 'provider_throttled', leased_until = null,
  scheduled_for = greatest(
    present() + make_interval(secs => :wait_seconds::float8),
    case when job.scheduled_for is null or :wait_seconds::float8 > :spacing_seconds::float8 / 2
      then line.ends + make_interval(secs => :spacing_seconds::float8) end)
from actor, line
where job.id = :job_id::uuid and job.attempt_number = :attempt::int and job.status = 'queued'
returning job.scheduled_for as "scheduled_for!";
