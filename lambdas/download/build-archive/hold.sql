-- Holds an archive for longer, or gives it back with no seconds more. No row for who lost it.
update archive_builds
set leased_until = present() + make_interval(secs => :lease_seconds::int)
where id = :build_id::uuid and holder = :holder::uuid
returning id as "id!";
