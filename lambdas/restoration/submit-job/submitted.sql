-- The provider has taken the job; nothing if it was cancelled meanwhile.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
submitted as (
  update restoration_jobs
  set
    status = 'processing', external_job_id = :prediction_id, external_status = 'starting',
    input_parameters = :input_parameters::jsonb, started_at = present(), leased_until = null,
    scheduled_for = null
  from actor
  where id = :job_id::uuid and attempt_number = :attempt::int and status = 'queued'
  returning id
)
select count(submitted.id)::int as "submitted!"
from actor left join submitted on true;
