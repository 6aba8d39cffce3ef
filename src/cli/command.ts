import type { Command } from 'commander'
import type { Context } from './context.ts'

/** Exported by each file in commands/: adds options, subcommands and the action to a command. */
export type Define = (
  command: Command,
  context: Context,
  load: Load,
  createProgram: CreateProgram,
) => void

/** Adds options and subcommands to a command once. */
export type Load = (command: Command) => Promise<void>

/** Creates the program with all commands. `load` adds what a command consists of, which otherwise happens when it is used. */
export type CreateProgram = (context: Context, version: string) => Command & { load: Load }
