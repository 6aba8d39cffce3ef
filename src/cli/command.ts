import type { Command } from 'commander'
import type { Context } from './context.ts'

/** Exported by each file in commands/: adds options, subcommands and the action to a command. */
export type Define = (command: Command, context: Context, load: Load) => void

/** Adds options and subcommands to a command once. */
export type Load = (command: Command) => Promise<void>
