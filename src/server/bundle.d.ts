/** `imports` of package.json leads to the bundle of src/cli/commands/serve/mount.ts. */
declare module '#server' {
  export const mount: import('../handler.ts').ServerBundle['mount']
  export const listener: import('../handler.ts').ServerBundle['listener']
}
