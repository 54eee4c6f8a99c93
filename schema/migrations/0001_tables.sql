-- The tables that the steps write, each with its columns, constraints and indexes: the proposal's
-- to the letter, then what the design adds. docs/database.md gives the reason of each addition.

create schema if not exists restoreclick;
set local search_path to restoreclick;


-- ── Values ──────────────────────────────────────────────────────────────────────────────────────
-- In plpgsql, which is called. In SQL they would be planned into each statement: 18 to 30 µs a
-- call.

-- The present, for leases, expiry and schedules. The local system moves it by the setting; nothing
-- else sets that.
create function present() returns timestamptz
language plpgsql stable parallel safe as $$
begin
  return now()
    + coalesce(nullif(current_setting('restoreclick.clock_offset', true), '')::interval, interval '0');
end
$$;

-- A UUID (version 8, RFC 9562) made of what a row stands for, so that inserting twice is inserting
-- once.
create function derived_id(parent text, child text) returns uuid
language plpgsql immutable parallel safe as $$
declare
  id bytea := substring(sha256(convert_to(parent || '/' || child, 'UTF8')) from 1 for 16);
begin
  return encode(
    set_byte(set_byte(id, 6, (get_byte(id, 6) & 15) | 128), 8, (get_byte(id, 8) & 63) | 128),
    'hex')::uuid;
end
$$;

create sequence order_number_seq;

-- YYYYMMDD-NNNNNN by the day in UTC. A sequence is not transactional: no race and no hot row, but
-- gaps. lpad would cut a seventh digit.
create function next_order_number() returns varchar
language plpgsql volatile as $$
declare
  n bigint := nextval('restoreclick.order_number_seq');
begin
  return to_char(restoreclick.present() at time zone 'UTC', 'YYYYMMDD') || '-'
    || case when n < 1000000 then lpad(n::text, 6, '0') else n::text end;
end
$$;


-- ── Checks ──────────────────────────────────────────────────────────────────────────────────────
-- In functions, because PostgreSQL reads a constraint's text anew for each statement that writes
-- its table: the codes of a photo were 6 kB of it, the three rules of an order 7 kB.

create function is_order_money(subtotal numeric, discount numeric, tax numeric, total numeric)
returns boolean
language plpgsql immutable parallel safe as $$
begin
  -- Unknown if any of them is null, which `least` would pass over. Not a number equals itself and
  -- is above all that are.
  return coalesce(total = subtotal - discount + tax, false)
    and least(subtotal, discount, tax, total) >= 0 and total <> 'NaN';
end
$$;

-- Refunded is refunded, nobody works on what is not paid, and what was paid was paid at some time.
create function is_order_state(status text, payment_status text, paid_at timestamptz)
returns boolean
language plpgsql immutable parallel safe as $$
begin
  return coalesce(
    case status
      when 'pending_payment' then payment_status = 'pending'
      when 'failed' then payment_status in ('paid', 'failed', 'partially_refunded', 'disputed')
      when 'refunded' then payment_status = 'refunded'
      else payment_status in ('paid', 'partially_refunded', 'disputed')
    end
    and (paid_at is null) = (payment_status in ('pending', 'failed')),
    false);
end
$$;

-- The closed lists of lambdas/error-codes.ts; a row without a code is not asked for.
create function is_error_code(of_table text, code text) returns boolean
language plpgsql immutable strict parallel safe as $$
begin
  return code = 'step_broken' or case of_table
    when 'email_queue' then code in (
      'email_throttled', 'email_unavailable', 'email_unauthorised', 'email_sender_refused',
      'email_rejected', 'send_doubtful', 'attempts_exhausted', 'recipient_bounced',
      'recipient_blocked', 'recipient_dropped', 'recipient_unsubscribed')
    else code in (
      'provider_throttled', 'provider_unavailable', 'provider_out_of_credit',
      'provider_misconfigured', 'submission_uncertain', 'input_unmarked', 'input_rejected',
      'input_unavailable', 'moderation_refused', 'provider_out_of_memory', 'prediction_failed',
      'prediction_timed_out', 'prediction_canceled', 'prediction_interrupted',
      'prediction_unknown', 'poller_broken', 'output_gone', 'output_unavailable',
      'output_refused', 'output_too_large', 'output_unreadable', 'order_refunded')
      or (of_table = 'images' and code in ('upload_missing', 'upload_changed'))
  end;
end
$$;


-- ── Customers ───────────────────────────────────────────────────────────────────────────────────

