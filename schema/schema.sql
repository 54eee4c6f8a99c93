-- The whole schema as the migrations make it: tables, views, functions, rights.
-- Written by `npm run statements`. To change it, write a migration: docs/migrations.md.

create schema restoreclick;
set search_path to restoreclick;


-- ── customers ───────────────────────────────────────────────────────────────────────────────────

create table customers (
  id uuid not null default gen_random_uuid(),
  email varchar(255) not null,
  name varchar(255),
  phone varchar(50),
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  metadata jsonb default '{}',
  constraint customers_pkey primary key (id),
  constraint customers_email_key unique (email)
);
create index idx_customers_email on customers (email);
create trigger audit after insert or delete or update on customers for each row
  execute function audit('customer', 'email', 'name', 'phone', 'metadata');
create trigger refuse_truncate before truncate on customers for each statement
  execute function refuse_truncate();
create trigger touch before update on customers for each row execute function touch_updated_at();

-- ── file_uploads ────────────────────────────────────────────────────────────────────────────────

create table file_uploads (
  id uuid not null default gen_random_uuid(),
  upload_session_id varchar(255) not null,
  customer_email varchar(255),
  original_filename varchar(255) not null,
  storage_path varchar(500) not null,
  file_size_bytes bigint,
  mime_type varchar(100),
  status varchar(50) not null default 'pending',
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  expires_at timestamptz default now() + '24:00:00'::interval,
  metadata jsonb default '{}',
  width integer,
  height integer,
  etag varchar(100),
  checkout_attempt integer,
  refusal_code varchar(50),
  position integer not null default 1,
  constraint file_uploads_pkey primary key (id),
  constraint chk_upload_status
    check (status in ('pending', 'uploaded', 'moved_to_permanent', 'expired', 'deleted'))
);
create index idx_file_uploads_expires_at on file_uploads (expires_at);
create index idx_file_uploads_session_id on file_uploads (upload_session_id);
create index idx_file_uploads_status on file_uploads (status);
create index idx_uploads_open on file_uploads (expires_at) where status in ('pending', 'uploaded');
create trigger audit after insert or delete or update on file_uploads for each row
  execute function audit('file_upload', 'customer_email', 'original_filename', 'storage_path');
create trigger refuse_truncate before truncate on file_uploads for each statement
  execute function refuse_truncate();
create trigger touch before update on file_uploads for each row execute function touch_updated_at();
create trigger transition_status before insert or update of status on file_uploads for each row
  execute function enforce_transition('upload');

-- ── checkouts ───────────────────────────────────────────────────────────────────────────────────

create table checkouts (
  id uuid not null default gen_random_uuid(),
  upload_session_id varchar(255) not null,
  attempt integer not null,
  photo_count integer not null,
  unit_amount_cents integer not null,
  currency varchar(3) not null,
  stripe_checkout_session_id varchar(255),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint checkouts_pkey primary key (id),
  constraint checkouts_stripe_checkout_session_id_key unique (stripe_checkout_session_id),
  constraint uq_checkout_attempt unique (upload_session_id, attempt),
  constraint chk_checkout_money check (photo_count > 0 and unit_amount_cents >= 0)
);
create trigger audit after insert or delete or update on checkouts for each row
  execute function audit('checkout');
create trigger refuse_truncate before truncate on checkouts for each statement
  execute function refuse_truncate();
create trigger touch before update on checkouts for each row execute function touch_updated_at();

-- ── orders ──────────────────────────────────────────────────────────────────────────────────────

create table orders (
  id uuid not null default gen_random_uuid(),
  order_number varchar(20) not null,
  customer_id uuid,
  status varchar(50) not null default 'pending_payment',
  payment_method varchar(50),
  payment_status varchar(50) default 'pending',
  stripe_payment_intent_id varchar(255),
  stripe_checkout_session_id varchar(255),
  currency varchar(3) default 'USD',
  subtotal numeric(10,2),
  discount_amount numeric(10,2) default 0,
  tax_amount numeric(10,2) default 0,
  total_amount numeric(10,2) not null,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  paid_at timestamptz,
  completed_at timestamptz,
  metadata jsonb default '{}',
  upload_session_id varchar(255),
  photo_count integer,
  key_version integer not null default 1,
  constraint orders_pkey primary key (id),
  constraint orders_order_number_key unique (order_number),
  constraint orders_stripe_checkout_session_id_key unique (stripe_checkout_session_id),
  constraint orders_stripe_payment_intent_id_key unique (stripe_payment_intent_id),
  constraint orders_upload_session_id_key unique (upload_session_id),
  constraint orders_customer_id_fkey foreign key (customer_id) references customers(id),
  constraint chk_order_money
    check (is_order_money(subtotal, discount_amount, tax_amount, total_amount)),
  constraint chk_order_payment_status check (payment_status is not null and payment_status in
    ('pending', 'paid', 'failed', 'partially_refunded', 'refunded', 'disputed')),
  constraint chk_order_states check (is_order_state(status, payment_status, paid_at)),
  constraint chk_order_status
    check (status in ('pending_payment', 'processing', 'completed', 'failed', 'refunded'))
);
create index idx_orders_customer_id on orders (customer_id);
create index idx_orders_open on orders (updated_at)
  where status in ('pending_payment', 'processing');
create index idx_orders_order_number on orders (order_number);
create index idx_orders_status on orders (status);
create index idx_orders_updated_at on orders (updated_at);
create trigger audit after insert or delete or update on orders for each row
  execute function audit('order');
