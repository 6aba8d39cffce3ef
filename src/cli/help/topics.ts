/** A page that is of no command alone; of 80 columns and a screen at most. */
export interface Topic {
  name: string
  summary: string
  text: string
}

export const TOPICS: readonly Topic[] = [
  {
    name: 'options',
    summary: 'options of every command: database, output, time zone',
    // Stands below the options themselves.
    text: `They may stand anywhere in the line. A name that is no column is answered with
the columns there are. -h or --help after a command prints its page.`,
  },
  {
    name: 'filters',
    summary: 'which runs a list is of: user, status, workflow, time',
    text: `Lists and reports take the same filters; all that are given must hold.

  --user <id>             of this user
  --status <names>        one or more of running, success, failed, partial,
                          cancelled, separated by commas
  --mode <name>           of this mode
  --model <id>            on this model
  --workflow <name>       of this workflow; quote a name with blanks
  --tool <name>           that used this tool
  --execution <id>        this run alone: its whole id
  --since, --until <time> from this time on, before this one: wfstore help time
  --limit <n>             rows at most: 20 if not given; all for all
  --cursor <cursor>       the next page: each page says it on stderr, and in its
                          output with -o json --page

Values are compared as they are, capital letters too. Runs belong to the time at
which they started. Reports count runs that cleanup has removed, and so take no
--tool and no --execution: of removed runs only sums are kept.

Examples:
  wfstore executions list --status failed,partial --workflow "Lead enrichment"`,
  },
  {
    name: 'time',
    summary: 'how times and lengths of time are given and shown',
    text: `A time, as for --since, --until and --before, is one of
  90s 30m 24h 7d 2w          so long before now; a day is 24 hours
  2026-11-01                 midnight of that day in --tz (default: UTC)
  2026-11-01T08:30           that time of day in --tz
  2026-11-01T08:30:00Z       RFC 3339: an instant, whatever --tz is
Runs are taken from --since on, and until just before --until.

A length of time, as for --older-than and --stale, is 90s, 10m, 6h, 2d or 1w.
A month of bills, --period, is 2026-11, in the zone of wfstore billing zone.

A terminal shows times in its own zone, or in that of --tz. Pipes and files get
RFC 3339 in UTC with microseconds. Days, weeks (from Monday) and months of
reports are those of --tz, else of UTC.
Durations are milliseconds in JSON, CSV and pipes.

Examples:
  wfstore executions list --since 2026-11-01 --tz Europe/Berlin`,
  },
  {
    name: 'output',
    summary: 'tables, pipes, JSON, CSV; columns, colours, messages',
    text: `Data goes to stdout, everything else to stderr.

  on a terminal    a table of its width: colours, local times, short ids
  in a pipe        columns separated by tabs, no header: whole ids, RFC 3339,
                   all digits; a tab or line end within a value is \\t or \\n
  -o json, --json  one JSON document: an array of rows, or an object
  -o jsonl         a JSON object a line
  -o csv           with a header; a cell that a spreadsheet would take for a
                   formula begins with '

--columns status,totalCost picks columns, in this order, in each of them; a name
that is none is answered with the names there are. Amounts are US dollars: exact
decimals, as strings in JSON. Durations are milliseconds, shares from 0 to 1.

Colours: --color auto (on a terminal), always, never; NO_COLOR turns them off.
An error is one line on stderr; with --json {"error":{"code","message","hint"}}.

Examples:
  wfstore executions list --columns executionId,status -o csv > runs.csv`,
  },
  {
    name: 'environment',
    summary: 'environment variables, and which database they name',
    text: `The database is the first of these that is there:
  --database-url or --profile
  WFSTORE_PROFILE or WFSTORE_DATABASE_URL
  DATABASE_URL
  PGHOST PGPORT PGUSER PGDATABASE PGSERVICE …, as psql reads them
  the default profile of the config, if it has one
  the embedded database in .wfstore/ of this folder

  WFSTORE_CONFIG          the config file, wherever it is (wfstore config)
  PGPASSWORD, PGPASSFILE  the password, if the URL has none; else ~/.pgpass
  PGSSLMODE, PGOPTIONS …  as psql has them
  NO_COLOR                no colours; TERM=dumb too
  LC_ALL, LC_CTYPE, LANG  bars and lines are plain where these are not UTF-8
  TZ                      zone of the times on a terminal
  USER, LOGNAME           who closes runs and corrects bills, for the audit
  WFSTORE_COMPLETION_MS   how long completion asks the database (default: 300);
                          0: not at all`,
  },
  {
    name: 'exit-codes',
    summary: 'what the exit status of a command means',
    text: `  0    done; a list that is empty is done, too
  1    failed: the server refused it, a file cannot be written, doctor found a
       problem, an archive is damaged, a question was answered with no
  2    wrong usage: an option, an argument, a time, a column; nothing was done
  3    no database: none is named, it cannot be reached, it refuses the password
  4    the schema is missing, behind, ahead, or not what the migrations make
  5    locked: another migration or cleanup is at it
  6    there is no such run, entry or bill
  130  stopped by Ctrl-C (SIGINT)
  143  stopped by SIGTERM

A reader that has gone, as in wfstore audit | head, is no failure. With --json
the error on stderr has a code of its own for each case: {"error":{"code":
"schema_behind", …}}. Where a command ends otherwise, its --help says so.

Examples:
  wfstore migrate status --exit-code || echo "run wfstore migrate up"`,
  },
]
