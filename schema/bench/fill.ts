/**
 * Fills a migrated database with orders of two years: legal rows in the states that a shop at work
 * has, by bulk SQL.
 */
import type { PoolClient } from 'pg';

/** How many orders have ten photos, and a hundred. */
const orders = `
  create temp table made as
  select
    i, md5('order' || i)::uuid as id, md5('session' || i)::uuid::text as session, i % greatest(1, :orders * 2 / 3) as customer,
    case when i % 2500 = 0 then 100 when i % 500 = 250 then 10 else 1 + i % 4 end as photos,
    case
      when i > :orders * 99 / 100 then 'processing'
      when i % 50 = 7 then 'refunded'
      when i % 75 = 11 then 'failed'
      else 'completed'
    end as status,
    -- The last hundredth is under way, its audit rows are not of the future; everything else is
    -- spread over two years.
    case when i > :orders * 99 / 100 then now() - interval '10 minutes'
      else now() - interval '1 day' - (:orders - i) * (interval '2 years' / :orders) end as at
  from generate_series(1, :orders) as i`;

const photos = `
  create temp table made_photo as
  select
    made.*, j, md5('original' || i || '/' || j)::uuid as original, md5('restored' || i || '/' || j)::uuid as restored,
    md5('upload' || i || '/' || j)::uuid as upload, md5('job' || i || '/' || j)::uuid as job,
    case
      when status = 'processing' then (array['pending', 'uploaded', 'processing', 'processing'])[1 + i % 4]
      when status = 'failed' then 'failed'
      else 'completed'
    end as photo,
    case
      when status = 'processing' then (array[null, 'pending', 'queued', 'processing'])[1 + i % 4]
      when status = 'failed' then 'failed'
      else 'completed'
    end as work
  from made cross join lateral generate_series(1, made.photos) as j`;

