import { join } from 'node:path'

/**
 * Settings for the command line of the server, where no file of the data directory can override them. Nothing that a
 * configuration file says runs a program, loads a library or uses files outside of the data directory.
 */
export const fixedSettings = (data: string, version: number): Record<string, string> => ({
  cluster_name: 'wfstore',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_destination: 'stderr',
  logging_collector: 'off',
  data_directory: data,
  hba_file: join(data, 'pg_hba.conf'),
  ident_file: join(data, 'pg_ident.conf'),
  // The server overwrites this file, and cannot do without it once it is set.
  external_pid_file: 'external.pid',
  archive_mode: 'off',
  archive_command: '',
  archive_library: '',
  archive_cleanup_command: '',
  restore_command: '',
  recovery_end_command: '',
  primary_conninfo: '',
  shared_preload_libraries: '',
  session_preload_libraries: '',
  local_preload_libraries: '',
  dynamic_library_path: '$libdir',
  jit_provider: 'llvmjit',
  ssl_passphrase_command: '',
  unix_socket_group: '',
  ...(version >= 18 ? { extension_control_path: '$system', oauth_validator_libraries: '' } : {}),
})
