-- The states of an order and of all that hangs on it: every legal move is a row, and a trigger
-- refuses the others.

set local search_path to restoreclick;

-- A row without from_status is a state that an entity may begin in.
create table status_transitions (
  entity varchar(50) not null,
  from_status varchar(50) not null default '',
  to_status varchar(50) not null,
  primary key (entity, from_status, to_status)
);

insert into status_transitions (entity, from_status, to_status)
select entity, from_status, unnest(string_to_array(targets, ' '))
from (values
  ('upload', '', 'pending'),
  ('upload', 'pending', 'uploaded deleted expired'),
  ('upload', 'uploaded', 'moved_to_permanent expired deleted'),
  ('order', '', 'pending_payment processing'),
  ('order', 'pending_payment', 'processing failed refunded'),
  ('order', 'processing', 'completed failed refunded'),
  ('order', 'completed', 'processing refunded'),
  ('order', 'failed', 'processing refunded'),
  ('order', 'refunded', 'completed'),
  ('payment', '', 'pending paid'),
  ('payment', 'pending', 'paid failed'),
  ('payment', 'paid', 'partially_refunded refunded disputed'),
  ('payment', 'partially_refunded', 'paid refunded disputed'),
  ('payment', 'refunded', 'paid partially_refunded'),
  -- A dispute that is won leaves the payment as it was before it: refunded in part, perhaps.
  ('payment', 'disputed', 'paid partially_refunded refunded'),
  ('original', '', 'pending'),
  ('original', 'pending', 'uploaded failed'),
  ('original', 'uploaded', 'processing failed'),
  ('original', 'processing', 'completed failed'),
  ('original', 'completed', 'processing'),
  ('original', 'failed', 'pending uploaded processing'),
  ('restored', '', 'completed'),
  ('job', '', 'pending'),
  ('job', 'pending', 'queued failed cancelled'),
  ('job', 'queued', 'processing pending failed cancelled'),
  ('job', 'processing', 'completed pending failed cancelled'),
  ('job', 'failed', 'pending'),
  ('email', '', 'pending'),
  ('email', 'pending', 'sending sent failed'),
  ('email', 'sending', 'sent pending failed bounced'),
  -- Accepted by the provider, then blocked by the recipient's server: sent again, a few times.
  ('email', 'sent', 'bounced pending failed'),
  ('email', 'failed', 'pending sent')
) as moves (entity, from_status, targets);

-- Refuses every move that status_transitions does not list, and every first state. Its argument is
-- the entity; an image's is its type.
create function enforce_transition() returns trigger
language plpgsql as $$
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

create trigger transition_status before insert or update of status on file_uploads
  for each row execute function enforce_transition('upload');
create trigger transition_status before insert or update of status on orders
  for each row execute function enforce_transition('order');
create trigger transition_payment before insert or update of payment_status on orders
  for each row execute function enforce_transition('payment');
create trigger transition_status before insert or update of status on images
  for each row execute function enforce_transition('image');
create trigger transition_status before insert or update of status on restoration_jobs
  for each row execute function enforce_transition('job');
create trigger transition_status before insert or update of status on email_queue
  for each row execute function enforce_transition('email');


-- ── When a row last changed ─────────────────────────────────────────────────────────────────────

create function touch_updated_at() returns trigger
language plpgsql as $$
begin
  new.updated_at := restoreclick.present();
  return new;
end
$$;

create trigger touch before update on customers for each row execute function touch_updated_at();
create trigger touch before update on file_uploads for each row execute function touch_updated_at();
create trigger touch before update on checkouts for each row execute function touch_updated_at();
create trigger touch before update on orders for each row execute function touch_updated_at();
create trigger touch before update on images for each row execute function touch_updated_at();
create trigger touch before update on restoration_jobs
  for each row execute function touch_updated_at();
create trigger touch before update on email_queue for each row execute function touch_updated_at();
