/** A help page about something that several commands share: at most 80 columns and 24 lines. */
export interface Topic {
  name: string
  summary: string
  text: string
}

export const TOPICS: readonly Topic[] = [
  {
    name: 'options',
    summary: 'Options of all commands: database, output, time zone',
    // Printed below the options.
    text: `They can be given anywhere on the command line. For an unknown name in
--columns, the error lists the columns. -h or --help after a command prints
its help page.`,
  },
  {
    name: 'filters',
    summary: 'Filters of lists and reports: user, status, workflow, time',
    text: `Lists and reports have the same filters. A row must match all of them.

  --user <ids>            filter by user
  --mode <names>          filter by mode
  --model <ids>           filter by model
  --workflow <names>      filter by workflow; quote a name that has spaces
  --status <names>        any of running, success, failed, partial, cancelled
  --tool <names>          only runs with a step that used the tool
  --execution <ids>       only these runs; the first 8 characters are enough
  --since, --until <time> start time range; see wfstore help time
  --sort <columns>        order, such as user or cost:desc; it has no cursor
  --limit <n>             maximum number of rows, or all (default: 20 on a
                          terminal or with --page, all in a pipe or file)
  --page                  print the cursor of the next page: to stderr, with
                          -o json in {"rows": […], "nextCursor": …}
  --cursor <text>         continue from this cursor

Values match exactly. For several, separate them with commas or repeat the
option, or both. A text given twice is one value: --user 'a,b' --user 'a,b'.
The time of a run is its start. Reports do not support --tool and --execution:
only totals are kept for removed runs.

Examples:
  wfstore executions list --status failed,partial --workflow "Lead enrichment"`,
  },
  {
    name: 'time',
    summary: 'Formats of times and durations',
    text: `A time (--since, --until, --before) is one of:
  90s 30m 24h 7d 2w          before now on the server; a day is 24 hours
  2026-11-01                 midnight of this day in --tz (default: UTC)
  today, yesterday           midnight of that day in --tz
  2026-11-01T08:30           this time of day in --tz
  2026-11-01T08:30:00Z       RFC 3339; --tz is ignored
  2026-11-01 09:30:00+01     the same, as PostgreSQL prints it
--since includes its time, --until excludes it. A time of day that a clock
change skips or repeats needs an offset. --tz takes IANA names.

A duration (--older-than, --stuck-after) is 90s, 10m, 6h, 2d or 1w. A billing
period (--period) is this, last or a month such as 2026-11, in the time zone
that "wfstore billing zone" shows.

A terminal shows times in --tz (default: its own time zone). Pipes and files
have RFC 3339 in UTC with microseconds. Reports use days, weeks (from Monday)
and months in --tz (default: UTC).
Durations are in milliseconds in JSON, CSV and pipes.

Examples:
  wfstore executions list --since yesterday --until today --tz Europe/Berlin`,
  },
  {
    name: 'output',
    summary: 'Output formats, columns, colours, errors',
    text: `Data is written to stdout, everything else to stderr.

  on a terminal    a table that fits: colours, short ids, times in the zone that
                   the screen names, amounts rounded ($3.69, $0.0381)
  in a pipe        as -o tsv
  -o tsv, -o csv   a header and a line per row: full ids, RFC 3339, all digits.
                   TSV writes a tab or line end in a value as \\t or \\n; a CSV
                   cell that a spreadsheet would run as a formula begins with '
  -o json, --json  one JSON document: an array of rows, or an object
  -o jsonl         one JSON object per line
  -o yaml          the same data as JSON
  -o name          only the ids or names, one per line

--no-headers leaves out the header of tables, TSV and CSV. --columns
status,totalCost selects columns and their order; the error for an unknown
name lists them. Amounts are US dollars, in JSON numbers with all digits; many
programs keep only 15 of them. Durations are milliseconds, shares 0 to 1.

Colours: --color auto (on a terminal), always, never. NO_COLOR turns them off.
An error is one line on stderr; with --json {"error":{"code","message","hint"}}.

Examples:
  wfstore executions running -o name | xargs wfstore executions show`,
  },
  {
    name: 'environment',
    summary: 'Environment variables and how the database is chosen',
    text: `wfstore uses the first database that is set:
  --database-url or --profile
  WFSTORE_PROFILE or WFSTORE_DATABASE_URL
  DATABASE_URL
  PGHOST PGPORT PGUSER PGDATABASE PGSERVICE …, as in psql
  the default profile of the config file
  the embedded database in .wfstore/ of this folder

  WFSTORE_CONFIG          path of the config file (see wfstore config)
  WFSTORE_REPORTS_URL     replica for commands that only read, if it is at most
                          WFSTORE_MAX_LAG behind (default: 30s)
  PGPASSWORD, PGPASSFILE  password if the URL has none (default: ~/.pgpass)
  PGSSLMODE, PGOPTIONS …  as in psql; sslmode is prefer unless it is given
  PGSERVICE               a service of ~/.pg_service.conf
  PGHOSTADDR, PGTARGETSESSIONATTRS, PGCHANNELBINDING …  as in psql
                          An unknown parameter is wrong usage (exit 2).
  XDG_STATE_HOME          where wfstore remembers the embedded databases that
                          you created (default: ~/.local/state)
  NO_COLOR                no colours; also with TERM=dumb
  LC_ALL, LC_CTYPE, LANG  charts use only ASCII if these are not UTF-8
  TZ                      time zone of times on a terminal
  USER, LOGNAME           user name in audit entries and bill corrections
  WFSTORE_COMPLETION_MS   time limit for completion to query the database
                          (default: 300); 0 turns it off`,
  },
  {
    name: 'config-file',
    summary: 'The config file: profiles, defaults, production databases',
    text: `wfstore reads wfstore.config.json of this folder or of a folder above it, or the
file that WFSTORE_CONFIG names. Comments are allowed. \${NAME} in a databaseUrl
is the variable of the environment.

  {
    "default": "local",
    "profiles": {
      "local": { "databaseUrl": "postgresql://localhost/wf" },
      "prod": {
        "databaseUrl": "postgresql://ops:\${PROD_PASSWORD}@db.example/wf",
        "production": true
      }
    },
    "defaults": { "tz": "Europe/Berlin" },
    "ingest": { "quiet": "1m", "user": ["app.account", "user.id"] }
  }

--profile prod uses a profile. A command that changes a production database
asks for the name of the profile on a terminal; --yes answers.

Examples:
  wfstore config
  wfstore config profiles`,
  },
  {
    name: 'export-format',
    summary: 'The JSON lines of export, import and archives',
    text: `Each line is one JSON object. Its first key names the table, its value is the
row, with the columns in camelCase:

  {"execution":{"executionId":"0193f1c2-…","workflowName":"Lead enrichment",…}}
  {"step":{…}}  {"audit":{…}}  {"bill":{…}}  {"metric":{…}}

Times are RFC 3339 in UTC with six digits, amounts are US dollars as exact
numbers, null means no value. "jsonNull" names the JSON columns that hold the
null of JSON. "extra" has the columns that your application has added, as text.

Import takes any order of lines, any offset in a time, and amounts as strings. A
column with a default may be left out. A step needs its run, in the file or in
the database. A row that is there with the same content changes nothing; with
other content its line is invalid.

Examples:
  wfstore export --since 30d | jq -c 'select(.execution)'`,
  },
  {
    name: 'exit-codes',
    summary: 'Exit codes of all commands',
    text: `  0    done; also if a list is empty
  1    failed: error of the server, a file cannot be written, doctor found a
       problem, an archive is damaged, or a prompt was answered with no
  2    wrong usage: an option, argument, time or column; nothing was changed
  3    no database: none is set, it is unreachable, or it refuses the login
  4    the schema is missing, behind, ahead or different from the migrations
  5    locked: another migration or cleanup is running
  6    run, audit entry or bill not found
  130  stopped by Ctrl-C (SIGINT)
  143  stopped by SIGTERM

If the reader of a pipe ends early (wfstore audit | head), the exit code is 0.
A command that prints data fails if stdout is closed (>&-); only Linux can tell
that from > /dev/null. With Python's subprocess.DEVNULL and Node's 'ignore' it
cannot tell: then only cleanup --archive - fails.
With --json errors have a code: {"error":{"code":"schema_behind", …}}.
The --help of a command lists its exceptions.

Examples:
  wfstore migrate status --exit-code || echo "run wfstore migrate up"`,
  },
]
