import type { Store, StoreOptions } from './store/types.ts'
import { openStoreIn } from './store.ts'

export { archiveInFolder, type FolderOptions } from './cleanup/archive/write/folder.ts'
export { archiveToStream } from './cleanup/archive/write/stream.ts'

export type { RestoreOptions, RestoreResult } from './cleanup/restore/restore.ts'
export type {
  ArchiveColumn,
  ArchivedFile,
  ArchiveFormat,
  ArchiveHead,
  ArchiveSink,
  ArchiveSummary,
  Cleaned,
  CleanupCounts,
  CleanupOptions,
  CleanupResult,
  Kept,
  Removed,
  RestoredReferences,
} from './cleanup/types.ts'
export { type ErrorCode, WfstoreError, type WfstoreErrorOptions } from './error.ts'
export {
  type Awaitable,
  type Caller,
  createHandler,
  type HandlerOptions,
  nodeListener,
  type OldUser,
  type Right,
} from './handler.ts'
export type {
  AuditEntries,
  AuditEntry,
  AuditFilter,
} from './queries/audit/audit.ts'
export type { AuditFollow } from './queries/audit/follow.ts'
export type { ToolFilter, ToolUse } from './queries/audit/tools.ts'
export type {
  BillDifference,
  Billing,
  BillingPeriod,
  BillingScope,
  BillingSum,
  BillingSummary,
  BillingTotal,
  BillLine,
  BillLineFilter,
  Correction,
  CorrectionPlan,
  CorrectionResult,
  DifferenceCount,
  DifferenceKind,
  FocusRow,
  Meter,
  Payment,
  PaymentPlan,
  PaymentResult,
  PeriodClose,
  PeriodCloseResult,
  SummaryKey,
  UnpricedBills,
} from './queries/billing/billing.ts'
export type { Bill, BillFilter, Bills } from './queries/billing/bills.ts'
export type { CleanupFilter, CleanupOutcome, PastCleanup } from './queries/cleanups.ts'
export type { Failure, FailureFilter } from './queries/errors/errors.ts'
export type { FailureGroup, FailureGroups, GroupOptions, Trend } from './queries/errors/groups.ts'
export type { Execution, ExecutionWithSteps } from './queries/executions/executions.ts'
export type { Executions } from './queries/executions/rows.ts'
export type { RunningExecution, RunningFilter } from './queries/executions/running.ts'
export type { Step, StepFilter, StepKey, Steps } from './queries/executions/steps.ts'
export type { ExecutionTree, TreeOptions, TreeRun } from './queries/executions/tree.ts'
export type { CurrentOptions } from './queries/metrics/current.ts'
export type {
  Metric,
  MetricFilter,
  Metrics,
} from './queries/metrics/metrics.ts'
export type { Period } from './queries/metrics/periods.ts'
export type { RollupOptions, RollupResult } from './queries/metrics/rollup.ts'
export type {
  ApplicationPlan,
  ApplicationResult,
  ModelApplication,
  ModelRecalculation,
  PriceApplication,
  Recalculation,
  RecalculationPlan,
  RecalculationResult,
} from './queries/prices/apply.ts'
export type { PriceCheckOptions, PriceFinding, PriceFindingKind } from './queries/prices/check.ts'
export type { MeterPrices, NewPrice, PriceSource } from './queries/prices/given.ts'
export type { ImportPricesOptions, PriceImport } from './queries/prices/import.ts'
export type { Price, PriceFilter } from './queries/prices/list.ts'
export type { PriceMeter } from './queries/prices/meters.ts'
export type { Prices } from './queries/prices/prices.ts'
export type { PriceChange } from './queries/prices/set.ts'
export type {
  SimulatedModel,
  SimulatedSum,
  SimulateOptions,
  Simulation,
} from './queries/prices/simulate.ts'
export type { SettingsAccess, SettingsPatch, StoreSettings } from './queries/settings.ts'
export type {
  ExecutionFilter,
  OneOrMore,
  TagFilter,
  TimeBound,
  TimeLimit,
} from './queries/table/filter.ts'
export type { ListOptions, Page, PageOptions } from './queries/table/page.ts'
export type { Rows } from './queries/table/rows.ts'
export type { SortKey } from './queries/table/sort.ts'
export type { TagKey } from './queries/table/tag.ts'
export type { Tokens } from './queries/table/validate.ts'
export type {
  TraceFinding,
  TraceFindingFilter,
  TraceFindingName,
} from './queries/traces/check.ts'
export type {
  CostOptions,
  CostReport,
  CostRow,
  CostTotal,
  Dimension,
} from './queries/usage/cost.ts'
export type { UsageFilter } from './queries/usage/filter.ts'
export type { DayOfRuns, ReportOptions, ReportStats } from './queries/usage/report-stats.ts'
export type { StoreStats } from './queries/usage/stats.ts'
export type { HistoryUnknown } from './queries/usage/unknown.ts'
export type { Unpriced } from './queries/usage/unpriced.ts'
export type { Batch, BatchOptions } from './record/batch/batch.ts'
export type { BatchEntry, BatchStep } from './record/batch/rows.ts'
export type {
  IngestOptions,
  Received,
  Reconciled,
  Rejected,
  SettleOptions,
} from './record/otel/options.ts'
export { executionIdOf } from './record/otel/store/ids.ts'
export type {
  ClosedExecution,
  CloseOptions,
  CloseResult,
  FailStuckOptions,
} from './record/recorder/close.ts'
export type { EntryOptions } from './record/recorder/entries.ts'
export type {
  Attempt,
  FinishedStepStatus,
  FinishStep,
  StepRecorder,
} from './record/recorder/steps.ts'
export type {
  ExecutionRecorder,
  FinishExecution,
  StartExecution,
  StartStep,
} from './record/recorder/types.ts'
export type { RecorderCall, SpooledCall } from './record/spool/calls.ts'
export type { SpoolOptions } from './record/spool/recorder.ts'
export type { UsageProvider } from './record/usage/shapes.ts'
export { tokensFrom } from './record/usage/tokens-from.ts'
export type { PgDatabase, Store, StoreOptions } from './store/types.ts'
export type { AuditPatch, NewAuditEntry } from './tables/audit.ts'
export type { BillPatch, NewBill } from './tables/bills.ts'
export type { Tags } from './tables/column.ts'
export type { ExecutionPatch, ExecutionStatus, NewExecution } from './tables/executions.ts'
export type { MetricPatch, NewMetric } from './tables/metrics.ts'
export type { CostSource, NewStep, StepPatch, StepStatus } from './tables/steps.ts'
export type { RowKind } from './tables/tables.ts'
export type { TokenClass, TokenField } from './tables/tokens.ts'
export type { Count, JsonValue } from './tables/types.ts'
export type { ImportOptions, ImportReport, InvalidLine } from './transfer/import/import.ts'
export type { LineCounts } from './transfer/lines/count.ts'
export type { ImportSource } from './transfer/lines/gzip.ts'

const surroundings = () => ({ env: process.env, cwd: process.cwd() })

/**
 * A store for an application. It connects on first use, and its pool does not keep the process alive. Without a
 * `databaseUrl`, or if it is undefined, it uses the database of the environment, by the rules of the command line:
 * WFSTORE_DATABASE_URL, DATABASE_URL, the PG* variables of libpq, else the embedded database in `.wfstore/` of the working
 * folder.
 * @throws WfstoreError usage if an option is invalid, or the folder of the spool cannot be used; every query: no_database,
 * unreachable, access_denied, database_missing, schema_missing, schema_behind, schema_ahead, permission_denied
 */
export const openStore = (options: StoreOptions = {}): Store => openStoreIn(surroundings, options)

/** The store of `openStore()`, for a program that needs only one. It reads the environment and connects on first use. */
export const workflowStore: Store = openStore()