create trigger delete_jobs_first before delete on orders for each row
  execute function delete_jobs_first();
create trigger order_ended after update of status on orders
  for each row when (new.status = 'completed' and old.status is distinct from new.status)
  execute function check_order_ended();
create trigger refuse_truncate before truncate on orders for each statement
  execute function refuse_truncate();
create trigger touch before update on orders for each row execute function touch_updated_at();
create trigger transition_payment before insert or update of payment_status on orders for each row
  execute function enforce_transition('payment');
create trigger transition_status before insert or update of status on orders for each row
  execute function enforce_transition('order');

-- ── images ──────────────────────────────────────────────────────────────────────────────────────

create table images (
  id uuid not null default gen_random_uuid(),
  order_id uuid,
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
  parent_image_id uuid,
  processing_started_at timestamptz,
  processing_completed_at timestamptz,
  processing_duration_ms integer,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  metadata jsonb default '{}',
  upload_id uuid,
  original_filename varchar(255),
  error_code varchar(50),
  position integer not null default 1,
  crc32 bigint,
  constraint images_pkey primary key (id),
  constraint images_upload_id_key unique (upload_id),
  constraint images_order_id_fkey foreign key (order_id) references orders(id) on delete cascade,
  constraint images_parent_image_id_fkey foreign key (parent_image_id) references images(id),
  constraint images_upload_id_fkey foreign key (upload_id) references file_uploads(id),
  constraint chk_image_crc32 check (crc32 >= 0 and crc32 <= '4294967295'::bigint),
  constraint chk_image_error_code check (is_error_code('images', error_code)),
  constraint chk_image_status
    check (status in ('pending', 'uploaded', 'processing', 'completed', 'failed')),
  constraint chk_image_type check (type in ('original', 'restored')),
  constraint chk_restored_has_parent check ((type = 'restored') = (parent_image_id is not null))
);
create index idx_images_order_id on images (order_id);
create index idx_images_parent_image_id on images (parent_image_id);
create index idx_images_status on images (status);
create index idx_images_type on images (type);
create index idx_originals_open on images (order_id)
  where type = 'original' and status in ('pending', 'uploaded', 'processing');
create trigger audit after insert or delete or update on images for each row execute function
  audit('image', 'original_filename', 'storage_bucket', 'storage_path', 'processing_started_at',
  'processing_completed_at');
create trigger fixed_order before update of order_id on images
  for each row when (new.order_id is distinct from old.order_id)
  execute function refuse_change('the order');
create trigger fixed_parent before update of parent_image_id on images
  for each row when (new.parent_image_id is distinct from old.parent_image_id)
  execute function refuse_change('the parent');
create trigger fixed_type before update of type on images for each row when (new.type is distinct
  from old.type) execute function refuse_change('the type');
create trigger photo_opened after update of status on images for each row when (new.type =
  'original' and old.status in ('completed', 'failed') and new.status not in ('completed',
  'failed')) execute function check_photo_opened();
create trigger photos_added after insert on images referencing new table as added for each statement
  execute function check_photos_added();
create trigger refuse_truncate before truncate on images for each statement
  execute function refuse_truncate();
create trigger restored_parent after insert on images for each row when (new.type = 'restored')
  execute function check_restored_parent();
create trigger touch before update on images for each row execute function touch_updated_at();
create trigger transition_status before insert or update of status on images for each row
  execute function enforce_transition('image');

-- ── restoration_jobs ────────────────────────────────────────────────────────────────────────────

create table restoration_jobs (
  id uuid not null default gen_random_uuid(),
  original_image_id uuid,
  restored_image_id uuid,
  external_provider varchar(50) not null default 'replicate',
  external_job_id varchar(255),
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
  scheduled_for timestamptz,
  constraint restoration_jobs_pkey primary key (id),
  constraint restoration_jobs_external_job_id_key unique (external_job_id),
  constraint restoration_jobs_original_image_id_fkey foreign key (original_image_id)
    references images(id) on delete cascade,
  constraint restoration_jobs_restored_image_id_fkey foreign key (restored_image_id)
    references images(id),
  constraint chk_job_attempts check (attempt_number is not null and max_attempts is not null and
    attempt_number between 1 and max_attempts),
  constraint chk_job_error_code check (is_error_code('restoration_jobs', error_code)),
  constraint chk_job_held check (case status when 'queued' then leased_until is not null when
    'processing' then external_job_id is not null else true end),
  constraint chk_job_restored check (status <> 'completed' or restored_image_id is not null),
  constraint chk_job_status
    check (status in ('pending', 'queued', 'processing', 'completed', 'failed', 'cancelled'))
);
create index idx_jobs_open on restoration_jobs (updated_at)
  where status in ('pending', 'queued', 'processing');
create index idx_jobs_waiting on restoration_jobs (scheduled_for)
  where status = 'pending' and scheduled_for is not null;
create index idx_restoration_jobs_external_job_id on restoration_jobs (external_job_id);
create index idx_restoration_jobs_original_image_id on restoration_jobs (original_image_id);
create index idx_restoration_jobs_status on restoration_jobs (status);
create unique index uq_live_job on restoration_jobs (original_image_id)
  where status in ('pending', 'queued', 'processing');
create trigger audit after insert or delete or update on restoration_jobs for each row
  execute function audit('restoration_job', 'error_message', 'leased_until', 'output_data');
