import type { Command } from 'commander'
import type { Context } from './context.ts'

/** What a file in commands/ exports: it gives a command its options, its subcommands and its action. */
export type Define = (command: Command, context: Context, load: Load) => void

/** Gives a command its options and subcommands, unless it has them already. */
export type Load = (command: Command) => Promise<void>