/** Each may use `made` and `made_photo`. */
const rows = [
  `insert into customers (id, email, name, created_at)
   select md5('customer' || c)::uuid, md5('customer' || c) || '@example.com', 'Customer ' || c, now() - interval '2 years'
   from generate_series(0, greatest(1, :orders * 2 / 3) - 1) as c`,
  `insert into orders (id, order_number, customer_id, status, payment_method, payment_status, paid_at, stripe_payment_intent_id,
     stripe_checkout_session_id, upload_session_id, photo_count, subtotal, total_amount, created_at, updated_at, completed_at)
   select id, to_char(at, 'YYYYMMDD') || '-' || lpad(i::text, greatest(6, length(i::text)), '0'), md5('customer' || customer)::uuid, status, 'card',
     case status when 'refunded' then 'refunded' else 'paid' end, at, 'pi_' || md5('intent' || i), 'cs_' || md5('checkout' || i),
     session, photos, 4.99 * photos, 4.99 * photos, at, at, case when status in ('completed', 'refunded') then at + interval '3 minutes' end
   from made`,
  `insert into file_uploads (id, upload_session_id, customer_email, original_filename, storage_path, file_size_bytes, mime_type, status,
     created_at, updated_at, expires_at, width, height, etag, checkout_attempt)
   select upload, session, md5('customer' || customer) || '@example.com', 'photo ' || j || '.jpg', 'uploads/temp/' || session || '/' || upload || '.jpg',
     2000000, 'image/jpeg', case photo when 'pending' then 'uploaded' else 'moved_to_permanent' end, at, at, at + interval '30 days', 3000, 2000,
     md5('etag' || upload), 1
   from made_photo`,
  // Three sessions in ten never came to an order.
  `insert into file_uploads (id, upload_session_id, original_filename, storage_path, file_size_bytes, mime_type, status, created_at, updated_at, expires_at)
   select md5('left' || i || '/' || j)::uuid, md5('left' || i)::uuid::text, 'photo ' || j || '.jpg', 'uploads/temp/left-' || i || '/' || j || '.jpg', 2000000,
     'image/jpeg', 'expired', at, at, at + interval '1 day'
   from made cross join generate_series(1, 2) as j where i % 10 < 3`,
  `insert into images (id, order_id, type, status, storage_bucket, storage_path, file_size_bytes, mime_type, format, width, height, upload_id,
     original_filename, created_at, updated_at, processing_started_at, processing_completed_at)
   select original, id, 'original', photo, 'originals', 'uploads/originals/' || id || '/' || original || '.jpg', 2000000, 'image/jpeg', 'jpg', 3000,
     2000, upload, 'photo ' || j || '.jpg', at, at, case when photo in ('processing', 'completed') then at end, case when photo = 'completed' then at end
   from made_photo`,
  `insert into images (id, order_id, type, status, storage_bucket, storage_path, file_size_bytes, mime_type, format, width, height, parent_image_id,
     original_filename, created_at, updated_at, processing_started_at, processing_completed_at)
   select restored, id, 'restored', 'completed', 'restored', 'uploads/restored/' || id || '/' || original || '.png', 5000000, 'image/png', 'png', 3000,
     2000, original, 'photo ' || j || '.jpg', at, at, at, at
   from made_photo where photo = 'completed'`,
  `insert into restoration_jobs (id, original_image_id, restored_image_id, external_job_id, external_status, status, created_at, updated_at, queued_at,
     started_at, completed_at, failed_at, error_code, leased_until, input_parameters)
   select job, original, case work when 'completed' then restored end, case when work in ('completed', 'failed', 'processing') then md5(job::text) end,
     case work when 'completed' then 'succeeded' when 'failed' then 'failed' end, work, at, at, at, at,
     case work when 'completed' then at end, case work when 'failed' then at end, case work when 'failed' then 'prediction_failed' end,
     case work when 'queued' then now() + interval '5 minutes' end, '{"output_format": "png"}'
   from made_photo where work is not null`,
  `insert into email_queue (id, order_id, email_type, to_email, status, sendgrid_message_id, subject, attempt_number, created_at, updated_at,
     scheduled_for, sent_at)
   select md5(kind || i)::uuid, id, kind, md5('customer' || customer) || '@example.com', 'sent', md5('message' || kind || i), 'About your order', 1, at, at, at, at
   from made cross join unnest(array['order_confirmation', 'restoration_complete', 'share_family']) as kind
   where kind = 'order_confirmation' or (kind = 'restoration_complete' and status <> 'processing')
     or (i % 10 = 3 and status = 'completed')`,
  `insert into download_links (id, order_id, token, link_type, target_images, expires_at, created_at)
   select md5('zip' || i)::uuid, id, encode(sha256(convert_to('zip' || i, 'UTF8')), 'hex'), 'zip_all', array_agg(restored),
     now() + interval '7 days', min(at)
   from made_photo where photo = 'completed' group by i, id`,
  `insert into checkouts (id, upload_session_id, attempt, photo_count, unit_amount_cents, currency, stripe_checkout_session_id, created_at, updated_at)
   select md5('sale' || i)::uuid, session, 1, photos, 499, 'USD', 'cs_' || md5('checkout' || i), at, at from made`,
  `insert into webhook_events (id, provider, event_id, event_type, object_id, received_at, processed_at)
   select md5(provider || i)::uuid, provider, 'evt_' || md5(provider || i), 'checkout.session.completed', 'cs_' || md5('checkout' || i), at, at
   from made cross join unnest(array['stripe', 'sendgrid']) as provider`,
  // Ten rows an order, of the kinds that an order leaves, their ids in order of time.
  `insert into audit_logs (id, entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by, created_at)
   select overlay(
       overlay(md5('audit' || i || '/' || k) placing '7' from 13)
       placing lpad(to_hex((extract(epoch from at + k * interval '20 seconds') * 1000)::int8), 12, '0') from 1 for 12)::uuid,
     (array['order', 'image', 'restoration_job', 'email', 'file_upload'])[1 + k % 5],
     case k % 5 when 0 then id else md5((array['original', 'job', 'order_confirmation', 'upload'])[k % 5] || i || case k % 5 when 3 then '' else '/1' end)::uuid end,
     case when k < 6 then 'created' else 'status_changed' end,
     case when k > 5 then '{"status": "processing"}'::jsonb end,
     case when k > 5 then '{"status": "completed"}'::jsonb
       else jsonb_build_object('status', 'processing', 'order_id', id, 'width', 3000, 'storage_bucket', 'originals', 'total_amount', 4.99) end,
     case when k > 5 then array['processing_completed_at', 'status'] end, 'restoration/store-restored', at + k * interval '20 seconds'
   from made cross join generate_series(1, 10) as k`,
];

/**
 * Fills the database, builds the indexes afterwards, and gathers the planner's statistics.
 * @param client a superuser's, who may leave the triggers out; CHECK and UNIQUE hold all the same
 */
export async function fill(client: PoolClient, howMany: number): Promise<void> {
  await client.query(
    `set search_path = restoreclick; set session_replication_role = replica; set work_mem = '128MB'`,
  );
  await client.query(`set maintenance_work_mem = '512MB'`);
  const indexes = await dropIndexes(client);
  for (const sql of [orders, photos, 'analyze made', 'analyze made_photo', ...rows]) {
    await client.query(sql.replaceAll(':orders', `${howMany}::int`));
  }
  for (const index of indexes) await client.query(index);
  await client.query(`select setval('order_number_seq', ${howMany}); drop table made, made_photo`);
  await client.query('vacuum analyze');
  await client.query('checkpoint');
  await client.query('reset all');
}

/**
 * The indexes that stand behind no constraint: building them once is several times faster.
 * @returns how to make them again
 */
async function dropIndexes(client: PoolClient): Promise<string[]> {
  const { rows: found } = await client.query<{ name: string; definition: string }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
     from pg_index join pg_class on pg_class.oid = indexrelid
     where relnamespace = 'restoreclick'::regnamespace and relkind = 'i' and not relispartition
       and not exists (select from pg_constraint where conindid = indexrelid)`,
  );
  for (const { name } of found) await client.query(`drop index ${name}`);
  return found.map(({ definition }) => definition);
}