create trigger fixed_original before update of original_image_id on restoration_jobs
  for each row when (new.original_image_id is distinct from old.original_image_id)
  execute function refuse_change('the original');
create trigger job_images_inserted after insert on restoration_jobs for each row
  execute function check_job_images();
create trigger job_images_updated after update of restored_image_id on restoration_jobs
  for each row when (new.restored_image_id is not null and new.restored_image_id is distinct
  from old.restored_image_id) execute function check_job_images();
create trigger refuse_truncate before truncate on restoration_jobs for each statement
  execute function refuse_truncate();
create trigger touch before update on restoration_jobs for each row
  execute function touch_updated_at();
create trigger transition_status before insert or update of status on restoration_jobs for each row
  execute function enforce_transition('job');

-- ── email_queue ─────────────────────────────────────────────────────────────────────────────────

create table email_queue (
  id uuid not null default gen_random_uuid(),
  order_id uuid,
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
  round integer not null default 1,
  constraint email_queue_pkey primary key (id),
  constraint uq_email_once unique (order_id, email_type, to_email, round),
  constraint email_queue_order_id_fkey foreign key (order_id) references orders(id)
    on delete cascade,
  constraint chk_email_attempts check (attempt_number is not null and max_attempts is not null and
    attempt_number between 0 and max_attempts),
  constraint chk_email_error_code check (is_error_code('email_queue', error_code)),
  constraint chk_email_lease check (status <> 'sending' or leased_until is not null),
  constraint chk_email_sent_at check (status <> 'sent' or sent_at is not null),
  constraint chk_email_status check (status in ('pending', 'sending', 'sent', 'failed', 'bounced')),
  constraint chk_email_type
    check (email_type in ('order_confirmation', 'restoration_complete', 'share_family'))
);
create index idx_email_queue_email_type on email_queue (email_type);
create index idx_email_queue_order_id on email_queue (order_id);
create index idx_email_queue_scheduled_for on email_queue (scheduled_for);
create index idx_email_queue_status on email_queue (status);
create index idx_emails_open on email_queue (scheduled_for) where status in ('pending', 'sending');
create index idx_emails_shared on email_queue (to_email, created_at)
  where email_type = 'share_family';
create trigger audit after insert or delete or update on email_queue for each row execute function
  audit('email', 'to_email', 'to_name', 'cc_emails', 'subject', 'dynamic_data', 'error_message',
  'metadata', 'leased_until');
create trigger refuse_truncate before truncate on email_queue for each statement
  execute function refuse_truncate();
create trigger touch before update on email_queue for each row execute function touch_updated_at();
create trigger transition_status before insert or update of status on email_queue for each row
  execute function enforce_transition('email');

-- ── email_suppressions ──────────────────────────────────────────────────────────────────────────

create table email_suppressions (
  id uuid not null default gen_random_uuid(),
  address_hash varchar(64) not null,
  reason varchar(50) not null,
  created_at timestamptz not null default now(),
  constraint email_suppressions_pkey primary key (id),
  constraint email_suppressions_address_hash_key unique (address_hash),
  constraint chk_suppression_reason check (reason in ('unsubscribed', 'complained'))
);
create trigger audit after insert or delete or update on email_suppressions for each row
  execute function audit('email_suppression', 'address_hash');
create trigger refuse_truncate before truncate on email_suppressions for each statement
  execute function refuse_truncate();

-- ── download_links ──────────────────────────────────────────────────────────────────────────────

create table download_links (
  id uuid not null default gen_random_uuid(),
  order_id uuid,
  token varchar(255) not null,
  link_type varchar(50) not null,
  target_images uuid[],
  max_downloads integer default 10,
  download_count integer default 0,
  expires_at timestamptz default now() + '7 days'::interval,
  created_at timestamptz default now(),
  last_accessed_at timestamptz,
  metadata jsonb default '{}',
  key_version integer not null default 1,
  last_viewer varchar(64),
  constraint download_links_pkey primary key (id),
  constraint download_links_token_key unique (token),
  constraint download_links_order_id_fkey foreign key (order_id) references orders(id)
    on delete cascade,
  constraint chk_link_downloads check (download_count is not null and max_downloads is not null and
    download_count between 0 and max_downloads),
  constraint chk_link_type check (link_type in ('single_image', 'zip_all', 'share'))
);
create index idx_download_links_expires_at on download_links (expires_at);
create index idx_download_links_order_id on download_links (order_id);
create index idx_download_links_token on download_links (token);
create trigger audit after insert or delete or update on download_links for each row
  execute function audit('download_link', 'token', 'metadata', 'last_viewer');
create trigger refuse_truncate before truncate on download_links for each statement
  execute function refuse_truncate();

-- ── archive_builds ──────────────────────────────────────────────────────────────────────────────

create table archive_builds (
  id uuid not null,
  order_id uuid not null,
  holder uuid not null,
  leased_until timestamptz not null,
  constraint archive_builds_pkey primary key (id),
  constraint archive_builds_order_id_fkey foreign key (order_id) references orders(id)
    on delete cascade
);
create index idx_archive_builds_order_id on archive_builds (order_id);

-- ── webhook_events ──────────────────────────────────────────────────────────────────────────────

