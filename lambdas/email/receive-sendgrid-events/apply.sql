-- A batch of the email provider's events: the new ones into the inbox, and what they say of our
-- emails. Delivered or processed settles a send in doubt; bounced or dropped is the last word.
-- Blocked is none: the email waits for its next attempt, until it has no more, and only if it is
-- its present attempt that was blocked. Answers a row for each email that waits so, also when the
-- batch comes again, or one without an email.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
event as (
  select event.id, event.type, event.email_id, event.attempt, to_timestamp(event.at) as at
  from jsonb_to_recordset(:events::jsonb)
    as event (id text, type text, email_id uuid, attempt int, at double precision)
),
received as (
  insert into webhook_events (id, provider, event_id, event_type, object_id, received_at, processed_at)
  select derived_id('sendgrid', event.id), 'sendgrid', event.id, event.type, event.email_id::text, present(), present()
  from actor, event
  on conflict do nothing
  returning event_id
),
told as (
  select
    event.type, event.email_id, event.at,
    present_attempt,
    email.error_code = 'recipient_blocked' and (email.status <> 'sending' or not present_attempt) as was_blocked
  from event
  join received on received.event_id = event.id
  join email_queue as email on email.id = event.email_id
  cross join lateral (
    select coalesce(event.attempt, email.attempt_number) = email.attempt_number as present_attempt
  ) as compared
),
verdict as (
  select
    email_id,
    max(type) filter (where type in ('bounce', 'dropped')) as refused,
    bool_or(type = 'delivered') as delivered,
    bool_or(type = 'blocked' and present_attempt) as blocked,
    -- The provider accepted, too, what was blocked afterwards.
    min(at) filter (where type = 'delivered' or (type = 'processed' and was_blocked is not true))
      as accepted_at
  from told
  group by email_id
),
becomes as (
  select
    verdict.email_id, verdict.accepted_at,
    case
      when verdict.refused is not null and email.status in ('sending', 'sent') then 'bounced'
      when verdict.blocked and not verdict.delivered and email.status in ('sending', 'sent')
        then case when email.attempt_number < email.max_attempts then 'pending' else 'failed' end
      when verdict.accepted_at is not null and email.status in ('pending', 'sending', 'failed') then 'sent'
    end as status,
    case verdict.refused
      when 'bounce' then 'recipient_bounced'
      when 'dropped' then 'recipient_dropped'
      else 'recipient_blocked'
    end as error_code
  from verdict
  join email_queue as email on email.id = verdict.email_id
),
suppressed as (
  insert into email_suppressions (id, address_hash, reason)
  select derived_id('email_suppression', unwanted.hash), unwanted.hash, unwanted.reason
  from (
    select address_hash(email.to_email) as hash,
      min(case event.type when 'spamreport' then 'complained' else 'unsubscribed' end) as reason
    from event
    join received on received.event_id = event.id
    join email_queue as email on email.id = event.email_id
    where event.type in ('spamreport', 'unsubscribe', 'group_unsubscribe')
    group by 1
  ) as unwanted
  on conflict do nothing
),
applied as (
  update email_queue as email
  set
    status = becomes.status,
    sent_at = case when becomes.status in ('sent', 'bounced') then coalesce(email.sent_at, becomes.accepted_at) end,
    failed_at = case when becomes.status in ('bounced', 'failed') then present() end,
    scheduled_for = case when becomes.status = 'pending'
      then present() + make_interval(secs => :blocked_seconds::int) else email.scheduled_for end,
    leased_until = null,
    error_code = case when becomes.status <> 'sent' then becomes.error_code end,
    -- Of the doubt that this event settles.
    error_message = null
  from actor, becomes
  where email.id = becomes.email_id and becomes.status is not null
  returning email.id, email.order_id, email.status, email.error_code, email.scheduled_for
),
waiting as (
  select id, order_id, scheduled_for from applied where status = 'pending'
  union
  select email.id, email.order_id, email.scheduled_for
  from event
  join email_queue as email on email.id = event.email_id
  where event.type = 'blocked' and email.status = 'pending' and email.error_code = 'recipient_blocked'
)
select
  (select count(*)::int from received) as "received!",
  (select count(*)::int from applied) as "applied!",
  waiting.id as email_id, waiting.order_id, waiting.scheduled_for
from actor
left join waiting on true;