create table customers (
  id uuid primary key default gen_random_uuid(),
  email varchar(255) unique not null,
  name varchar(255),
  phone varchar(50),
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  metadata jsonb default '{}'
);

create index idx_customers_email on customers (email);


-- ── What is uploaded and offered for sale ───────────────────────────────────────────────────────

create table file_uploads (
  id uuid primary key default gen_random_uuid(),
  upload_session_id varchar(255) not null,
  customer_email varchar(255),
  original_filename varchar(255) not null,
  storage_path varchar(500) not null,
  file_size_bytes bigint,
  mime_type varchar(100),
  status varchar(50) not null default 'pending',
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  expires_at timestamptz default (now() + interval '24 hours'),
  metadata jsonb default '{}',

  width integer,
  height integer,
  etag varchar(100),
  -- The first checkout that sells this photo; a checkout sells every photo whose number is not
  -- above its own.
  checkout_attempt integer,
  refusal_code varchar(50),
  -- Where the customer put it among the photos of its session, from 1.
  position integer not null default 1,

  constraint chk_upload_status check (
    status in ('pending', 'uploaded', 'moved_to_permanent', 'expired', 'deleted'))
);

create index idx_file_uploads_session_id on file_uploads (upload_session_id);
create index idx_file_uploads_expires_at on file_uploads (expires_at);
create index idx_file_uploads_status on file_uploads (status);
-- As all that end in _open: the few rows that are not done.
create index idx_uploads_open on file_uploads (expires_at) where status in ('pending', 'uploaded');

create table checkouts (
  id uuid primary key default gen_random_uuid(),
  upload_session_id varchar(255) not null,
  attempt integer not null,
  photo_count integer not null,
  unit_amount_cents integer not null,
  currency varchar(3) not null,
  -- Null until Stripe has answered.
  stripe_checkout_session_id varchar(255) unique,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),

  constraint uq_checkout_attempt unique (upload_session_id, attempt),
  constraint chk_checkout_money check (photo_count > 0 and unit_amount_cents >= 0)
);


-- ── Orders ──────────────────────────────────────────────────────────────────────────────────────

create table orders (
  id uuid primary key default gen_random_uuid(),
  order_number varchar(20) unique not null,
  customer_id uuid references customers (id),
  status varchar(50) not null default 'pending_payment',
  payment_method varchar(50),
  payment_status varchar(50) default 'pending',
  stripe_payment_intent_id varchar(255) unique,
  stripe_checkout_session_id varchar(255) unique,
  currency varchar(3) default 'USD',
  subtotal decimal(10, 2),
  discount_amount decimal(10, 2) default 0,
  tax_amount decimal(10, 2) default 0,
  total_amount decimal(10, 2) not null,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  paid_at timestamptz,
  completed_at timestamptz,
  metadata jsonb default '{}',

  -- One order per upload session, whatever the customer pays twice.
  upload_session_id varchar(255) unique,
  photo_count integer,
  -- Raised, it ends every key and link of the order.
  key_version integer not null default 1,

  constraint chk_order_status check (
    status in ('pending_payment', 'processing', 'completed', 'failed', 'refunded')),
  -- A null would let a plain comparison pass.
  constraint chk_order_payment_status check (
    payment_status is not null
    and payment_status in (
      'pending', 'paid', 'failed', 'partially_refunded', 'refunded', 'disputed')),
  constraint chk_order_states check (
    restoreclick.is_order_state(status, payment_status, paid_at)),
  constraint chk_order_money check (
    restoreclick.is_order_money(subtotal, discount_amount, tax_amount, total_amount))
);

create index idx_orders_customer_id on orders (customer_id);
create index idx_orders_status on orders (status);
create index idx_orders_order_number on orders (order_number);
create index idx_orders_open on orders (updated_at)
  where status in ('pending_payment', 'processing');
-- Which orders changed lately: reconcile looks at those.
create index idx_orders_updated_at on orders (updated_at);

-- Whether the order is to be worked on: paid for, not all of it given back, and not disputed.
create function is_payable(status text, payment_status text) returns boolean
language plpgsql immutable parallel safe as $$
begin
  return status = 'processing' and payment_status in ('paid', 'partially_refunded');
end
$$;