create table webhook_events (
  id uuid not null default gen_random_uuid(),
  provider varchar(50) not null,
  event_id varchar(255) not null,
  event_type varchar(100) not null,
  object_id varchar(255),
  received_at timestamptz not null default now(),
  processed_at timestamptz,
  constraint webhook_events_pkey primary key (id),
  constraint uq_webhook_event unique (provider, event_id),
  constraint chk_event_processed check (processed_at is not null)
);
create trigger audit after insert or delete or update on webhook_events for each row
  execute function audit('webhook_event', 'received_at', 'processed_at');
create trigger refuse_truncate before truncate on webhook_events for each statement
  execute function refuse_truncate();

-- ── status_transitions ──────────────────────────────────────────────────────────────────────────

create table status_transitions (
  entity varchar(50) not null,
  from_status varchar(50) not null default '',
  to_status varchar(50) not null,
  constraint status_transitions_pkey primary key (entity, from_status, to_status)
);

-- ── audit_logs ──────────────────────────────────────────────────────────────────────────────────

create table audit_logs (
  id uuid not null default gen_random_uuid(),
  entity_type varchar(50) not null,
  entity_id uuid not null,
  action varchar(50) not null,
  old_values jsonb,
  new_values jsonb,
  changed_fields text[],
  performed_by varchar(255),
  ip_address inet,
  user_agent text,
  created_at timestamptz default now(),
  metadata jsonb default '{}',
  constraint audit_logs_pkey primary key (id)
);
create index idx_audit_logs_action on audit_logs (action);
create index idx_audit_logs_created_at on audit_logs (created_at);
create index idx_audit_logs_created_at_brin on audit_logs using brin (created_at);
create index idx_audit_logs_entity on audit_logs (entity_type, entity_id);
create trigger refuse_rewrite before delete or update on audit_logs for each row
  execute function refuse_rewrite();
create trigger refuse_truncate before truncate on audit_logs for each statement
  execute function refuse_truncate();

-- ── audit_archive ───────────────────────────────────────────────────────────────────────────────

create table audit_archive (
  id uuid not null,
  entity_type varchar(50) not null,
  entity_id uuid not null,
  action varchar(50) not null,
  old_values jsonb,
  new_values jsonb,
  changed_fields text[],
  performed_by varchar(255),
  ip_address inet,
  user_agent text,
  created_at timestamptz not null,
  metadata jsonb
) partition by range (created_at);
create index idx_audit_archive_created_at_brin on audit_archive using brin (created_at);
create index idx_audit_archive_deleted on audit_archive (entity_type) where action = 'deleted';
create index idx_audit_archive_entity on audit_archive (entity_type, entity_id);
create trigger refuse_rewrite before delete or update on audit_archive for each row
  execute function refuse_rewrite();
create trigger refuse_truncate before truncate on audit_archive for each statement
  execute function refuse_truncate();

-- ── legal moves ─────────────────────────────────────────────────────────────────────────────────

insert into status_transitions (entity, from_status, to_status) values
  ('email', '', 'pending'),
  ('email', 'failed', 'pending'), ('email', 'failed', 'sent'),
  ('email', 'pending', 'failed'), ('email', 'pending', 'sending'), ('email', 'pending', 'sent'),
  ('email', 'sending', 'bounced'), ('email', 'sending', 'failed'), ('email', 'sending', 'pending'),
    ('email', 'sending', 'sent'),
  ('email', 'sent', 'bounced'), ('email', 'sent', 'failed'), ('email', 'sent', 'pending'),
  ('job', '', 'pending'),
  ('job', 'failed', 'pending'),
  ('job', 'pending', 'cancelled'), ('job', 'pending', 'failed'), ('job', 'pending', 'queued'),
  ('job', 'processing', 'cancelled'), ('job', 'processing', 'completed'), ('job', 'processing',
    'failed'), ('job', 'processing', 'pending'),
  ('job', 'queued', 'cancelled'), ('job', 'queued', 'failed'), ('job', 'queued', 'pending'), ('job',
    'queued', 'processing'),
  ('order', '', 'pending_payment'), ('order', '', 'processing'),
  ('order', 'completed', 'processing'), ('order', 'completed', 'refunded'),
  ('order', 'failed', 'processing'), ('order', 'failed', 'refunded'),
  ('order', 'pending_payment', 'failed'), ('order', 'pending_payment', 'processing'), ('order',
    'pending_payment', 'refunded'),
  ('order', 'processing', 'completed'), ('order', 'processing', 'failed'), ('order', 'processing',
    'refunded'),
  ('order', 'refunded', 'completed'),
  ('original', '', 'pending'),
  ('original', 'completed', 'processing'),
  ('original', 'failed', 'pending'), ('original', 'failed', 'processing'), ('original', 'failed',
    'uploaded'),
  ('original', 'pending', 'failed'), ('original', 'pending', 'uploaded'),
  ('original', 'processing', 'completed'), ('original', 'processing', 'failed'),
  ('original', 'uploaded', 'failed'), ('original', 'uploaded', 'processing'),
  ('payment', '', 'paid'), ('payment', '', 'pending'),
  ('payment', 'disputed', 'paid'), ('payment', 'disputed', 'partially_refunded'), ('payment',
    'disputed', 'refunded'),
  ('payment', 'paid', 'disputed'), ('payment', 'paid', 'partially_refunded'), ('payment', 'paid',
    'refunded'),
  ('payment', 'partially_refunded', 'disputed'), ('payment', 'partially_refunded', 'paid'),
    ('payment', 'partially_refunded', 'refunded'),
  ('payment', 'pending', 'failed'), ('payment', 'pending', 'paid'),
  ('payment', 'refunded', 'paid'), ('payment', 'refunded', 'partially_refunded'),
  ('restored', '', 'completed'),
  ('upload', '', 'pending'),
  ('upload', 'pending', 'deleted'), ('upload', 'pending', 'expired'), ('upload', 'pending',
    'uploaded'),
  ('upload', 'uploaded', 'deleted'), ('upload', 'uploaded', 'expired'), ('upload', 'uploaded',
    'moved_to_permanent');

