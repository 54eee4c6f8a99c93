-- What became of an attempt to send: sent; in doubt until the provider's event or the lease
-- decides; another try after a backoff, which takes no attempt from the email, until a hundred of a
-- quarter of an hour are a day; or failed.
-- :message_id may be null
-- :subject may be null
-- :error_code may be null
-- :error_message may be null
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
found as (
  select
    id, status, attempt_number, max_attempts,
    case when :outcome = 'retry' and attempt_number >= 100 then 'failed' else :outcome end as outcome,
    -- 1 min, 2 min, 4 min … with jitter above the half, at most the 900 s that a queue delays.
    least(900, 60 * 2 ^ (attempt_number - 1) * (0.5 + random() / 2))::int as backoff_seconds
  from actor, email_queue
  where id = :email_id::uuid
),
-- Asks the status of what was found: the indexes by status have a page or two for all emails under
-- way, and reading one would meet their writers.
settled as (
  update email_queue as email
  set
    status = case found.outcome when 'sent' then 'sent' when 'retry' then 'pending' when 'failed' then 'failed' else 'sending' end,
    max_attempts = email.max_attempts + case found.outcome when 'retry' then 1 else 0 end,
    sendgrid_message_id = coalesce(:message_id::text, email.sendgrid_message_id),
    subject = coalesce(:subject::text, email.subject),
    sent_at = case when found.outcome = 'sent' then present() end,
    failed_at = case when found.outcome = 'failed' then present() end,
    scheduled_for = case when found.outcome = 'retry'
      then present() + make_interval(secs => found.backoff_seconds) else email.scheduled_for end,
    leased_until = case when found.outcome = 'doubtful'
      then present() + make_interval(secs => :doubt_seconds::int) end,
    error_code = :error_code::text,
    error_message = left(:error_message::text, 500)
  from found
  where email.id = found.id and found.status = 'sending' and found.attempt_number = :attempt::int
  returning email.id
)
select
  found.outcome as "outcome!",
  case
    when settled.id is null then null
    when found.outcome = 'retry' then found.backoff_seconds
    when found.outcome = 'doubtful' then :doubt_seconds::int
  end as look_again_seconds
from found
left join settled on true;
