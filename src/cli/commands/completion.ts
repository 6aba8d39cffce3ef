import { type Command, InvalidArgumentError } from 'commander'
import { completionScript, SHELLS, type Shell } from '../completion/scripts.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'

export function define(completion: Command, context: Context): void {
  completion
    .argument('<shell>', SHELLS.join(', '), parseShell)
    .description('Prints what a shell needs to complete commands, options and values of wfstore.')
  explain(completion, {
    about: `bash  source <(wfstore completion bash)    in ~/.bashrc
zsh   source <(wfstore completion zsh)     in ~/.zshrc, after compinit
fish  wfstore completion fish | source     in ~/.config/fish/config.fish

Users, workflows, modes, models, tools and runs come from the database that the line names, within 300 ms or not at all; WFSTORE_COMPLETION_MS=0 leaves it alone.`,
    examples: ['wfstore completion bash > wfstore.bash'],
  }).action((shell: Shell) => {
    context.io.stdout.write(completionScript(shell))
  })
}

function parseShell(name: string): Shell {
  const shell = SHELLS.find((each) => each === name)
  if (!shell) throw new InvalidArgumentError(`Give one of ${SHELLS.join(', ')}`)
  return shell
}