-- ── views and sequences ─────────────────────────────────────────────────────────────────────────

create view open_photos as select id, order_id, status, storage_path, upload_id from images
  where type = 'original' and status in ('pending', 'uploaded', 'processing');
create sequence order_number_seq;

-- ── functions ───────────────────────────────────────────────────────────────────────────────────

create function address_hash(email text)
returns text
language plpgsql
immutable parallel safe strict
as $$
begin
  return encode(sha256(convert_to(lower(email), 'UTF8')), 'hex');
end
$$;

create function archive_audit(before timestamptz, batch integer default 1000)
returns integer
language plpgsql
security definer
set search_path to 'restoreclick', 'pg_temp'
set "timezone" to 'UTC'
as $$
declare
  month timestamptz;
  partition text;
  moved integer;
begin
  if not pg_try_advisory_xact_lock(hashtext('restoreclick.audit_archive')) then return 0; end if;
  -- The batch is of one month, so that it needs one partition.
  select date_trunc('month', min(created_at)) into month from audit_logs where created_at < before;
  if month is null then return 0; end if;
  partition := 'audit_archive_' || to_char(month, 'YYYY_MM');
  if to_regclass(partition) is null then
    -- Attached, because making it as a partition would lock out whoever reads the archive.
    execute format('create table %I (like audit_archive)', partition);
    execute format(
      'alter table audit_archive attach partition %I for values from (%L) to (%L)',
      partition, month, month + interval '1 month');
    -- A partition is given the row triggers of its parent, and not this one.
    execute format(
      'create trigger refuse_truncate before truncate on %I execute function refuse_truncate()',
      partition);
  end if;
  perform set_config('restoreclick.archiving', 'on', true);
  with oldest as (
    select id from audit_logs
    where created_at < least(before, month + interval '1 month')
    order by created_at
    limit batch
  ),
  gone as (
    delete from audit_logs using oldest where audit_logs.id = oldest.id returning audit_logs.*
  )
  insert into audit_archive select * from gone;
  get diagnostics moved = row_count;
  perform set_config('restoreclick.archiving', '', true);
  return moved;
end
$$;

create function archived_months()
returns table(month text, row_count bigint, bytes bigint)
language sql
stable
set search_path to 'restoreclick', 'pg_temp'
set "timezone" to 'UTC'
as $$
  select
    to_char(part.since, 'YYYY-MM'),
    (select count(*) from audit_archive
     where created_at >= part.since and created_at < part.since + interval '1 month'),
    pg_total_relation_size(part.id)
  from (
    select pg_class.oid as id, to_timestamp(right(relname, 7), 'YYYY_MM') as since
    from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'audit_archive'::regclass
  ) as part
  order by part.since
$$;

create function audit()
returns trigger
language plpgsql
security definer
set search_path to 'restoreclick', 'pg_temp'
as $$
begin
  perform record_change(tg_argv[0], to_jsonb(old), to_jsonb(new), tg_argv[1:]);
  return null;
end
$$;

create function check_job_images()
returns trigger
language plpgsql
as $$
begin
  if not exists (
    select from restoreclick.images where id = new.original_image_id and type = 'original'
  ) then
    raise exception 'job %: image % is not an original', new.id, new.original_image_id
      using errcode = 'RC005';
  end if;
  if new.restored_image_id is not null and not exists (
    select from restoreclick.images
    where id = new.restored_image_id and parent_image_id = new.original_image_id
  ) then
    raise exception 'job %: restored image % is not made of original %',
      new.id, new.restored_image_id, new.original_image_id
      using errcode = 'RC005';
  end if;
  return null;
end
$$;

create function check_order_ended()
returns trigger
language plpgsql
as $$
begin
  if current_setting('transaction_isolation') = 'repeatable read' then
    raise exception
      'order % cannot be % in REPEATABLE READ, which may not see a photo being opened',
      new.id, new.status
      using errcode = 'RC006';
  end if;
  if exists (select from restoreclick.open_photos where order_id = new.id) then
    raise exception 'order % cannot be %: a photo of it is still open', new.id, new.status
      using errcode = 'RC006';
  end if;
  return null;
end
$$;

create function check_photo_opened()
returns trigger
language plpgsql
as $$
declare
  order_status text;
begin
  if current_setting('transaction_isolation') = 'serializable' then
    select status into order_status from restoreclick.orders where id = new.order_id for share;
  else
    update restoreclick.orders set updated_at = updated_at where id = new.order_id
    returning status into order_status;
  end if;
  if order_status = 'completed' then
    raise exception 'image % cannot be %: its order % is completed', new.id, new.status, new.order_id
      using errcode = 'RC006';
  end if;
  return null;
end
$$;

create function check_photos_added()
returns trigger
language plpgsql
as $$
declare
  ordered record;
