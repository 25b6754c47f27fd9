/** A PostgreSQL as a user of Cordon has it: roles, tables, grants and row-level security of its own. */

import { Client } from 'pg';
import { startPostgres } from './postgres.ts';

export interface UserDatabase {
  /** Of a login that may take the three roles, and has no other right. */
  readonly url: string;
  /** As the database's owner. */
  query(sql: string): Promise<unknown[]>;
  stop(): Promise<void>;
}

export const ROLES = { anonymous: 'anon', user: 'authenticated', trusted: 'service_role' } as const;

/** Null where PostgreSQL is not installed. */
export async function startUserDatabase(): Promise<UserDatabase | null> {
  const postgres = await startPostgres();
  if (postgres === null) return null;
  const owner = new Client({ connectionString: postgres.url });
  await owner.connect();
  const query = async (sql: string): Promise<unknown[]> => (await owner.query<object>(sql)).rows;
  await query(SETUP);
  const url = new URL(postgres.url);
  url.username = 'authenticator';
  return {
    url: url.href,
    query,
    async stop() {
      await owner.end();
      await postgres.stop();
    },
  };
}

/** Roles belong to the whole cluster, which the databases of one process share. */
const SETUP = `
  do $$ begin
    if not exists (select from pg_roles where rolname = 'authenticator') then
      create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;
      create role authenticator login noinherit; grant anon, authenticated, service_role to authenticator;
    end if;
  end $$;

  create table posts (
    id uuid primary key default gen_random_uuid(), owner text default current_setting('request.jwt.claims', true)::json ->> 'sub',
    title text not null, body text, score int, price numeric, tags text[], meta jsonb, is_public boolean not null default true,
    created_at timestamptz not null default now());
  alter table posts enable row level security;
  create policy read_public on posts for select using (is_public or owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
  create policy write_own on posts for all to authenticated
    using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub')
    with check (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
  grant select on posts to anon; grant select, insert, update, delete on posts to authenticated, service_role;

  create table secrets (id int primary key, value text); insert into secrets values (1, 'top');
  create table numbers (id int primary key, word text); insert into numbers select i, 'n' || i from generate_series(1, 300) i;
  create table large (id int primary key, text text); insert into large select i, repeat('x', 500000) from generate_series(1, 12) i;
  create table keyless (a int, b int); insert into keyless values (1, 2);
  grant select on numbers, large, keyless to anon, authenticated; grant insert on numbers to authenticated;
  create view open_numbers as select id, word from numbers; grant select on open_numbers to anon;
  create function slow() returns int language plpgsql volatile as 'begin perform pg_sleep(20); return 1; end';
  create view slow_view as select slow() as id; grant select on slow_view to anon; grant execute on function slow() to anon;
  create schema private; create table private.hidden (id int primary key); grant usage on schema private to anon; grant select on private.hidden to anon;
  create function who() returns table (role text, claims text, read_only text) language sql stable as
    'select current_user::text, current_setting(''request.jwt.claims'', true), current_setting(''transaction_read_only'')';
  create view whoami as select 1 as id, w.* from who() w; grant select on whoami to anon, authenticated, service_role;
`;
