import { type Command, InvalidArgumentError } from 'commander'
import { completionScript, SHELLS, type Shell } from '../completion/scripts.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import { checkTextOnly } from '../options/output.ts'
import { guardStream } from '../output/stream.ts'

export function define(completion: Command, context: Context): void {
  completion
    .argument('<shell>', SHELLS.join(', '), parseShell)
    .description('Print the completion script for bash, zsh or fish.')
  explain(completion, {
    about: `bash  source <(wfstore completion bash)    in ~/.bashrc
zsh   source <(wfstore completion zsh)     in ~/.zshrc, after compinit
fish  wfstore completion fish | source     in ~/.config/fish/config.fish

Users, workflows, modes, models, tools and runs are read from the database that the command line names, within 300 ms. WFSTORE_COMPLETION_MS=0 turns this off.`,
    examples: ['wfstore completion bash > wfstore.bash'],
  }).action((shell: Shell) => {
    checkTextOnly(completion, 'completion', 'a script')
    return guardStream(context.io.stdout).write(completionScript(shell))
  })
}

function parseShell(name: string): Shell {
  const shell = SHELLS.find((each) => each === name)
  if (!shell) throw new InvalidArgumentError(`It must be one of ${SHELLS.join(', ')}`)
  return shell
}