begin
  if current_setting('transaction_isolation') <> 'serializable' then
    update restoreclick.orders set updated_at = updated_at
    where id in (select order_id from added where type = 'original');
  end if;
  for ordered in
    select id, status from restoreclick.orders
    where id in (select order_id from added where type = 'original')
    for share
  loop
    if ordered.status = 'completed' then
      raise exception 'order % is completed: no photo can come to it', ordered.id
        using errcode = 'RC006';
    end if;
  end loop;
  return null;
end
$$;

create function check_restored_parent()
returns trigger
language plpgsql
as $$
begin
  if not exists (
    select from restoreclick.images as parent
    where parent.id = new.parent_image_id and parent.type = 'original'
      and parent.order_id is not distinct from new.order_id
  ) then
    raise exception 'restored image %: its parent % is not an original of the same order',
      new.id, new.parent_image_id
      using errcode = 'RC005';
  end if;
  return null;
end
$$;

create function delete_jobs_first()
returns trigger
language plpgsql
as $$
begin
  delete from restoreclick.restoration_jobs as job
  using restoreclick.images
  where images.order_id = old.id and job.original_image_id = images.id;
  return old;
end
$$;

create function derived_id(parent text, child text)
returns uuid
language plpgsql
immutable parallel safe
as $$
declare
  id bytea := substring(sha256(convert_to(parent || '/' || child, 'UTF8')) from 1 for 16);
begin
  return encode(
    set_byte(set_byte(id, 6, (get_byte(id, 6) & 15) | 128), 8, (get_byte(id, 8) & 63) | 128),
    'hex')::uuid;
end
$$;

create function drop_archive(wanted_month text, known_rows bigint)
returns bigint
language plpgsql
set search_path to 'restoreclick', 'pg_temp'
set "timezone" to 'UTC'
as $$
declare
  actor text := nullif(current_setting('app.actor', true), '');
  since timestamptz := to_timestamp(wanted_month, 'YYYY-MM');
  partition text := 'audit_archive_' || to_char(since, 'YYYY_MM');
  found bigint;
begin
  if actor is null then
    raise exception 'dropping a month of the archive needs an actor' using errcode = 'RC002';
  end if;
  perform pg_advisory_xact_lock(hashtext('restoreclick.audit_archive'));
  if to_regclass(partition) is null then
    raise exception 'the archive has no month %', wanted_month using errcode = 'RC003';
  end if;
  if exists (
    select from audit_logs where created_at >= since and created_at < since + interval '1 month'
  ) then
    raise exception 'the month % is still moving to the archive', wanted_month
      using errcode = 'RC003';
  end if;
  execute format('select count(*) from %I', partition) into found;
  if found is distinct from known_rows then
    raise exception 'the month % has % rows, and not %', wanted_month, found, known_rows
      using errcode = 'RC003';
  end if;
  execute format('drop table %I', partition);
  insert into audit_logs (entity_type, entity_id, action, old_values, performed_by)
  values (
    'audit_archive', derived_id('audit_archive', wanted_month), 'dropped',
    jsonb_build_object('month', wanted_month, 'rows', found), actor);
  return found;
end
$$;

create function enforce_transition()
returns trigger
language plpgsql
as $$
declare
  subject text := tg_argv[0];
  was text;
  becomes text;
begin
  if subject = 'payment' then
    was := old.payment_status;
    becomes := new.payment_status;
  else
    was := old.status;
    becomes := new.status;
  end if;
  if was = becomes then return new; end if;
  if subject = 'image' then subject := new.type; end if;
  if not exists (
    select from restoreclick.status_transitions as legal
    where legal.entity = subject and legal.from_status = coalesce(was, '')
      and legal.to_status = becomes
  ) then
    raise exception '% % cannot go from % to %', subject, new.id, coalesce(was, '(new)'), becomes
      using errcode = 'RC001', hint = 'The legal moves are in restoreclick.status_transitions.';
  end if;
  -- Nested, because only an order has paid_at.
  if subject = 'order' and was = 'failed' and becomes = 'processing' then
    if new.paid_at is null then
      raise exception 'order % cannot go from failed to processing: it was never paid', new.id
        using errcode = 'RC001';
    end if;
  end if;
  return new;
end
$$;

create function explain_order(wanted_number text)
returns table(at timestamptz, actor text, what text)
language sql
stable
as $$
  select
    history.at,
    history.actor,
    case history.entity
      when 'webhook_event' then 'event'
      when 'file_upload' then 'photo upload'
      when 'restoration_job' then 'restoration job'
      when 'download_link' then 'download link'
      else history.entity
    end
    || ' ' || left(history.entity_id::text, 8) || ' '
    || case history.action
      when 'created' then coalesce(
        'came from ' || (history.new_values ->> 'provider') || ': '
          || (history.new_values ->> 'event_type'),
        'came into being' || coalesce(' as ' || (history.new_values ->> 'status'), ''))
      when 'deleted' then 'was deleted'
      when 'status_changed' then concat_ws(
        ', ',
        'went from ' || (history.old_values ->> 'status')
          || ' to ' || (history.new_values ->> 'status'),
        'its payment went from ' || (history.old_values ->> 'payment_status')
          || ' to ' || (history.new_values ->> 'payment_status'))
      else 'changed ' || (
        select string_agg(
          field || coalesce(' to ' || (history.new_values ->> field), ''), ', ' order by field)
        from unnest(history.changed_fields) as field)
    end
    || coalesce(' because of ' || (history.new_values ->> 'error_code'), '')
  from restoreclick.order_history(wanted_number) as history
$$;

create function is_error_code(of_table text, code text)
returns boolean
language plpgsql
immutable parallel safe strict
as $$
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

