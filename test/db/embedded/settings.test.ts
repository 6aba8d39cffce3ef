import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { startEmbedded, stopEmbedded } from '../../../src/db/embedded/server.ts'
import { ask, cleanUp, quick, stopped } from './support.ts'

afterEach(cleanUp)

it('files of the data directory cannot make the server run programs, load libraries or use other files', async () => {
  const dir = await stopped()
  const outside = fs.mkdtempSync(join(tmpdir(), 'wfstore-outside-'))
  fs.chmodSync(outside, 0o777)
  const touch = (name: string) => `touch ${join(outside, name)}`
  const settings = {
    archive_mode: 'on',
    archive_command: touch('archive'),
    archive_library: 'evil',
    archive_cleanup_command: touch('cleanup'),
    restore_command: touch('restore'),
    recovery_end_command: touch('recovery'),
    shared_preload_libraries: 'evil',
    session_preload_libraries: 'evil',
    local_preload_libraries: 'evil',
    dynamic_library_path: outside,
    jit_provider: 'evil',
    ssl_passphrase_command: touch('passphrase'),
    logging_collector: 'on',
    log_directory: outside,
    external_pid_file: join(outside, 'pid'),
    data_directory: outside,
    hba_file: join(outside, 'hba'),
    ident_file: join(outside, 'ident'),
    listen_addresses: '*',
    unix_socket_directories: outside,
  }
  const text = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`)
  for (const file of ['postgresql.conf', 'postgresql.auto.conf'])
    fs.appendFileSync(join(dir, 'data', file), text.join(''))
  const server = await startEmbedded(dir, quick)
  await ask(server, 'create table kept as select 42 as answer')
  await ask(server, 'select pg_switch_wal()')
  await ask(server, 'checkpoint')
  const taken = `select string_agg(name || ' = ' || setting, ', ') from pg_settings
    where name = any(string_to_array('${Object.keys(settings).join(',')}', ',')) and source = 'configuration file'`
  expect(await ask(server, taken)).toBe(`log_directory = ${outside}`)
  expect(await ask(server, 'show archive_mode')).toBe('off')
  await stopEmbedded(dir)
  expect(fs.readdirSync(outside)).toEqual([])
  fs.rmSync(outside, { recursive: true })
})
