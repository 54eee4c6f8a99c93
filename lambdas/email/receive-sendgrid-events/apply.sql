-- A batch of the email provider's events: the new ones into the inbox, and what they say of our
-- emails. Delivered or processed settles a send in doubt; bounced or dropped is the last word.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
event as (
  select event.id, event.type, event.email_id, to_timestamp(event.at) as at
  from jsonb_to_recordset(:events::jsonb) as event (id text, type text, email_id uuid, at double precision)
),
received as (
  insert into webhook_events (id, provider, event_id, event_type, object_id, received_at, processed_at)
  select derived_id('sendgrid', event.id), 'sendgrid', event.id, event.type, event.email_id::text, present(), present()
  from actor, event
  on conflict do nothing
  returning event_id
),
verdict as (
  select
    event.email_id,
    max(event.type) filter (where event.type in ('bounce', 'dropped')) as refused,
    min(event.at) filter (where event.type in ('processed', 'delivered')) as accepted_at
  from event
  join received on received.event_id = event.id
  group by event.email_id
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
    status = case when verdict.refused is not null then 'bounced' else 'sent' end,
    sent_at = coalesce(email.sent_at, verdict.accepted_at),
    failed_at = case when verdict.refused is not null then present() end,
    leased_until = null,
    error_code = case verdict.refused when 'bounce' then 'recipient_bounced' when 'dropped' then 'recipient_dropped' end,
    -- Of the doubt that this event settles.
    error_message = null
  from actor, verdict
  where email.id = verdict.email_id
    and ((verdict.refused is not null and email.status in ('sending', 'sent'))
      or (verdict.refused is null and verdict.accepted_at is not null and email.status in ('pending', 'sending', 'failed')))
  returning email.id
)
select
  (select count(*)::int from received) as "received!",
  (select count(*)::int from applied) as "applied!"
from actor;