-- Why the photos of an order are nobody's to have at the moment: the money has not come, all of it
-- is back, or the bank has it. Null otherwise. A debit that arrives, a dispute that is won and a
-- refund that fails change the payment again.
create function withheld_because(payment_status text) returns text
language plpgsql immutable parallel safe as $$
begin
  return case when payment_status in ('pending', 'failed', 'refunded', 'disputed') then payment_status end;
end
$$;


-- ── Photos and the work on them ─────────────────────────────────────────────────────────────────

create table images (
  id uuid primary key default gen_random_uuid(),
  order_id uuid references orders (id) on delete cascade,
  type varchar(50) not null,
  status varchar(50) not null default 'pending',
  storage_bucket varchar(100) not null,
  storage_path varchar(500) not null,
  public_url text,
  file_size_bytes bigint,
  mime_type varchar(100),
  width integer,
  height integer,
  format varchar(20),
  parent_image_id uuid references images (id),
  processing_started_at timestamptz,
  processing_completed_at timestamptz,
  processing_duration_ms integer,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  metadata jsonb default '{}',

  upload_id uuid unique references file_uploads (id),
  -- What the customer called the photo; names the file they download.
  original_filename varchar(255),
  error_code varchar(50),
  -- As the upload's: photos are told of and packed in the order in which they were announced.
  position integer not null default 1,
  -- CRC-32 of a restored photo's bytes, which an archive tells before them.
  crc32 bigint,

  constraint chk_image_crc32 check (crc32 between 0 and 4294967295),
  constraint chk_image_type check (type in ('original', 'restored')),
  constraint chk_image_status check (
    status in ('pending', 'uploaded', 'processing', 'completed', 'failed')),
  constraint chk_image_error_code check (restoreclick.is_error_code('images', error_code)),
  constraint chk_restored_has_parent check ((type = 'restored') = (parent_image_id is not null))
);

create index idx_images_order_id on images (order_id);
create index idx_images_type on images (type);
create index idx_images_status on images (status);
create index idx_images_parent_image_id on images (parent_image_id);
create index idx_originals_open on images (order_id)
  where type = 'original' and status in ('pending', 'uploaded', 'processing');

-- What was sold and has neither been restored nor failed. A view is planned as its text would be; a
-- function took the planner 20 to 50 µs more, of 340.
create view open_photos as
select id, order_id, status, storage_path, upload_id
from images
where type = 'original' and status in ('pending', 'uploaded', 'processing');

create table restoration_jobs (
  id uuid primary key default gen_random_uuid(),
  original_image_id uuid references images (id) on delete cascade,
  restored_image_id uuid references images (id),
  external_provider varchar(50) not null default 'replicate',
  external_job_id varchar(255) unique,
  external_status varchar(50),
  status varchar(50) not null default 'pending',
  attempt_number integer default 1,
  max_attempts integer default 3,
  error_message text,
  error_code varchar(50),
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  queued_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  failed_at timestamptz,
  input_parameters jsonb default '{}',
  output_data jsonb default '{}',
  metadata jsonb default '{}',

  leased_until timestamptz,
  -- Not before then; null if it does not wait for a provider that asked for it.
  scheduled_for timestamptz,

  constraint chk_job_status check (
    status in ('pending', 'queued', 'processing', 'completed', 'failed', 'cancelled')),
  constraint chk_job_error_code check (restoreclick.is_error_code('restoration_jobs', error_code)),
  constraint chk_job_attempts check (
    attempt_number is not null and max_attempts is not null
    and attempt_number between 1 and max_attempts),
  -- Without its prediction nobody can poll it; without a lease nobody takes it over.
  constraint chk_job_held check (
    case status
      when 'queued' then leased_until is not null
      when 'processing' then external_job_id is not null
      else true
    end),
  constraint chk_job_restored check (status <> 'completed' or restored_image_id is not null)
);

create index idx_restoration_jobs_original_image_id on restoration_jobs (original_image_id);
create index idx_restoration_jobs_status on restoration_jobs (status);
create index idx_restoration_jobs_external_job_id on restoration_jobs (external_job_id);
create index idx_jobs_open on restoration_jobs (updated_at)
  where status in ('pending', 'queued', 'processing');
-- The line of those who wait for the provider: nearly always empty.
create index idx_jobs_waiting on restoration_jobs (scheduled_for)
  where status = 'pending' and scheduled_for is not null;
create unique index uq_live_job on restoration_jobs (original_image_id)
  where status in ('pending', 'queued', 'processing');


-- ── What customers are sent ─────────────────────────────────────────────────────────────────────

