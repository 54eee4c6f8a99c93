-- A dispute that is won leaves the payment as it was before it: refunded in part, perhaps.

insert into restoreclick.status_transitions (entity, from_status, to_status)
values ('payment', 'disputed', 'partially_refunded');