create function is_order_money(subtotal numeric, discount numeric, tax numeric, total numeric)
returns boolean
language plpgsql
immutable parallel safe
as $$
begin
  -- Unknown if any of them is null, which `least` would pass over. Not a number equals itself and
  -- is above all that are.
  return coalesce(total = subtotal - discount + tax, false)
    and least(subtotal, discount, tax, total) >= 0 and total <> 'NaN';
end
$$;

create function is_order_state(status text, payment_status text, paid_at timestamptz)
returns boolean
language plpgsql
immutable parallel safe
as $$
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

create function is_payable(status text, payment_status text)
returns boolean
language plpgsql
immutable parallel safe
as $$
begin
  return status = 'processing' and payment_status in ('paid', 'partially_refunded');
end
$$;

create function may_act(role name, actor text)
returns boolean
language plpgsql
immutable parallel safe
as $$
begin
  return case role
    when 'restoreclick_public_read' then false
    when 'restoreclick_public_write' then actor in (
      'upload/create-session', 'payment/create-checkout', 'order/share-order',
      'download/create-link', 'download/open-link', 'email/unsubscribe')
    when 'restoreclick_work' then actor in (
      'upload/record-upload', 'upload/expire-uploads', 'payment/place-order',
      'payment/keep-original', 'payment/settle-payment', 'restoration/submit-job',
      'restoration/store-restored', 'restoration/fail-attempt', 'restoration/complete-order',
      'email/send-email', 'email/receive-sendgrid-events', 'download/build-archive',
      'operations/reconcile')
    else true
  end;
end
$$;

create function next_order_number()
returns varchar
language plpgsql
as $$
declare
  n bigint := nextval('restoreclick.order_number_seq');
begin
  return to_char(restoreclick.present() at time zone 'UTC', 'YYYYMMDD') || '-'
    || case when n < 1000000 then lpad(n::text, 6, '0') else n::text end;
end
$$;

create function order_history(wanted_number text)
returns table(at timestamptz, entity text, entity_id uuid, action text, old_values jsonb, new_values
  jsonb, changed_fields text[], actor text)
language sql
stable
set search_path to 'restoreclick', 'pg_temp'
as $$
  with log as not materialized (
    select * from audit_logs union all select * from audit_archive
  ),
  -- Few: no role of the steps deletes.
  gone as materialized (
    select entity_type, entity_id, old_values from log where action = 'deleted'
  ),
  wanted as (
    select id, customer_id, upload_session_id from orders where order_number = wanted_number
    union all
    select entity_id, (old_values ->> 'customer_id')::uuid, old_values ->> 'upload_session_id'
    from gone where entity_type = 'order' and old_values ->> 'order_number' = wanted_number
  ),
  photo as (
    select images.id from wanted join images on images.order_id = wanted.id
    union all
    select entity_id
    from wanted join gone on entity_type = 'image' and old_values ->> 'order_id' = wanted.id::text
  ),
  concerned (entity, id) as materialized (
    select 'order', id from wanted
    union all
    select 'customer', customer_id from wanted
    union all
    select 'image', id from photo
    union all
    select 'restoration_job', job.id
    from photo join restoration_jobs as job on job.original_image_id = photo.id
    union all
    select entity_type, entity_id
    from photo
    join gone on entity_type = 'restoration_job'
      and old_values ->> 'original_image_id' = photo.id::text
    union all
    select 'email', email.id from wanted join email_queue as email on email.order_id = wanted.id
    union all
    select 'download_link', link.id
    from wanted join download_links as link on link.order_id = wanted.id
    union all
    select entity_type, entity_id
    from wanted
    join gone on entity_type in ('email', 'download_link')
      and old_values ->> 'order_id' = wanted.id::text
    union all
    select 'file_upload', upload.id
    from wanted
    join file_uploads as upload on upload.upload_session_id = wanted.upload_session_id
    union all
    select 'checkout', checkout.id
    from wanted join checkouts as checkout on checkout.upload_session_id = wanted.upload_session_id
    union all
    select entity_type, entity_id
    from wanted
    join gone on entity_type in ('file_upload', 'checkout')
      and old_values ->> 'upload_session_id' = wanted.upload_session_id
  ),
  own as materialized (
    select log.*
    from concerned
    join log on log.entity_type = concerned.entity and log.entity_id = concerned.id
  ),
  -- A customer may have come with an earlier order.
  moment as (select distinct created_at, performed_by from own where entity_type <> 'customer'),
  heard as (
    select log.*
    from moment
    join log on log.created_at = moment.created_at and log.performed_by = moment.performed_by
    where log.entity_type = 'webhook_event'
      -- SendGrid tells of many orders' emails at once.
      and (log.new_values ->> 'provider' = 'stripe'
        or log.new_values ->> 'object_id' in (
          select id::text from concerned where entity = 'email'))
  )
  select
    created_at, entity_type::text, entity_id, action::text, old_values, new_values, changed_fields,
    performed_by::text
  from (select * from own union all select * from heard) as told
  order by created_at, id
$$;

create function present()
returns timestamptz
language plpgsql
stable parallel safe
as $$
begin
  return now()
    + coalesce(nullif(current_setting('restoreclick.clock_offset', true), '')::interval, interval '0');
end
$$;