create table email_queue (
  id uuid primary key default gen_random_uuid(),
  order_id uuid references orders (id) on delete cascade,
  email_type varchar(50) not null,
  to_email varchar(255) not null,
  to_name varchar(255),
  cc_emails text[],
  status varchar(50) not null default 'pending',
  sendgrid_template_id varchar(255),
  sendgrid_message_id varchar(255),
  subject varchar(500),
  dynamic_data jsonb default '{}',
  attachments jsonb default '[]',
  attempt_number integer default 0,
  max_attempts integer default 3,
  error_message text,
  error_code varchar(50),
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  scheduled_for timestamptz default now(),
  sent_at timestamptz,
  failed_at timestamptz,
  metadata jsonb default '{}',

  leased_until timestamptz,
  -- 1, and one more for each time an order is shared.
  round integer not null default 1,

  constraint uq_email_once unique (order_id, email_type, to_email, round),
  constraint chk_email_status check (
    status in ('pending', 'sending', 'sent', 'failed', 'bounced')),
  constraint chk_email_type check (
    email_type in ('order_confirmation', 'restoration_complete', 'share_family')),
  constraint chk_email_error_code check (restoreclick.is_error_code('email_queue', error_code)),
  constraint chk_email_attempts check (
    attempt_number is not null and max_attempts is not null
    and attempt_number between 0 and max_attempts),
  constraint chk_email_lease check (status <> 'sending' or leased_until is not null),
  constraint chk_email_sent_at check (status <> 'sent' or sent_at is not null)
);

create index idx_email_queue_order_id on email_queue (order_id);
create index idx_email_queue_status on email_queue (status);
create index idx_email_queue_scheduled_for on email_queue (scheduled_for);
create index idx_email_queue_email_type on email_queue (email_type);
create index idx_emails_open on email_queue (scheduled_for) where status in ('pending', 'sending');

-- How often somebody was written to on another's word.
create index idx_emails_shared on email_queue (to_email, created_at)
  where email_type = 'share_family';

-- In lower case, as addresses are compared. The address itself is not kept: what must be remembered
-- is that it is not to be written to, even when all else about it is erased.
create function address_hash(email text) returns text
language plpgsql immutable strict parallel safe as $$
begin
  return encode(sha256(convert_to(lower(email), 'UTF8')), 'hex');
end
$$;

-- Who wants no mails that others send through us.
create table email_suppressions (
  id uuid primary key default gen_random_uuid(),
  address_hash varchar(64) unique not null,
  reason varchar(50) not null,
  created_at timestamptz not null default now(),

  constraint chk_suppression_reason check (reason in ('unsubscribed', 'complained'))
);

create table download_links (
  id uuid primary key default gen_random_uuid(),
  order_id uuid references orders (id) on delete cascade,
  token varchar(255) unique not null,
  link_type varchar(50) not null,
  target_images uuid[],
  max_downloads integer default 10,
  download_count integer default 0,
  expires_at timestamptz default (now() + interval '7 days'),
  created_at timestamptz default now(),
  last_accessed_at timestamptz,
  metadata jsonb default '{}',

  -- Of the order when the link was made: it ends with the order's keys.
  key_version integer not null default 1,
  -- A hash of whose download was counted last.
  last_viewer varchar(64),

  constraint chk_link_type check (link_type in ('single_image', 'zip_all', 'share')),
  constraint chk_link_downloads check (
    download_count is not null and max_downloads is not null
    and download_count between 0 and max_downloads)
);

create index idx_download_links_token on download_links (token);
create index idx_download_links_order_id on download_links (order_id);
create index idx_download_links_expires_at on download_links (expires_at);

-- Who packs an archive, and until when it is theirs alone: however many ask, it is built once.
create table archive_builds (
  -- Of the order and the photos.
  id uuid primary key,
  order_id uuid not null references orders (id) on delete cascade,
  holder uuid not null,
  leased_until timestamptz not null
);

create index idx_archive_builds_order_id on archive_builds (order_id);


-- ── What providers tell ─────────────────────────────────────────────────────────────────────────

-- The inbox: an event's row and its effect commit together.
create table webhook_events (
  id uuid primary key default gen_random_uuid(),
  provider varchar(50) not null,
  event_id varchar(255) not null,
  event_type varchar(100) not null,
  object_id varchar(255),
  received_at timestamptz not null default now(),
  processed_at timestamptz,

  constraint uq_webhook_event unique (provider, event_id),
  constraint chk_event_processed check (processed_at is not null)
);