create function record_change(entity text, before jsonb, after jsonb, hidden text[])
returns void
language plpgsql
as $$
declare
  fields text[];
  old_values jsonb;
  new_values jsonb;
  microseconds bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
  if coalesce(current_setting('app.actor', true), '') = '' then
    raise exception
      'a write of a % needs an actor: select set_config(''app.actor'', ''…'', true) in its transaction',
      entity
      using errcode = 'RC002';
  end if;
  if not may_act(session_user, current_setting('app.actor')) then
    raise exception '% may not act as %', session_user, current_setting('app.actor')
      using errcode = 'RC007', hint = 'Whose step is whose is in restoreclick.may_act.';
  end if;
  if before is not null and after is not null then
    select
      array_agg(key order by key),
      jsonb_object_agg(key, before -> key)
        filter (where key <> all (hidden) and before -> key <> all (unsaid)),
      jsonb_object_agg(key, value)
        filter (where key <> all (hidden) and value <> all (unsaid))
    into fields, old_values, new_values
    from jsonb_each(after)
    cross join (select array['null', '{}', '[]', to_jsonb(now())]) as said (unsaid)
    where value <> before -> key and key <> 'updated_at';
    if fields is null then return; end if;
  else
    hidden := hidden || array[
      'id', 'created_at', 'updated_at',
      case coalesce(after, before) -> 'metadata' when '{}' then 'metadata' end];
    old_values := jsonb_strip_nulls(before - hidden);
    new_values := jsonb_strip_nulls(after - hidden);
  end if;
  insert into restoreclick.audit_logs (
    id, entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by,
    ip_address, user_agent, metadata)
  values (
    -- In order of time (UUIDv7, RFC 9562): 10 million random ids would each touch a page of their
    -- own. Milliseconds, the version, and the microseconds in the place that it leaves to them: an
    -- order's story tells what one transaction did in the order it did it.
    encode(
      overlay(
        uuid_send(gen_random_uuid())
        placing int8send(microseconds / 1000 << 16 | (7 << 12) | (microseconds % 1000 * 4))
        from 1 for 8),
      'hex')::uuid,
    entity,
    -- Under its old id, if it is given another: that is where its story is.
    (coalesce(before, after) ->> 'id')::uuid,
    case
      when before is null then 'created'
      when after is null then 'deleted'
      when fields && array['status', 'payment_status'] then 'status_changed'
      else 'updated'
    end,
    old_values,
    new_values,
    fields,
    current_setting('app.actor'),
    nullif(current_setting('app.ip_address', true), '')::inet,
    nullif(current_setting('app.user_agent', true), ''),
    null);
end
$$;

create function refuse_change()
returns trigger
language plpgsql
as $$
begin
  raise exception '% of % % never changes', tg_argv[0], tg_table_name, old.id
    using errcode = 'RC004';
end
$$;

create function refuse_rewrite()
returns trigger
language plpgsql
as $$
begin
  if current_setting('restoreclick.archiving', true) is distinct from 'on' then
    raise exception '% of % is refused: history is not rewritten', lower(tg_op), tg_table_name
      using errcode = 'RC003';
  end if;
  return case tg_op when 'DELETE' then old else new end;
end
$$;

create function refuse_truncate()
returns trigger
language plpgsql
as $$
begin
  raise exception 'truncate of % is refused: it would leave no trace', tg_table_name
    using errcode = 'RC003';
end
$$;

create function touch_updated_at()
returns trigger
language plpgsql
as $$
begin
  new.updated_at := restoreclick.present();
  return new;
end
$$;

create function withheld_because(payment_status text)
returns text
language plpgsql
immutable parallel safe
as $$
begin
  return case when payment_status in ('pending', 'failed', 'refunded', 'disputed') then payment_status end;
end
$$;

-- ── rights ──────────────────────────────────────────────────────────────────────────────────────

grant execute on function archive_audit to restoreclick_work;
grant insert, select on customers to restoreclick_work;
grant insert, select on download_links to restoreclick_work;
grant insert, select on email_queue to restoreclick_public_write;
grant insert, select on email_suppressions to restoreclick_public_write;
grant insert, select on email_suppressions to restoreclick_work;
grant insert, select on webhook_events to restoreclick_work;
grant insert, select, update on archive_builds to restoreclick_work;
grant insert, select, update on checkouts to restoreclick_public_write;
grant insert, select, update on download_links to restoreclick_public_write;
grant insert, select, update on email_queue to restoreclick_work;
grant insert, select, update on file_uploads to restoreclick_public_write;
grant insert, select, update on images to restoreclick_work;
grant insert, select, update on orders to restoreclick_work;
grant insert, select, update on restoration_jobs to restoreclick_work;
grant select on checkouts to restoreclick_public_read;
grant select on checkouts to restoreclick_work;
grant select on file_uploads to restoreclick_public_read;
grant select on images to restoreclick_public_read;
grant select on images to restoreclick_public_write;
grant select on open_photos to restoreclick_work;
grant select on orders to restoreclick_public_read;
grant select on orders to restoreclick_public_write;
grant select on status_transitions to restoreclick_public_write;
grant select on status_transitions to restoreclick_work;
grant select, update on file_uploads to restoreclick_work;
grant usage on schema restoreclick to restoreclick_public_read;
grant usage on schema restoreclick to restoreclick_public_write;
grant usage on schema restoreclick to restoreclick_work;
grant usage on sequence order_number_seq to restoreclick_work;
revoke execute on function archive_audit from public;
revoke execute on function archived_months from public;
revoke execute on function drop_archive from public;
revoke execute on function record_change from public;
